"""Exception handler that raises

An exception that a handler raises is handled a second time, or not at all. From a handler for `Exception` or for
`HTTPException` it becomes a bare 500. From a handler for a class of your own it happens to work when the error came
from a route, and is a 500 when it came from a middleware. The traceback shows two errors for one.

## Use instead
`return JSONResponse({"detail": …}, status_code=…)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExceptionHandler
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/handling-errors/#install-custom-exception-handlers"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request

            app = FastAPI()

            @app.exception_handler(Exception)
            async def unforeseen(request: Request, error: Exception):
                raise HTTPException(503, "try again later")  # finding

            @app.get("/")
            async def read() -> int:
                return 1 // 0
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request

            class Missing(Exception): ...

            app = FastAPI()

            @app.exception_handler(Missing)
            async def missing(request: Request, error: Missing):
                raise HTTPException(404, "no such lead")  # finding
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            class Missing(Exception): ...

            app = FastAPI()

            @app.exception_handler(Missing)
            async def missing(request: Request, error: Missing):
                return JSONResponse({"detail": "no such lead"}, status_code=404)

            @app.get("/")
            async def read() -> int:
                raise HTTPException(404)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.exception_handler(ValueError)
            async def wrong(request: Request, error: ValueError):
                try:
                    raise LookupError
                except LookupError:
                    return JSONResponse({"detail": "wrong"}, status_code=400)

            @app.exception_handler(TypeError)
            async def bug(request: Request, error: TypeError):
                raise error
            """
        ),
    ],
)

ALWAYS_500 = frozenset({"Exception", "500", "fastapi.HTTPException", "starlette.exceptions.HTTPException"})
HTTP = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")


@rule.check
def raises(handler: ExceptionHandler) -> Iterator[Finding]:
    function = handler.function
    if function is None:
        return
    for statement in function.statements_of("raise"):
        raised = statement.value
        if raised is None or statement.tries or not (raised.is_a(*HTTP) or raised.is_class(*HTTP)):
            continue
        always = handler.exception_name in ALWAYS_500
        outcome = "the client gets a bare 500" if always else "it is handled twice, and a 500 when a middleware raised"
        yield statement.finding(
            f"This handler of `{handler.exception_name.rpartition('.')[2]}` raises: {outcome}. Return a `JSONResponse` "
            "with the status.",
            severity=Severity.HIGH if always else None,
        )


@rule.proof
def the_client_gets_a_bare_500(bad: Served) -> None:
    reply = bad.get("/")
    assert reply.status_code == 500
    assert "try again later" not in reply.text
