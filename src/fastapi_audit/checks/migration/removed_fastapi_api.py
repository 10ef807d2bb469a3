"""API that FastAPI has removed

`app.route`, `app.add_event_handler`, `router.startup()` and `FastAPI(openapi_prefix=…)` are gone since Starlette 1: the
attribute or argument is missing and the service does not start.

## Use instead
`add_api_route` or `@app.get`, `lifespan=`, `root_path=`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import App, Call, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

GONE = {
    "route": "use `@app.get` or `add_api_route`",
    "add_event_handler": "use `lifespan=`",
    "startup": "use `lifespan=`",
    "shutdown": "use `lifespan=`",
}
OWNERS = ("fastapi.FastAPI", "fastapi.APIRouter")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    applies_to="starlette>=1.0",
    references=["https://www.starlette.io/release-notes/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            def connect() -> None:
                print("connected")


            app.add_event_handler("startup", connect)  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import PlainTextResponse

            app = FastAPI(openapi_prefix="/api")  # finding


            @app.route("/")  # finding
            def root(request: Request) -> PlainTextResponse:
                return PlainTextResponse("hello")
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI


                def connect() -> None:
                    print("connected")


                app = FastAPI()
                app.add_event_handler("startup", connect)  # finding
                """,
                "requirements.txt": """
                fastapi==0.140.0
                starlette==1.0.0
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import PlainTextResponse
            from starlette.routing import Route

            app = FastAPI(root_path="/api")


            def root(request) -> PlainTextResponse:
                return PlainTextResponse("hello")


            app.add_route("/", root)
            app.router.routes.append(Route("/raw", root))


            class Service:
                def startup(self) -> None:
                    return None


            Service().startup()
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()


            async def connect() -> None:
                print("connected")


            if hasattr(app, "add_event_handler"):
                app.add_event_handler("startup", connect)
            """
        ),
    ],
)


@rule.check(of=[f"{owner}.{method}" for owner in OWNERS for method in GONE])
def removed_methods(call: Call, project: Project) -> Iterator[Finding]:
    if call.tries or call.conditions:
        return
    finding = call.finding(
        f"`{call.callee.text}` does not exist any more, so the service does not start; {GONE[call.method]}."
    )
    yield certain(finding, project)


@rule.check
def removed_arguments(app: App, project: Project) -> Iterator[Finding]:
    if app.written("openapi_prefix") is not None:
        message = "`openapi_prefix=` does not exist any more, so the service does not start; use `root_path=`."
        yield certain(app.finding(message), project)


def certain(finding: Finding, project: Project) -> Finding:
    """Without a pinned version an older Starlette may be in use, where all of this works."""
    if {"starlette", "fastapi"} & project.versions.keys():
        return finding
    return replace(finding, confidence=Confidence.LOW)


@rule.proof
def the_service_does_not_start(bad: Served) -> None:
    """The attribute is missing."""
    assert not bad.started
    assert "AttributeError" in bad.log
