"""Rate-limited handler without a parameter named request

slowapi takes the request out of the handler's arguments by the name `request` (or `websocket`). Without it the
decorator raises `Exception: No "request" or "websocket" argument on function` while the module is imported, and the
service does not start; a `request` that is something else, such as the body, is a 500 at each call.

## Use instead
`request: Request` as a parameter of the handler, under exactly this name.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import LimitedFunction
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://slowapi.readthedocs.io/en/latest/#limitations-and-known-issues"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/login")
            @limiter.limit("2/minute")  # finding
            def login(name: str = "ada") -> str:
                return name

            @app.get("/logout")
            @limiter.limit("2/minute")  # finding
            def logout() -> str:
                return "bye"

            @app.get("/refresh")
            @limiter.limit("2/minute")  # finding
            def refresh(req: Request) -> str:
                return "bye"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/login")
            @limiter.limit("2/minute")
            def login(request: Request, name: str = "ada") -> str:
                return name

            @app.get("/logout")
            @limiter.limit("2/minute")
            def logout(request: Request) -> str:
                return "bye"

            @app.get("/refresh")
            @limiter.limit("2/minute")
            def refresh(request: Request, req: Request) -> str:
                return "bye"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from pydantic import BaseModel
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            class Login(BaseModel):
                name: str

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.post("/login")
            @limiter.limit("2/minute")  # finding
            def login(request: Login) -> str:
                return request.name
            """
        ),
        Good(
            """
            import starlette.requests
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            class TenantRequest(Request):
                pass

            @app.get("/login")
            @limiter.limit("2/minute")
            def login(name: str, request: Request) -> str:
                return name

            @app.get("/logout")
            @limiter.shared_limit("2/minute", scope="session")
            def logout(*, request: starlette.requests.Request) -> str:
                return "bye"

            @app.get("/tenant")
            @limiter.limit("2/minute")
            def tenant(request: TenantRequest) -> str:
                return "bye"

            @app.get("/health")
            @limiter.exempt
            def health() -> str:
                return "ok"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("5/minute")  # finding
            def leads(*, page: int = 1) -> int:
                return page
            """
        ),
    ],
)

NAMES = ("request", "websocket")
SCALARS = frozenset({"str", "int", "float", "bool", "dict", "list", "bytes"})


@rule.check
def decorators(limited: LimitedFunction) -> Iterator[Finding]:
    function = limited.function
    if limited.method not in {"limit", "shared_limit"}:
        return
    taken = next((p for name in NAMES if (p := function.parameter(name)) is not None), None)
    if taken is None:
        yield limited.decorator.finding(
            f"slowapi finds no parameter named `request` in `{function.name}` and raises while the module is imported. "
            "Add `request: Request`.",
            fix=_fix(limited),
        )
        return
    cls = taken.defined_class
    is_model = cls is not None and cls.is_whole
    if is_model or taken.type_name in SCALARS:
        yield limited.decorator.finding(
            f"`{taken.name}` of `{function.name}` is no Request but `{taken.type_name}`: slowapi raises, and every "
            "call is a 500. Give the body another name and add `request: Request`."
        )


def _fix(limited: LimitedFunction) -> Fix | None:
    added = limited.function.with_first_parameter("request: Request")
    if added is None:
        return None
    module = limited.function.module
    known = module.imports & {"fastapi.Request", "starlette.requests.Request"}
    needed = None if known else module.import_edit("from fastapi import Request")
    return Fix("Add `request: Request`", (added, *([needed] if needed else [])), safe=True)


@rule.proof(needs=("slowapi",))
def the_module_cannot_be_imported(bad: Served) -> None:
    assert not bad.started
    assert 'No "request" or "websocket" argument' in bad.log
