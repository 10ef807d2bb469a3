"""Decorator hides the handler's signature from FastAPI

FastAPI reads the parameters of the function that it registers. A decorator whose inner function takes
`*args, **kwargs` and has no `functools.wraps` shows it just these two: they become required query parameters, every
request is a 422 with `["query", "args"]`, and dependencies such as the authentication are gone.

## Use instead
`@functools.wraps(function)` on the inner function: FastAPI follows it to the original signature.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.python.org/3/library/functools.html#functools.wraps"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            def timed(function):
                async def wrapper(*args, **kwargs):
                    return await function(*args, **kwargs)
                return wrapper

            @app.get("/users")
            @timed  # finding
            async def users(limit: int = 10) -> int:
                return limit
            """,
            fixed="""
            import functools
            from fastapi import FastAPI

            app = FastAPI()

            def timed(function):
                @functools.wraps(function)
                async def wrapper(*args, **kwargs):
                    return await function(*args, **kwargs)
                return wrapper

            @app.get("/users")
            @timed
            async def users(limit: int = 10) -> int:
                return limit
            """,
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def named(name: str):
                def decorate(function):
                    def wrapper(*args, **kwargs):
                        return function(*args, **kwargs), name
                    return wrapper
                return decorate

            @named("limit")  # finding
            def limit(limit: int = 10) -> int:
                return limit

            @app.get("/users")
            async def users(limit: int = Depends(limit)) -> int:
                return limit
            """,
            fixed="""
            import functools
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def named(name: str):
                def decorate(function):
                    @functools.wraps(function)
                    def wrapper(*args, **kwargs):
                        return function(*args, **kwargs), name
                    return wrapper
                return decorate

            @named("limit")
            def limit(limit: int = 10) -> int:
                return limit

            @app.get("/users")
            async def users(limit: int = Depends(limit)) -> int:
                return limit
            """,
        ),
        Good(
            """
            import functools
            from functools import wraps

            from fastapi import FastAPI

            app = FastAPI()

            def timed(function):
                @wraps(function)
                async def wrapper(*args, **kwargs):
                    return await function(*args, **kwargs)
                return wrapper

            def counted(function):
                async def wrapper(*args, **kwargs):
                    return await function(*args, **kwargs)
                return functools.update_wrapper(wrapper, function)

            def registered(function):
                def unused(*args, **kwargs):
                    return function(*args, **kwargs)
                registered.all = unused
                return function

            def internal(function):
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                return wrapper

            @internal
            def load() -> int:
                return 10

            @app.get("/users")
            @timed
            @counted
            @registered
            async def users(limit: int = 10) -> int:
                return limit + load()
            """
        ),
        Good(
            """
            import functools
            import inspect
            import os

            from fastapi import FastAPI

            def traced(function):
                if "TRACE" not in os.environ:
                    return function
                @functools.wraps(function)
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                return wrapper

            def timed(function):
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                wrapper.__signature__ = inspect.signature(function)
                return wrapper

            def counted(function):
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                return functools.update_wrapper(wrapper, function)

            def logged(function):
                def wrapper(*args, **kwargs):
                    return function(*args, **kwargs)
                functools.update_wrapper(wrapper, function)
                return wrapper

            app = FastAPI()

            @app.get("/leads")
            @traced
            @timed
            def leads(limit: int = 20) -> int:
                return limit

            @app.get("/users")
            @counted
            def users(limit: int = 20) -> int:
                return limit

            @app.get("/orders")
            @logged
            def orders(limit: int = 20) -> int:
                return limit
            """
        ),
    ],
)


@rule.check
def handlers(function: Function) -> Iterator[Finding]:
    if not function.asked_for_by and not any(way.depth == 0 for way in function.ways):
        return
    for decorator in _seen_by_fastapi(function):
        wrapper = _wrapper(decorator)
        wrapped = _wrapped_by(wrapper) if wrapper is not None else None
        if wrapper is None or wrapped is None:
            continue
        yield decorator.finding(
            f"`{decorator.text}` hides the parameters of `{function.name}` from FastAPI, which asks clients for `args` "
            f"and `kwargs` instead: every request is a 422. Put `@functools.wraps({wrapped})` on `{wrapper.name}`.",
            fix=_fix(wrapper, wrapped),
        )


def _seen_by_fastapi(function: Function) -> list[Expression]:
    """The decorators below the one that registers the route: those above it come too late to matter."""
    found: list[Expression] = []
    for decorator in function.decorators:
        receiver = decorator.receiver if isinstance(decorator, Call) else None
        if receiver is not None and receiver.is_a("fastapi.FastAPI", "fastapi.APIRouter"):
            found = []
        else:
            found.append(decorator)
    return found


def _wrapper(decorator: Expression) -> Function | None:
    """The inner function that a decorator of the program puts in place of what it decorates."""
    made_by = decorator.target if isinstance(decorator, Call) else decorator.defined_function
    if made_by is None or made_by.name in {"__init__", "__call__"}:
        return None
    inner = _returned_function(made_by)
    return _returned_function(inner) if isinstance(decorator, Call) and inner is not None else inner


def _returned_function(outer: Function) -> Function | None:
    named = {r.written for r in outer.returned_expressions}
    if len(named) != 1:
        return None
    return next((f for f in outer.module.functions if f.outside is outer and f.name in named), None)


def _wrapped_by(wrapper: Function) -> str | None:
    """The variable that holds what a careless wrapper wraps; `None` when the wrapper shows the right signature."""
    outer = wrapper.outside
    kinds = {p.kind for p in wrapper.parameters}
    if not isinstance(outer, Function) or not {"*", "**"} <= kinds or wrapper.decorators:
        return None
    targets = [t.written or "" for s in outer.statements_of("assign") for t in s.targets]
    if any(t.startswith(f"{wrapper.name}.__") for t in targets):
        return None
    if any(c.method in {"wraps", "update_wrapper"} or wrapper.name in c.text for c in outer.calls):
        return None
    called = {c.callee.written for c in wrapper.calls}
    return next((p.name for p in outer.parameters if p.name in called), None)


def _fix(wrapper: Function, wrapped: str) -> Fix | None:
    above = wrapper.decorated_with(f"functools.wraps({wrapped})")
    needed = wrapper.module.import_edit("import functools")
    return Fix("Keep the signature", (above, *([needed] if needed else [])), safe=True)


@rule.proof
def clients_are_asked_for_args(bad: Served) -> None:
    answer = bad.get("/users")

    assert answer.status_code == 422
    assert '"args"' in answer.text
