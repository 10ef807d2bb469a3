"""Coroutine that nobody awaits

Calling an `async def` function only makes a coroutine. Without `await` its body never runs: no error reaches the
caller, only a `RuntimeWarning` in the log when the object is collected.

## Use instead
`await` it, or hand it to `asyncio.TaskGroup` or `asyncio.create_task` and keep the task.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

COROUTINES = {
    "asyncio.sleep": "",
    "sqlalchemy.ext.asyncio.AsyncSession": "commit execute flush refresh rollback delete close scalar scalars merge get",
    "sqlalchemy.ext.asyncio.AsyncEngine": "dispose",
    "httpx.AsyncClient": "get post put patch delete head options request send aclose",
    "redis.asyncio.Redis": "get set setex delete incr expire publish hset hget lpush rpush sadd aclose ping",
    "asyncpg.Connection": "execute executemany fetch fetchrow fetchval close",
    "asyncpg.Pool": "execute executemany fetch fetchrow fetchval close",
    "fastapi.WebSocket": "accept close send_text send_json send_bytes",
    "fastapi.UploadFile": "write seek close",
    "asyncio.Queue": "put join",
}
NAMES = frozenset(
    f"{owner}.{method}" if method else owner
    for owner, methods in COROUTINES.items()
    for method in (methods.split() or [""])
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from store import Store

                app = FastAPI()
                store = Store()


                @app.post("/leads")
                async def create(name: str) -> None:
                    store.save(name)  # finding


                @app.get("/leads")
                async def leads() -> list[str]:
                    return store.names
                """,
                "store.py": """
                class Store:
                    def __init__(self) -> None:
                        self.names: list[str] = []

                    async def save(self, name: str) -> None:
                        self.names.append(name)
                """,
            },
            fixed={
                "main.py": """
                from fastapi import FastAPI

                from store import Store

                app = FastAPI()
                store = Store()


                @app.post("/leads")
                async def create(name: str) -> None:
                    await store.save(name)


                @app.get("/leads")
                async def leads() -> list[str]:
                    return store.names
                """,
            },
        ),
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/")
            async def root() -> None:
                asyncio.sleep(1)  # finding
            """,
            fixed="""
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/")
            async def root() -> None:
                await asyncio.sleep(1)
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            async def notify() -> None:
                print("done")


            @app.get("/")
            def root() -> None:
                notify()  # finding
            """
        ),
        Good(
            """
            import asyncio
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            from elsewhere import in_background

            app = FastAPI()
            tasks = set()


            async def notify() -> None:
                await asyncio.sleep(0)


            @in_background
            async def record() -> None:
                await notify()


            async def rows():
                yield 1


            def plain() -> None:
                return None


            @app.get("/")
            async def root() -> None:
                if False and tasks:
                    notify()
                await notify()
                record()
                plain()
                tasks.add(asyncio.create_task(notify()))
                later = notify()
                await asyncio.gather(notify(), later)
                [await notify() for _ in range(2)]
                async for _ in rows():
                    pass
                async with asyncio.TaskGroup() as group:
                    group.create_task(notify())
                return await notify()
            """
        ),
    ],
)


@rule.check
def never_run(function: Function) -> Iterator[Finding]:
    for call in function.calls:
        if not call.discarded or call.awaited or not makes_coroutine(call) or is_dead(call):
            continue
        fix = None
        if function.is_async and not call.in_comprehension:
            fix = Fix("Await it", (call.insert_before("await "),), safe=True)
        how = "await it" if function.is_async else f"`{function.name}` is no `async def` and cannot await it"
        yield call.finding(
            f"`{call.callee.text}(…)` makes a coroutine that nobody awaits, so its body never runs; {how}.",
            fix=fix,
            operation=function.reach.operation if function.reach else None,
        )


def is_dead(call: Call) -> bool:
    """Whether it stands under a condition that is never true: `if False and …`."""
    parts = [part for test in call.conditions for part in (test, *(test.operands if test.operator == "and" else ()))]
    return any(part.constant is False and not part.is_default for part in parts)


def makes_coroutine(call: Call) -> bool:
    target = call.target
    if target is not None:
        return (
            target.is_async and not target.is_generator and not target.decorators and call.callee.defined_class is None
        )
    return call.name in NAMES


@rule.proof
def the_body_never_runs(bad: Served) -> None:
    """The request succeeds and nothing is stored."""
    assert bad.post("/leads?name=ada").status_code == 200
    assert bad.get("/leads").json() == []
