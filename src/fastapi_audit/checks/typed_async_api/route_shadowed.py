"""Route that an earlier one answers

Paths are matched in the order in which they are registered, and the first match wins. A route behind a wider one is
never reached: its callers silently get the other handler's answer, or 422 when the literal does not fit the type.

## Use instead
Register the literal path before the one with the parameter, and mount `/` last.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Step

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/path-params/#order-matters"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/users/{name}")
            def user(name: str) -> dict:
                return {"user": name}


            @app.get("/users/me")  # finding
            def me() -> dict:
                return {"me": True}
            """
        ),
        Bad(
            """
            from fastapi import APIRouter, FastAPI

            pages = APIRouter(prefix="/pages")
            reports = APIRouter(prefix="/pages/reports")


            @pages.api_route("/{path:path}", methods=["GET", "POST"])
            def page(path: str) -> str:
                return path


            @reports.post("/{number:int}")  # finding
            def report(number: int) -> int:
                return number


            app = FastAPI()
            app.include_router(pages)
            app.include_router(reports)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.staticfiles import StaticFiles

            app = FastAPI()
            app.mount("/", StaticFiles(directory="site"))


            @app.get("/api/status")  # finding
            def status() -> str:
                return "up"
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.staticfiles import StaticFiles

            app = FastAPI()


            @app.get("/users/me")
            def me() -> dict:
                return {"me": True}


            @app.get("/users/{number:int}")
            def numbered(number: int) -> int:
                return number


            @app.get("/users/list")
            def listed() -> list:
                return []


            @app.get("/users/{name}")
            def user(name: str) -> dict:
                return {"user": name}


            @app.delete("/users/all")
            def clear() -> None:
                return None


            @app.get("/users/{name}/posts")
            def posts(name: str) -> list:
                return []


            @app.get("/users/me/")
            def me_again() -> dict:
                return {"me": True}


            app.mount("/users", StaticFiles(directory="avatars"))
            app.mount("/", StaticFiles(directory="site"))
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI

            app = FastAPI()

            if os.environ.get("MAINTENANCE"):

                @app.get("/{path:path}")
                def closed(path: str) -> str:
                    return "closed"


            @app.get("/files/{name:path}")
            @app.get("/files/latest")
            def file(name: str = "latest") -> str:
                return name


            @app.get("/status")
            def status() -> str:
                return "up"
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/users/me")
            @app.get("/users/{user}")
            def user(user: str = "me") -> str:
                return user


            def page(name: str = "index") -> str:
                return name


            for path in ("/pages/{name}", "/pages/index"):
                app.add_api_route(path, page)
            """
        ),
    ],
)


@rule.check
def shadowed_routes(route: Route) -> Iterator[Finding]:
    earlier = next((r for r in ahead_of(route) if hides(r, route)), None)
    if earlier is None:
        return
    what = f"the mount `{earlier.path or '/'}`" if earlier.kind == "mount" else f"`{earlier.operation}`"
    yield route.finding(
        f"`{route.operation}` is never reached: {what} is registered before it ({earlier.location.path}:"
        f"{earlier.location.line}) and matches first. Register this one earlier.",
        trace=(Step(earlier.location, "matches first"),),
    )


def ahead_of(route: Route) -> list[Route]:
    app: App = route.app
    return [r for r in app.routes_of_many_paths if r.position < route.position]


def hides(earlier: Route, route: Route) -> bool:
    if not earlier.matches(route.sample) or earlier.template == route.template or not earlier.answers(route.methods):
        return False
    if earlier.location == route.location:
        return False
    if earlier.function is not None and route.function is not None and earlier.function.node is route.function.node:
        return False
    return set(earlier.conditions) <= set(route.conditions)


@rule.proof
def the_other_handler_answers(bad: Served) -> None:
    """The literal path gets the answer of the route with the parameter."""
    assert bad.get("/users/me").json() == {"user": "me"}
