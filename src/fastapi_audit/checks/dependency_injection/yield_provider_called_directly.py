"""next() on a dependency that yields closes it before use

`next(get_db())` makes a generator that nobody holds. Python closes it at once, so that its `finally` runs before the
first line that uses the session. The closed session then opens a connection again without a word, and nothing gives
that one back: the pool runs dry.

## Use instead
Let FastAPI call it with `Depends(get_db)`. Outside a request, enter the session itself, `with SessionLocal() as db:`,
or wrap the provider: `with contextlib.contextmanager(get_db)() as db:`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            def get_db():
                db = {"open": True}
                try:
                    yield db
                finally:
                    db["open"] = False

            @app.get("/open")
            def is_open() -> bool:
                db = next(get_db())  # finding
                return db["open"]
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            async def get_db():
                db = {"open": True}
                try:
                    yield db
                finally:
                    db["open"] = False

            @app.get("/open")
            async def is_open(db=Depends(get_db)) -> bool:
                again = await anext(get_db())  # finding
                other = await get_db().__anext__()  # finding
                return again["open"] and other["open"]
            """
        ),
        Good(
            """
            from contextlib import contextmanager

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_db():
                db = {"open": True}
                try:
                    yield db
                finally:
                    db["open"] = False

            def numbers():
                yield 1
                yield 2

            def delegating():
                yield from get_db()

            @app.get("/open")
            def is_open(db=Depends(get_db), other=Depends(delegating)) -> int:
                with contextmanager(get_db)() as again:
                    assert again["open"]
                for last in get_db():
                    assert last["open"]
                held = get_db()
                first = next(held)
                held.close()
                return next(numbers()) if first else 0
            """
        ),
    ],
)

FIRST = frozenset({"next", "anext"})
FIRST_METHODS = frozenset({"__next__", "__anext__"})


@rule.check
def calls(function: Function) -> Iterator[Finding]:
    if not function.is_generator or not _cleans_up(function):
        return
    for call in function.callers:
        if _taken_first(call):
            yield call.finding(
                f"Nobody holds the generator of `{call.text}`, so Python closes it at once and its cleanup runs before "
                "the value is used. Use `Depends`, or enter it with `contextlib.contextmanager`."
            )


def _cleans_up(function: Function) -> bool:
    """Whether something runs after the `yield`."""
    return any(y.tries and y.tries[-1].final for y in function.yields) or any(y.withs for y in function.yields)


def _taken_first(call: Call) -> bool:
    taker = call.passed_to
    if taker is not None:
        return taker.name in FIRST
    return any(c.method in FIRST_METHODS and c.receiver == call for c in call.body.calls)


@rule.proof
def it_is_closed_before_use(bad: Served) -> None:
    assert bad.get("/open").json() is False
