"""A background task uses the database session of the request

The session of a `yield` dependency is closed after the background tasks have run, so a task that takes it along keeps
its connection for as long as it works: with a pool of one, the next request failed with a timeout. With
`Depends(scope="function")`, and on FastAPI 0.106 to 0.117, the task gets a closed session instead.

## Use instead
Hand over ids, and open a session of its own inside the task.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Call, Expression
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#early-exit-and-scope"],
    examples=[
        Bad(
            """
            import time

            from fastapi import BackgroundTasks, Depends, FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session, sessionmaker

            engine = create_engine("sqlite:///leads.db", pool_size=1, max_overflow=0, pool_timeout=0.3)
            sessions = sessionmaker(engine)
            app = FastAPI()

            def get_session():
                with sessions() as session:
                    yield session

            def score(session: Session) -> None:
                session.execute(text("SELECT 1"))
                time.sleep(2)

            @app.post("/score")
            def score_leads(tasks: BackgroundTasks, session: Session = Depends(get_session)) -> str:
                tasks.add_task(score, session)  # finding
                return "started"

            @app.get("/leads")
            def leads(session: Session = Depends(get_session)) -> int:
                return session.execute(text("SELECT 1")).scalar_one()
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, Depends, FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session, sessionmaker

            engine = create_engine("sqlite:///leads.db")
            sessions = sessionmaker(engine)
            app = FastAPI()

            def get_session():
                with sessions() as session:
                    yield session

            def score(made, lead: int) -> None:
                with made() as session:
                    session.execute(text("SELECT 1"))

            @app.post("/score")
            def score_leads(tasks: BackgroundTasks, lead: int, session: Session = Depends(get_session)) -> str:
                session.execute(text("SELECT 1"))
                tasks.add_task(score, sessions, lead)
                return "started"
            """
        ),
    ],
)


@rule.check(of=["fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask"])
def additions(call: Call) -> Iterator[Finding]:
    given = next((g for g in (*call.arguments[1:], *call.keywords.values()) if _is_of_request(g)), None)
    if given is not None:
        yield call.finding(
            f"The task keeps `{given.text}` of the request, and with it a connection of the pool, until it is done; or it "
            "finds it closed. Hand over ids and open a session in the task."
        )


def _is_of_request(given: Expression) -> bool:
    function = given.function
    parameter = function.parameter(given.written) if function is not None and given.written is not None else None
    return parameter is not None and parameter.is_dependency and parameter.is_a(*SESSIONS)


@rule.proof(needs=["sqlalchemy"])
def the_next_request_waits_in_vain(bad: Served) -> None:
    assert bad.get("/leads").status_code == 200
    assert bad.post("/score").status_code == 200
    assert bad.get("/leads").status_code == 500
