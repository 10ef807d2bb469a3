"""Trivial dependency that is run in a thread

FastAPI runs every `def` dependency in the pool of 40 threads, also one that only reads an attribute: 166 to 247 µs for
each request in place of 64 to 111 µs, and it waits its turn behind slow `def` routes. Behind 80 of them an `async def`
route with one such dependency waited 1.8 s.

## Use instead
`async def`, for a dependency that calls nothing which could wait.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://fastapi.tiangolo.com/async/#dependencies"],
    examples=[
        Bad(
            """
            import threading

            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            def settings(request: Request) -> str:  # finding
                return request.url.path

            def thread() -> str:
                return threading.current_thread().name

            @app.get("/")
            async def read(path: str = Depends(settings), thread: str = Depends(thread)) -> str:
                return thread
            """,
            fixed="""
            import threading

            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            async def settings(request: Request) -> str:
                return request.url.path

            def thread() -> str:
                return threading.current_thread().name

            @app.get("/")
            async def read(path: str = Depends(settings), thread: str = Depends(thread)) -> str:
                return thread
            """,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            def load(name: str) -> str:
                with open(name) as file:
                    return file.read()

            def known(request: Request) -> str:
                return load("names")

            class Page:
                def __init__(self, skip: int = 0) -> None:
                    self.skip = skip

                @property
                def rows(self) -> list[str]:
                    return [load("names")]

            def connection():
                yield 1

            def called(request: Request) -> str:
                return request.url.path

            def rows(page: Page = Depends()) -> list[str]:
                return page.rows

            @app.get("/")
            def read(a=Depends(known), b=Depends(connection), page: Page = Depends(), d=Depends(rows), e=Depends(called)) -> str:
                return called(e)
            """
        ),
    ],
    unproven="The cost is a matter of microseconds and of load, which the tests of rules cannot measure reliably.",
)

HARMLESS = frozenset({"len", "str", "int", "bool", "isinstance", "getattr", "fastapi.HTTPException"})
PLAIN = ("fastapi.Request", "fastapi.Response", "starlette.requests.HTTPConnection", "str", "int", "bool", "float")


@rule.check
def dependencies(function: Function) -> Iterator[Finding]:
    if not function.asked_for_by or function.is_async or function.is_generator or function.decorators or function.cls:
        return
    if function.callers or any(c.name not in HARMLESS for c in function.calls):
        return
    # An attribute of an object of the project may be a property that waits.
    if not all(p.is_a(*PLAIN) for p in function.parameters) or function.statements_of("with", "loop"):
        return
    edit = function.as_async()
    yield function.finding(
        f"`{function.name}` only looks something up, yet each request sends it to a thread and may wait for one. Declare it "
        "with `async def`.",
        fix=Fix("Declare it with `async def`", (edit,), safe=True) if edit is not None else None,
    )
