"""`gunicorn.conf.py` read as facts: assignments whose value can be told without running anything."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ast_grep_py import SgNode, SgRoot

from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

DEEPEST = 20
LONGEST = 20_000
"""Characters; the parser takes quadratic time for nonsense."""
ENVIRONMENT = re.compile(
    r"(?:os\.)?(?:getenv|environ\.get|environ)\s*[\(\[]\s*[\"'](\w+)[\"']\s*(?:,\s*[\"']?([^\"')]*)[\"']?\s*)?[\)\]]"
)
IS_CONFIG = re.compile(r"^gunicorn[\w.-]*\.py$")
CPU = re.compile(r"cpu_count|sched_getaffinity|process_cpu_count")


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """One assignment at the top level of the file."""

    name: str
    value: str | None
    """As text (`4`, `true`, `uvicorn_worker.UvicornWorker`); `None` when it is only known while running."""
    text: Text
    """The expression on the right."""
    variable: str | None = None
    """The environment variable that it reads, if any; `value` is then its default."""
    counts_processors: bool = False
    """Whether it grows with the processors of the host (`multiprocessing.cpu_count()`)."""

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class GunicornConfig:
    """A gunicorn configuration file."""

    path: str
    document: Document = field(repr=False)
    values: Mapping[str, ConfigValue]
    """By name; the last assignment counts. One inside `if` or `try` has no value."""
    hooks: frozenset[str]
    """The functions it defines, such as `child_exit`."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)


def config(document: Document) -> GunicornConfig:
    """Reads one configuration file."""
    root = SgRoot(document.text, "python").root()
    values: dict[str, ConfigValue] = {}
    for value in _assignments(document, root, certain=True):
        values[value.name] = value
    hooks = frozenset(
        name.text() for node in root.find_all(kind="function_definition") if (name := node.field("name")) is not None
    )
    return GunicornConfig(document.path, document, values, hooks, not is_development(document.path))


def _assignments(document: Document, node: SgNode, *, certain: bool, depth: int = 0) -> Iterator[ConfigValue]:
    for child in node.children():
        kind = child.kind()
        if kind == "assignment":
            left, right = child.field("left"), child.field("right")
            if left and right and left.kind() == "identifier":
                yield _value(document, left.text(), right, certain=certain)
        elif kind in {"expression_statement", "block"} and depth < DEEPEST:
            yield from _assignments(document, child, certain=certain, depth=depth + 1)
        elif kind.endswith(("_statement", "_clause")) and depth < DEEPEST:
            yield from _assignments(document, child, certain=False, depth=depth + 1)


def _value(document: Document, name: str, node: SgNode, *, certain: bool) -> ConfigValue:
    span = node.range()
    text = document.span(span.start.index, span.end.index)
    found = ENVIRONMENT.search(text.raw)
    processors = bool(CPU.search(text.raw))
    if found:
        whole = re.fullmatch(rf"(?:int|str|float)?\(?{re.escape(found[0])}\)?", text.raw)
        default = found[2] or None
        return ConfigValue(name, default if certain and whole and not processors else None, text, found[1], processors)
    value = _literal(node) if certain else None
    return ConfigValue(name, value, text, None, processors)


def _literal(node: SgNode, depth: int = 0) -> str | None:
    """The value of a literal, or of simple arithmetic over whole numbers."""
    if depth > DEEPEST:
        return None
    kind, written = node.kind(), node.text()
    if kind in {"true", "false"}:
        return written.lower()
    if kind == "none":
        return ""
    if kind in {"integer", "float"}:
        return written.replace("_", "")
    if kind == "string":
        found = re.fullmatch(r"[rRuU]?([\"'])([^\\{}]*)\1", written)
        return found[2] if found else None
    if kind in {"list", "tuple", "parenthesized_expression"}:
        items = [
            _literal(child, depth + 1) for child in node.children() if child.is_named() and child.kind() != "comment"
        ]
        return ",".join(item for item in items if item) if all(item is not None for item in items) else None
    return _product(node, depth) if kind == "binary_operator" else None


def _product(node: SgNode, depth: int) -> str | None:
    numbers = [_literal(side, depth + 1) for name in ("left", "right") if (side := node.field(name))]
    operator = node.field("operator")
    if len(numbers) < 2 or not all(number and re.fullmatch(r"\d{1,9}", number) for number in numbers):  # noqa: PLR2004  left and right
        return None
    left, right = (int(number or "0") for number in numbers)
    results = {"+": left + right, "*": left * right, "-": left - right}
    result = results.get(operator.text() if operator else "")
    return None if result is None else str(result)
