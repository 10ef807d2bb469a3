"""State of the process is changed by requests

A module variable, an attribute of a class or `app.state` belongs to one process. With two workers there are two of it:
forty increments counted as 15 and 25. What several requests change across an `await` is lost (50 increments came out
as 1), what is kept per user leaks to the next one, everything is gone at the next deploy, and what only grows fills
the memory.

## Use instead
Keep what requests share in the database or in Redis, and what one request needs in a local variable, `request.state`
or a dependency. A cache that is meant to be per process needs a bound: `cachetools.TTLCache` or `functools.lru_cache`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import UNKNOWN, Change, Class, Project, Statement, Variable, class_changes
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/deployment/concepts/#memory-per-process"],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()
            visits = 0

            @app.get("/visit")
            async def visit() -> int:
                global visits
                seen = visits
                await asyncio.sleep(0.2)
                visits = seen + 1  # finding
                return visits
            """
        ),
        Bad(
            {
                "state.py": """
                carts = {}
                """,
                "main.py": """
                from fastapi import APIRouter, Depends, FastAPI, Request

                from state import carts

                router = APIRouter()

                def current_cart(user: str) -> list[str]:
                    return carts.setdefault(user, [])  # finding

                @router.post("/cart")
                def add(item: str, cart: list[str] = Depends(current_cart)) -> int:
                    cart.append(item)
                    return len(cart)

                class Recorder:
                    seen = []

                    def __call__(self, path: str) -> int:
                        self.seen.append(path)  # finding
                        return len(self.seen)

                @router.get("/seen")
                def seen(request: Request, count: int = Depends(Recorder())) -> int:
                    request.app.state.last_seen = count  # finding
                    return count

                app = FastAPI()
                app.include_router(router)
                """,
            }
        ),
        Good(
            """
            import asyncio
            from contextlib import asynccontextmanager
            from contextvars import ContextVar

            from fastapi import FastAPI, Request

            PRICES = {"tea": 3}
            handlers = {}
            current_user: ContextVar[str] = ContextVar("current_user")
            _tasks: set[asyncio.Task[None]] = set()
            _client = None

            def register(name: str):
                def remember(function):
                    handlers[name] = function
                    return function
                return remember

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                app.state.prices = dict(PRICES)
                yield

            app = FastAPI(lifespan=lifespan)

            def client() -> object:
                global _client
                if _client is None:
                    _client = object()
                return _client

            @register("tea")
            async def brew() -> None:
                await asyncio.sleep(1)

            @app.get("/tea")
            async def tea(request: Request) -> int:
                current_user.set("ada")
                request.state.user = "ada"
                task = asyncio.create_task(brew())
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
                found = []
                found.append(PRICES["tea"])
                client()
                return found[0]
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, WebSocket
            from pydantic import BaseModel
            from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

            class Basket(BaseModel):
                items: list[str] = []

                def add(self, item: str) -> None:
                    self.items.append(item)

            class Rooms:
                members: dict[str, list[str]] = {}

                def __init__(self) -> None:
                    self.members = {}

                def join(self, name: str) -> None:
                    self.members[name] = []

            connections: set[WebSocket] = set()
            engines: dict[str, AsyncEngine] = {}
            app = FastAPI()

            def engine_of(url: str) -> AsyncEngine:
                engines[url] = create_async_engine(url)
                return engines[url]

            @app.get("/tables")
            async def tables(engine: AsyncEngine = Depends(engine_of)) -> str:
                return engine.name

            @app.websocket("/ws")
            async def feed(socket: WebSocket) -> None:
                await socket.accept()
                connections.add(socket)

            @app.post("/basket")
            def basket(basket: Basket) -> Basket:
                basket.add("tea")
                Rooms().join("tea")
                return basket
            """
        ),
        Bad(
            {
                "limits.py": """
                current = 10
                """,
                "main.py": """
                import limits
                from fastapi import FastAPI, Request

                app = FastAPI()
                codes = {}
                prices = {}

                class Votes:
                    given = []

                    def __init__(self) -> None:
                        self.given.append("nobody")

                    def add(self, name: str) -> int:
                        self.given.append(name)  # finding
                        return len(self.given)

                    def add_twice(self, name: str) -> None:
                        self.given.append(name)
                        self.given.append(name)

                started = Votes()

                @app.post("/votes")
                def vote(name: str) -> int:
                    started.add_twice(name)
                    return started.add(name)

                @app.put("/limit")
                def set_limit(new: int) -> int:
                    limits.current = new  # finding
                    return new

                @app.post("/codes")
                def use_code(email: str, code: str) -> bool:
                    codes[email] = code  # finding
                    return codes.pop(email) == code

                @app.get("/price")
                def price(name: str) -> int:
                    if name not in prices:
                        prices[name] = len(name)  # finding
                    return prices[name]

                @app.delete("/prices")
                def forget(request: Request) -> None:
                    prices.clear()
                    request.app.state.forgotten = True  # finding
                    request.app.state.forgotten = 1
                """,
            }
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, Request, WebSocket

            players = {}
            app = FastAPI()

            class Exports:
                running = {}

                def start(self, name: str) -> None:
                    self.running[name] = asyncio.create_task(asyncio.sleep(1))

            @app.post("/exports")
            async def export(name: str, request: Request) -> str:
                Exports().start(name)
                if not hasattr(request.app.state, "model"):
                    request.app.state.model = object()
                return name

            @app.websocket("/game")
            async def game(socket: WebSocket, name: str) -> None:
                await socket.accept()
                players[name] = socket

            @app.delete("/game")
            def leave(name: str) -> None:
                players.pop(name, None)
            """
        ),
    ],
)

# Such things live in one process by their nature; what else is wrong with them is told by other rules.
BOUND_TO_PROCESS = re.compile(
    r"WebSocket|Task\b|Lock|Event\b|Queue|Future|Process|Thread|Semaphore|Condition|Socket|weakref|Weak\w+Dictionary"
    r"|lru_cache|TTLCache|LRUCache|ContextVar|Logger|Counter\(\"|Gauge|Histogram"
    r"|Engine\b|AsyncClient\b|ConnectionPool|connection_pools?\b"
)


STATISTICS = re.compile(r"_\w*(?:cache|count|stats|total|seen|warned|logged|last)\w*$|\w*_cache$", re.IGNORECASE)
"""Private names of what a process remembers about itself, or keeps to be faster."""

NEAR = 1
"""Further calls away from a handler than this, what changes is more often meant to be the process's own."""

ADDING = frozenset({"item", "append", "add", "setdefault", "update", "extend", "insert", "appendleft"})
REMOVING = frozenset({"deleted", "pop", "remove", "discard", "popitem", "clear"})


@rule.check
def variables(variable: Variable, project: Project) -> Iterator[Finding]:
    if BOUND_TO_PROCESS.search(variable.words) or not (variable.is_collection or _is_rebound(variable)):
        return
    changes = [c for c in variable.changes if c.function.in_request is not None]
    if not changes or any(_keeps_what_runs(c) for c in variable.changes):
        return
    changes = [c for c in changes if not _fills_once(c, variable.name)]
    if not changes:
        return
    kept = next((c for c in changes if _keeps_for_later(c, variable)), None)
    found = _finding(kept or changes[0], f"`{variable.name}` of `{variable.module.name}`", project)
    cached = all(_is_cache(c, variable.name) for c in changes) or STATISTICS.match(variable.name) is not None
    if cached:
        yield replace(found, severity=Severity.LOW, confidence=Confidence.LOW)
    else:
        yield found if kept is not None else replace(found, confidence=Confidence.LOW)


@rule.check
def class_attributes(cls: Class, project: Project) -> Iterator[Finding]:
    if not cls.is_whole or cls.descends_from("pydantic.BaseModel") or BOUND_TO_PROCESS.search(cls.name):
        return
    seen = set()
    for name, definition, change in class_changes(cls):
        if name in seen or change.function.in_request is None or BOUND_TO_PROCESS.search(definition.text):
            continue
        if not _keeps_what_runs(change) and not _fills_once(change, name):
            seen.add(name)
            yield _finding(change, f"`{cls.name}.{name}`, which all instances share,", project)


@rule.check
def application_state(project: Project) -> Iterator[Finding]:
    seen = set()
    for function in project.source.functions:
        if function.in_request is None:
            continue
        for statement in function.statements_of("assign"):
            for name in _state_names(statement):
                change = Change(statement, "rebound", function)
                if name not in seen and not _guarded(change, name) and not BOUND_TO_PROCESS.search(statement.text):
                    seen.add(name)
                    # Most often a copy of settings that the database keeps.
                    yield replace(_finding(change, f"`app.state.{name}`", project), confidence=Confidence.LOW)


def _keeps_for_later(change: Change, variable: Variable) -> bool:
    """Whether one request surely leaves something for the next: it counts up, or adds what another function reads."""
    function, name = change.function, variable.name
    if _through_module(change):
        return False
    if change.kind in {"rebound", "augmented"}:
        stored = change.stored
        plain = stored is None or stored.constant is not UNKNOWN
        return change.kind == "augmented" or (not plain and function.reads(name))
    if change.kind not in ADDING or any(
        c.kind in REMOVING for c in variable.changes if c.function.node is function.node
    ):
        return False
    modules = {m.path: m for m in (variable.module, function.module)}.values()
    readers = (f for m in modules for f in m.functions if f.node is not function.node)
    return any(f.reads(name) and f.in_request is not None for f in readers)


def _through_module(change: Change) -> bool:
    """`library.setting = …`: what is set on a module from outside is configuration."""
    targets = change.place.targets if isinstance(change.place, Statement) else ()
    return any("." in (t.text.partition("[")[0]) for t in targets)


def _state_names(statement: Statement) -> Iterator[str]:
    """The attributes of `app.state` that an assignment sets."""
    for target in statement.targets:
        owner, _, name = (target.written or "").rpartition(".")
        if f".{owner}".endswith(".app.state"):
            yield name


def _is_rebound(variable: Variable) -> bool:
    return any(c.kind in {"rebound", "augmented"} for c in variable.changes)


def _keeps_what_runs(change: Change) -> bool:
    """Whether it holds on to a task, a socket or a lock, as it must."""
    stored = change.stored
    if change.function.in_request is not None and change.function.in_request.context == "websocket":
        return True
    if stored is None:
        return False
    return bool(BOUND_TO_PROCESS.search(stored.type_name or "")) or bool(BOUND_TO_PROCESS.search(stored.text))


def _fills_once(change: Change, name: str) -> bool:
    """Whether a variable is only filled when it is still empty, or is not really changed."""
    if change.kind == "rebound":
        return _guarded(change, name) or _at_first(change, name)
    return False


def _is_cache(change: Change, name: str) -> bool:
    """Whether a function looks a key up before it fills it in: a copy of each process may then be meant."""
    if change.kind in {"pop", "clear", "deleted", "popitem"}:
        return True
    if change.kind not in {"item", "add", "update"}:
        return False
    reads = [c for c in change.function.calls if c.method == "get" and c.receiver is not None]
    looked_up = any(r.receiver is not None and r.receiver.written == name for r in reads)
    return looked_up or any(
        e.operator in {"in", "not in"} and e.operands[-1].written == name for e in change.function.expressions
    )


def _guarded(change: Change, name: str) -> bool:
    return any(name in condition.text for condition in change.place.conditions)


def _at_first(change: Change, name: str) -> bool:
    """`if x is not None: return x` before `x = …`."""
    tests = [s for s in change.function.statements_of("if") if s.location < change.location]
    return any(
        s.value is not None and name in s.value.text and any(c.kind == "return" for c in s.children) for s in tests
    )


def _finding(change: Change, what: str, project: Project) -> Finding:
    reach = change.function.in_request
    way = f" ({reach.arrow()})" if reach is not None and reach.depth else ""
    total = project.deployment.workers_total
    several = total is not None and total.least > 1
    workers = f"{total.least} processes are deployed, so" if total is not None and several else "With several workers"
    found = change.place.finding(
        f"A request changes {what}{way}. {workers} each process has its own copy, and a restart empties it: keep what "
        "requests share in the database or Redis.",
        trace=reach.trace() if reach is not None else (),
        operation=reach.operation if reach is not None else None,
    )
    return replace(found, confidence=Confidence.LOW) if _is_deliberate(change) else found


def _is_deliberate(change: Change) -> bool:
    """Whether somebody took care of it under a lock, or it is far from any handler: state of the process itself."""
    reach = change.function.in_request
    locked = any("lock" in w.text.lower() for w in change.place.withs)
    stored = change.stored
    is_flag = change.kind == "rebound" and stored is not None and stored.constant in (True, False, None)
    return locked or is_flag or reach is None or reach.depth > NEAR


@rule.proof
def increments_are_lost(bad: Served) -> None:
    bad.together(*[("GET", "/visit")] * 3)

    assert bad.get("/visit").json() in (2, 3)
