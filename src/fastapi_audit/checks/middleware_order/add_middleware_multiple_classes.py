"""Several classes in one add_middleware call

`add_middleware` takes one class; what follows it goes to the constructor of that class. With
`add_middleware(CORSMiddleware, TrustedHostMiddleware, GZipMiddleware)` one middleware is registered, whose
`allow_origins` is a class. The mistake shows only when the stack is built: uvicorn logs `ASGI 'lifespan' protocol
appears unsupported`, says that it started, and answers every request with 500.

## Use instead
One call for each class. The class added last is the outermost and sees a request first, so add them from the inside
out.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/tutorial/middleware/", "https://starlette.dev/middleware/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, TrustedHostMiddleware, GZipMiddleware)  # finding

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI()
            app.add_middleware(GZipMiddleware)
            app.add_middleware(TrustedHostMiddleware)
            app.add_middleware(CORSMiddleware)

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from starlette.middleware import Middleware
            from starlette.middleware.gzip import GZipMiddleware

            class Timing:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI(
                middleware=[
                    Middleware(Timing, GZipMiddleware, minimum_size=500),  # finding
                ]
            )
            """,
            fixed="""
            from fastapi import FastAPI
            from starlette.middleware import Middleware
            from starlette.middleware.gzip import GZipMiddleware

            class Timing:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI(
                middleware=[
                    Middleware(Timing, minimum_size=500), Middleware(GZipMiddleware),
                ]
            )
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            class JsonCodec:
                pass

            class Decoding:
                def __init__(self, app, codec, limit: int) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(GZipMiddleware, 500)
            app.add_middleware(Decoding, JsonCodec(), 3)
            app.add_middleware(Decoding, codec=JsonCodec, limit=3)
            app.add_middleware(Decoding, JsonCodec, 3)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from starlette.middleware.gzip import GZipMiddleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware

            options = {"minimum_size": 500}
            app = FastAPI()
            app.add_middleware(GZipMiddleware, TrustedHostMiddleware, **options)  # finding
            """
        ),
    ],
)


@rule.check
def registrations(middleware: Middleware) -> Iterator[Finding]:
    call = middleware.call
    others = call.arguments[1:]
    if not others or not all(_is_middleware(o) for o in others):
        return
    names = ", ".join(f"`{o.text}`" for o in others)
    yield call.finding(
        f"`{call.method}` registers only `{call.arguments[0].text}` and hands it {names} as options: building the stack fails, and "
        "every request gets 500. Make one call for each class, the outermost last.",
        fix=_fix(call),
    )


def _is_middleware(argument: Expression) -> bool:
    """Whether it is a class that wraps an application."""
    if argument.type_name is not None or argument.name is None:
        return False
    cls = argument.defined_class
    if cls is None:
        return argument.name.endswith("Middleware")
    constructor = cls.method("__init__")
    wraps = constructor is not None and constructor.parameter("app") is not None
    return wraps or any(base.endswith("Middleware") for base in cls.bases)


def _fix(call: Call) -> Fix | None:
    if call.spreads or (call.method == "add_middleware" and not call.discarded):
        return None
    first, *others = call.arguments
    options = "".join(f", {name}={value.text}" for name, value in call.keywords.items())
    made = [f"{call.callee.text}({first.text}{options})", *(f"{call.callee.text}({o.text})" for o in others)]
    if call.method == "add_middleware":
        text = ("\n" + " " * (call.location.column - 1)).join(reversed(made))
    else:
        text = ", ".join(made)
    return Fix(f"One `{call.method}` for each class, {first.text} outermost", (call.replace(text),), safe=True)


@rule.proof
def every_request_fails(bad: Served) -> None:
    assert bad.get("/").status_code == 500
