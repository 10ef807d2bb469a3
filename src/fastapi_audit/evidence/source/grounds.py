"""Stretches of the application's code by what runs them: routes, dependencies, tasks, everything a request reaches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Function
from fastapi_audit.evidence.source.link import STARTING, Source
from fastapi_audit.evidence.source.modules import SourceFile
from fastapi_audit.evidence.source.reach import Reach

CONTEXTS = (
    "async-route",
    "route",
    "dependency",
    "middleware",
    "exception-handler",
    "websocket",
    "background-task",
    "lifespan",
    "request-path",
    "event-loop",
)
"""What runs a function. All but the last two mean the function that was registered itself; `request-path` is every
function that a request, a message or a task reaches, `event-loop` every one that is known to run on the event loop."""

_DIRECT = {
    "route": ("route", "stream"),
    "async-route": ("route", "stream"),
    "dependency": ("dependency",),
    "middleware": ("middleware",),
    "exception-handler": ("exception-handler",),
    "websocket": ("websocket",),
    "lifespan": STARTING,
}
"""Context → the contexts of `Reach` that begin so."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A module of the application, or a function of it with the way that leads there."""

    file: SourceFile
    function: Function | None = None
    reach: Reach | None = None

    @property
    def span(self) -> tuple[int, int]:
        """Where it begins and ends, in code points from the start of the file; nested functions are part of it."""
        if self.function is None:
            return 0, len(self.file.text)
        node = self.function.node
        return self.file.offset(node.start), self.file.offset(node.end)


def grounds(source: Source, contexts: Sequence[str]) -> list[Ground]:
    """The functions in one of these contexts; without contexts, the modules of the application."""
    if not contexts:
        return [Ground(module.file) for module in source.application_modules]
    return [
        Ground(function.file, function, reach)
        for function in source.functions
        if (reach := next(_ways(function, contexts), None)) is not None
    ]


def _ways(function: Function, contexts: Sequence[str]) -> Iterator[Reach]:
    for context in contexts:
        yield from _ways_of(function, context)


def _ways_of(function: Function, context: str) -> Iterator[Reach]:
    match context:
        case "request-path":
            found = function.in_request
        case "event-loop":
            found = function.on_event_loop
        case "background-task":
            found = next((way for way in function.ways if way.context == context and _begins(way)), None)
        case "async-route" if not function.is_async:
            found = None
        case _:
            ways = (way for way in function.ways if way.before is None)
            found = next((way for way in ways if way.context in _DIRECT[context]), None)
    if found is not None:
        yield found


def _begins(way: Reach) -> bool:
    """Whether the function itself was handed over, and is not just called by what was."""
    return way.before is None or way.before.context != way.context
