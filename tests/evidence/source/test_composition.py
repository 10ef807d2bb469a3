"""Routes and middleware are known as the program composes them: factories, classes, loops, conditions, mounts."""

from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest

from fastapi_audit.evidence import Gathering, Project, gather

CASES = {
    "the default of getattr or of a field is one answer of two": (
        {
            "main.py": """
            from dataclasses import dataclass

            from fastapi import FastAPI

            @dataclass
            class Options:
                enabled: bool = False

            class Store:
                options: Options

            def create(store) -> FastAPI:
                found = getattr(store.config, "routes", None)
                if found is None:
                    raise ValueError
                app = FastAPI()
                install(app, store)
                return app

            def install(app: FastAPI, store: Store) -> None:
                if not store.options.enabled:
                    return
                app.add_api_route("/enabled", lambda: 1)
            """
        },
        ["GET /enabled"],
    ),
    "a class registers on its own router": (
        {
            "main.py": """
            from fastapi import APIRouter, FastAPI

            class Users:
                def __init__(self, prefix: str) -> None:
                    self.router = APIRouter(prefix=prefix)
                    self.router.add_api_route("/{id}", self.read, methods=["GET"])

                def read(self, id: int) -> int:
                    return id

            app = FastAPI()
            app.include_router(Users("/users").router)
            app.include_router(Users("/admins").router, prefix="/v1")
            """
        },
        ["GET /users/{id}", "GET /v1/admins/{id}"],
    ),
    "an attrs factory decorates inside a method": (
        {
            "main.py": """
            from attrs import define, field
            from fastapi import APIRouter, FastAPI

            @define(kw_only=True)
            class Tiles:
                router: APIRouter = field(factory=APIRouter)
                name: str = "tiles"

                def __attrs_post_init__(self) -> None:
                    self.register()

                def register(self) -> None:
                    @self.router.get(f"/{self.name}/{{z}}")
                    def tile(z: int) -> int:
                        return z

            app = FastAPI()
            app.include_router(Tiles(name="cog").router)
            app.include_router(Tiles(name="stac").router)
            """
        },
        ["GET /cog/{z}", "GET /stac/{z}"],
    ),
    "routers of a dict are included in a loop, with a setting's default as prefix": (
        {
            "main.py": """
            from fastapi import FastAPI
            from pydantic_settings import BaseSettings
            from routes import ROUTERS

            class Settings(BaseSettings):
                prefix: str = "/api"

            settings = Settings()

            def create_app() -> FastAPI:
                app = FastAPI()
                for name, router in ROUTERS.items():
                    app.include_router(router, prefix=f"{settings.prefix}/{name}")
                return app
            """,
            "routes/__init__.py": """
            from .users import router as users
            from .leads import build

            ROUTERS = {"users": users, "leads": build()}
            """,
            "routes/users.py": """
            from fastapi import APIRouter

            router = APIRouter()

            @router.get("/me")
            async def me() -> int:
                return 1
            """,
            "routes/leads.py": """
            from fastapi import APIRouter

            def build() -> APIRouter:
                made = APIRouter()

                @made.post("")
                def create() -> int:
                    return 1

                return made
            """,
        },
        ["GET /api/users/me", "POST /api/leads"],
    ),
    "a package called fastapi inside the program is not the library": (
        {
            "shop/__init__.py": "",
            "shop/server/__init__.py": "",
            "shop/server/fastapi/__init__.py": """
            import fastapi

            class Server:
                def __init__(self) -> None:
                    self._app = fastapi.FastAPI()
                    self.router = fastapi.APIRouter()
                    self.router.add_api_route("/version", self.version, methods=["GET"])
                    self._app.include_router(self.router)

                def app(self):
                    return self._app

                def version(self) -> str:
                    return "1"
            """,
            "shop/app.py": """
            from shop.server.fastapi import Server

            app = Server().app()
            """,
        },
        ["GET /version"],
    ),
    "fastapi-utils serves the methods of a class": (
        {
            "main.py": """
            from fastapi import APIRouter, FastAPI
            from fastapi_utils.cbv import cbv

            router = APIRouter()

            @cbv(router)
            class Items:
                @router.get("/items")
                def items(self) -> list[int]:
                    return []

            app = FastAPI()
            app.include_router(router)
            """
        },
        ["GET /items"],
    ),
    "a router subclass that wraps the registration": (
        {
            "main.py": """
            from fastapi import APIRouter, FastAPI

            class Slashes(APIRouter):
                def add_api_route(self, path, endpoint, **options):
                    super().add_api_route(path, endpoint, **options)
                    super().add_api_route(path + "/", endpoint, **options)

            router = Slashes(prefix="/twin")

            def read() -> int:
                return 1

            router.add_api_route("/a", read, methods=["GET"])
            app = FastAPI()
            app.include_router(router)
            """
        },
        ["GET /twin/a", "GET /twin/a/"],
    ),
    "a lifespan registers routes": (
        {
            "main.py": """
            from contextlib import asynccontextmanager
            from fastapi import APIRouter, FastAPI

            def register(app: FastAPI) -> None:
                router = APIRouter(prefix="/late")
                router.add_api_route("", lambda: 1)
                app.include_router(router)

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                register(app)
                yield

            app = FastAPI(lifespan=lifespan)
            """
        },
        ["GET /late"],
    ),
    "an application is mounted below another": (
        {
            "main.py": """
            from fastapi import FastAPI

            api = FastAPI()

            @api.websocket("/ws")
            async def socket(websocket) -> None: ...

            app = FastAPI()
            app.mount("/api", api)
            """
        },
        ["WEBSOCKET /api/ws"],
    ),
    "routes are objects in lists": (
        {
            "main.py": """
            from fastapi import APIRouter, FastAPI
            from fastapi.routing import APIRoute
            from starlette.routing import Mount, Route, WebSocketRoute

            async def plain(request): ...
            async def socket(websocket): ...
            def read(): ...

            api = FastAPI(routes=None)
            api.add_api_route("/read", read)
            router = APIRouter(prefix="/never", routes=[APIRoute("/listed", read)])
            app = FastAPI(routes=[Route("/a", plain, methods=["POST"]), APIRoute("/b", read), Mount("/api", app=api)])
            app.include_router(router, prefix="/router")
            app.routes.extend([WebSocketRoute("/c", socket), Route("/d", plain)])
            app.router.routes.append(Route("/e", plain))
            """
        },
        ["POST /a", "GET /b", "GET /router/listed", "WEBSOCKET /c", "GET /d", "GET /e", "GET /api/read"],
    ),
    "every method that adds a route": (
        {
            "main.py": """
            from fastapi import FastAPI

            def read(): ...
            async def socket(websocket): ...

            app = FastAPI()
            app.add_route("/a", read, ["PUT"])
            app.add_route("/b", route=read)
            app.add_api_route("/c", endpoint=read, methods={"delete"})
            app.add_websocket_route("/d", socket)
            app.add_api_websocket_route("/e", socket)
            app.websocket_route("/f")(socket)
            app.route("/g", ["PATCH"])(read)
            app.route("/nothing-is-decorated")
            """
        },
        ["PUT /a", "GET /b", "DELETE /c", "WEBSOCKET /d", "WEBSOCKET /e", "WEBSOCKET /f", "PATCH /g"],
    ),
    "factories that nobody calls": (
        {
            "main.py": """
            from fastapi import FastAPI

            class Service(FastAPI): ...

            class Other:
                def create(self): ...

            def create():
                app = Service()
                app.add_api_route("/own", lambda: 1)
                return app

            def passed_on():
                Other().create()
                return create()

            def deeper(): return passed_on()
            def deeper_still(): return deeper()
            def deepest(): return deeper_still()
            def too_deep(): return deepest()
            """,
            "other.py": """
            from fastapi import FastAPI

            def create(full):
                app = FastAPI()
                if full:
                    app.add_api_route("/full", lambda: 1)
                return app

            def ignored():
                create(False)

            full, empty = create(True), create(False)
            """,
        },
        ["GET /full", "GET /own"],
    ),
    "a lifespan that is half called registers routes": (
        {
            "main.py": """
            from contextlib import asynccontextmanager
            from functools import partial

            from elsewhere import start
            from fastapi import FastAPI

            @asynccontextmanager
            async def lifespan(prefix, app: FastAPI, *, end):
                app.add_api_route(prefix + end, lambda: 1)
                yield

            app = FastAPI(lifespan=partial(lifespan, "/late", end="/end"))
            app.add_event_handler("startup", start)
            app.add_event_handler("startup", lambda: app.add_api_route("/started", lambda: 1))
            """
        },
        ["GET /late/end", "GET /started"],
    ),
    "a class-based view of a router that nobody knows": (
        {
            "main.py": """
            from elsewhere import router
            from fastapi import FastAPI
            from fastapi_utils.cbv import cbv

            app = FastAPI()

            @cbv(router)
            class Items:
                @router.get("/never")
                def foreign(self): ...

                @app.get("/items")
                def items(self): ...
            """
        },
        ["GET /items"],
    ),
    "routers that include each other": (
        {
            "main.py": """
            from fastapi import APIRouter, FastAPI

            one, other = APIRouter(), APIRouter(prefix="/other")

            @other.get("/a")
            def read(): ...

            one.include_router(other)
            other.include_router(one)
            app = FastAPI()
            app.include_router(one)
            """
        },
        ["GET /other/a"],
    ),
    "what is mounted is no application of FastAPI": (
        {
            "main.py": """
            from fastapi import FastAPI
            from starlette.staticfiles import StaticFiles
            from third_party import served

            class Static(StaticFiles): ...

            class Own:
                async def __call__(self, scope, receive, send): ...

            app = FastAPI()
            app.mount("/static", Static(directory="static"))
            app.mount("/own", Own())
            app.mount("/served", served)
            app.get("/a")(lambda: 1)
            """
        },
        ["GET /a"],
    ),
}


def read(folder: Path, files: dict[str, str]) -> Project:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(cleandoc(text) + "\n")
    return gather(Gathering(folder, use_cache=False))


@pytest.mark.parametrize(("files", "routes"), CASES.values(), ids=CASES.keys())
def test_routes_are_known(tmp_path: Path, files: dict[str, str], routes: list[str]) -> None:
    project = read(tmp_path, files)

    assert [f"{m} {row.path}" for row in project.routes for m in row.methods] == routes
    assert not project.source.unresolved


def test_an_early_return_puts_its_condition_on_what_follows(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        {
            "main.py": """
            import os
            from fastapi import FastAPI

            def debug_routes(app: FastAPI) -> None:
                if not os.environ.get("DEBUG"):
                    return
                app.add_api_route("/debug", lambda: 1)

            app = FastAPI()
            debug_routes(app)
            app.add_api_route("/always", lambda: 1)
            """
        },
    )

    assert [(r.path, r.condition is None) for r in project.routes] == [("/debug", False), ("/always", True)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("getattr(app, os.environ['METHOD'])('/x')(read)", "route"),
        ("app.add_api_route(os.environ['PATH_OF_X'], read)", "route"),
        ("app.include_router(importlib.import_module(os.environ['MODULE']).router)", "router"),
        ("app.mount('/x', load())", "mount"),
        ("app.mount('/x')", "mount"),
        ("app.mount('/x', Own())", "mount"),
        ("app.mount(os.environ['PATH_OF_X'], app)", "mount"),
        ("app.include_router(APIRouter(), prefix=os.environ['PREFIX'])", "router"),
        ("app.include_router(load())", "router"),
        ("@getattr(app, os.environ['METHOD'])\ndef decorated(): ...", "route"),
        ("own = APIRouter(prefix=os.environ['AT']); own.get('/x')(read); app.include_router(own)", "route"),
        (
            "own = APIRouter(prefix=os.environ['AT']); own.include_router(APIRouter()); app.include_router(own)",
            "router",
        ),
        ("app.routes.append(load)", "route"),
        ("app.routes.append()", "route"),
        ("app.routes.extend(load())", "route"),
        ("app.routes.extend([*load()])", "route"),
        ("app.routes.extend([load()])", "route"),
        ("FastAPI(routes=load())", "route"),
    ],
)
def test_what_only_running_would_tell_is_listed_with_its_place(tmp_path: Path, line: str, kind: str) -> None:
    imports = "import importlib, os\nfrom fastapi import APIRouter, FastAPI\nfrom somewhere import Base, load\n"
    defined = (
        "class Own(Base): ...\n\ndef read() -> int:\n    return 1\n\nrouter = APIRouter(prefix=os.environ['AT'])\n"
    )
    text = f"{imports}\n{defined}router.get('/x')(read)\napp = FastAPI()\n{line}\n"
    project = read(tmp_path, {"main.py": text})

    assert [(u.kind, u.location and u.location.line) for u in project.source.unresolved] == [(kind, 13)]


def test_routes_are_found_by_what_they_answer(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\n\napp = FastAPI()\n"
        "for path in ('/a', '/a/{name}', '/b', '/a/{id}', '/a/{id:int}', '/b'):\n    app.add_api_route(path, print)\n"
        "app.mount('/c', FastAPI())\n"
    )
    app = gather(Gathering(tmp_path, use_cache=False)).source.apps[0]

    assert [route.path for route in app.routes_of_many_paths] == ["/a/{name}", "/a/{id}", "/a/{id:int}", "/c"]
    alike = {template: [route.path for route in routes] for template, routes in app.routes_by_template.items()}
    assert alike == {
        "/a": ["/a"],
        "/a/{str}": ["/a/{name}", "/a/{id}"],
        "/b": ["/b", "/b"],
        "/a/{int}": ["/a/{id:int}"],
        "/c": ["/c"],
    }


def test_middleware_runs_last_added_first_and_lists_inside(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        {
            "main.py": """
            from fastapi import FastAPI
            from starlette.middleware import Middleware
            from starlette.middleware.cors import CORSMiddleware
            from starlette.middleware.gzip import GZipMiddleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI(middleware=[Middleware(GZipMiddleware), Middleware(TrustedHostMiddleware)])
            app.add_middleware(CORSMiddleware)

            @app.middleware("http")
            async def timed(request, call_next):
                return await call_next(request)
            """
        },
    )

    assert [row.cls.rpartition(".")[2] for row in project.middleware] == [
        "timed",
        "CORSMiddleware",
        "GZipMiddleware",
        "TrustedHostMiddleware",
    ]


BUILT = """\
import os
from functools import cache, lru_cache

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware as Zip
from starlette.middleware.trustedhost import TrustedHostMiddleware as Hosts

app, inner = FastAPI(), FastAPI()


def setup(app):
    app.add_middleware(Zip)


@cache
def setup_once(app):
    app.add_middleware(Zip)


@lru_cache(maxsize=None)
def add_once(app, cls, size=1):
    app.add_middleware(cls)


"""
ZIP, HOSTS = "GZipMiddleware", "TrustedHostMiddleware"


@pytest.mark.parametrize(
    ("code", "added"),
    [
        ("for each in [Zip, Hosts, Zip]: app.add_middleware(each)", [ZIP, HOSTS, ZIP]),
        ("for each in {Zip, Hosts, Zip}: app.add_middleware(each)", [HOSTS, ZIP]),
        ("for each in set([Zip, Zip]): app.add_middleware(each)", [ZIP]),
        ("for each in {c for c in [Zip, Zip]}: app.add_middleware(each)", [ZIP]),
        ("for each in {Zip: 1, Hosts: 2, Zip: 3}: app.add_middleware(each)", [HOSTS, ZIP]),
        ("for each in [Zip, Zip]:\n    app.add_middleware(each)\n    break", [ZIP]),
        ("for each in [Zip, Zip]:\n    if True:\n        break\n    app.add_middleware(each)", []),
        ("for each in [Zip, Zip]:\n    for other in [1, 2]: break\n    app.add_middleware(each)", [ZIP, ZIP]),
        ("for each in [Zip]:\n    break\nelse:\n    app.add_middleware(Hosts)", []),
        ("for each in [Zip]:\n    pass\nelse:\n    app.add_middleware(Hosts)", [HOSTS]),
        ("for each in (app, inner): setup(each)", [ZIP]),
        ("setup(app)\nsetup(app)", [ZIP, ZIP]),
        ("setup(app)\nsetup(inner)", [ZIP]),
        ("setup_once(app)\nsetup_once(inner)\nsetup_once(app)", [ZIP]),
        ("add_once(app, Zip)\nadd_once(app, Hosts)\nadd_once(app, Zip)\nadd_once(app, Zip, 2)", [ZIP, HOSTS, ZIP]),
    ],
)
def test_middleware_is_counted_as_often_as_it_is_added(tmp_path: Path, code: str, added: list[str]) -> None:
    """The same code is run: the application itself says how often."""
    (tmp_path / "main.py").write_text(BUILT + code + "\n")
    found: dict[str, Any] = {"__name__": "main"}
    exec(BUILT + code, found)  # noqa: S102  our own code, to see what FastAPI makes of it
    app = gather(Gathering(tmp_path, use_cache=False)).source.apps[0]
    known = [each.name.rpartition(".")[2] for each in app.middleware if each.condition is None]

    assert known == added
    assert sorted(known) == sorted(each.cls.__name__ for each in found["app"].user_middleware)


@pytest.mark.parametrize(
    ("body", "conditions"),
    [
        ("if app.state.x: continue", ["not (app.state.x)", "not (app.state.x)"]),
        ("if app.state.x: break", ["for each in [1, 2] and not (app.state.x)", "not (app.state.x)"]),
        ("if app.state.x: print()", [None, None]),
        ("if not app.state.x: raise ValueError", [None, None]),
        (
            "try:\n        app.state.x()\n        break\n    except ValueError: pass",
            ["for each in [1, 2] and except ValueError", "except ValueError"],
        ),
    ],
)
def test_what_may_leave_a_loop_puts_a_condition_on_the_rest(
    tmp_path: Path, body: str, conditions: list[str | None]
) -> None:
    (tmp_path / "main.py").write_text(f"{BUILT}for each in [1, 2]:\n    {body}\n    app.add_middleware(Zip)\n")
    app = gather(Gathering(tmp_path, use_cache=False)).source.apps[0]

    assert [each.condition for each in app.middleware] == conditions


def test_no_application_has_thousands_of_middlewares(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(BUILT + "app.add_middleware(Zip)\n" * 1500)
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert len(source.apps[0].middleware) == 1000
    assert [(each.kind, each.location and each.location.line) for each in source.unresolved] == [("middleware", 1025)]


def test_what_is_given_to_the_constructor_is_known_as_what_is_added(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        {
            "main.py": """
            from fastapi import FastAPI
            from starlette.middleware import Middleware
            from starlette.middleware.sessions import SessionMiddleware
            from elsewhere import Refused, cors, more

            class Own(Exception): ...
            def handle(request, error): ...

            app = FastAPI(
                middleware=[Middleware(cls=SessionMiddleware, secret_key=more), cors(["*"]), more],
                exception_handlers={404: handle, Own: handle, Refused: more, ValueError: handle},
            )
            app.add_exception_handler(500, handle)
            """
        },
    )
    (app,) = project.source.apps

    assert [m.name for m in app.middleware] == [
        "starlette.middleware.sessions.SessionMiddleware",
        "unknown",
        "unknown",
    ]
    assert [list(m.options) for m in app.middleware] == [["secret_key"], [], []]
    assert [(h.exception_name, h.handler_name) for h in app.exception_handlers] == [
        ("404", "main.handle"),
        ("main.Own", "main.handle"),
        ("elsewhere.Refused", "elsewhere.more"),
        ("ValueError", "main.handle"),
        ("500", "main.handle"),
    ]


def test_auth_is_known_from_every_level(tmp_path: Path) -> None:
    project = read(
        tmp_path,
        {
            "main.py": """
            from typing import Annotated
            from fastapi import APIRouter, Depends, FastAPI, Security
            from fastapi.security import HTTPBearer

            bearer = HTTPBearer()
            User = Annotated[str, Depends(bearer)]

            def check_api_key() -> None: ...

            router = APIRouter(dependencies=[Depends(check_api_key)])

            @router.get("/router")
            def by_router() -> int: ...

            app = FastAPI()
            app.include_router(router)

            @app.get("/alias")
            def by_alias(user: User) -> int: ...

            @app.get("/route", dependencies=[Security(bearer)])
            def by_route() -> int: ...

            @app.get("/open")
            def nobody() -> int: ...
            """
        },
    )

    assert {r.path: r.auth for r in project.routes} == {
        "/router": ("main.check_api_key",),
        "/alias": ("fastapi.security.HTTPBearer",),
        "/route": ("fastapi.security.HTTPBearer",),
        "/open": (),
    }
