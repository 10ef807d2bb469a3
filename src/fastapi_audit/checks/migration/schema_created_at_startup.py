"""Schema created by every process that starts

`metadata.create_all` at import or start-up runs in each worker and replica. They look for the tables at the same time
and then create them at the same time: measured on PostgreSQL, of 4 processes one came up, the others died with
`UniqueViolation` or `DuplicateTable`. It also never changes a table that is already there.

## Use instead
Migrations (Alembic), run once before the new version starts: a job, an init step, a release command.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

CREATE = ("sqlalchemy.MetaData.create_all", "sqlalchemy.orm.DeclarativeBase.metadata.create_all")
EARLY = frozenset({"lifespan", "startup"})

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://alembic.sqlalchemy.org/en/latest/tutorial.html"],
    unproven="needs a PostgreSQL server and several processes that start in the same instant",
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase


            class Base(DeclarativeBase):
                pass


            engine = create_engine("postgresql+psycopg://db/leads")


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                Base.metadata.create_all(engine)  # finding
                yield


            app = FastAPI(lifespan=lifespan)
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from tables import Base, engine

                Base.metadata.create_all(bind=engine)  # finding
                app = FastAPI()
                """,
                "tables.py": """
                import os

                from sqlalchemy import create_engine
                from sqlalchemy.orm import declarative_base

                Base = declarative_base()
                engine = create_engine(os.environ["DATABASE_URL"])
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                CMD ["uvicorn", "main:app", "--workers", "4"]
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase


            class Base(DeclarativeBase):
                pass


            engine = create_engine("sqlite:///leads.db")
            Base.metadata.create_all(engine)
            app = FastAPI()


            def set_up(other) -> None:
                Base.metadata.create_all(other)


            if __name__ == "__main__":
                Base.metadata.create_all(create_engine("postgresql+psycopg://db/leads"))
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase


            class Base(DeclarativeBase):
                pass


            DATABASE_URL = "sqlite:///leads.db"
            engine = create_engine(DATABASE_URL)


            def create_app() -> FastAPI:
                Base.metadata.create_all(engine)
                return FastAPI()


            app = create_app()
            """
        ),
    ],
)


@rule.check
def created_early(project: Project) -> Iterator[Finding]:
    if on_sqlite_only(project):
        return
    for body in project.source.bodies:
        for call in body.calls:
            if call.method == "create_all" and is_metadata(call) and runs_early(call):
                total = project.deployment.workers_total
                several = total is not None and (total.count or total.least) > 1
                yield call.finding(
                    "Every process that starts creates the tables: with several workers or replicas all but one can fail to "
                    "start. Migrate once, before the service starts.",
                    severity=Severity.HIGH if several else None,
                )


def is_metadata(call: Call) -> bool:
    receiver = call.receiver
    return receiver is not None and (receiver.text.endswith("metadata") or receiver.is_a("sqlalchemy.MetaData"))


def runs_early(call: Call) -> bool:
    if any("__main__" in c.text for c in call.conditions):
        return False
    if call.function is None:
        return True
    return any(w.context in EARLY for w in call.function.ways)


def on_sqlite_only(project: Project) -> bool:
    """Whether every engine that is known certainly uses SQLite; without a certain one, nothing is known."""
    urls = [
        r.constant("url", 0)
        for r in project.source.resources
        if r.is_a("sqlalchemy.Engine", "sqlalchemy.ext.asyncio.AsyncEngine")
    ]
    return bool(urls) and all(isinstance(u, str) and u.startswith("sqlite") for u in urls)
