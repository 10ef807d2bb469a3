"""Which code a request, a start-up or a task reaches, on the event loop or in a thread, and by which way."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.blocking import Blocking, blocking_calls
from fastapi_audit.evidence.source.code import Call, Expression, Function
from fastapi_audit.evidence.source.once import answers_once, runs_once
from fastapi_audit.evidence.source.remembering import remembered
from fastapi_audit.evidence.source.values import NOTHING, FunctionValue, Instance, Partial, Value
from fastapi_audit.model import Location, Step

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.composition import App, Route
    from fastapi_audit.evidence.source.link import Source

TO_THREAD = frozenset(
    {
        "starlette.concurrency.run_in_threadpool", "asyncio.to_thread", "anyio.to_thread.run_sync",
        "asgiref.sync.sync_to_async", "asyncio.EventLoop.run_in_executor",
        "concurrent.futures.ThreadPoolExecutor.submit",
        "concurrent.futures.ProcessPoolExecutor.submit", "threading.Thread", "multiprocessing.Process",
        "concurrent.futures.thread.ThreadPoolExecutor.submit", "joblib.delayed", "threading.Timer",
    }
)  # fmt: skip
"""A function handed to one of these runs in a thread or process of its own."""

TO_LOOP = frozenset(
    {
        "asyncio.create_task", "asyncio.ensure_future", "asyncio.EventLoop.create_task", "asyncio.gather",
        "asyncio.TaskGroup.create_task", "anyio.abc.TaskGroup.start_soon", "anyio.create_task_group().start_soon",
        "anyio.from_thread.run", "asyncio.run_coroutine_threadsafe",
    }
)  # fmt: skip

ADD_TASK = ("fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask")
STREAMS = (
    "starlette.responses.StreamingResponse",
    "sse_starlette.EventSourceResponse",
    "sse_starlette.sse.EventSourceResponse",
    "fastapi.sse.EventSourceResponse",
)

CONSUMERS = frozenset(
    {
        "list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max", "any", "all", "next", "enumerate",
        "zip", "map", "filter", "collections.deque", "itertools.chain", "itertools.islice",
    }
)  # fmt: skip
"""What runs the generator that it is given, now or as the caller goes on."""

CONTEXT_MANAGERS = ("contextlib.contextmanager", "contextlib.asynccontextmanager")

MOST_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """One way to a function."""

    function: Function
    context: str
    """How the way begins: `route`, `dependency`, `middleware`, `exception-handler`, `websocket`, `background-task`,
    `stream`, `lifespan` or `startup`."""
    on_loop: bool
    """Whether it runs on the event loop; else in a thread."""
    route: "Route | None" = None
    """The route that the way begins at, where it begins at one."""
    before: "Reach | None" = None
    """The step before this one."""
    call: Call | None = None
    """The call in the function before that leads here."""

    @property
    def root(self) -> Function:
        """The function that the way begins at."""
        return self.before.root if self.before is not None else self.function

    @property
    def operation(self) -> str | None:
        """`GET /users`, when the way begins at a route."""
        return self.route.operation if self.route is not None else None

    @property
    def chain(self) -> "tuple[Function, ...]":
        """The functions of the way, first to last."""
        before = self.before.chain if self.before is not None else ()
        return (*before, self.function)

    @property
    def blocking(self) -> list[Blocking]:
        """What blocks in the function itself: the loop, when the way is on it."""
        return list(blocking_calls(self.function))

    @property
    def depth(self) -> int:
        return 0 if self.before is None else self.before.depth + 1

    def arrow(self, last: str | None = None) -> str:
        """`handler → service.load → client.get`, for messages."""
        names = [f.name for f in self.chain] + ([last] if last else [])
        return " → ".join(names)

    def trace(self, last: Call | None = None) -> tuple[Step, ...]:
        """The steps of the way, each at the call that makes it."""
        steps: list[Step] = []
        reach: Reach | None = self
        while reach is not None:
            if reach.call is not None:
                steps.insert(0, Step(reach.call.location, f"calls `{reach.function.name}`"))
            else:
                steps.insert(0, Step(_def_line(reach.function), f"`{reach.function.name}` ({reach.context})"))
            reach = reach.before
        if last is not None:
            steps.append(Step(last.location, f"calls `{last.callee.text}`"))
        return tuple(steps)


def _def_line(function: Function) -> Location:
    return Location(function.file.path, function.node.line)


def explore(source: "Source") -> dict[int, list[Reach]]:
    """Every function that something known reaches: `id(node)` → the shortest way of each context, loop and thread."""
    found: dict[int, list[Reach]] = {}
    seen: set[tuple[int, str, bool]] = set()
    queue: deque[Reach] = deque(_roots(source))
    while queue:
        reach = queue.popleft()
        key = (id(reach.function.node), reach.context, reach.on_loop)
        if key in seen or reach.depth > MOST_STEPS:
            continue
        seen.add(key)
        found.setdefault(key[0], []).append(reach)
        queue.extend(_next(reach, source))
    return found


def _roots(source: "Source") -> Iterator[Reach]:
    for app in source.apps:
        yield from _routes(app)
    for app in source.apps:
        yield from _app_roots(app, source)


def _routes(app: "App") -> Iterator[Reach]:
    for route in app.routes:
        function = route.function
        if function is None or route.kind == "mount":
            continue
        context = "websocket" if route.is_websocket else "stream" if function.is_generator else "route"
        yield Reach(function, context, function.is_async, route)
        for dependency in route.dependencies:
            provider = dependency.function
            if provider is not None:
                yield Reach(provider, "dependency", provider.is_async, route)


def _app_roots(app: "App", source: "Source") -> Iterator[Reach]:
    for middleware in app.middleware:
        for function in middleware.functions:
            yield Reach(function, "middleware", function.is_async)
    for handler in app.exception_handlers:
        if handler.function is not None:
            yield Reach(handler.function, "exception-handler", handler.function.is_async)
    if app.lifespan is not None:
        yield Reach(app.lifespan, "lifespan", on_loop=True)
    for event in app.event_handlers:
        started = source.function_of(event.registration.handler or event.argument("func", 1) or NOTHING)
        if started is not None:
            yield Reach(started, "startup", on_loop=True)


def _next(reach: Reach, source: "Source") -> Iterator[Reach]:
    """The functions that a function makes run, each with how."""
    for call, name, target in _made(reach.function):
        yield from _handed_over(reach, call, name, source)
        if target is None:
            continue
        if not reach.on_loop and target.is_async:
            continue  # a loop of its own in a thread blocks nobody else
        context = reach.context
        if target.is_async and context == "route" and target.is_generator and not _iterated(call, target):
            context = "stream"  # whoever is given the generator iterates it, after the handler
        yield Reach(target, context, reach.on_loop, reach.route, reach, call)


@remembered
def _made(function: Function) -> list[tuple[Call, str | None, Function | None]]:
    """The calls of a function, each with its name and the project function that it runs in the same thread."""
    found: list[tuple[Call, str | None, Function | None]] = []
    for call in function.calls:
        name = call.name
        target = None if name in TO_THREAD or name in ADD_TASK else call.target
        if target is not None and (target.node is function.node or _runs_elsewhere(call, target)):
            target = None
        found.append((call, name, target))
    return found


def _runs_elsewhere(call: Call, target: Function) -> bool:
    """Whether calling a function does not run its body in this thread."""
    if target.is_async:
        return False
    if target.is_generator:
        return not _iterated(call, target)
    if runs_once(call) or answers_once(target):
        return True  # runs once in the life of the process
    # What is awaited although it is no coroutine function was wrapped by its decorator, into a thread as a rule.
    return call.awaited and bool(target.decorators)


def _iterated(call: Call, target: Function) -> bool:
    """Whether the generator that a call makes is run by the same function."""
    entered = call.entered or (call.passed_to is not None and call.passed_to.method.startswith("enter_"))
    if entered or target.is_decorated(*CONTEXT_MANAGERS):
        return entered
    return any(_consumed(e) for e in (call, *_uses(call)))


def _consumed(generator: Expression) -> bool:
    taker = generator.passed_to
    return generator.iterated or (taker is not None and (taker.name in CONSUMERS or taker.method == "join"))


def _uses(call: Call) -> list[Expression]:
    """Where the variable that takes what a call gives is used."""
    name = call.assigned_to
    if name is None:
        return []
    return [e for e in call.body.expressions_of("name") if e.written == name]


def _handed_over(reach: Reach, call: Call, name: str | None, source: "Source") -> Iterator[Reach]:  # noqa: C901  one table of hand-overs
    """Functions passed to something that runs them elsewhere or later."""
    if name is None:
        return
    if name in ADD_TASK or (
        call.method == "add_task" and call.receiver is not None and call.receiver.is_a("fastapi.BackgroundTasks")
    ):
        for task in _functions(call.argument("func", 0), source):
            yield Reach(task, "background-task", task.is_async, reach.route, reach, call)
    elif name in TO_THREAD:
        given = call.argument("func", 1 if name.endswith("run_in_executor") else 0) or call.argument("target")
        for function in _functions(given, source):
            if not function.is_async:
                yield Reach(function, reach.context, on_loop=False, route=reach.route, before=reach, call=call)
    elif name in STREAMS or call.method in {"StreamingResponse", "EventSourceResponse"}:
        for generator in _functions(call.argument("content", 0), source):
            yield Reach(generator, "stream", generator.is_async, reach.route, reach, call)
    elif name in TO_LOOP and reach.on_loop:
        for function in _functions(call.argument("func", 0), source):
            if function.is_async:
                yield Reach(function, reach.context, on_loop=True, route=reach.route, before=reach, call=call)


def _functions(expression: Expression | None, source: "Source") -> Iterator[Function]:
    """The function that an argument stands for: named, bound, partial, or the generator that a call makes."""
    if expression is None:
        return
    made = _made_by(expression)
    if made is not None and not isinstance(made.value, FunctionValue | Partial):
        target = source.called_function(made.callee.value)
        if target is not None and target.is_generator:
            yield target
        return
    value: Value = expression.value
    if isinstance(value, FunctionValue | Partial | Instance):
        found = source.function_of(value)
        if found is not None:
            yield found


def _made_by(expression: Expression) -> Call | None:
    """The call that an expression is, or whose value the variable got that it is."""
    if isinstance(expression, Call):
        return expression
    if expression.kind != "name":
        return None
    for statement in expression.body.statements_of("assign"):
        if any(t.written == expression.written for t in statement.targets) and isinstance(statement.value, Call):
            return statement.value
    return None
