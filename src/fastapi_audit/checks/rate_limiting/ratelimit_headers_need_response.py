"""Rate-limit headers on a handler without a response parameter

With `Limiter(headers_enabled=True)` slowapi writes its headers on the response. When the handler returns data in place
of a `Response`, slowapi looks for a parameter named `response`; without one it raises `Exception: parameter response
must be an instance of starlette.responses.Response` and every call is a 500.

## Use instead
Add `response: Response` to the handler; FastAPI fills it in.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, LimitedFunction, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://slowapi.readthedocs.io/en/latest/api/#slowapi.extension.Limiter"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")  # finding
            def leads(request: Request) -> list[str]:
                return ["ada"]
            """,
            fixed="""
            from fastapi import Response
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(response: Response, request: Request) -> list[str]:
                return ["ada"]
            """,
        ),
        Good(
            """
            from fastapi import FastAPI, Request, Response
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(request: Request, response: Response) -> list[str]:
                return ["ada"]

            @app.get("/people")
            @limiter.limit("20/minute")
            def people(request: Request):
                return JSONResponse(["ada"])
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(request: Request) -> list[str]:
                return ["ada"]
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.delete("/leads", status_code=204)
            @limiter.limit("20/minute")  # finding
            def clear(request: Request) -> None:
                print("cleared")
            """,
            fixed="""
            from fastapi import Response
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.delete("/leads", status_code=204)
            @limiter.limit("20/minute")
            def clear(response: Response, request: Request) -> None:
                print("cleared")
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")  # finding
            def leads(*, request: Request) -> list[str]:
                return ["ada"]
            """
        ),
    ],
)


@rule.check
def decorators(limited: LimitedFunction, project: Project) -> Iterator[Finding]:
    function = limited.function
    if limited.method not in {"limit", "shared_limit"} or limited.above_route is not None:
        return
    if function.parameter("request") is None or function.parameter("response") is not None:
        return
    limiters = [r for r in project.source.resources if r.is_a("slowapi.Limiter")]
    if not limiters or not all(r.constant("headers_enabled") is True for r in limiters) or not _gives_data(function):
        return
    yield limited.decorator.finding(
        f"`headers_enabled=True` needs a `response` parameter: `{function.name}` returns data, so slowapi raises and "
        "every call is a 500. Add `response: Response`.",
        fix=_fix(function),
    )


def _gives_data(function: Function) -> bool:
    """Whether it certainly returns no response object."""
    returned = function.returned_expressions
    if not returned:
        return True
    return all(e.kind in {"constant", "collection", "mapping", "fstring", "comprehension"} for e in returned)


def _fix(function: Function) -> Fix | None:
    added = function.with_first_parameter("response: Response")
    if added is None:
        return None
    known = function.module.imports & {"fastapi.Response", "starlette.responses.Response"}
    needed = None if known else function.module.import_edit("from fastapi import Response")
    return Fix("Add `response: Response`", (added, *([needed] if needed else [])), safe=True)


@rule.proof(needs=("slowapi",))
def every_call_fails(bad: Served) -> None:
    assert bad.get("/leads").status_code == 500
