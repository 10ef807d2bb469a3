"""Two rate-limited functions of one name share their limits

slowapi files limits under the module and name of the function. Two handlers of the same name in one module get each
other's limits: a route declared with 100 per minute was refused after two.

## Use instead
Give each handler a name of its own.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import LimitedFunction
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://slowapi.readthedocs.io/en/latest/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/a")
            @limiter.limit("100/minute")
            def read(request: Request) -> str:
                return "a"

            @app.get("/b")
            @limiter.limit("2/minute")  # finding
            def read(request: Request) -> str:
                return "b"
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

            @app.get("/a")
            @limiter.limit("100/minute")
            @limiter.limit("1000/hour")
            def read(request: Request) -> str:
                return "a"

            @app.get("/b")
            @limiter.limit("2/minute")
            def read_b(request: Request) -> str:
                return "b"
            """
        ),
    ],
)


@rule.check
def decorators(limited: LimitedFunction) -> Iterator[Finding]:
    function = limited.function
    twins = [
        f
        for f in function.module.functions
        if f.name == function.name and f.node is not function.node and f.node.start < function.node.start
    ]
    if any(c.callee.name == "slowapi.Limiter.limit" for t in twins for d in t.decorators for c in d.calls):
        yield limited.decorator.finding(
            f"Another rate-limited function of this module is called `{function.name}` too, and slowapi gives both the "
            "limits of both. Rename one."
        )


@rule.proof(needs=("slowapi",))
def the_generous_limit_is_not_reached(bad: Served) -> None:
    assert [bad.get("/a").status_code for _ in range(4)] == [200, 200, 429, 429]
