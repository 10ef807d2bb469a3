"""Changes that are never committed

A handler adds or deletes through its session, and neither the handler, nor what it calls, nor the dependency that
gives the session commits. Closing a session rolls back: the client gets its 200, and the row was never there.

## Use instead
`db.commit()` (`await` it on an `AsyncSession`) at the end of the handler, or `with session.begin():` around the changes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ORM_SESSIONS, Call, Function, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/orm/session_basics.html#committing"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
            from sqlalchemy.pool import StaticPool

            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            new_session = sessionmaker(engine)

            class Base(DeclarativeBase):
                pass

            class Lead(Base):
                __tablename__ = "leads"
                id: Mapped[int] = mapped_column(primary_key=True)

            Base.metadata.create_all(engine)
            app = FastAPI()

            def get_db():
                with new_session() as session:
                    yield session

            @app.post("/leads")
            def create(db: Session = Depends(get_db)) -> int:
                lead = Lead()
                db.add(lead)  # finding
                db.flush()
                return lead.id

            @app.get("/leads")
            def count(db: Session = Depends(get_db)) -> int:
                return db.query(Lead).count()
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import Session, sessionmaker

            from elsewhere import audit, foreign_session
            from tables import Lead

            new_session = sessionmaker(create_engine("sqlite://"))
            autocommitting = sessionmaker(create_engine("sqlite://"))
            app = FastAPI()

            def get_db():
                with new_session() as session:
                    yield session

            def get_transaction():
                with new_session.begin() as session:
                    yield session

            def save(db: Session, lead: Lead) -> None:
                db.add(lead)
                finish(db)

            def finish(db: Session) -> None:
                db.commit()

            @app.post("/a")
            def a(db: Session = Depends(get_db)) -> None:
                db.add(Lead())
                db.commit()

            @app.post("/b")
            def b(db: Session = Depends(get_transaction)) -> None:
                db.add(Lead())

            @app.post("/c")
            def c(db: Session = Depends(get_db)) -> None:
                db.add(Lead())
                save(db, Lead())

            @app.post("/d")
            def d(db: Session = Depends(get_db)) -> None:
                with db.begin():
                    db.add(Lead())

            def get_foreign():
                with foreign_session() as session:
                    yield session

            @app.post("/f")
            def f(db: Session = Depends(get_foreign)) -> None:
                db.add(Lead())

            @app.post("/g")
            def g(db: Session = Depends(get_db)) -> None:
                db.add(Lead())
                audit(db)

            @app.post("/e")
            def e(db: Session = Depends(get_db)) -> None:
                seen = set()
                seen.add(1)
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import Session, sessionmaker

            from tables import Lead

            new_session = sessionmaker(create_engine("sqlite://"))
            app = FastAPI()

            def get_db():
                with new_session() as session:
                    yield session

            def normalised(name: str) -> str:
                return name.strip().title()

            @app.post("/leads")
            def create(name: str, company: str, db: Session = Depends(get_db)) -> None:
                db.add(Lead(name=normalised(name), company=normalised(company)))  # finding
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Request
            from sqlalchemy import create_engine
            from sqlalchemy.orm import Session, sessionmaker

            from tables import Lead

            new_session = sessionmaker(create_engine("sqlite://"))
            app = FastAPI()

            @app.middleware("http")
            async def keep(request: Request, call_next):
                with new_session() as request.state.db:
                    response = await call_next(request)
                    request.state.db.commit()
                return response

            def get_db(request: Request) -> Session:
                return request.state.db or new_session()

            @app.post("/leads")
            def create(name: str, db: Session = Depends(get_db)) -> None:
                db.add(Lead(name=name))
            """
        ),
    ],
)

MAKERS = frozenset(
    {"sqlalchemy.orm.sessionmaker", "sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.orm.scoped_session",
     *ORM_SESSIONS}
)  # fmt: skip
CHANGING = frozenset({"add", "add_all", "delete", "merge"})
SAVING = ("commit", "begin", "transaction", "atomic", "save", "unit_of_work", "uow")
DEEPEST = 4


@rule.check
def routes(route: Route) -> Iterator[Finding]:
    function = route.function
    change = _change(function) if function is not None else None
    if function is None or change is None or change.receiver is None:
        return
    if not _is_known(route, change.receiver.written or "") or _is_handed_on(function, change.receiver.written or ""):
        return
    involved = [function, *(d.function for d in route.dependencies if d.function is not None)]
    if _commits(involved):
        return
    if route.app.middleware and _commits([f for m in route.app.middleware for f in m.functions]):
        return
    yield change.finding(
        f"`{change.callee.text}` in `{route.operation}` is never committed, neither here nor in the dependency: the row "
        "is rolled back when the session closes. Commit it.",
        operation=route.operation,
    )


def _change(function: Function) -> Call | None:
    """The first change through a session that the handler was given."""
    given = {p.name for p in function.parameters if p.is_dependency and p.is_a(*ORM_SESSIONS)}
    return next(
        (c for c in function.calls if c.method in CHANGING and c.receiver is not None and c.receiver.written in given),
        None,
    )


def _is_known(route: Route, session: str) -> bool:
    """Whether the program itself makes the session, so that nothing unknown commits it."""
    provider = next((d.function for d in route.direct_dependencies if d.parameter == session), None)
    return provider is not None and any(c.name in MAKERS for c in provider.calls)


def _is_handed_on(function: Function, session: str) -> bool:
    """Whether code that is not known gets the session, and may commit it."""
    return any(c.target is None and session in {a.written for a in (*c.arguments, *c.keywords.values())}
               for c in function.calls)  # fmt: skip


def _commits(functions: list[Function]) -> bool:
    """Whether one of these, or what they call, may commit; calls that are not known may."""
    seen: set[int] = set()
    pending = [(f, 0) for f in functions]
    while pending:
        function, depth = pending.pop()
        if id(function.node) in seen:
            continue
        seen.add(id(function.node))
        for call in function.calls:
            if any(word in call.method.lower() for word in SAVING):
                return True
            if call.target is not None and depth < DEEPEST:
                pending.append((call.target, depth + 1))
    return False


@rule.proof(needs=("sqlalchemy",))
def the_row_is_gone(bad: Served) -> None:
    assert bad.post("/leads").json() == 1
    assert bad.get("/leads").json() == 0
