"""Assignments to names, attributes, items and tuples of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.builtin import call_container, operate
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    FunctionValue,
    Instance,
    Listing,
    ModuleValue,
    Scope,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def assign(evaluation: "Evaluation", node: syntax.Assign, scope: Scope) -> bool:
    if node.value is None:
        _declare(evaluation, node, scope)
        return False
    value = evaluation.evaluate(node.value, scope)
    for target in node.targets:
        if node.operator is not None:
            value = _augment(evaluation, node.operator, target, value, scope)
        elif isinstance(value, Unknown) and node.annotation is not None:
            value = evaluation.typed(node.annotation, scope)
        bind(evaluation, target, value, scope)
    return False


def _declare(evaluation: "Evaluation", node: syntax.Assign, scope: Scope) -> None:
    """`name: Type` without a value says what a name will be, outside classes."""
    target = node.targets[0]
    if (
        isinstance(target, syntax.Name)
        and not scope.is_class
        and node.annotation is not None
        and target.id not in scope.names
    ):
        scope.names[target.id] = evaluation.typed(node.annotation, scope)


def _augment(evaluation: "Evaluation", operator: str, target: syntax.Expr, value: Value, scope: Scope) -> Value:
    current = evaluation.evaluate(target, scope)
    if isinstance(current, Listing) and isinstance(value, Listing):
        call_container(current, "extend", (value,), conditional=bool(evaluation.conditions))
        return current
    return operate(operator, [current, value])


def bind(evaluation: "Evaluation", target: syntax.Expr, value: Value, scope: Scope) -> None:
    """Assigns a value to a name, attribute, item or tuple of them."""
    match target:
        case syntax.Name():
            _bind_name(evaluation, target.id, value, scope)
        case syntax.Collection():
            items = _shared_out(target.elements, value)
            for position, element in enumerate(target.elements):
                bind(evaluation, element, items[position] if position < len(items) else Unknown(), scope)
        case syntax.Starred():
            bind(evaluation, target.value, value, scope)
        case syntax.Attribute():
            owner = evaluation.evaluate(target.value, scope)
            if isinstance(owner, Instance):
                owner.attributes[target.attr] = value
            elif isinstance(owner, ClassValue):
                owner.body.names[target.attr] = value
            elif isinstance(owner, ModuleValue) and owner.file is not None:
                evaluation.scope_of(owner.file).names.setdefault(target.attr, value)
        case syntax.Subscript():
            _bind_item(evaluation, target, value, scope)
        case _:
            pass


def _shared_out(targets: tuple[syntax.Expr, ...], value: Value) -> list[Value]:
    """One value for each target; what a starred one gets is known where it is known how many there are."""
    items = value.items if isinstance(value, Listing) else []
    star = next((n for n, target in enumerate(targets) if isinstance(target, syntax.Starred)), None)
    if star is None:
        return items
    end = len(items) - (len(targets) - star - 1)
    if not isinstance(value, Listing) or value.open_ended or end < star:
        return [*items[:star]]
    return [*items[:star], Listing("list", items[star:end]), *items[end:]]


def _bind_item(evaluation: "Evaluation", target: syntax.Subscript, value: Value, scope: Scope) -> None:
    owner, key = evaluation.evaluate(target.value, scope), evaluation.evaluate(target.index, scope)
    if not isinstance(owner, Table):
        return
    if isinstance(key, Constant):
        owner.items[key.value] = value
    else:
        owner.open_ended = True


def _bind_name(evaluation: "Evaluation", name: str, value: Value, scope: Scope) -> None:
    home = scope
    if scope.function is not None and name in _globals_of(evaluation, scope.function):
        home = scope.module
    known = home.names.get(name)
    # Under an open condition, or after a failed import, what is known already is the better answer.
    if (
        evaluation.conditions
        and known is not None
        and isinstance(value, Unknown | Constant)
        and not isinstance(known, Unknown | Constant)
    ):
        return
    home.names[name] = value


def _globals_of(evaluation: "Evaluation", function: FunctionValue) -> frozenset[str]:
    node = function.node
    known = evaluation.inferred.globals.get(id(node))
    if known is None:
        says = isinstance(node, syntax.FunctionDef) and function.file.may_say(node, b"global", b"nonlocal")
        known = evaluation.inferred.globals[id(node)] = frozenset(_declared(node)) if says else frozenset()
    return known


def _declared(node: syntax.FunctionDef | syntax.Lambda) -> Iterator[str]:
    for statement in node.body if isinstance(node, syntax.FunctionDef) else ():
        for inner in syntax.walk(statement):
            if isinstance(inner, syntax.Declare):
                yield from inner.names
