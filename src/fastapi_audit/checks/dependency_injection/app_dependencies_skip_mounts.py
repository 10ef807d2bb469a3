"""Authentication of the application does not cover a mount

`FastAPI(dependencies=[…])` applies to the routes of this application only. A mounted application is served without
them: with a dependency that rejects every request, the mounted one still answered 200, its `/docs` too.

## Use instead
Pass the dependencies to the mounted application as well, include its routes with a router in place of the mount, or
check in a middleware, which sees mounts too.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-306",
    references=["https://fastapi.tiangolo.com/advanced/sub-applications/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, Header, HTTPException

            def require_token(token: str = Header(default="")) -> None:
                if token != "secret":
                    raise HTTPException(401)

            app = FastAPI(dependencies=[Depends(require_token)])
            admin = FastAPI()

            @admin.get("/users")
            def users() -> list[str]:
                return ["ada"]
            # finding
            app.mount("/admin", admin)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header, HTTPException
            from fastapi.staticfiles import StaticFiles

            def require_token(token: str = Header(default="")) -> None:
                if token != "secret":
                    raise HTTPException(401)

            app = FastAPI(dependencies=[Depends(require_token)])
            admin = FastAPI(dependencies=[Depends(require_token)])

            @admin.get("/users")
            def users() -> list[str]:
                return ["ada"]

            app.mount("/admin", admin)
            app.mount("/static", StaticFiles(directory=".", check_dir=False))
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI

            def count_request() -> None: ...

            app = FastAPI(dependencies=[Depends(count_request)])
            metrics = FastAPI()

            @metrics.get("/")
            def read() -> str:
                return "up 1"

            app.mount("/metrics", metrics)
            """
        ),
    ],
)


@rule.check
def mounts(app: App) -> Iterator[Finding]:
    outer = app.parent
    if outer is None or app.middleware:
        return
    guards = [d for d in outer.dependencies if d.source.authenticates(d)]
    bare = [r for r in app.routes if r.kind == "http" and not r.auth]
    mount = next((r for r in outer.routes if r.kind == "mount" and r.handler is app.instance), None)
    if not guards or not bare or mount is None:
        return
    yield mount.finding(
        f"`{guards[0].name.rpartition('.')[2]}` guards `{outer.name}` but not what is mounted on it: "
        f"`{bare[0].operation}` answers anyone. Pass the dependency to the mounted application too."
    )


@rule.proof
def the_mounted_application_answers_anyone(bad: Served) -> None:
    assert bad.get("/admin/users").json() == ["ada"]
