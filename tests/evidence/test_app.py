"""Real applications, well-behaved and hostile ones, asked under their own interpreter."""

import ast
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse

from fastapi_audit.errors import UsageError
from fastapi_audit.evidence import _app_process, _app_worker
from fastapi_audit.evidence.app import Operation, Place, RunningApp, Unavailable, agree, inspect
from fastapi_audit.model import EvidenceKind, Location, RouteRow
from foreign import Interpreter, fastapi_of
from processes import alive, wait_until

__all__ = ["fastapi_of"]

SHOP = """
from contextlib import asynccontextmanager
from functools import wraps

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import OAuth2PasswordBearer
from slowapi import Limiter
from slowapi.util import get_remote_address
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse

oauth = OAuth2PasswordBearer(tokenUrl="token")
engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=3, max_overflow=4, pool_timeout=5)


def user(token: str = Depends(oauth)) -> str:
    return token


class Page:
    def __call__(self, size: int = 10) -> int:
        return size


def traced(handler):
    @wraps(handler)
    async def traced_handler(*args, **kwargs):
        return await handler(*args, **kwargs)

    return traced_handler


users = APIRouter(prefix="/users", dependencies=[Depends(user)])


@users.get("/{id}", status_code=203, response_model=dict)
@traced
async def read(id: int, size: int = Depends(Page())):
    return {}


@users.websocket("/feed")
async def feed(websocket):
    pass


async def legacy(request):
    return PlainTextResponse("old")


users.add_route("/legacy", legacy)

admin = FastAPI(title="Admin")
admin.add_middleware(GZipMiddleware)


@admin.post("/reset")
def reset():
    pass


@asynccontextmanager
async def lifespan(app):
    yield


app = FastAPI(title="Shop", lifespan=lifespan)
app.state.limiter = Limiter(key_func=get_remote_address, default_limits=["5/minute"])
app.add_middleware(SessionMiddleware, secret_key="do not tell")
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_credentials=True)


@app.middleware("http")
async def timing(request, call_next):
    return await call_next(request)


@app.exception_handler(HTTPException)
async def problem(request, error):
    return PlainTextResponse("no", error.status_code)


def warm_up():
    pass


app.router.on_startup.append(warm_up)
app.include_router(users, prefix="/api")
app.mount("/admin", admin)
"""

FOREIGN = ("0.116.2", "0.137.0", "0.165.0")
"""Included routers are copied, kept without a public view, kept with one."""


def shop(folder: Path) -> Path:
    (folder / "shop.py").write_text(SHOP)
    return folder


def told(answer: RunningApp | Unavailable) -> RunningApp:
    assert isinstance(answer, RunningApp), str(answer)
    return answer


def refused(answer: RunningApp | Unavailable) -> Unavailable:
    assert isinstance(answer, Unavailable)
    assert "\n" not in answer.reason
    return answer


def ask(
    folder: Path, code: str, target: str = "main:app", seconds: float = 20, **options: Path
) -> RunningApp | Unavailable:
    (folder / "main.py").write_text(dedent(code))
    return inspect(target, folder, python=options.get("python", Path(sys.executable)), timeout_s=seconds)


@pytest.fixture(scope="module")
def shop_app(tmp_path_factory: pytest.TempPathFactory) -> RunningApp:
    return told(inspect("shop:app", shop(tmp_path_factory.mktemp("shop")), python=Path(sys.executable)))


def operation(app: RunningApp, name: str) -> Operation:
    return next(each for each in app.every_operation() if each.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("version", FOREIGN)
def test_every_fastapi_tells_the_same(
    version: str, fastapi_of: Interpreter, shop_app: RunningApp, tmp_path: Path
) -> None:
    app = told(inspect("shop:app", shop(tmp_path), python=fastapi_of(version)))
    assert dict(app.versions)["fastapi"] == version
    assert [each for each in app.every_operation() if each.location] == [
        each for each in shop_app.every_operation() if each.location
    ]
    assert app.middleware == shop_app.middleware
    assert (app.pools, app.limiters, app.errors) == (shop_app.pools, shop_app.limiters, ())
    assert [each.path for each in app.applications()] == ["", "/admin"]
    assert (app.lifespan, app.dead_events) == (True, ("shop.warm_up",))


def test_a_route_of_an_included_router_is_told_in_full(shop_app: RunningApp) -> None:
    read = operation(shop_app, "GET /api/users/{id}")
    line = SHOP.splitlines().index('@users.get("/{id}", status_code=203, response_model=dict)') + 1
    assert read == Operation(
        method="GET",
        path="/api/users/{id}",
        endpoint="shop.read",
        place=Place("shop.py", line, own=True),
        is_async=True,
        kind="APIRoute",
        dependencies=("shop.user", "shop.Page()"),
        security=("OAuth2PasswordBearer",),
        response_model="builtins.dict",
        status_code=203,
        in_schema=True,
        app="",
    )
    assert read.location == Location("shop.py", line)


def test_websockets_plain_routes_and_mounted_applications_have_their_full_path(shop_app: RunningApp) -> None:
    assert operation(shop_app, "WEBSOCKET /api/users/feed").security == ("OAuth2PasswordBearer",)
    assert operation(shop_app, "GET /api/legacy").kind == "Route"
    assert not operation(shop_app, "POST /admin/reset").is_async
    assert operation(shop_app, "POST /admin/reset").app == "/admin"


def test_a_handler_of_an_installed_package_has_no_location(shop_app: RunningApp) -> None:
    schema = operation(shop_app, "GET /openapi.json")
    assert schema.place is not None
    assert schema.place.path == "site-packages:fastapi/applications.py"
    assert schema.location is None


def test_the_stack_is_outermost_first_and_keeps_secrets(shop_app: RunningApp) -> None:
    function, cors, session = shop_app.middleware
    assert function.name == "starlette.middleware.base.BaseHTTPMiddleware:shop.timing"
    assert cors.name == "starlette.middleware.cors.CORSMiddleware"
    assert dict(cors.options) == {"allow_credentials": "True", "allow_origins": "['https://shop.example']"}
    assert dict(session.options) == {"secret_key": None}
    assert [each.name for each in shop_app.mounted[0].middleware] == ["starlette.middleware.gzip.GZipMiddleware"]


def test_pools_and_limiters_are_found_where_they_stand(shop_app: RunningApp) -> None:
    (pool,) = shop_app.pools
    assert (pool.name, pool.kind, pool.dialect) == ("shop.engine", "QueuePool", "sqlite+pysqlite")
    assert (pool.size, pool.max_overflow, pool.timeout_seconds, pool.pre_ping) == (3, 4, 5, False)
    (limiter,) = shop_app.limiters
    assert (limiter.name, limiter.default_limits) == ("app.state.limiter", ("5 per 1 minute",))
    assert limiter.storage == "limits.storage.memory.MemoryStorage"


def test_events_beside_a_lifespan_are_dead_and_without_one_are_not(shop_app: RunningApp, tmp_path: Path) -> None:
    assert (shop_app.lifespan, shop_app.dead_events) == (True, ("shop.warm_up",))
    alive = """
        from fastapi import APIRouter, FastAPI
        app = FastAPI()
        router = APIRouter()
        app.router.on_startup.append(lambda: None)
        app.include_router(router)
    """
    app = told(ask(tmp_path, alive))
    assert (app.lifespan, app.dead_events) == (False, ())


def test_what_is_broken_only_when_used_is_told(tmp_path: Path) -> None:
    app = told(
        ask(
            tmp_path,
            """
            from fastapi import FastAPI

            class Broken:
                def __init__(self, app):
                    raise ValueError("no such cache")

            app = FastAPI()
            app.add_middleware(Broken)

            def schema():
                raise KeyError("components")

            app.openapi = schema
            """,
        )
    )
    middleware, openapi = app.errors
    assert (middleware.where, middleware.message) == ("middleware", "ValueError: no such cache")
    assert middleware.place == Place("main.py", 6, own=True)
    assert (openapi.where, openapi.message) == ("openapi", "KeyError: 'components'")


def test_what_is_mounted_and_no_fastapi_is_listed(tmp_path: Path) -> None:
    app = told(
        ask(
            tmp_path,
            """
            from fastapi import APIRouter, FastAPI
            from starlette.applications import Starlette
            from starlette.routing import Mount, Route
            from starlette.staticfiles import StaticFiles

            async def ping(request): ...

            app = FastAPI(openapi_url=None)
            app.mount("/static", StaticFiles(directory="."))
            app.mount("/inner", Starlette(routes=[Mount("/deep", routes=[Route("/ping", ping)])]))
            app.mount("/itself", app)
            """,
        )
    )
    assert [(each.path, each.name) for each in app.mounts] == [
        ("/static", "starlette.staticfiles.StaticFiles"),
        ("/itself", "fastapi.applications.FastAPI"),
    ]
    assert {each.name for each in app.every_operation()} == {"GET /inner/deep/ping", "HEAD /inner/deep/ping"}


def test_odd_handlers_and_routes_are_told_as_far_as_they_can_be(tmp_path: Path) -> None:
    app = told(
        ask(
            tmp_path,
            """
            from functools import partial, reduce
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer
            from starlette.routing import BaseRoute

            def item(number: int = 1): ...
            def circle(): ...
            def deeper(inner, _):
                def dependency(value=Depends(inner)): ...
                return dependency

            app = FastAPI(openapi_url=None)
            app.get("/partial")(partial(item, number=2))
            app.get("/circle")(circle)
            app.get("/deep")(reduce(deeper, range(20), HTTPBearer()))
            app.get("/shallow")(deeper(partial(item), 0))
            app.router.routes.append(BaseRoute())
            circle.__wrapped__ = circle
            """,
        )
    )
    assert [each.name for each in app.every_operation()] == ["GET /partial", "GET /circle", "GET /deep", "GET /shallow"]
    partial, circle, deep, shallow = app.every_operation()
    assert (partial.endpoint, partial.place) == ("main.item", Place("main.py", 7, own=True))
    assert (circle.endpoint, circle.place) == ("main.circle", None)
    assert deep.security == ()
    assert shallow.dependencies == ("main.item",)


def test_included_routes_are_the_same_where_fastapi_has_no_public_view_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    app, outer, inner = FastAPI(), APIRouter(prefix="/outer"), APIRouter()
    inner.get("/inner")(lambda: 1)
    inner.add_route("/plain", PlainTextResponse)
    outer.include_router(inner, prefix="/more")
    app.include_router(outer)

    def paths() -> list[tuple[str, object]]:
        routes = list(_app_worker.effective_routes(app.routes))
        return [(route.path, route.endpoint) for route in routes if hasattr(route, "endpoint")]

    public = paths()
    assert {"/outer/more/inner", "/outer/more/plain"} <= {path for path, _ in public}
    monkeypatch.delattr("fastapi.routing.iter_route_contexts")
    assert paths() == public


def test_a_wrapped_application_shows_its_wrapper_outermost(tmp_path: Path) -> None:
    wrapped = """
        from fastapi import FastAPI
        from starlette.middleware.gzip import GZipMiddleware
        app = GZipMiddleware(FastAPI())
    """
    assert told(ask(tmp_path, wrapped)).middleware[0].name == "starlette.middleware.gzip.GZipMiddleware"


@pytest.mark.parametrize("target", ["main:create", "main:create()", "main:holder.app"])
def test_factories_and_attributes_are_followed(target: str, tmp_path: Path) -> None:
    factory = """
        from types import SimpleNamespace
        from fastapi import FastAPI
        def create(): return FastAPI(title="made")
        holder = SimpleNamespace(app=create())
    """
    assert told(ask(tmp_path, factory, target)).title == "made"


def test_the_projects_own_interpreter_is_preferred(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    own = tmp_path / ".venv/bin/python"
    own.write_text(f'#!/bin/sh\nDECOY=chosen exec "{sys.executable}" "$@"\n')
    own.chmod(0o755)
    (tmp_path / "main.py").write_text(
        'import os\nfrom fastapi import FastAPI\napp = FastAPI(title=os.environ["DECOY"])\n'
    )
    assert told(inspect("main:app", tmp_path)).title == "chosen"


def test_a_src_folder_is_importable_and_our_own_modules_are_not(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/project.py").write_text("from fastapi import FastAPI\napp = FastAPI(title='theirs')\n")
    assert told(inspect("project:app", tmp_path, python=Path(sys.executable))).title == "theirs"


def test_no_bytecode_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    told(ask(tmp_path, "import sys\nfrom fastapi import FastAPI\napp = FastAPI()\n"))
    assert [each.name for each in tmp_path.iterdir()] == ["main.py"]


PREAMBLE = "import os, sys, time\nfrom fastapi import FastAPI\n"

HOSTILE = {
    "import os\nx = os.environ['SHOP_URL']": r"it needs SHOP_URL in its environment: give it with --env-file",
    "import sys\nsys.exit(4)": r"it called sys\.exit\(4\) while importing main",
    "import sys\nsys.exit()": r"it called sys\.exit\(\) while importing main",
    "import os\nos._exit(7)": r"ended with exit code 7 before it told anything",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)": r"was ended by SIGKILL",
    "import no_such_package": r"importing main raised ModuleNotFoundError: No module named 'no_such_package'",
    "def app(: pass": r"importing main raised SyntaxError",
    "app = 3": r"it is builtins\.int and no FastAPI application",
    "x = 1": r"module main has no attribute app",
    "def app(): raise RuntimeError('no luck')": r"calling app\(\) raised RuntimeError: no luck",
    "def app(setting): ...": r"calling app\(\) raised TypeError",
    "raise KeyboardInterrupt": r"importing main raised KeyboardInterrupt",
    "def f(): f()\nf()": r"importing main raised RecursionError",
}


@pytest.mark.parametrize(("code", "reason"), HOSTILE.items(), ids=HOSTILE.keys())
def test_an_application_that_cannot_be_asked_gives_one_clear_line(code: str, reason: str, tmp_path: Path) -> None:
    answer = refused(ask(tmp_path, code))
    assert answer.reason.startswith("`main:app` could not be asked: ")
    assert re.search(reason, answer.reason), str(answer)
    assert str(tmp_path.parent.parent) not in answer.reason


def test_settings_that_lack_a_value_name_the_variable(tmp_path: Path) -> None:
    settings = """
        from pydantic_settings import BaseSettings
        class Settings(BaseSettings, env_prefix="shop_"):
            database_url: str
            token: str
        settings = Settings()
    """
    answer = refused(ask(tmp_path, settings))
    assert "it needs SHOP_DATABASE_URL, SHOP_TOKEN in its environment" in answer.reason


def test_the_last_lines_are_the_applications_own(tmp_path: Path) -> None:
    answer = refused(ask(tmp_path, "def connect():\n    raise OSError('refused')\n\nconnect()\n"))
    assert answer.last_lines[-1] == "OSError: refused"
    assert '  File "main.py", line 2, in connect' in answer.last_lines
    assert not any("importlib" in line or "_app_worker" in line for line in answer.last_lines)


def test_a_hanging_application_is_ended_and_shows_where_it_stood(tmp_path: Path) -> None:
    begun = time.monotonic()
    answer = refused(ask(tmp_path, "import time\ndef connect():\n    time.sleep(600)\nconnect()\n", seconds=3))
    assert time.monotonic() - begun < 60
    assert "it did not finish within 3 s, while importing main" in answer.reason
    assert any("time.sleep(600)" in line for line in answer.last_lines)


def test_an_application_that_ignores_the_alarm_is_killed(tmp_path: Path) -> None:
    ignoring = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
    answer = refused(ask(tmp_path, ignoring + "print('deaf', flush=True)\ntime.sleep(600)", seconds=3))
    assert answer.reason.endswith("it did not finish within 3 s")
    assert answer.last_lines == ("deaf",)


def test_a_talkative_application_is_asked_all_the_same(tmp_path: Path) -> None:
    talkative = PREAMBLE + "for _ in range(60): sys.stdout.write('x' * 100_000)\napp = FastAPI(title='talk')\n"
    assert told(ask(tmp_path, talkative)).title == "talk"


def test_a_talkative_application_that_dies_shows_its_last_words(tmp_path: Path) -> None:
    code = (
        "import os\nfor _ in range(300): print('x' * 10_000)\nprint('last \\x1b[31mwords', flush=True)\nos._exit(1)\n"
    )
    answer = refused(ask(tmp_path, code))
    assert answer.last_lines[-1] == "last  [31mwords"
    assert max(map(len, answer.last_lines)) <= 300


def test_an_application_that_closes_every_descriptor_is_asked_all_the_same(tmp_path: Path) -> None:
    assert told(ask(tmp_path, PREAMBLE + "os.closerange(0, 256)\napp = FastAPI(title='closed')\n")).title == "closed"


def test_a_child_of_the_application_does_not_answer_for_it_and_does_not_survive(tmp_path: Path) -> None:
    forking = PREAMBLE + dedent(
        """
        child = os.fork()
        if child == 0:
            app = FastAPI(title="child")
            time.sleep(600)
        open("child", "w").write(str(child))
        app = FastAPI(title="parent")
        """
    )
    begun = time.monotonic()
    assert told(ask(tmp_path, forking)).title == "parent"
    assert time.monotonic() - begun < 60
    wait_until(lambda: not alive(int((tmp_path / "child").read_text())))


def test_a_child_that_goes_on_as_the_application_does_not_answer_for_it(tmp_path: Path) -> None:
    forking = PREAMBLE + dedent(
        """
        child = os.fork()
        app = FastAPI(title="parent" if child else "child")
        if child:
            os.waitpid(child, 0)
        """
    )
    assert told(ask(tmp_path, forking)).title == "parent"


def test_a_child_that_leaves_the_group_does_not_hold_us_up(tmp_path: Path) -> None:
    leaving = PREAMBLE + dedent(
        """
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(600)
        open("child", "w").write(str(child))
        app = FastAPI(title="parent")
        """
    )
    begun = time.monotonic()
    assert told(ask(tmp_path, leaving)).title == "parent"
    assert time.monotonic() - begun < 60
    with suppress(ProcessLookupError):
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_threads_of_the_application_do_not_hold_us_up(tmp_path: Path) -> None:
    threaded = (
        PREAMBLE + "import threading\nthreading.Thread(target=time.sleep, args=(600,)).start()\napp = FastAPI()\n"
    )
    begun = time.monotonic()
    told(ask(tmp_path, threaded))
    assert time.monotonic() - begun < 60


def test_without_fastapi_over_there_the_way_out_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    answer = refused(ask(tmp_path, "app = 1", python=bare))
    assert "there is no FastAPI in the interpreter" in answer.reason
    assert answer.reason.endswith("name the project's own with --python")


FORGED = {
    "[" * 100_000: "its report cannot be read",
    '{"told": {}}': "its report has another shape",
    '{"told": 1}': "its report has another shape",
    "[]": "its report cannot be read",
    "not json": "its report cannot be read",
    '{"failed": {}}': "its report cannot be read",
}


@pytest.mark.parametrize(("report", "reason"), FORGED.items(), ids=[text[:20] for text in FORGED])
def test_a_forged_report_is_not_believed(report: str, reason: str, tmp_path: Path) -> None:
    # The path of the report is in the arguments of the process, so an application can find it.
    (tmp_path / "forged").write_text(report)
    forging = """
        import os, shutil, subprocess
        arguments = open("/proc/self/cmdline").read().split("\\0") if os.path.exists("/proc") else []
        ps = ["ps", "-o", "args=", "-p", str(os.getpid())]
        arguments = arguments or subprocess.check_output(ps, text=True).split()
        shutil.copy("forged", next(each for each in arguments if each.endswith("report.json")))
        os._exit(0)
    """
    assert reason in refused(ask(tmp_path, forging)).reason


def test_the_environment_is_minimal_and_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    (tmp_path / "settings.env").write_text(
        "# for the audit\nexport SHOP_NAME='a shop' # quoted\nPORT=80 # http\nEMPTY=\n"
    )
    (tmp_path / "main.py").write_text(
        "import os\nfrom fastapi import FastAPI\n"
        "assert not {'AWS_SECRET_ACCESS_KEY', 'PYTHONPATH'} & set(os.environ)\n"
        "app = FastAPI(title='|'.join(os.environ[n] for n in ('SHOP_NAME', 'PORT', 'EMPTY')))\n"
    )
    app = told(inspect("main:app", tmp_path, Path(sys.executable), tmp_path / "settings.env"))
    assert app.title == "a shop|80|"


@pytest.mark.parametrize(
    "target", ["main", "main:", "main:app(1)", "main:__import__('os')", "../x:app", "a b:c", "-c:x"]
)
def test_a_target_that_is_none_is_a_usage_error(target: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="module:attribute"):
        inspect(target, tmp_path)


def test_an_interpreter_or_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no interpreter"):
        inspect("main:app", tmp_path, python=tmp_path / "python")
    with pytest.raises(UsageError, match="cannot be read"):
        inspect("main:app", tmp_path, python=Path(sys.executable), env_file=tmp_path / "none.env")


def test_the_worker_keeps_to_what_an_old_interpreter_reads() -> None:
    assert _app_worker.__file__ == str(_app_process.WORKER)
    tree = ast.parse(_app_process.WORKER.read_text(), feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported <= sys.stdlib_module_names


def row(path: str, *methods: str, kind: str = "http") -> RouteRow:
    return RouteRow(methods, path, "shop.handler", Location("shop.py", 1), is_async=True, kind=kind)


def routed(name: str, endpoint: str = "shop.handler", kind: str = "APIRoute") -> Operation:
    method, _, path = name.partition(" ")
    place = Place("shop.py", 1, own=True)
    return Operation(method, path, endpoint, place, True, kind, (), (), None, None, True, "")  # noqa: FBT003  as in the record


BOTH = (EvidenceKind.SOURCE, EvidenceKind.APP)


def test_what_both_sides_know_is_confirmed() -> None:
    (joined,) = agree([row("/users", "GET")], [routed("GET /users")])
    assert joined.known_by == BOTH


def test_what_one_side_knows_is_marked_and_kept() -> None:
    source, app = agree([row("/debug", "GET")], [routed("POST /plugin")])
    assert (source.path, source.known_by) == ("/debug", (EvidenceKind.SOURCE,))
    assert (app.methods, app.path, app.known_by) == (("POST",), "/plugin", (EvidenceKind.APP,))


def test_a_row_is_split_where_the_sides_differ_in_methods() -> None:
    both, source = agree([row("/users", "GET", "PUT")], [routed("GET /users")])
    assert (both.methods, both.known_by) == (("GET",), BOTH)
    assert (source.methods, source.known_by) == (("PUT",), (EvidenceKind.SOURCE,))


def test_websockets_meet_websockets() -> None:
    (joined,) = agree([row("/feed", kind="websocket")], [routed("WEBSOCKET /feed")])
    assert joined.known_by == BOTH
    assert len(agree([row("/feed", "GET")], [routed("WEBSOCKET /feed")])) == 2


def test_what_the_framework_adds_by_itself_is_left_out() -> None:
    documentation = routed("GET /docs", "fastapi.applications.FastAPI.setup.<locals>.swagger_ui_html", "Route")
    assert agree([], [documentation, routed("HEAD /legacy", kind="Route")]) == ()


def test_a_mount_is_kept_as_it_is() -> None:
    mount = row("/static", kind="mount")
    assert agree([mount], []) == (mount,)
