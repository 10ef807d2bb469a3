"""What a function gives and what its names hold, without following calls for their effects."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.assignments import bind
from fastapi_audit.evidence.source.evaluation.budget import ExhaustedError
from fastapi_audit.evidence.source.evaluation.definitions import define_class
from fastapi_audit.evidence.source.evaluation.flow import always_ends, caught, elements, entered
from fastapi_audit.evidence.source.evaluation.functions import bind_parameters
from fastapi_audit.evidence.source.evaluation.imports import read_import
from fastapi_audit.evidence.source.evaluation.joining import one_of
from fastapi_audit.evidence.source.values import NOTHING, Constant, FunctionValue, Instance, Scope, Unknown, Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation

_SAYS_NOTHING = ("typing.Any", "object", "typing.Self", "typing.Callable", "collections.abc.Callable", "callable")
"""Annotations that tell less than the code."""


def returned(evaluation: "Evaluation", function: FunctionValue) -> Value:
    """What a function gives, by its annotation or its `return` and `yield`; a coroutine gives its value."""
    node = function.node
    if isinstance(node, syntax.Lambda):
        return evaluation.call_function(function, (), {}, None)
    key = (id(node), id(function.scope))
    if key in evaluation.inferred.returned:
        return evaluation.inferred.returned[key]
    if id(node) in evaluation.inferred.underway:
        return Unknown("recursion")
    evaluation.inferred.underway.add(id(node))
    with evaluation.inferring():
        found: Value = Unknown()
        if node.returns is not None:
            found = evaluation.typed(node.returns, function.scope)
            if found == NOTHING or (isinstance(found, Instance) and found.is_a(*_SAYS_NOTHING)):
                found = Unknown()
        if isinstance(found, Unknown):
            found = _returned_values(evaluation, function)
    evaluation.inferred.underway.discard(id(node))
    if function.receiver is None or not isinstance(found, Unknown):
        evaluation.inferred.returned[key] = found
    return found


def _returned_values(evaluation: "Evaluation", function: FunctionValue) -> Value:
    scope = local_scope(evaluation, function)
    gives = evaluation.inferred.gives.get(id(function.node))
    if gives is None:
        gives = evaluation.inferred.gives[id(function.node)] = list(_given(function.node))
    values = [NOTHING if given is None else evaluation.evaluate(given, scope) for given in gives]
    found = one_of(values) if values else NOTHING
    return Unknown("what it returns") if found == NOTHING else found


def _given(node: syntax.FunctionDef | syntax.Lambda) -> list[syntax.Expr | None]:
    """What the `yield` of a function give, or else its `return`, in source order; `None` where it gives nothing."""
    if isinstance(node, syntax.Lambda):
        return [node.body]
    inner = [
        each
        for statement in node.body
        if not isinstance(statement, syntax.FunctionDef | syntax.ClassDef)
        for each in syntax.walk(statement)
    ]
    yielded = [each.value for each in inner if isinstance(each, syntax.Yield) and each.value is not None]
    returned = [each.value for each in inner if isinstance(each, syntax.Return)]
    if yielded:
        return [*yielded]
    return returned if always_ends(node.body) else [*returned, None]


def local_scope(evaluation: "Evaluation", function: FunctionValue) -> Scope:
    """The names inside a function, by annotations and assignments; order is not followed."""
    key = (id(function.node), id(function.scope))
    if key in evaluation.inferred.locals:
        return evaluation.inferred.locals[key]
    scope = evaluation.inferred.locals[key] = Scope(function.file, function.scope, function=function)
    with evaluation.inferring(), evaluation.outside_conditions():
        frames, evaluation.frames = evaluation.frames, []
        receiver = function.receiver
        owner = function.owner if isinstance(function.node, syntax.FunctionDef) else None
        if receiver is None and owner is not None and not function.is_decorated("staticmethod"):
            receiver = owner if function.is_decorated("classmethod") else Instance(owner)
        bound = function if receiver is None else function.bound(receiver)
        # What was bound until then is known; whoever reads on finds out by itself that no steps are left.
        with suppress(ExhaustedError):
            bind_parameters(evaluation, bound, (), {}, scope)
            if isinstance(function.node, syntax.FunctionDef):
                _bind_locals(evaluation, function.node.body, scope)
        evaluation.frames = frames
    return scope


def _bind_locals(evaluation: "Evaluation", body: Iterable[syntax.Stmt], scope: Scope) -> None:  # noqa: C901, PLR0912  one table of statements
    for statement in body:
        match statement:
            case syntax.Import():
                read_import(evaluation, statement, scope)
            case syntax.ClassDef():
                define_class(evaluation, statement, scope)
            case syntax.FunctionDef():
                scope.names[statement.name] = FunctionValue(statement, scope)
            case syntax.Assign():
                _bind_local(evaluation, statement, scope)
            case syntax.Evaluate():
                _bind_walruses(evaluation, statement.value, scope)
            case syntax.If():
                _bind_walruses(evaluation, statement.test, scope)
                _bind_locals(evaluation, (*statement.body, *statement.orelse), scope)
            case syntax.Loop():
                if statement.target is not None:
                    element = next(elements(evaluation.evaluate(statement.iterable, scope)), (Unknown(), False))[0]
                    bind(evaluation, statement.target, element, scope)
                else:
                    _bind_walruses(evaluation, statement.iterable, scope)
                _bind_locals(evaluation, (*statement.body, *statement.orelse), scope)
            case syntax.With():
                for item in statement.items:
                    if item.target is not None:
                        bind(
                            evaluation, item.target, entered(evaluation, evaluation.evaluate(item.value, scope)), scope
                        )
                _bind_locals(evaluation, statement.body, scope)
            case syntax.Try():
                _bind_locals(evaluation, statement.body, scope)
                for handler in statement.handlers:
                    if handler.name:
                        scope.names[handler.name] = caught(evaluation, handler, scope)
                    _bind_locals(evaluation, handler.body, scope)
                _bind_locals(evaluation, (*statement.orelse, *statement.final), scope)
            case syntax.Match():
                for case in statement.cases:
                    _bind_locals(evaluation, case.body, scope)
            case _:
                pass


def _bind_local(evaluation: "Evaluation", statement: syntax.Assign, scope: Scope) -> None:
    if statement.operator is not None:
        return
    value = evaluation.evaluate(statement.value, scope) if statement.value is not None else Unknown()
    if isinstance(value, Unknown | Constant) and statement.annotation is not None:
        typed = evaluation.typed(statement.annotation, scope)
        value = value if isinstance(typed, Unknown) else typed
    for target in statement.targets:
        known = scope.names.get(target.id) if isinstance(target, syntax.Name) else None
        if known is None or not isinstance(value, Unknown | Constant):
            if not isinstance(target, syntax.Attribute | syntax.Subscript):
                bind(evaluation, target, value, scope)
        elif isinstance(known, Constant) and isinstance(target, syntax.Name):
            # Two constants, or a constant and something unknown: neither may be taken for the value.
            scope.names[target.id] = Unknown("assigned more than once")


def _bind_walruses(evaluation: "Evaluation", expression: syntax.Expr, scope: Scope) -> None:
    for node in syntax.walk(expression):
        if isinstance(node, syntax.Walrus):
            bind(evaluation, node.target, evaluation.evaluate(node.value, scope), scope)
