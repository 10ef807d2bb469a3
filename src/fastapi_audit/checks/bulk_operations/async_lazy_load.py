"""Relationship loaded lazily under an async session

Reading a relationship that was not loaded makes SQLAlchemy send a query in the middle of plain attribute access. Under
an `AsyncSession` it cannot wait there and raises `MissingGreenlet`: the request is a 500. With rows that happen to be
in the session already it works, so a test with one row passes.

## Use instead
Load it with the row: `select(Lead).options(selectinload(Lead.company))`, `lazy="selectin"` on the relationship, or
`await lead.awaitable_attrs.company`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, Class, Expression, Function
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession"
    ],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from sqlalchemy import ForeignKey, select
            from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

            class Base(DeclarativeBase): ...

            class Company(Base):
                __tablename__ = "companies"
                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[str]

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)
                company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
                company: Mapped[Company] = relationship()

            engine = create_async_engine("sqlite+aiosqlite:///leads.db")

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with engine.begin() as connection:
                    await connection.run_sync(Base.metadata.create_all)
                async with AsyncSession(engine) as session:
                    session.add(Lead(id=1, company=Company(id=1, name="ACME")))
                    await session.commit()
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/lead")
            async def lead() -> str:
                async with AsyncSession(engine) as session:
                    found = (await session.execute(select(Lead))).scalars().first()
                    return found.company.name  # finding
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import ForeignKey, select
            from sqlalchemy.ext.asyncio import AsyncSession
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

            class Base(DeclarativeBase): ...

            class Company(Base):
                __tablename__ = "companies"
                id: Mapped[int] = mapped_column(primary_key=True)

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)
                company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
                company: Mapped[Company] = relationship()
                owner: Mapped[Company] = relationship(lazy="selectin")

            async def get_db() -> AsyncSession: ...
            def get_session() -> Session: ...

            app = FastAPI()

            @app.get("/loaded")
            async def loaded(db: AsyncSession = Depends(get_db)):
                found = (await db.execute(select(Lead).options(selectinload(Lead.company)))).scalars().first()
                return found.company

            async def by_id(db: AsyncSession, number: int) -> Lead:
                found = await db.execute(select(Lead).where(Lead.id == number).options(selectinload(Lead.company)))
                return found.unique().scalar_one()

            async def checked(lead: Lead) -> Lead: ...

            @app.get("/helped")
            async def helped(number: int, db: AsyncSession = Depends(get_db)):
                found = await by_id(db, number)
                return found.company

            @app.get("/passed")
            async def passed(lead: Lead = Depends(by_id)):
                if lead.company is None:
                    return None
                lead = await checked(lead)
                return lead.id

            @app.get("/owner")
            async def owner(db: AsyncSession = Depends(get_db)):
                found = (await db.execute(select(Lead))).scalars().first()
                return found.owner, found.company_id

            @app.get("/awaited")
            async def awaited(db: AsyncSession = Depends(get_db)):
                found = (await db.execute(select(Lead))).scalars().first()
                return await found.awaitable_attrs.company

            @app.get("/made")
            async def made(db: AsyncSession = Depends(get_db)):
                lead = Lead(company=Company())
                return lead.company

            @app.get("/criteria")
            async def criteria(db: AsyncSession = Depends(get_db)):
                found = (await db.execute(select(Lead).where(Lead.company.has()))).scalars().first()
                return found.id

            @app.get("/sync")
            def sync(db: Session = Depends(get_session)):
                return db.scalars(select(Lead)).first().company
            """
        ),
    ],
)

RELATIONSHIPS = ("sqlalchemy.orm.relationship", "sqlmodel.Relationship")
TOLD = frozenset({"lazy", "sa_relationship_kwargs", "sa_relationship", "viewonly"})
LOADED = re.compile(
    r"selectinload|joinedload|subqueryload|contains_eager|immediateload|awaitable_attrs|run_sync|refresh|lazyload"
)
"""What loads a relationship in time; where it is spoken of, the reader knew."""


@rule.check
def read_before_it_is_loaded(function: Function) -> Iterator[Finding]:
    if not function.is_async or function.in_request is None or LOADED.search(function.text):
        return
    for expression in function.expressions_of("attribute"):
        lazy = _lazy_relationship(expression, function)
        if lazy is not None:
            yield expression.finding(
                f"`{expression.text}` was not loaded with its `{lazy.name}`, and an async session cannot load it here: "
                "`MissingGreenlet`, a 500. Load it in the query with `selectinload`.",
            )
            return


def _lazy_relationship(expression: Expression, function: Function) -> Class | None:
    """The class of a row from a query, when the attribute of it is a relationship that nothing loads."""
    row = expression.owner
    if (
        row is None
        or row.kind != "name"
        or function.parameter(row.text) is not None  # its caller knows how it was loaded
        or (table := row.entity) is None
        or (expression.name is not None and row.type_name is None)
    ):
        return None
    assigned = [s.value for s in row.body.assignments_to(row.text)]
    if len(assigned) != 1 or assigned[0] is None or not any(c.awaited for c in assigned[0].calls):
        return None
    if any(c.target is not None and c.target.speaks_of(LOADED) for c in assigned[0].calls):
        return None
    field = next((f for f in table.all_fields if f.name == expression.text.rpartition(".")[2]), None)
    default = field.default if field is not None else None
    if not isinstance(default, Call) or default.name not in RELATIONSHIPS or default.spreads:
        return None
    return table if TOLD.isdisjoint(default.keywords) else None


@rule.proof(needs=["sqlalchemy", "aiosqlite"])
def the_request_is_a_500(bad: Served) -> None:
    assert bad.get("/lead").status_code == 500
    bad.stop()
    assert "MissingGreenlet" in bad.log
