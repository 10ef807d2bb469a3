"""One query or request for each element of a loop

Every round of the loop waits for the one before. 200 calls of 5 ms take 1.2 s; 1000 lookups by key take 0.25 s and
1000 statements where one `IN` takes 0.01 s and one. The time grows with the data, so it passes every test and fails
with the first large customer.

## Use instead
One statement for all (`where(Model.id.in_(ids))`, `selectinload` for relations, an `executemany`), or, for calls to
other services, a bounded number at once. Never several tasks on one session: it allows one statement at a time.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import SQLALCHEMY_SESSIONS, Call, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html"],
    cwe="CWE-1073",
    examples=[
        Bad(
            """
            import asyncio
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("sqlite+aiosqlite://")
            Session = async_sessionmaker(engine, expire_on_commit=False)
            app = FastAPI()

            @app.post("/prices")
            async def prices(ids: list[int]) -> list[int]:
                found = []
                async with Session() as session:
                    for id in ids:
                        found.append(await session.scalar(text("select :id"), {"id": id}))  # finding
                return found
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.orm import Session

            def get_db() -> Session: ...

            class User: ...

            app = FastAPI()

            @app.get("/users")
            def users(ids: list[int], db: Session = Depends(get_db)):
                return [db.get(User, id) for id in ids]  # finding
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import select
            from sqlalchemy.ext.asyncio import AsyncSession

            async def get_db() -> AsyncSession: ...

            class User: ...

            app = FastAPI()

            @app.get("/users")
            async def users(ids: list[int], db: AsyncSession = Depends(get_db)):
                for attempt in range(3):
                    try:
                        return (await db.execute(select(User).where(User.id.in_(ids)))).scalars().all()
                    except TimeoutError:
                        continue

            @app.get("/kinds")
            async def kinds(db: AsyncSession = Depends(get_db)):
                counts = {}
                for kind in ("new", "old"):
                    counts[kind] = await db.scalar(select(kind))
                return counts

            @app.get("/export")
            async def export(db: AsyncSession = Depends(get_db)):
                async for row in await db.stream(select(User)):
                    db.add(row)
                while True:
                    batch = await db.execute(select(User).limit(500))
                    if not batch:
                        break
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import any_, func, insert, select
            from sqlalchemy.ext.asyncio import AsyncSession

            async def get_db() -> AsyncSession: ...

            class User: ...

            def grouped(rows): ...

            def models(names): ...

            app = FastAPI()

            @app.post("/import")
            async def load(rows: list[dict], db: AsyncSession = Depends(get_db)) -> None:
                for start in range(0, len(rows), 500):
                    await db.execute(select(User), rows[start : start + 500])
                await db.commit()

            @app.post("/groups")
            async def groups(rows: list[dict], db: AsyncSession = Depends(get_db)) -> None:
                for group in grouped(rows):
                    ids = [row["id"] for row in group.rows]
                    await db.execute(select(User).where(User.id == any_(ids)))
                for group in grouped(rows):
                    await db.execute(select(User).where(User.id.in_(group)))
                    await db.execute(insert(User), group)

            @app.post("/count")
            async def count(db: AsyncSession = Depends(get_db)) -> int:
                return sum([await db.scalar(select(func.count())) for kind in ("new", "old")])

            @app.post("/tables")
            async def tables(names: list[str], db: AsyncSession = Depends(get_db)) -> int:
                total = 0
                for model in models(names):
                    total += await db.scalar(select(func.count()).select_from(model))
                return total

            @app.post("/first")
            async def first(keys: list[str], db: AsyncSession = Depends(get_db)) -> User | None:
                for key in keys:
                    if key.startswith("a"):
                        user = await db.get(User, key)
                        if user is None:
                            return None
                        return user
                return None

            @app.post("/failed")
            async def failed(keys: list[str], db: AsyncSession = Depends(get_db)) -> None:
                for key in keys:
                    try:
                        int(key)
                    except ValueError:
                        await db.get(User, key)
            """
        ),
    ],
)

READS = ("execute", "scalar", "scalars", "get", "get_one", "refresh", "exec")
ASYNCPG = [
    f"asyncpg.{owner}.{name}"
    for owner in ("Connection", "Pool")
    for name in ("fetch", "fetchrow", "fetchval", "execute")
]
HTTP = [f"httpx.AsyncClient.{name}" for name in ("get", "post", "put", "patch", "delete", "request")]
FEW = 5
IN_A_REQUEST = ("route", "dependency", "websocket")


@rule.check(of=[*(f"{owner}.{name}" for owner in SQLALCHEMY_SESSIONS for name in READS), *ASYNCPG, *HTTP])
def in_a_loop(call: Call) -> Iterator[Finding]:
    reach = call.function.reach if call.function is not None else None
    if reach is None or reach.context not in IN_A_REQUEST or not _repeats(call):
        return
    found = call.finding(
        f"`{call.callee.text}` runs once for every element of the loop, one after the other: the answer takes as long as "
        "there are elements. Ask for all of them in one statement, or run a bounded number at once."
    )
    # Another service may have no call that takes them all: then only the waiting can be shared.
    yield replace(found, confidence=Confidence.LOW) if call.name in HTTP else found


def _repeats(call: Call) -> bool:
    loops = call.loops
    if not loops:
        return call.repeating is not None and not call.repeating.elements
    loop = loops[0]
    if loop.is_while or loop.is_async or _few(loop) or _retries(loop) or _chunks(loop):
        return False
    # A clause that catches an error runs for the few elements that fail.
    return call.handler is None and not (_once(call, loop) or _many_at_once(call, loop) or _other_tables(loop))


def _once(call: Call, loop: Statement) -> bool:
    """What is followed by a `return` or `break` in its own block runs for the one element that was looked for."""
    blocks = [s.children for s in (loop, *loop.walk())] + [s.orelse for s in loop.walk()]
    for block in blocks:
        holding = next((n for n, s in enumerate(block) if call in s.calls), None)
        if holding is not None and any(s.kind == "return" or s.jumps == "break" for s in block[holding + 1 :]):
            return True
    return False


def _many_at_once(call: Call, loop: Statement) -> bool:
    """A statement for many rows: given a list of parameters, with `IN`, or in a loop over groups of rows."""
    executed = call.method in {"execute", "exec", "scalars", "scalar"}
    if executed and (
        (len(call.arguments) > 1 and not call.arguments[1].items) or any(c.method == "in_" for c in call.calls)
    ):
        return True
    targets = {t.text for t in loop.targets}
    groups = (e.repeating for s in loop.children for e in s.expressions if e.in_comprehension)
    return any((g.written or "").partition(".")[0] in targets for g in groups if g is not None)


def _other_tables(loop: Statement) -> bool:
    """Each round asks another table: `select(model)` where the loop runs over models."""
    targets = {e.text for t in loop.targets for e in t.walk() if e.kind == "name"}
    asked = (
        a for c in loop.calls if c.method in {"select", "select_from", "delete", "update"} for a in c.arguments[:1]
    )
    return any(a.text in targets for a in asked)


def _few(loop: Statement) -> bool:
    constant = loop.value.constant if loop.value is not None else None
    if loop.value is not None and loop.value.elements:
        return True
    return isinstance(constant, list) and len(constant) <= FEW


def _retries(loop: Statement) -> bool:
    """`for attempt in range(n)` that ends on success."""
    over = loop.value
    counted = isinstance(over, Call) and over.name == "range" and len(over.arguments) == 1
    leaves = any(s.kind == "return" or s.jumps == "break" for s in loop.walk())
    return counted and leaves


def _chunks(loop: Statement) -> bool:
    """A loop over slices: `range(0, n, size)`, `batched(...)`, `chunks(...)`."""
    over = loop.value
    if not isinstance(over, Call):
        return False
    stepped = over.name == "range" and len(over.arguments) == 3
    return stepped or any(word in over.callee.text.lower() for word in ("chunk", "batch", "page", "slice"))


@rule.proof(needs=["sqlalchemy", "aiosqlite"])
def the_time_grows_with_the_elements(bad: Served) -> None:
    bad.post("/prices", json=[1])
    few = bad.post("/prices", json=list(range(10))).seconds
    many = bad.post("/prices", json=list(range(2000)), timeout=60).seconds
    assert many > 10 * few
