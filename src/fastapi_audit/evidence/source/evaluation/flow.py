"""Whether a value is true, what a loop runs over, what `with` gives and what `except` catches."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.budget import MOST_ROUNDS
from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    ModuleValue,
    Registrar,
    Scope,
    Site,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


_VALUES = (ClassValue, External, FunctionValue, Instance)
"""What a key of a dict may be beside literals."""


def truth(value: Value) -> bool | None:
    """Whether a value is true; `None` when only running would tell."""
    match value:
        case Constant(is_default=False):
            return bool(value.value)
        case Listing(open_ended=False):
            return bool(value.items)
        case Table(open_ended=False):
            return bool(value.items)
        case FunctionValue() | ClassValue() | ModuleValue() | Registrar():
            return True
        case Instance(site=Site()) if value.is_a(*COMPOSABLE):
            return True
        case _:
            return None


def always_ends(body: Iterable[syntax.Stmt]) -> bool:
    """Whether statements certainly leave their function, by their looks: conditions are not worked out."""
    return any(_leaves(statement) for statement in body)


def _leaves(node: syntax.Stmt) -> bool:
    match node:
        case syntax.Return() | syntax.Raise():
            return True
        case syntax.If():
            return always_ends(node.body) and always_ends(node.orelse)
        case syntax.Try():
            handled = all(always_ends(h.body) for h in node.handlers)
            return always_ends(node.final) or (always_ends((*node.body, *node.orelse)) and handled)
        case syntax.Match():
            fits_all = any(not case.values and case.guard is None for case in node.cases)
            return fits_all and all(always_ends(case.body) for case in node.cases)
        case _:
            return False


def elements(value: Value) -> Iterator[tuple[Value, bool]]:
    """What a loop runs over, and whether that is known."""
    match value:
        case Listing():
            yield from ((item, True) for item in value.items[:MOST_ROUNDS])
            if value.open_ended:
                yield Unknown("an element"), False
        case Table():
            keys = list(value.items)[:MOST_ROUNDS]
            yield from ((k if isinstance(k, _VALUES) else Constant(k), True) for k in keys)
        case Constant(value=str() as text):
            yield from ((Constant(c), True) for c in text[:MOST_ROUNDS])
        case ClassValue() if not value.externals().isdisjoint({"enum.Enum", "enum.StrEnum", "enum.IntEnum"}):
            yield from (
                (v, True) for n, v in value.body.names.items() if isinstance(v, Constant) and not n.startswith("_")
            )
        case _:
            yield Unknown("an element"), False


def entered(evaluation: "Evaluation", value: Value) -> Value:
    """What `with value as x` gives to x."""
    if isinstance(value, Instance) and isinstance(value.cls, ClassValue):
        enter = value.cls.lookup("__aenter__") or value.cls.lookup("__enter__")
        if isinstance(enter, FunctionValue):
            found = evaluation.returned(enter.bound(value))
            return value if isinstance(found, Unknown) else found
    return value


def caught(evaluation: "Evaluation", handler: syntax.Handler, scope: Scope) -> Value:
    kind = evaluation.evaluate(handler.type, scope) if handler.type is not None else Unknown()
    if isinstance(kind, Listing):
        kind = kind.items[0] if kind.items else Unknown()
    return Instance(kind) if isinstance(kind, External | ClassValue) else Unknown("an exception")
