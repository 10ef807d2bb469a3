"""Answer without a response model

Without `response_model` or a return annotation FastAPI sends everything that the returned object holds. For a row of
the database that is every column: measured, a handler that returns a `User` answers with its `password_hash`. The
OpenAPI document has no schema of the answer, so generated clients have no type for it.

## Use instead
A model of what may leave: `-> UserOut` or `response_model=UserOut`; FastAPI then filters the rest out.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Class, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

SECRET = re.compile(r"passw|secret|token|api_?key|hash|salt|otp|ssn|credential|private", re.IGNORECASE)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-200",
    references=["https://fastapi.tiangolo.com/tutorial/response-model/#response-model-priority"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
            from sqlalchemy.pool import StaticPool


            class Base(DeclarativeBase):
                pass


            class User(Base):
                __tablename__ = "users"
                id: Mapped[int] = mapped_column(primary_key=True)
                email: Mapped[str]
                password_hash: Mapped[str]


            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            Base.metadata.create_all(engine)
            with Session(engine) as first:
                first.add(User(id=1, email="ada@example.org", password_hash="the-hash"))
                first.commit()

            app = FastAPI()


            @app.get("/users/{user_id}")
            def user(user_id: int):
                with Session(engine) as session:
                    return session.get(User, user_id)  # finding
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import Depends, FastAPI
                from sqlalchemy import select
                from sqlalchemy.ext.asyncio import AsyncSession

                from tables import Lead, get_session

                app = FastAPI()


                @app.get("/leads")
                async def leads(session: AsyncSession = Depends(get_session)):
                    found = await session.scalars(select(Lead).where(Lead.id > 1))
                    rows = found.all()
                    return rows  # finding
                """,
                "tables.py": """
                from sqlalchemy import Column, Integer
                from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
                from sqlalchemy.orm import declarative_base

                Base = declarative_base()
                engine = create_async_engine("postgresql+asyncpg://db/leads")
                Session = async_sessionmaker(engine)


                class Lead(Base):
                    __tablename__ = "leads"
                    id = Column(Integer, primary_key=True)


                async def get_session():
                    async with Session() as session:
                        yield session
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel
            from sqlalchemy import create_engine, select
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


            class Base(DeclarativeBase):
                pass


            class User(Base):
                __tablename__ = "users"
                id: Mapped[int] = mapped_column(primary_key=True)
                password_hash: Mapped[str]


            class UserOut(BaseModel):
                id: int


            engine = create_engine("sqlite://")
            app = FastAPI()


            @app.get("/users/{user_id}", response_model=UserOut)
            def user(user_id: int):
                with Session(engine) as session:
                    return session.get(User, user_id)


            @app.get("/users")
            def users() -> list[UserOut]:
                with Session(engine) as session:
                    return session.scalars(select(User)).all()


            @app.get("/ids/{user_id}")
            def ids(user_id: int):
                with Session(engine) as session:
                    return {"id": session.get(User, user_id).id}


            @app.get("/model/{user_id}")
            def model(user_id: int):
                with Session(engine) as session:
                    return UserOut(id=session.get(User, user_id).id)


            @app.get("/raw")
            def raw():
                return JSONResponse({"id": 1})
            """
        ),
    ],
)


@rule.check
def rows(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http" or route.response_model is not None or route.argument("response_model"):
        return
    for returned in function.returned_expressions:
        cls = returned.entity
        if cls is None:
            continue
        secret = secret_of(cls)
        what = f", `{secret}` included" if secret else ""
        yield returned.finding(
            f"`{route.operation}` sends every column of `{cls.name}`{what}, because nothing says what its answer may hold. "
            "Declare a response model.",
            severity=Severity.HIGH if secret else None,
            operation=route.operation,
        )
        return


def secret_of(cls: Class) -> str | None:
    names = [t.text for s in cls.statements for t in s.targets]
    return next((n for n in names if SECRET.search(n) and not n.startswith("__")), None)


@rule.proof
def the_hash_leaves(bad: Served) -> None:
    """The answer holds the password hash."""
    assert bad.get("/users/1").json() == {"id": 1, "email": "ada@example.org", "password_hash": "the-hash"}
