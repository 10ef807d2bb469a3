"""Cleanup after yield is skipped when a request fails

When a handler raises, also an `HTTPException` for a 404, the exception comes out of the `yield` of each dependency.
Statements after it that are in no `finally` are skipped: the session is not closed, the connection not given back,
and a handful of errors empties the pool.

## Use instead
`try: yield db` with `finally: db.close()`, or `with SessionLocal() as db: yield db`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-772",
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, HTTPException

            app = FastAPI()
            sessions = []

            class Session:
                def __init__(self) -> None:
                    sessions.append(self)

                def close(self) -> None:
                    sessions.remove(self)

            def get_db():
                db = Session()
                yield db
                db.close()  # finding

            @app.get("/leads")
            def leads(db: Session = Depends(get_db)) -> int:
                raise HTTPException(404)

            @app.get("/open")
            def still_open() -> int:
                return len(sessions)
            """
        ),
        Good(
            """
            import logging
            import time

            from fastapi import Depends, FastAPI

            app = FastAPI()

            class Session:
                def __enter__(self): return self
                def __exit__(self, *error): ...
                def close(self) -> None: ...
                def commit(self) -> None: ...

            def get_db():
                db = Session()
                try:
                    yield db
                    db.commit()
                finally:
                    db.close()

            def get_other():
                with Session() as db:
                    yield db
                    db.close()

            def timing():
                started = time.perf_counter()
                yield started
                logging.info("took %s", time.perf_counter() - started)

            def choose(closing: bool = False):
                if closing:
                    yield None
                    return
                yield 1

            @app.get("/leads")
            def leads(db=Depends(get_db), other=Depends(get_other), t=Depends(timing), c=Depends(choose)) -> int:
                return 1
            """
        ),
    ],
)

RELEASING = frozenset({"close", "aclose", "release", "disconnect", "dispose", "shutdown", "terminate", "unlink",
                       "cleanup", "remove", "putconn", "wait_closed", "quit", "stop"})  # fmt: skip


@rule.check
def providers(function: Function) -> Iterator[Finding]:
    if not function.asked_for_by or len(function.yields) != 1:
        return
    given = function.yields[0]
    late = next(
        (c for c in function.calls if _releases(c) and c.location > given.location and _skipped(c, given)), None
    )
    if late is not None:
        yield late.finding(
            f"`{late.callee.text}` is skipped when a request fails, for a 404 as for a crash, and nothing gives back "
            f"what `{function.name}` opened. Put it in a `finally`, or use `with`."
        )


def _releases(call: Call) -> bool:
    return call.method in RELEASING


def _skipped(call: Call, given: Expression) -> bool:
    """Whether an exception at the `yield` jumps over the call."""
    if call.in_finally or call.handler is not None:
        return False
    receiver = call.receiver
    opened = {w.text for w in given.withs} | {a for w in given.withs if (a := w.assigned_to)}
    return receiver is None or (receiver.written or "").partition(".")[0] not in opened


@rule.proof
def the_session_stays_open(bad: Served) -> None:
    assert bad.get("/leads").status_code == 404
    assert bad.get("/open").json() == 1
