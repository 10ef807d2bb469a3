"""An HTTP middleware loses or misreads the response

A middleware that does not return what `call_next` gave fails every request with
`TypeError: 'NoneType' object is not callable`. And what `call_next` gives is a stream: it has no `body`, and reading it
raises AttributeError.

## Use instead
`return await call_next(request)`. To read the body, collect `response.body_iterator` and return a new `Response`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/tutorial/middleware/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request

            app = FastAPI()

            @app.middleware("http")
            async def add_header(request: Request, call_next):  # finding
                response = await call_next(request)
                response.headers["x-served-by"] = "tea"

            @app.get("/")
            def home() -> str:
                return "hello"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from starlette.middleware.base import BaseHTTPMiddleware

            class Sizes(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next):
                    response = await call_next(request)
                    print(len(response.body))  # finding
                    return response

            app = FastAPI()
            app.add_middleware(Sizes)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request, Response

            app = FastAPI()

            @app.middleware("http")
            async def sizes(request: Request, call_next):
                response = await call_next(request)
                body = b"".join([chunk async for chunk in response.body_iterator])
                response = Response(body, response.status_code, dict(response.headers))
                print(len(response.body))
                return response

            class Plain:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app.add_middleware(Plain)
            """
        ),
    ],
)


@rule.check
def middleware(middleware: Middleware) -> Iterator[Finding]:
    for function in middleware.functions:
        goes_on = [c for c in function.calls if c.method == "call_next" and c.awaited]
        if not goes_on:
            continue
        if not function.returned_expressions and not function.is_generator:
            yield function.finding(
                f"`{function.name}` returns nothing, so every request fails with TypeError. Return what `call_next` gave."
            )
        for call in goes_on:
            yield from _bodies(function, call)


def _bodies(function: Function, call: Call) -> Iterator[Finding]:
    name = call.assigned_to
    assigned = [s for s in function.statements_of("assign") if any(t.written == name for t in s.targets)]
    if name is None or len(assigned) != 1:
        return
    for expression in function.expressions:
        if expression.written == f"{name}.body" and not expression.conditions:
            yield expression.finding(
                f"What `call_next` gives has no `body`: `{name}.body` raises AttributeError. Collect `body_iterator`."
            )


@rule.proof
def every_request_fails(bad: Served) -> None:
    assert bad.get("/").status_code == 500
    bad.stop()
    assert "TypeError: 'NoneType' object is not callable" in bad.log
