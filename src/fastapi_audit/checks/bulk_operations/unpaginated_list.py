"""Whole table read for one request

A select without `where` and without `limit` reads every row, and holds every row as an object, before the first byte is
sent: 200 000 rows took 1.7 s and 280 MB for one GET. It is quick on the day it is written and slower with every customer.

## Use instead
`limit` and `offset` or a cursor with an upper bound, `fastapi_pagination`, or a stream of chunks (`yield_per`).
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SQLALCHEMY_SESSIONS, Call, Expression, ListedEntries
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/orm/queryguide/api.html#fetching-large-result-sets-with-yield-per"],
    cwe="CWE-770",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine, select, text
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
            from sqlalchemy.pool import StaticPool

            class Base(DeclarativeBase): ...

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            Base.metadata.create_all(engine)
            with Session(engine) as session:
                numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
                session.execute(text(f"insert into leads {numbers} select i from n"))
                session.commit()
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[dict[str, int]]:
                with Session(engine) as session:
                    return [{"id": lead.id} for lead in session.scalars(select(Lead).order_by(Lead.id)).all()]  # finding
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import select
            from sqlalchemy.ext.asyncio import AsyncSession
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

            class Base(DeclarativeBase): ...

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            async def get_db() -> AsyncSession: ...
            def get_session() -> Session: ...

            async def load(db: AsyncSession):
                statement = select(Lead)
                result = await db.execute(statement)  # finding
                return result.scalars().all()

            app = FastAPI()

            @app.get("/leads")
            async def leads(db: AsyncSession = Depends(get_db)):
                return await load(db)

            @app.get("/old")
            def old(db: Session = Depends(get_session)):
                return db.query(Lead).order_by(Lead.id).all()  # finding
            """,
            live=False,  # there is no table
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import FastAPI, Query
            from sqlalchemy import create_engine, select, text
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
            from sqlalchemy.pool import StaticPool

            class Base(DeclarativeBase): ...

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            Base.metadata.create_all(engine)
            with Session(engine) as session:
                numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
                session.execute(text(f"insert into leads {numbers} select i from n"))
                session.commit()
            app = FastAPI()

            @app.get("/leads")
            def leads(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[dict[str, int]]:
                with Session(engine) as session:
                    return [{"id": lead.id} for lead in session.scalars(select(Lead).limit(limit)).all()]

            @app.get("/temperatures")
            def temperatures() -> list[int]:
                return list(range(5000))
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import func, select
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

            class Base(DeclarativeBase): ...

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            def get_session() -> Session: ...

            app = FastAPI()

            @app.get("/leads")
            def leads(limit: int = 20, owner: int | None = None, db: Session = Depends(get_session)):
                statement = select(Lead)
                if owner is not None:
                    statement = statement.where(Lead.id == owner)
                statement = statement.limit(limit)
                return db.scalars(statement).all()

            @app.get("/mine")
            def mine(db: Session = Depends(get_session)):
                return db.query(Lead).filter(Lead.id == 1).all()

            @app.get("/page")
            def page(db: Session = Depends(get_session)):
                return db.scalars(select(Lead).limit(20)).all()

            @app.get("/count")
            def count(db: Session = Depends(get_session)):
                return db.execute(select(func.count())).all()

            @app.get("/first")
            def first(db: Session = Depends(get_session)):
                return db.scalars(select(Lead)).first()

            @app.post("/rebuild")
            def rebuild(db: Session = Depends(get_session)):
                return len(db.scalars(select(Lead)).all())
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import Select, select
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

            class Base(DeclarativeBase): ...

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            def get_session() -> Session: ...

            def sorted_rows(statement: Select, db: Session) -> list[Lead]:
                statement = statement.order_by(Lead.id)
                return list(db.scalars(statement).all())

            app = FastAPI()

            @app.get("/leads")
            def leads(limit: int = 20, db: Session = Depends(get_session)) -> int:
                return len(sorted_rows(select(Lead).limit(limit), db))
            """,
            live=False,  # there is no table
        ),
    ],
)

READING = ("execute", "scalars", "exec", "query")
HARMLESS = frozenset({"order_by", "options", "execution_options", "unique", "scalars", "all", "mappings"})
"""What a chain may hold without reading fewer rows."""
STEPS = 12


@rule.check(of=[f"{owner}.{name}" for owner in SQLALCHEMY_SESSIONS for name in READING])
def every_row(call: Call) -> Iterator[Finding]:
    reach = call.function.reach if call.function is not None else None
    if reach is None or reach.context != "route" or not (reach.operation or "").startswith("GET ") or call.loops:
        return
    asked = call.arguments[:1] if call.method == "query" else _selected(call)
    table = asked[0].defined_class if asked else None
    if table is None or not asked[0].is_class(*MAPPED) or not _takes_all(call):
        return
    yield call.finding(
        f"Every row of `{table.name}` is read and held at once for one `{reach.operation}`: the answer grows with the "
        "table. Bound it with `limit`, or stream it in chunks.",
        operation=reach.operation,
    )


@rule.check
def on_the_wire(listed: ListedEntries) -> Iterator[Finding | Undecided]:
    if listed.many:
        count = f"{listed.entries:,}" if listed.is_whole else f"more than {listed.entries - 1:,}"
        yield Finding(
            f"`{listed.operation}` answers with all there is when nobody says how much: the answer grows with the table. "
            "Bound it with `limit`, or stream it in chunks.",
            operation=listed.operation,
            confidence=Confidence.MEDIUM,
            observations=(listed.exchange.observation(f"one request without a limit got {count} entries"),),
        )
    elif not listed.paged:
        yield Undecided("a list of fewer than 1,000 entries may be all there are")


MAPPED = ("sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.declarative_base()", "sqlmodel.SQLModel")


def _selected(call: Call) -> list[Expression]:
    """What the statement selects, when nothing narrows it."""
    statement = _once_assigned(call.arguments[0]) if call.arguments else None
    for _ in range(STEPS):
        if not isinstance(statement, Call):
            return []
        if statement.name == "sqlalchemy.select":
            return statement.arguments if len(statement.arguments) == 1 else []
        if statement.method not in HARMLESS or statement.receiver is None:
            return []
        statement = _once_assigned(statement.receiver)
    return []


def _once_assigned(expression: Expression) -> Expression | None:
    """The expression, or what the variable holds that is assigned exactly once."""
    if expression.kind != "name":
        return expression
    assigned = [
        s for s in expression.body.statements_of("assign") if any(t.written == expression.text for t in s.targets)
    ]
    return assigned[0].value if len(assigned) == 1 else None


def _takes_all(call: Call) -> bool:
    """Whether `.all()` is called on what it gives, with nothing in between that reads fewer rows."""
    held = call.assigned_to
    within = call.statement.calls if held is None else [c for c in call.body.calls if c.method == "all"]
    return any(c.method == "all" and _leads_to(c, call, held) for c in within)


def _leads_to(outer: Call, call: Call, held: str | None) -> bool:
    current: Expression | None = outer
    while True:
        if current is not None and current.kind == "await":
            current = next((c for c in current.calls), None)
        if current == call or (held is not None and current is not None and current.written == held):
            return True
        if not isinstance(current, Call) or current.method not in HARMLESS:
            return False
        current = current.receiver


@rule.proof(needs=["sqlalchemy"])
def memory_grows_by_the_table(bad: Served) -> None:
    assert bad.get("/openapi.json").status_code == 200
    before = bad.peak_memory
    found = bad.get("/leads", timeout=60).json()
    assert isinstance(found, list)
    assert len(found) == 100_000
    assert bad.peak_memory - before > 20_000_000
