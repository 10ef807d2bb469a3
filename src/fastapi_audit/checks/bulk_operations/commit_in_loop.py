"""Commit for every element of a loop

Each commit waits for the disk: 1000 rows took 0.88 s on a local socket, with one commit 0.03 s. And it cannot be taken
back: when element 5 of 10 fails, four rows stay while the client reads of a failure.

## Use instead
`session.add(...)` in the loop and one `commit()` after it, or a commit for every few hundred rows.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Call, Statement
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.sqlalchemy.org/en/20/orm/queryguide/dml.html"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session
            from sqlalchemy.pool import StaticPool

            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            with engine.begin() as connection:
                connection.execute(text("create table lead (email text unique)"))
            app = FastAPI()

            @app.post("/leads")
            def load(emails: list[str]) -> None:
                with Session(engine) as session:
                    for email in emails:
                        if not email:
                            raise HTTPException(422, "no address")
                        session.execute(text("insert into lead values (:email)"), {"email": email})
                        session.commit()  # finding

            @app.get("/leads")
            def count() -> int:
                with Session(engine) as session:
                    return session.scalar(text("select count(*) from lead"))
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.orm import Session

            def get_db() -> Session: ...

            class Lead: ...

            app = FastAPI()

            @app.post("/once")
            def once(emails: list[str], db: Session = Depends(get_db)) -> None:
                for email in emails:
                    db.add(Lead())
                db.commit()

            @app.post("/chunks")
            def chunks(emails: list[str], db: Session = Depends(get_db)) -> None:
                for number, email in enumerate(emails):
                    db.add(Lead())
                    if number % 500 == 0:
                        db.commit()
                for start in range(0, len(emails), 500):
                    db.add_all(emails[start : start + 500])
                    db.commit()

            @app.post("/apart")
            def apart(emails: list[str]) -> None:
                for email in emails:
                    with Session() as own:
                        own.add(Lead())
                        own.commit()

            @app.post("/retry")
            def retry(db: Session = Depends(get_db)) -> None:
                for attempt in range(3):
                    try:
                        db.commit()
                        break
                    except TimeoutError:
                        db.rollback()
            """
        ),
    ],
)

COMMITS = [f"{owner}.commit" for owner in (*SESSIONS, "psycopg2.Connection")]
IN_A_REQUEST = ("route", "dependency", "websocket")
STEPPED = 3
"""Arguments of a `range` that counts in steps."""


@rule.check(of=COMMITS)
def repeated(call: Call) -> Iterator[Finding]:
    reach = call.function.reach if call.function is not None else None
    if reach is None or reach.context not in IN_A_REQUEST or not call.loops or call.handler is not None:
        return
    loop = call.loops[0]
    if loop.is_while or loop.is_async or _chunked(call, loop) or _ends_after_one(loop) or _own_unit(call, loop):
        return
    yield call.finding(
        f"`{call.callee.text}()` runs for every element: each waits for the disk, and when one fails the rows before it "
        "stay. Commit once, after the loop.",
        operation=reach.operation,
    )


def _chunked(call: Call, loop: Statement) -> bool:
    """Under a test of its own, or in a loop over slices."""
    own_test = any(c.location > loop.location for c in call.conditions)
    over = loop.value
    stepped = isinstance(over, Call) and (
        (over.name == "range" and len(over.arguments) == STEPPED)
        or any(word in over.callee.text.lower() for word in ("chunk", "batch", "slice"))
    )
    return own_test or stepped


def _own_unit(call: Call, loop: Statement) -> bool:
    """A session that is opened in the loop makes each element a unit of work of its own, on purpose."""
    receiver = call.receiver
    opened = [w for w in call.withs if w.location > loop.location and receiver is not None]
    return any(w.assigned_to == receiver.text for w in opened if receiver is not None)


def _ends_after_one(loop: Statement) -> bool:
    return any(s.kind == "return" or s.jumps == "break" for s in loop.walk())


@rule.proof(needs=["sqlalchemy"])
def the_rows_before_the_failure_stay(bad: Served) -> None:
    assert bad.post("/leads", json=["a", "b", "", "d"]).status_code == 422
    assert bad.get("/leads").json() == 2
