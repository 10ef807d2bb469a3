"""The same noun for both sides of the comparison: what serves one method of one path."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

TRUTH = Path(__file__).with_name("truth")

WEBSOCKET = "WEBSOCKET"
AUTOMATIC = frozenset({"HEAD", "OPTIONS"})
"""Methods that Starlette adds by itself."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What serves one method of one path."""

    method: str
    path: str
    endpoint: str
    file: str
    line: int
    is_async: bool
    dependencies: frozenset[str] = frozenset()
    condition: str | None = None
    app: str = ""
    stated_dependencies: tuple[str, ...] = field(default=(), compare=False)
    """As the truth tells them."""

    @property
    def key(self) -> tuple[str, str]:
        """What both sides are matched on.

        A WebSocket is matched by its place: the route table of FastAPI from 0.137 on does not give its path.
        """
        return (self.method, f"{self.file}:{self.line}" if self.method == WEBSOCKET else self.path)

    def __str__(self) -> str:
        condition = f"  if {self.condition}" if self.condition else ""
        return f"{self.method:7} {self.path}  {self.endpoint}  {self.file}:{self.line}{condition}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One middleware of a stack."""

    name: str
    condition: str | None = None
    app: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What one side says of the application."""

    handlers: tuple[Handler, ...]
    middleware: tuple[Layer, ...]
    """Outermost first."""
    unresolved: tuple[str, ...] = ()
    target: str = ""


def environment_of(name: str) -> dict[str, str]:
    """The variables that it was imported with; `<writable dir>` and `<fernet key>` are to be made."""
    return dict(_read(name)["env"])


def fastapi_of(name: str) -> str:
    """The version of FastAPI that the truth was told under."""
    return str(_read(name)["fastapi"])


def truth_of(name: str) -> Told:
    """What the imported application said of itself."""
    told = _read(name)
    return Told(
        handlers=tuple(handler for row in told["routes"] for handler in _true_handlers(row)),
        middleware=tuple(Layer(layer_name(each)) for each in told["middleware_outermost_first"]),
        target=told["target"],
    )


def model_of(printed: Mapping[str, Any]) -> Told:
    """What `fastapi-audit routes --output-format json` printed."""
    return Told(
        handlers=tuple(handler for row in printed["routes"] for handler in _modelled_handlers(row)),
        middleware=tuple(
            Layer(layer_name(row["class"]), row.get("condition"), row.get("app", "")) for row in printed["middleware"]
        ),
        unresolved=tuple(_unresolved_line(each) for each in printed["unresolved"]),
    )


def _read(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((TRUTH / f"{name}.json").read_text(encoding="utf-8")))


def layer_name(text: str) -> str:
    """The last name of a class; of a function given to `@app.middleware`, the function's."""
    return text.rpartition(":")[2].rpartition(".")[2]


def dependency_name(text: str) -> str:
    """One spelling for a callable: what a factory returned, an instance and a call are called as their maker."""
    return re.sub(r"\(.*", "", text.partition(".<locals>")[0])


def _true_handlers(row: Mapping[str, Any]) -> Iterator[Handler]:
    for method in _stated(row["methods"]):
        yield Handler(
            method,
            row["path"],
            row["endpoint"],
            row["file"],
            row["line"],
            row["async"],
            frozenset(dependency_name(each) for each in row["dependencies"]),
            stated_dependencies=tuple(row["dependencies"]),
        )


def _modelled_handlers(row: Mapping[str, Any]) -> Iterator[Handler]:
    if row.get("kind") == "mount":
        return
    place = row["location"] or {"path": "", "line": 0}
    methods = [WEBSOCKET] if row.get("kind") == "websocket" else row["methods"]
    for method in _stated(methods):
        yield Handler(
            method,
            row["path"],
            row["endpoint"],
            place["path"],
            place["line"],
            row["is_async"],
            frozenset(dependency_name(each) for each in row["dependencies"]),
            row["condition"],
            row.get("app", ""),
        )


def _stated(methods: Sequence[str]) -> Sequence[str]:
    return [each for each in methods if each not in AUTOMATIC] or methods


def _unresolved_line(row: Mapping[str, Any]) -> str:
    place = row.get("location")
    where = f"{place['path']}:{place['line']}: " if place else ""
    return f"{where}{row['kind']}: {row['message']}"
