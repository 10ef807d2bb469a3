"""Transaction kept open while another service is asked

The first query of a session opens a transaction and takes a connection from the pool; both stay until commit, rollback
or close. While the handler then waits for another service, PostgreSQL shows the connection as `idle in transaction`: its
locks are held, VACUUM cannot clean up, and a pool of 15 serves 15 slow answers, then nobody.

## Use instead
Ask the other service first, or end the transaction before: `await session.commit()`, and load what is needed from it
into plain values.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ORM_SESSIONS, Call, Function
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/orm/session_transaction.html"],
    examples=[
        Bad(
            """
            import httpx
            from fastapi import Depends, FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            new_session = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/leads"))
            client = httpx.AsyncClient()
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.get("/leads/{lead_id}")
            async def score(lead_id: int, db: AsyncSession = Depends(get_db)) -> str:
                name = await db.scalar(text("select name from leads"))
                answer = await client.get(f"https://scores.example/{name}")  # finding
                return answer.text
            """
        ),
        Good(
            """
            import httpx
            from fastapi import Depends, FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            new_session = async_sessionmaker(create_async_engine("postgresql+asyncpg://localhost/leads"))
            client = httpx.AsyncClient()
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.get("/first/{lead_id}")
            async def first(lead_id: int, db: AsyncSession = Depends(get_db)) -> str:
                answer = await client.get("https://scores.example")
                return await db.scalar(text("select name from leads")) + answer.text

            @app.get("/committed/{lead_id}")
            async def committed(lead_id: int, db: AsyncSession = Depends(get_db)) -> str:
                name = await db.scalar(text("select name from leads"))
                await db.commit()
                answer = await client.get(f"https://scores.example/{name}")
                return answer.text

            @app.get("/short/{lead_id}")
            async def short(lead_id: int) -> str:
                async with new_session() as db:
                    name = await db.scalar(text("select name from leads"))
                answer = await client.get(f"https://scores.example/{name}")
                return answer.text

            @app.get("/either/{lead_id}")
            async def either(lead_id: int, db: AsyncSession = Depends(get_db)) -> str:
                if lead_id:
                    return await db.scalar(text("select name from leads"))
                answer = await client.get("https://scores.example")
                return answer.text
            """
        ),
    ],
    unproven="Only a real PostgreSQL shows the state idle in transaction; the mechanism is SQLAlchemy's documented one.",
)

QUERIES = frozenset({"execute", "scalar", "scalars", "get", "get_one", "stream", "query", "exec"})
ENDS = frozenset({"commit", "rollback", "close", "invalidate"})
OUTSIDE = (
    "httpx.AsyncClient.", "httpx.Client.", "httpx.get", "httpx.post", "requests.", "aiohttp.ClientSession.",
    "openai.AsyncOpenAI.", "openai.OpenAI.", "anthropic.AsyncAnthropic.", "anthropic.Anthropic.", "litellm.acompletion",
    "litellm.completion", "asyncio.sleep", "time.sleep",
)  # fmt: skip
BUILDING = frozenset({"build_request", "aclose", "close"})


@rule.check
def functions(function: Function) -> Iterator[Finding]:
    given = {p.name for p in function.parameters if p.is_dependency and p.is_a(*ORM_SESSIONS)}
    if not given or not any(way.depth == 0 for way in function.ways):
        return
    opened: Call | None = None
    for call in function.calls:
        owner = call.receiver.written if call.receiver is not None else None
        if owner in given and call.method in ENDS:
            opened = None
        elif owner in given and call.method in QUERIES and not _in_a_branch(call):
            opened = call
        elif opened is not None and (call.name or "").startswith(OUTSIDE) and call.method not in BUILDING:
            yield call.finding(
                f"While `{call.callee.text}` waits, the transaction that `{opened.callee.text}` opened stays open and "
                "its connection is taken. Ask the other service first, or commit before."
            )
            return


def _in_a_branch(call: Call) -> bool:
    """Whether it may not run on the way to what follows."""
    return bool(call.conditions) or call.handler is not None
