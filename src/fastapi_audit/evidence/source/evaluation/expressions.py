"""The value of every kind of expression but calls, attributes and names."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.builtin import joined, operate, text_of
from fastapi_audit.evidence.source.evaluation.assignments import bind
from fastapi_audit.evidence.source.evaluation.calls import call
from fastapi_audit.evidence.source.evaluation.flow import elements, truth
from fastapi_audit.evidence.source.evaluation.foreign import given_by
from fastapi_audit.evidence.source.evaluation.joining import one_of
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Scope,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def _constant(_evaluation: "Evaluation", node: syntax.Constant, _scope: Scope) -> Value:
    return Constant(node.value)


def _name(evaluation: "Evaluation", node: syntax.Name, scope: Scope) -> Value:
    return evaluation.name(node.id, scope)


def _attribute(evaluation: "Evaluation", node: syntax.Attribute, scope: Scope) -> Value:
    return evaluation.attribute(evaluation.evaluate(node.value, scope), node.attr)


def _inner(evaluation: "Evaluation", node: syntax.Await | syntax.Starred, scope: Scope) -> Value:
    return evaluation.evaluate(node.value, scope)


def _lambda(_evaluation: "Evaluation", node: syntax.Lambda, scope: Scope) -> Value:
    owner = scope.names.get("__class__") if scope.is_class else None
    return FunctionValue(node, scope, owner if isinstance(owner, ClassValue) else None)


def _fstring(evaluation: "Evaluation", node: syntax.FString, scope: Scope) -> Value:
    parts = [evaluation.evaluate(p, scope) for p in node.parts]
    known = [p for p in parts if isinstance(p, Constant)]
    text = text_of(known) if len(known) == len(parts) else None
    return text or Unknown("an f-string of something unknown")


def _collection(evaluation: "Evaluation", node: syntax.Collection, scope: Scope) -> Value:
    listing = Listing(node.kind, [])
    for element in node.elements:
        value = evaluation.evaluate(element, scope)
        if not isinstance(element, syntax.Starred):
            listing.items.append(value)
        elif isinstance(value, Listing):
            listing = joined(node.kind, [listing, value])
        else:
            listing.open_ended = True
    return Listing.distinct(listing.items, open_ended=listing.open_ended) if node.kind == "set" else listing


def _mapping(evaluation: "Evaluation", node: syntax.Mapping, scope: Scope) -> Value:
    table = Table({})
    for key, written in zip(node.keys, node.values, strict=True):
        value = evaluation.evaluate(written, scope)
        name = None if key is None else evaluation.evaluate(key, scope)
        if isinstance(name, Constant):
            table.items[name.value] = value
        elif name is None and isinstance(value, Table):
            table.items.update(value.items)
            table.open_ended |= value.open_ended
        elif isinstance(name, ClassValue | External | FunctionValue | Instance):
            table.items[name] = value
        else:
            table.open_ended = True
    return table


def _comprehension(evaluation: "Evaluation", node: syntax.Comprehension, scope: Scope) -> Value:
    inner = Scope(scope.file, scope, function=scope.function)
    rows: list[list[Value]] = []
    complete = _generate(evaluation, node, 0, inner, rows)
    if node.kind == "dict":
        pairs = [(r[0].value, r[1]) for r in rows if isinstance(r[0], Constant)]
        return Table(dict(pairs), open_ended=not complete or len(pairs) < len(rows))
    items = [r[0] for r in rows]
    if node.kind == "set":
        return Listing.distinct(items, open_ended=not complete)
    return Listing("list", items, open_ended=not complete)


def _generate(
    evaluation: "Evaluation", node: syntax.Comprehension, depth: int, scope: Scope, rows: list[list[Value]]
) -> bool:
    if depth == len(node.generators):
        rows.append([evaluation.evaluate(e, scope) for e in node.elements])
        return True
    generator = node.generators[depth]
    complete = True
    for element, known in elements(evaluation.evaluate(generator.iterable, scope)):
        bind(evaluation, generator.target, element, scope)
        truths = [truth(evaluation.evaluate(c, scope)) for c in generator.conditions]
        if False in truths:
            continue
        complete &= known and None not in truths and _generate(evaluation, node, depth + 1, scope, rows)
    return complete


def _operation(evaluation: "Evaluation", node: syntax.Operation, scope: Scope) -> Value:
    return operate(node.operator, [evaluation.evaluate(o, scope) for o in node.operands])


def _conditional(evaluation: "Evaluation", node: syntax.Conditional, scope: Scope) -> Value:
    is_true = truth(evaluation.evaluate(node.test, scope))
    if is_true is not None:
        return evaluation.evaluate(node.body if is_true else node.orelse, scope)
    body, orelse = evaluation.evaluate(node.body, scope), evaluation.evaluate(node.orelse, scope)
    return one_of([orelse, body])


def _subscript(evaluation: "Evaluation", node: syntax.Subscript, scope: Scope) -> Value:
    owner = evaluation.evaluate(node.value, scope)
    index = evaluation.evaluate(node.index, scope) if not isinstance(node.index, syntax.Slice) else Unknown()
    match owner, index:
        case Listing(), Constant(value=int() as at) if -len(owner.items) <= at < len(owner.items):
            item = owner.items[at]
            return Unknown("an item") if isinstance(item, Constant) and id(item) in owner.uncertain else item
        case Table(), Constant() if index.value in owner.items:
            return owner.items[index.value]
        case External(), _:
            args = tuple(index.items) if isinstance(index, Listing) else (index,)
            return Instance(owner, args, site=None)
        case ClassValue(), _:
            return owner
        case Instance(cls=External()), _:
            return Instance(given_by(f"{owner.type_name}.__getitem__"))
        case _:
            return Unknown("an item")


def _yield(evaluation: "Evaluation", node: syntax.Yield, scope: Scope) -> Value:
    value = NOTHING if node.value is None else evaluation.evaluate(node.value, scope)
    if evaluation.frames:
        given = (element for element, _ in elements(value)) if node.delegates else [value]
        evaluation.frames[-1].yielded.extend(given)
    return Unknown("what was sent")


def _walrus(evaluation: "Evaluation", node: syntax.Walrus, scope: Scope) -> Value:
    value = evaluation.evaluate(node.value, scope)
    bind(evaluation, node.target, value, scope)
    return value


EXPRESSIONS: dict[type[syntax.Node], Callable[..., Value]] = {
    syntax.Constant: _constant,
    syntax.Name: _name,
    syntax.Attribute: _attribute,
    syntax.Call: call,
    syntax.FString: _fstring,
    syntax.Collection: _collection,
    syntax.Mapping: _mapping,
    syntax.Lambda: _lambda,
    syntax.Comprehension: _comprehension,
    syntax.Operation: _operation,
    syntax.Conditional: _conditional,
    syntax.Subscript: _subscript,
    syntax.Await: _inner,
    syntax.Yield: _yield,
    syntax.Walrus: _walrus,
    syntax.Starred: _inner,
}
"""How the value of each kind of expression is found."""
