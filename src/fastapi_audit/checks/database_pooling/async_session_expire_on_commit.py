"""AsyncSession that expires its objects on commit

After `commit()` a session forgets the values of its objects and loads them again at the next access. An `AsyncSession`
cannot load there: reading an attribute, as FastAPI does to build the response, raises `MissingGreenlet`, a 500 after
the data was saved.

## Use instead
`async_sessionmaker(engine, expire_on_commit=False)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession"
    ],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
            from sqlalchemy.pool import StaticPool

            engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
            new_session = async_sessionmaker(engine)  # finding

            class Base(DeclarativeBase):
                pass

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[str]

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with engine.begin() as connection:
                    await connection.run_sync(Base.metadata.create_all)
                yield

            app = FastAPI(lifespan=lifespan)

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                return lead.name
            """,
            fixed="""
            from contextlib import asynccontextmanager

            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
            from sqlalchemy.pool import StaticPool

            engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
            new_session = async_sessionmaker(engine, expire_on_commit=False)

            class Base(DeclarativeBase):
                pass

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[str]

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with engine.begin() as connection:
                    await connection.run_sync(Base.metadata.create_all)
                yield

            app = FastAPI(lifespan=lifespan)

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                return lead.name
            """,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            from tables import Lead

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = async_sessionmaker(engine, expire_on_commit=False)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                return lead.name
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            from tables import Lead

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = async_sessionmaker(engine)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                await db.refresh(lead)
                return lead.name

            @app.post("/people")
            async def other(name: str, db: AsyncSession = Depends(get_db)) -> str:
                db.add(Lead(name=name))
                await db.commit()
                return name
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
            from sqlalchemy.orm import sessionmaker

            from tables import Lead

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = sessionmaker(engine, class_=AsyncSession)  # finding
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                return lead.name
            """,
            fixed="""
            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
            from sqlalchemy.orm import sessionmaker

            from tables import Lead

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.post("/leads")
            async def create(name: str, db: AsyncSession = Depends(get_db)) -> str:
                lead = Lead(name=name)
                db.add(lead)
                await db.commit()
                return lead.name
            """,
        ),
    ],
)

ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"


@rule.check(of=["sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.orm.sessionmaker"])
def makers(call: Call, project: Project) -> Iterator[Finding]:
    if call.name == "sqlalchemy.orm.sessionmaker":
        cls = call.argument("class_", 1)
        if cls is None or cls.name != ASYNC_SESSION:
            return
    if call.argument("expire_on_commit") is not None or call.has_unknown_arguments:
        return
    read = next((f for f in project.source.functions if f.in_request and _reads_after_commit(f)), None)
    if read is None:
        return
    yield call.finding(
        f"`{read.name}` in {read.file.path} reads an object after `commit()`, which raises MissingGreenlet on this "
        "AsyncSession. Pass `expire_on_commit=False`.",
        fix=Fix("Keep the values after a commit", (call.keyword_edit("expire_on_commit", "False"),), safe=True),
    )


def _reads_after_commit(function: Function) -> bool:
    """Whether an object that was added is read after the commit without having been refreshed."""
    commits = [c for c in function.calls if c.name == f"{ASYNC_SESSION}.commit" and not c.conditions]
    if not commits:
        return False
    added = {
        a.written for c in function.calls if c.name == f"{ASYNC_SESSION}.add" for a in c.arguments if a.kind == "name"
    }
    for call in function.calls:
        if call.name == f"{ASYNC_SESSION}.refresh":
            added -= {a.written for a in call.arguments}
    after = [e for e in function.expressions if e.location > commits[-1].location and e.kind == "attribute"]
    return any((e.written or "").rpartition(".")[0] in added for e in after)


@rule.proof(needs=("sqlalchemy", "aiosqlite"))
def the_request_fails_after_saving(bad: Served) -> None:
    assert bad.post("/leads?name=ada").status_code == 500
    bad.stop()
    assert "MissingGreenlet" in bad.log
