"""ASGI middleware takes every scope for a request

A middleware is called for the lifespan and for WebSockets too. The lifespan has no path, method or headers: reading
`scope["path"]` raises KeyError, uvicorn logs `ASGI 'lifespan' protocol appears unsupported` and goes on without ever
running the lifespan, so pools are not opened; with `--lifespan on` it does not start.

## Use instead
Begin with `if scope["type"] != "http": return await self.app(scope, receive, send)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function, Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://starlette.dev/middleware/#pure-asgi-middleware"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            class Timing:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    print("begin", scope["path"])  # finding
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Timing)
            """,
            fixed="""
            from fastapi import FastAPI

            class Timing:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] != "http":
                        await self.app(scope, receive, send)
                        return
                    print("begin", scope["path"])
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Timing)
            """,
        ),
        Good(
            """
            from fastapi import FastAPI

            class Timing:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] == "http":
                        print("begin", scope["path"])
                    await self.app(scope, receive, send)

            class Naming:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    scope["state"] = {}
                    await self.app(scope, receive, send)

            class Paths:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if "path" not in scope:
                        await self.app(scope, receive, send)
                        return
                    print(scope["path"])
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Timing)
            app.add_middleware(Naming)
            app.add_middleware(Paths)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI

            class PathPrinter:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    print(scope["path"])  # finding
                    wrapped = self.app
                    await wrapped(scope, receive, send)

            app = FastAPI()
            app.add_middleware(PathPrinter)
            """
        ),
    ],
)

OF_REQUESTS = frozenset({"path", "method", "headers", "query_string", "raw_path", "client", "scheme"})
PASSED_ON = 3
"""`scope`, `receive`, `send`."""


@rule.check
def stack(middleware: Middleware) -> Iterator[Finding]:
    for function in middleware.functions:
        if function.name != "__call__" or len(function.parameters) <= PASSED_ON:
            continue
        scope = function.parameters[1].name
        read = next((e for e in function.expressions if _reads_request(e, scope)), None)
        if read is None or any(_asks_for_kind(e, scope) for e in function.expressions):
            continue
        yield read.finding(
            f"`{read.text}` raises KeyError for the lifespan, which passes through here too: start-up code does not run. "
            f'Pass on every scope whose `{scope}["type"]` is not "http".',
            fix=_fix(function, scope),
        )


def _asks_for_kind(expression: Expression, scope: str) -> bool:
    """Whether it tells one kind of scope from another, by its type or by what is in it."""
    if expression.operator in {"in", "not in"}:
        return expression.operands[-1].written == scope
    return expression.kind == "constant" and expression.constant == "type"


def _reads_request(expression: Expression, scope: str) -> bool:
    """Whether it reads a key, on every call, that only a request has."""
    if expression.kind != "subscript" or expression.conditions or expression.tries:
        return False
    return expression.text in {f"{scope}[{quote}{key}{quote}]" for key in OF_REQUESTS for quote in ("'", '"')}


def _fix(function: Function, scope: str) -> Fix | None:
    onward = next((c for c in function.calls if _goes_on(c, scope)), None)
    first = next((s for s in function.statements if s.value is None or s.value.kind != "constant"), None)
    if onward is None or first is None:
        return None
    indent = " " * (first.location.column - 1)
    names = ", ".join(p.name for p in function.parameters[1:4])
    guard = (
        f'if {scope}["type"] != "http":\n{indent}    await {onward.callee.text}({names})\n{indent}    return\n{indent}'
    )
    return Fix("Pass on what is no request", (first.insert_before(guard),), safe=True)


def _goes_on(call: Call, scope: str) -> bool:
    return call.callee.text.startswith("self.") and [a.text for a in call.arguments[:1]] == [scope]


@rule.proof
def the_lifespan_does_not_run(bad: Served) -> None:
    assert bad.started
    assert "'lifespan' protocol appears unsupported" in bad.log
