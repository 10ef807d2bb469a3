"""SlowAPIMiddleware ignores an exception handler that is async

`SlowAPIMiddleware` calls the handler of `RateLimitExceeded` without awaiting. When the handler is `async def`, slowapi
silently takes its own: clients get `{"error": "Rate limit exceeded: …"}` in place of the answer that was written, and
what the handler does beside (logging, a metric, `Retry-After`) does not happen.

## Use instead
A handler with plain `def`, or `SlowAPIASGIMiddleware`, which awaits it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, ExceptionHandler
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://slowapi.readthedocs.io/en/latest/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)

            # finding
            @app.exception_handler(RateLimitExceeded)
            async def too_many(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "slow down"}, 429)

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)

            @app.exception_handler(RateLimitExceeded)
            def too_many(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "slow down"}, 429)

            @app.exception_handler(ValueError)
            async def invalid(request: Request, error: ValueError) -> JSONResponse:
                return JSONResponse({"detail": "invalid"}, 422)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.middleware import SlowAPIASGIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIASGIMiddleware)

            @app.exception_handler(RateLimitExceeded)
            async def too_many(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "slow down"}, 429)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.exception_handler(RateLimitExceeded)
            async def too_many(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "slow down"}, 429)

            @app.get("/leads")
            @limiter.limit("2/minute")
            async def leads(request: Request) -> str:
                return "ok"
            """
        ),
    ],
)


@rule.check
def applications(app: App) -> Iterator[Finding]:
    if not any(m.is_a("slowapi.middleware.SlowAPIMiddleware") for m in app.middleware):
        return
    for handler in app.exception_handlers:
        if _is_ignored(handler):
            yield handler.finding(
                f"`{handler.handler_name}` is async, so SlowAPIMiddleware answers with slowapi's own text and never "
                "calls it. Declare it with plain `def`, or use SlowAPIASGIMiddleware."
            )


def _is_ignored(handler: ExceptionHandler) -> bool:
    function = handler.function
    return handler.exception_name == "slowapi.errors.RateLimitExceeded" and function is not None and function.is_async


@rule.proof(needs=("slowapi",))
def the_answer_is_not_the_one_that_was_written(bad: Served) -> None:
    last = [bad.get("/leads") for _ in range(3)][-1]

    assert last.status_code == 429
    assert "slow down" not in last.text
