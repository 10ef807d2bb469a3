"""Status name that Starlette has renamed

`HTTP_422_UNPROCESSABLE_ENTITY` and its like still work, warn on every access and will be removed. RFC 9110 has renamed
the statuses.

## Use instead
`HTTP_422_UNPROCESSABLE_CONTENT`, `HTTP_413_CONTENT_TOO_LARGE`, `HTTP_414_URI_TOO_LONG`, `HTTP_416_RANGE_NOT_SATISFIABLE`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Module
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

RENAMED = {
    "HTTP_422_UNPROCESSABLE_ENTITY": "HTTP_422_UNPROCESSABLE_CONTENT",
    "HTTP_413_REQUEST_ENTITY_TOO_LARGE": "HTTP_413_CONTENT_TOO_LARGE",
    "HTTP_414_REQUEST_URI_TOO_LONG": "HTTP_414_URI_TOO_LONG",
    "HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE": "HTTP_416_RANGE_NOT_SATISFIABLE",
}

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    applies_to="starlette>=0.48",
    references=["https://www.starlette.io/release-notes/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException, status

            app = FastAPI()


            @app.get("/")
            def root() -> None:
                raise HTTPException(status.HTTP_422_UNPROCESSABLE_ENTITY)  # finding
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException, status

            app = FastAPI()


            @app.get("/")
            def root() -> None:
                raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT)
            """,
        ),
        Good(
            """
            from enum import Enum

            from fastapi import FastAPI, HTTPException, status

            app = FastAPI()


            class Status(int, Enum):
                HTTP_422_UNPROCESSABLE_ENTITY = 422


            try:
                TOO_LARGE = status.HTTP_413_CONTENT_TOO_LARGE
            except AttributeError:
                TOO_LARGE = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


            @app.get("/", status_code=status.HTTP_200_OK)
            def root() -> None:
                raise HTTPException(Status.HTTP_422_UNPROCESSABLE_ENTITY)
            """
        ),
    ],
)


@rule.check
def renamed(module: Module) -> Iterator[Finding]:
    for body in (module, *module.functions):
        for expression in body.attributes_named(*RENAMED):
            new = renamed_to(expression)
            if new is not None:
                owner = expression.text.rpartition(".")[0]
                yield expression.finding(
                    f"`{expression.text}` is deprecated; the status is called `{new}` now.",
                    fix=Fix("Use the new name", (expression.replace(f"{owner}.{new}"),), safe=True),
                )


def renamed_to(expression: Expression) -> str | None:
    last = expression.text.rpartition(".")[2]
    if last not in RENAMED or is_fallback(expression):
        return None
    return RENAMED[last] if expression.name == f"fastapi.status.{last}" else None


def is_fallback(expression: Expression) -> bool:
    """Whether only a Starlette gets here that does not know the new name."""
    handler = expression.handler
    return handler is not None and not {"AttributeError", "ImportError"}.isdisjoint(handler.types)


@rule.proof
def every_access_warns(bad: Served) -> None:
    """The name still works and says that it will not for long."""
    assert bad.get("/").status_code == 422
    code = "import warnings; warnings.simplefilter('always'); from fastapi.testclient import TestClient; from main import app"
    assert "'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated" in bad.run(f"{code}; TestClient(app).get('/')")
