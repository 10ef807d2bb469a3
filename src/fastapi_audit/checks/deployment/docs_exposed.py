"""The description of the API is open to everybody

`/docs`, `/redoc` and `/openapi.json` answer 200 without any login, whatever protects the routes: every path, parameter
and model of an API that is not public. `docs_url=None, redoc_url=None` is half a repair: `/openapi.json` still answers
200 with all of it.

## Use instead
`openapi_url=None` in production, which switches off all three; or a setting that decides, or routes of your own behind the
login.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Project, ServedDescription
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Refutation, Rule, Served, Severity, Undecided

DOCKERFILE = """
FROM python:3.12-slim
CMD ["uvicorn", "main:app"]
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-200",
    references=["https://fastapi.tiangolo.com/how-to/conditional-openapi/"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI(docs_url=None, redoc_url=None)  # finding

                @app.get("/")
                def read() -> str:
                    return "ok"
                """,
                "Dockerfile": DOCKERFILE,
            },
            fixed={
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

                @app.get("/")
                def read() -> str:
                    return "ok"
                """,
            },
        ),
        Bad(
            {
                "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI
                from fastapi.security import OAuth2PasswordBearer

                app = FastAPI(title="Leads")  # finding

                @app.get("/leads")
                def leads(token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]) -> str:
                    return token
                """,
                "Dockerfile": DOCKERFILE,
            }
        ),
        Good(
            {
                "main.py": """
                import os
                from typing import Annotated

                from fastapi import Depends, FastAPI
                from fastapi.security import OAuth2PasswordBearer

                shown = os.environ.get("SHOW_DOCS") == "1"
                app = FastAPI(openapi_url="/openapi.json" if shown else None)
                other = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
                elsewhere = FastAPI(docs_url="/internal/docs")
                weather = FastAPI()
                shop = FastAPI()

                @app.get("/leads")
                def leads(token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]) -> str:
                    return token

                @weather.get("/today")
                def today() -> str:
                    return "sunny"

                @shop.get("/articles")
                def articles() -> list[str]:
                    return ["tea"]

                @shop.get("/prices")
                def prices() -> list[int]:
                    return [3]

                @shop.get("/orders")
                def orders(token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]) -> str:
                    return token
                """,
                "Dockerfile": DOCKERFILE,
            }
        ),
        Good(
            {
                "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI
                from fastapi.security import OAuth2PasswordBearer

                app = FastAPI()

                @app.get("/leads")
                def leads(token: Annotated[str, Depends(OAuth2PasswordBearer("token"))]) -> str:
                    return token
                """,
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                    }
                    location ~ ^/(docs|redoc|openapi.json) {
                        deny all;
                    }
                }
                """,
                "Dockerfile": DOCKERFILE,
            },
            live=False,  # nginx is part of it
        ),
    ],
)

NOT_FOUND = 404
SWITCHES = ("openapi_url", "docs_url", "redoc_url")


@rule.check
def apps(app: App, project: Project) -> Iterator[Finding]:
    call = app.call
    if not app.is_fastapi or app.is_mounted or call is None or call.has_unknown_arguments:
        return
    if not project.deployment.is_deployed or _refused(project):
        return
    given = {name: written for name in SWITCHES if (written := app.written(name)) is not None}
    if not given and _is_private(app):
        yield Finding(
            "`/docs` and `/openapi.json` show every route and model to everybody, though the routes ask for a login. Set "
            "`openapi_url=None` in production, or let a setting decide.",
            call.location,
            confidence=Confidence.MEDIUM,
        )
    elif given.keys() == {"docs_url", "redoc_url"} and all(written.constant is None for written in given.values()):
        yield call.finding(
            "The pages are off, but `/openapi.json` still answers with every route and model. Set `openapi_url=None`, "
            "which switches off all three.",
            fix=Fix("Switch the schema off too", (call.keyword_edit("openapi_url", "None"),)),
        )


@rule.check
def on_the_wire(description: ServedDescription) -> Iterator[Finding | Refutation | Undecided]:
    if description.hidden:
        seen = "nobody is shown the description without credentials"
        told = tuple(each.observation(seen) for each in (description.schema, *description.pages))
        yield Refutation("The running service shows its description to nobody who is not signed in.", observations=told)
    elif description.secured:
        seen = f"a stranger reads all {description.operations} operations, {len(description.secured)} behind a login"
        yield Finding(
            "The description of every route and model is shown to everybody, though the routes ask for a login. Set "
            "`openapi_url=None` in production, or let a setting decide.",
            observations=tuple(each.observation(seen) for each in (description.schema, *description.shown_pages)),
        )
    elif description.operations and all(each.status == NOT_FOUND for each in description.pages):
        seen = f"the pages are off, and a stranger still reads all {description.operations} operations"
        yield Finding(
            "The documentation pages are off, but the schema still answers with every route and model. Set "
            "`openapi_url=None`, which switches off all three.",
            observations=(description.schema.observation(seen),),
        )
    elif not description.is_told:
        yield Undecided("the description or a page of it gave no answer, or an error")


def _is_private(app: App) -> bool:
    """Whether most of its routes ask for a login; what is public for the most part has a description that may be, too."""
    asking = [bool(route.row().auth) for route in app.routes]
    return sum(asking) * 2 > len(asking)


def _refused(project: Project) -> bool:
    """Whether nginx, or a route of the project's own, decides who sees it."""
    locations = [location for proxy in project.deployment.proxies for location in proxy.locations]
    kept = any("docs" in x.pattern or "openapi" in x.pattern for x in locations if x.refuses or x.asks_for_password)
    return kept or any("openapi" in route.full_path for route in project.source.routes)


@rule.proof
def the_schema_is_still_there(bad: Served) -> None:
    assert bad.get("/docs").status_code == 404
    assert bad.get("/openapi.json").status_code == 200
