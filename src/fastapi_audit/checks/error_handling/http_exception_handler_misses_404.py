"""Handler for HTTPException that never sees a 404

The router raises Starlette's `HTTPException` for a path or method that it does not know. FastAPI's own class descends
from it, so a handler registered for FastAPI's class is passed by: unknown paths answer `{"detail": "Not Found"}` in the
default form while every other error has yours.

## Use instead
`from starlette.exceptions import HTTPException` in the handler; it takes FastAPI's as well.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExceptionHandler
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=[
        "https://fastapi.tiangolo.com/tutorial/handling-errors/#fastapis-httpexception-vs-starlettes-httpexception"
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.exception_handler(HTTPException)  # finding
            async def refused(request: Request, error: HTTPException) -> JSONResponse:
                return JSONResponse({"problem": error.detail}, status_code=error.status_code)

            @app.get("/refused")
            def read() -> None:
                raise HTTPException(409, "taken")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from starlette.exceptions import HTTPException

            app = FastAPI()

            @app.exception_handler(HTTPException)
            async def refused(request: Request, error: HTTPException) -> JSONResponse:
                return JSONResponse({"problem": error.detail}, status_code=error.status_code)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.exception_handler(HTTPException)
            async def refused(request: Request, error: HTTPException) -> JSONResponse:
                return JSONResponse({"problem": error.detail}, status_code=error.status_code)

            @app.exception_handler(404)
            async def unknown(request: Request, error: Exception) -> JSONResponse:
                return JSONResponse({"problem": "no such path"}, status_code=404)
            """
        ),
    ],
)

OTHERS = frozenset({"starlette.exceptions.HTTPException", "404"})


@rule.check
def passed_by(handler: ExceptionHandler) -> Iterator[Finding]:
    names = {h.exception_name for h in handler.app.exception_handlers}
    if handler.exception_name != "fastapi.HTTPException" or not OTHERS.isdisjoint(names):
        return
    yield handler.finding(
        "Unknown paths and methods do not come here: the router raises Starlette's `HTTPException`, which FastAPI's "
        "descends from. Register `starlette.exceptions.HTTPException`; it takes both."
    )


@rule.proof
def an_unknown_path_has_the_default_form(bad: Served) -> None:
    assert bad.get("/refused").json() == {"problem": "taken"}
    assert bad.get("/unknown").json() == {"detail": "Not Found"}
