"""Blocking call on the event loop

An `async def` handler, dependency or middleware runs on the event loop, and so does everything that it calls. While a
call waits without `await`, the worker serves nobody else: measured, one handler that sleeps for 500 ms holds up an
unrelated request for 450 ms, and a helper ten calls away does the same. Handlers declared with plain `def` are not
concerned: FastAPI runs them in a thread.

## Use instead
Await the asynchronous counterpart, hand the call to `run_in_threadpool`, or declare the handler with plain `def`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Blocking, Reach, WaitBeside
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity, Undecided

ELSEWHERE = frozenset({"stream", "background-task", "lifespan", "startup"})
"""Contexts that other rules speak of, or in which no request waits."""

SURE_STEPS = 3

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://fastapi.tiangolo.com/async/",
        "https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",
    ],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/slow")
            async def slow() -> str:
                time.sleep(1)  # finding
                return "done"


            @app.get("/ping")
            async def ping() -> str:
                return "pong"
            """,
            fixed="""
            import asyncio
            import time

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/slow")
            async def slow() -> str:
                await asyncio.sleep(1)
                return "done"


            @app.get("/ping")
            async def ping() -> str:
                return "pong"
            """,
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from reports import totals

                app = FastAPI()


                @app.get("/totals/{year}")
                async def show(year: int) -> list[int]:
                    return await totals(year)


                @app.get("/years")
                async def years() -> list[int]:
                    return [2024, 2025]
                """,
                "reports.py": """
                from ledger import sums


                async def totals(year: int) -> list[int]:
                    return sums(year)
                """,
                "ledger.py": """
                import time


                def sums(year: int) -> list[int]:
                    time.sleep(0.4)  # finding
                    return [year]
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from service import profile

                app = FastAPI()


                @app.get("/users/{user_id}")
                async def user(user_id: int) -> dict:
                    return await profile(user_id)
                """,
                "service.py": """
                from client import fetch


                async def profile(user_id: int) -> dict:
                    return fetch(f"/users/{user_id}")
                """,
                "client.py": """
                import requests

                session = requests.Session()


                def fetch(path: str) -> dict:
                    return session.get("http://users" + path, timeout=2).json()  # finding
                """,
            },
            live=False,
        ),
        Bad(
            """
            import subprocess

            from fastapi import Depends, FastAPI

            app = FastAPI()


            async def revision() -> str:
                return subprocess.check_output(["git", "rev-parse", "HEAD"], text=True)  # finding


            @app.get("/revision")
            def show(found: str = Depends(revision)) -> str:
                return found
            """,
            fixed="""
            import subprocess

            from fastapi import Depends, FastAPI

            app = FastAPI()


            def revision() -> str:
                return subprocess.check_output(["git", "rev-parse", "HEAD"], text=True)


            @app.get("/revision")
            def show(found: str = Depends(revision)) -> str:
                return found
            """,
            live=False,
        ),
        Bad(
            """
            import redis
            from fastapi import FastAPI, Request

            app = FastAPI()
            store = redis.Redis()


            @app.middleware("http")
            async def count(request: Request, call_next):
                store.incr("requests")  # finding
                return await call_next(request)
            """,
            live=False,
        ),
        Bad(
            """
            import bcrypt
            from fastapi import FastAPI

            app = FastAPI()


            class Passwords:
                def matches(self, given: str, known: bytes) -> bool:
                    return bcrypt.checkpw(given.encode(), known)  # finding


            passwords = Passwords()


            @app.post("/login")
            async def login(given: str) -> list[bool]:
                return [passwords.matches(given, known) for known in (b"1", b"2")]
            """,
            live=False,
        ),
        Good(
            """
            import asyncio
            import time
            from concurrent.futures import ThreadPoolExecutor
            from functools import partial

            import anyio
            from fastapi import BackgroundTasks, FastAPI
            from fastapi.concurrency import run_in_threadpool
            from fastapi.responses import StreamingResponse

            app = FastAPI()
            pool = ThreadPoolExecutor()


            def work(seconds: float) -> float:
                time.sleep(seconds)
                return seconds


            def rows():
                for _ in range(3):
                    time.sleep(0.2)
                    yield b"row"


            @app.get("/in-threads")
            async def in_threads() -> list:
                loop = asyncio.get_running_loop()
                return [
                    await run_in_threadpool(work, 0.2),
                    await run_in_threadpool(partial(work, 0.2)),
                    await asyncio.to_thread(work, 0.2),
                    await anyio.to_thread.run_sync(lambda: work(0.3)),
                    await loop.run_in_executor(pool, work, 0.2),
                ]


            @app.get("/plain")
            def plain() -> float:
                return work(0.3)


            @app.get("/later")
            async def later(tasks: BackgroundTasks) -> None:
                tasks.add_task(work, 1)


            @app.get("/stream")
            async def stream() -> StreamingResponse:
                produced = rows()
                return StreamingResponse(produced)
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from redis import asyncio as redis

            import httpx

            app = FastAPI()
            store = redis.Redis()


            @app.get("/")
            async def root() -> dict:
                async with httpx.AsyncClient() as client:
                    found = await client.get("http://users")
                settings = {"get": found.json()}
                await store.set("last", settings.get("get"))
                return settings
            """,
            live=False,
        ),
        Good(
            """
            import time
            from contextlib import asynccontextmanager

            from fastapi import FastAPI


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                time.sleep(0.1)
                yield


            app = FastAPI(lifespan=lifespan)


            def never_called() -> None:
                time.sleep(1)


            @app.get("/")
            async def root() -> None:
                return None
            """
        ),
        Good(
            """
            import hashlib
            import subprocess
            from functools import lru_cache

            from fastapi import FastAPI

            app = FastAPI()


            cached = None


            def version() -> str:
                global cached
                if cached is None:
                    cached = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True)
                return cached


            def kept(size: int):
                def decorate(function):
                    return lru_cache(maxsize=size)(function)

                return decorate


            @kept(1)
            def host() -> str:
                return subprocess.check_output(["hostname"], text=True)


            @app.get("/version")
            async def show() -> str:
                return version() + host()


            @app.post("/keys")
            async def derived(name: str) -> str:
                return hashlib.pbkdf2_hmac("sha256", name.encode(), b"wallet", 2048, 32).hex()
            """
        ),
    ],
)


@rule.check
def blocking_calls(reach: Reach) -> Iterator[Finding]:
    if reach.context in ELSEWHERE or reach is not first_of(reach):
        return
    found = reach.blocking
    for blocking in found:
        severity = {"file": Severity.LOW, "bulk": Severity.MEDIUM}.get(blocking.wait.kind)
        more = f" (and {len(blocking.further)} more here)" if blocking.further else ""
        finding = blocking.call.finding(
            f"`{written(blocking)}` blocks the event loop{more}: {reach.arrow(written(blocking))}; every other request "
            f"of the worker waits. {blocking.wait.instead[0].upper()}{blocking.wait.instead[1:]}.",
            fix=slept(blocking, reach) or threaded(reach),
            severity=severity,
            trace=reach.trace(blocking.call),
            operation=reach.operation,
        )
        # Each step is resolved by itself; over many of them one may be a branch that this way never takes.
        # And whether a small file is worth a thread is a matter of opinion.
        sure = reach.depth <= SURE_STEPS and blocking.wait.kind != "file"
        yield finding if sure else replace(finding, confidence=Confidence.MEDIUM)


def first_of(reach: Reach) -> Reach | None:
    """The way that is told of a function that several contexts reach."""
    return next((w for w in reach.function.ways if w.on_loop and w.context not in ELSEWHERE), None)


def written(blocking: Blocking) -> str:
    return blocking.call.callee.written or blocking.name


def slept(blocking: Blocking, reach: Reach) -> Fix | None:
    """`await asyncio.sleep`, where the function can await."""
    call = blocking.call
    if blocking.name != "time.sleep" or not reach.function.is_async or call.in_comprehension:
        return None
    imported = reach.function.module.import_edit("import asyncio")
    edits = [call.callee.replace("await asyncio.sleep")]
    return Fix("Sleep without blocking", tuple(edits + ([imported] if imported else [])), safe=True)


def threaded(reach: Reach) -> Fix | None:
    """Plain `def`, where nothing in a handler needs the event loop and nobody else awaits it."""
    function = reach.function
    if reach.before is not None or reach.context not in {"route", "dependency"} or function.cls is not None:
        return None
    if (
        function.awaits
        or function.callers
        or any((c.name or "").startswith(("asyncio.", "anyio.")) for c in function.calls)
    ):
        return None
    edit = function.without_async()
    return None if edit is None else Fix("Run the handler in a thread", (edit,))


@rule.check
def on_the_wire(wait: WaitBeside) -> Iterator[Finding | Undecided]:
    if wait.holds_up and not wait.streams:
        where = f" in {wait.steps[-1].message}" if wait.steps else ""
        yield Finding(
            f"This operation blocks the event loop{where}: every other request of the worker waits until it is through. "
            "Await the asynchronous counterpart, or let a thread do it.",
            location=wait.place,
            operation=wait.operation,
            trace=wait.steps[:-1],
            observations=(wait.rounds[0].slow.observation(wait.told),),
        )
    elif not wait.is_told:
        yield Undecided("beside it a request got no answer")


@rule.proof
def other_requests_wait(bad: Served) -> None:
    """A request that needs no time at all waits for the one that sleeps."""
    _, *pings = bad.together(("GET", "/slow"), *[("GET", "/ping")] * 4)
    longest = max(ping.seconds for ping in pings)
    assert longest > 0.5, f"the other requests waited {longest:.2f} s"
