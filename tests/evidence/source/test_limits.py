"""What is taken for a limit on how often a route may be called."""

from pathlib import Path
from textwrap import dedent

from fastapi_audit.evidence import Gathering, LimitedFunction, Project, gather, limits_of, limits_of_app


def project(folder: Path, text: str) -> Project:
    (folder / "main.py").write_text(dedent(text), encoding="utf-8")
    return gather(Gathering(folder, use_cache=False))


def limits(found: Project) -> dict[str, list[str]]:
    return {r.path: list(limits_of(r)) for r in found.source.routes}


def test_a_decorator_limits_its_own_route_only(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        from fastapi import FastAPI, Request
        from slowapi import Limiter
        from slowapi.util import get_remote_address

        limiter = Limiter(key_func=get_remote_address)
        app = FastAPI()

        @app.get("/limited")
        @limiter.limit("2/minute")
        def limited(request: Request) -> None: ...

        @app.get("/exempt")
        @limiter.exempt
        def exempt(request: Request) -> None: ...
        """,
    )

    assert limits(found) == {"/limited": ["slowapi.Limiter.limit"], "/exempt": []}


def test_dependencies_and_what_a_handler_calls_limit_it(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        from fastapi import Depends, FastAPI
        from fastapi_limiter.depends import RateLimiter

        app = FastAPI()

        def count_failed_attempts(name: str) -> None: ...

        def check(name: str) -> None:
            count_failed_attempts(name)

        def checked(name: str) -> None:
            check(name)

        @app.get("/library", dependencies=[Depends(RateLimiter(times=2))])
        def library() -> None: ...

        @app.get("/own", dependencies=[Depends(checked)])
        def own() -> None: ...

        @app.get("/called")
        def called(name: str) -> None:
            check(name)

        @app.get("/free")
        def free(name: str) -> str:
            return name.strip()
        """,
    )

    assert limits(found) == {
        "/library": ["fastapi_limiter.depends.RateLimiter"],
        "/own": ["main.checked"],
        "/called": ["main.called"],
        "/free": [],
    }


def test_a_route_class_limits_the_routes_of_its_router(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        from fastapi import APIRouter, FastAPI
        from fastapi.routing import APIRoute

        def too_many(address: str) -> bool: ...

        class Limited(APIRoute):
            def get_route_handler(self):
                handler = super().get_route_handler()

                async def limited(request):
                    if too_many(request.client.host):
                        raise RuntimeError
                    return await handler(request)

                return limited

        class Logged(APIRoute):
            def get_route_handler(self):
                return super().get_route_handler()

        limited = APIRouter(route_class=Limited)
        logged = APIRouter(route_class=Logged)

        @limited.get("/limited")
        def one() -> None: ...

        @logged.get("/logged")
        def two() -> None: ...

        app = FastAPI()
        app.include_router(limited)
        app.include_router(logged)
        """,
    )

    assert limits(found) == {"/limited": ["main.Limited"], "/logged": []}


def test_middleware_limits_the_application_and_what_is_mounted_in_it(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        from fastapi import FastAPI
        from starlette.middleware.base import BaseHTTPMiddleware
        from starlette.middleware.gzip import GZipMiddleware

        class ThrottleMiddleware(BaseHTTPMiddleware):
            async def dispatch(self, request, call_next):
                return await call_next(request)

        inner = FastAPI()
        inner.add_middleware(GZipMiddleware)

        @inner.get("/inner")
        def read() -> None: ...

        app = FastAPI()
        app.add_middleware(ThrottleMiddleware)
        app.mount("/sub", inner)

        aside = FastAPI()
        """,
    )
    by_name = {a.name: list(limits_of_app(a)) for a in found.source.apps}

    assert by_name["main:app"] == by_name["main:inner"] == ["main.ThrottleMiddleware"]
    assert by_name["main:aside"] == []


def test_a_limited_function_knows_the_route_decorator_below_its_limit(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        """
        from fastapi import FastAPI, Request
        from slowapi import Limiter
        from slowapi.util import get_remote_address

        limiter = Limiter(key_func=get_remote_address)
        app = FastAPI()

        @limiter.limit("2/minute")
        @app.get("/wrong")
        def wrong(request: Request) -> None: ...

        @app.get("/right")
        @limiter.shared_limit("2/minute", scope="all")
        def right(request: Request) -> None: ...

        @app.get("/exempt")
        @limiter.exempt
        def exempt() -> None: ...
        """,
    )
    functions = [f for f in found.subjects(LimitedFunction) if isinstance(f, LimitedFunction)]

    assert [(f.function.name, f.method, f.call is not None, f.above_route is not None) for f in functions] == [
        ("wrong", "limit", True, True),
        ("right", "shared_limit", True, False),
        ("exempt", "exempt", False, False),
    ]
    assert [f.limiter.text for f in functions if f.limiter is not None] == ["limiter", "limiter"]
