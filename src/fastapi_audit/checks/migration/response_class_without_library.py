"""Response class whose library is not installed

`ORJSONResponse` and `UJSONResponse` need `orjson` and `ujson`, which FastAPI does not bring along. Without them every
answer fails with `AssertionError: orjson must be installed`. Both classes are deprecated: FastAPI serialises as fast
by itself.

## Use instead
The default response class.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Call, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

NEEDS = {"starlette.responses.ORJSONResponse": "orjson", "starlette.responses.UJSONResponse": "ujson"}

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/custom-response/"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from fastapi.responses import UJSONResponse

                app = FastAPI(default_response_class=UJSONResponse)  # finding


                @app.get("/")
                def root() -> dict:
                    return UJSONResponse({})  # finding
                """,
                "requirements.txt": """
                fastapi==0.165.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from fastapi.responses import ORJSONResponse

                app = FastAPI(default_response_class=ORJSONResponse)
                """,
                "requirements.txt": """
                fastapi==0.165.0
                orjson>=3
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from fastapi.responses import ORJSONResponse

                app = FastAPI(default_response_class=ORJSONResponse)
                """,
                "requirements.txt": """
                fastapi[all]==0.165.0
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import ORJSONResponse

            app = FastAPI(default_response_class=ORJSONResponse)
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from fastapi.responses import ORJSONResponse

                app = FastAPI()


                @app.get("/leads")
                def leads() -> ORJSONResponse:
                    return ORJSONResponse([])
                """,
                "requirements.txt": """
                fastapi==0.165.0
                orjson>=3
                """,
            }
        ),
    ],
)


@rule.check
def defaults(app: App, project: Project) -> Iterator[Finding]:
    written = app.written("default_response_class")
    library = NEEDS.get(written.name or "") if written is not None else None
    if written is not None and library is not None and is_missing(project, library):
        yield written.finding(
            f"Nothing installs `{library}`, so every answer fails with `AssertionError`. Drop the response class."
        )


@rule.check(of=NEEDS)
def answers(call: Call, project: Project) -> Iterator[Finding]:
    library = NEEDS[call.name or ""]
    if is_missing(project, library) and not call.tries:
        yield call.finding(
            f"Nothing installs `{library}`, so this answer fails with `AssertionError`. Return the data itself."
        )


def is_missing(project: Project, library: str) -> bool:
    """Certain only where the project's requirements are at hand and nobody brings the library along."""
    asked = project.deployment.requirements
    fastapi = asked.of("fastapi")
    if not fastapi or any(r.extras for r in fastapi):
        return False
    return not asked.of(library)


@rule.proof
def the_answer_fails(bad: Served) -> None:
    """Without ujson the route answers 500."""
    assert bad.get("/").status_code == 500
    bad.stop()
    assert "ujson must be installed" in bad.log
