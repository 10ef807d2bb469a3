"""Classes and functions where they are defined, and what their decorators make of them."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE, record
from fastapi_audit.evidence.source.values import (
    ClassValue,
    External,
    FunctionValue,
    Instance,
    Method,
    Registrar,
    Registration,
    Scope,
    Site,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def define_class(evaluation: "Evaluation", node: syntax.ClassDef, scope: Scope) -> bool:
    bases = tuple(_base(evaluation, b, scope) for b in node.bases)
    owner = scope.names.get("__class__") if scope.is_class else None
    body = Scope(scope.file, scope, is_class=True, function=scope.function)
    decorators = tuple(evaluation.evaluate(d, scope) for d in node.decorators)
    cls = ClassValue(node, scope, body, bases, owner if isinstance(owner, ClassValue) else None, decorators)
    body.names["__class__"] = cls
    scope.names[node.name] = cls
    evaluation.run(node.body, body)
    for decorator in reversed(decorators):
        _decorate_class(evaluation, decorator, cls)
    return False


def _base(evaluation: "Evaluation", node: syntax.Expr, scope: Scope) -> Value:
    """`Base[Argument]` descends from `Base`."""
    return evaluation.evaluate(node.value if isinstance(node, syntax.Subscript) else node, scope)


def _decorate_class(evaluation: "Evaluation", decorator: Value, cls: ClassValue) -> None:
    if isinstance(decorator, Instance) and decorator.type_name.endswith(".cbv()") and decorator.args:
        _class_based_view(decorator.args[0], cls)
    elif isinstance(decorator, FunctionValue | Registrar) and evaluation.composing:
        site = Site(cls.file, _call_at(cls.node), cls.scope)
        evaluation.apply(decorator, (cls,), {}, site)


def _class_based_view(router: Value, cls: ClassValue) -> None:
    """fastapi-utils' `@cbv(router)`: the methods are on the router already; `self` stops being a parameter."""
    if not isinstance(router, Instance):
        return
    view = Instance(cls)
    for position, entry in enumerate(router.registrations):
        if isinstance(entry.handler, FunctionValue) and entry.handler.owner is cls:
            bound = entry.handler.bound(view)
            router.registrations[position] = Registration(
                entry.method, entry.args, entry.keywords, entry.site, bound, entry.conditions, entry.stage
            )


def define_function(evaluation: "Evaluation", node: syntax.FunctionDef, scope: Scope) -> bool:
    decorators = tuple(evaluation.evaluate(d, scope) for d in node.decorators)
    owner = scope.names.get("__class__") if scope.is_class else None
    function = FunctionValue(node, scope, owner if isinstance(owner, ClassValue) else None, None, decorators)
    result: Value = function
    for decorator, written in zip(reversed(decorators), reversed(node.decorators), strict=True):
        result = _decorate(evaluation, decorator, result, function, written)
    scope.names[node.name] = result
    return False


def _decorate(
    evaluation: "Evaluation", decorator: Value, current: Value, function: FunctionValue, written: syntax.Expr
) -> Value:
    site = Site(function.file, _call_at(written), function.scope)
    match decorator:
        case Registrar():
            record(
                evaluation,
                decorator.target,
                decorator.method,
                decorator.args,
                decorator.keywords,
                decorator.site,
                current,
            )
            return current
        case FunctionValue() if evaluation.composing:
            made = evaluation.apply(decorator, (current,), {}, site)
            return (
                made
                if isinstance(made, Instance)
                and made.cls is not None
                and made.site is not None
                and not isinstance(made.cls, External)
                else current
            )
        case Instance(cls=ClassValue()) if evaluation.composing:
            evaluation.apply(decorator, (current,), {}, site)
            return current
        case Method() if decorator.receiver.is_a(*COMPOSABLE):
            evaluation.apply(decorator, (current,), {}, site)
            return current
        case _:
            return current


def _call_at(node: syntax.Node) -> syntax.Call:
    """A decorator without parentheses is a call at its own place."""
    if isinstance(node, syntax.Call):
        return node
    return syntax.Call(
        node.start, node.end, node if isinstance(node, syntax.Expr) else syntax.Name(node.start, node.end, "?"), (), ()
    )
