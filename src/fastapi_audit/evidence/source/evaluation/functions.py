"""Functions of the program, followed with the arguments that they get."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.budget import (
    DEEPEST_CALL,
    MOST_CALLS,
    MOST_PLAIN_CALLS,
    MOST_STEPS,
    MOST_STEPS_A_CALL,
    MOST_STEPS_FOR_NOTHING,
    Frame,
    LongEnoughError,
)
from fastapi_audit.evidence.source.evaluation.joining import by_default, one_of
from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE, lost
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    FunctionValue,
    Instance,
    Listing,
    Scope,
    Site,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def call_function(
    evaluation: "Evaluation",
    function: FunctionValue,
    args: tuple[Value, ...],
    keywords: dict[str, Value],
    site: Site | None,
) -> Value:
    """Follows a function of the program with these arguments; without composing, only what it returns."""
    node = function.node
    if isinstance(node, syntax.Lambda):
        return _call_lambda(evaluation, function, node, args, keywords)
    if not evaluation.composing:
        return evaluation.returned(function)
    if not _worth_following(evaluation, function, args, keywords):
        return evaluation.returned(function)
    if _is_too_deep(evaluation, node):
        lost(evaluation, function, args, keywords, site)
        return evaluation.returned(function)
    evaluation.following.called.add(id(node))
    key = (id(node), *(v if isinstance(v, Constant) else id(v) for v in (*args, *keywords.values())))
    if function.is_cached and key in evaluation.following.kept:
        return evaluation.following.kept[key][0]
    result = _followed(evaluation, function, node, args, keywords, site)
    if function.is_cached and any(isinstance(v, Instance) and v.is_a(*COMPOSABLE) for v in args):
        evaluation.following.kept[key] = result, (args, keywords)
    is_typed_only = isinstance(function.receiver, Instance) and function.receiver.site is None
    return Unknown("a method that a subclass may override") if is_typed_only and result == NOTHING else result


def _followed(
    evaluation: "Evaluation",
    function: FunctionValue,
    node: syntax.FunctionDef,
    args: tuple[Value, ...],
    keywords: dict[str, Value],
    site: Site | None,
) -> Value:
    """Reads the body with these arguments; what it gives."""
    scope = Scope(function.file, function.scope, function=function)
    bind_parameters(evaluation, function, args, keywords, scope)
    frame = Frame(function, MOST_STEPS_A_CALL, len(evaluation.conditions))
    started = evaluation.steps, evaluation.registered
    evaluation.following.stack.append(node)
    evaluation.frames.append(frame)
    try:
        if not evaluation.run(node.body, scope):
            frame.returned.append(NOTHING)
    except LongEnoughError:
        frame.returned.append(Unknown("what it gives further on"))
        lost(evaluation, function, args, keywords, site)
    finally:
        evaluation.frames.pop()
        evaluation.following.stack.pop()
        _count(evaluation, node, *started)
    return _generated(function, frame.yielded) if frame.yielded else _result(evaluation, function, frame)


def _call_lambda(
    evaluation: "Evaluation",
    function: FunctionValue,
    node: syntax.Lambda,
    args: tuple[Value, ...],
    keywords: dict[str, Value],
) -> Value:
    """What its expression gives; one that calls itself without an end is unknown."""
    if _is_too_deep(evaluation, node):
        return Unknown("a lambda that calls itself")
    scope = Scope(function.file, function.scope, function=function)
    evaluation.following.stack.append(node)
    try:
        bind_parameters(evaluation, function, args, keywords, scope)
        return evaluation.evaluate(node.body, scope)
    finally:
        evaluation.following.stack.pop()


def _is_too_deep(evaluation: "Evaluation", node: syntax.FunctionDef | syntax.Lambda) -> bool:
    stack = evaluation.following.stack
    return stack.count(node) > 1 or len(stack) >= DEEPEST_CALL


def _worth_following(
    evaluation: "Evaluation", function: FunctionValue, args: tuple[Value, ...], keywords: dict[str, Value]
) -> bool:
    """After the import only what is handed an application, or called often for its value, is business logic."""
    counted = evaluation.following.times[id(function.node)] = evaluation.following.times.get(id(function.node), 0) + 1
    given = (*args, *keywords.values(), *([function.receiver] if function.receiver is not None else []))
    most = MOST_PLAIN_CALLS if all(isinstance(v, Constant) for v in given) else MOST_CALLS
    is_cheap = evaluation.following.spent.get(id(function.node), 0) < MOST_STEPS_FOR_NOTHING
    if counted < most and is_cheap and evaluation.stage == "import":
        return True
    return any(_holds_application(v) for v in given)


def _count(evaluation: "Evaluation", node: syntax.FunctionDef, steps: int, registered: int) -> None:
    """Notes what a call took that registered nothing."""
    spent = evaluation.following.spent
    took = steps - evaluation.steps if evaluation.registered == registered else -MOST_STEPS
    spent[id(node)] = spent.get(id(node), 0) + took


def _as_annotated(evaluation: "Evaluation", function: FunctionValue, value: Value) -> Value:
    """What foreign code gives is of a class that nobody knows here, unless the function says which one it returns."""
    if isinstance(value, Instance) and "()" in value.type_name:
        said = evaluation.returned(function)
        return said if isinstance(said, Instance) and isinstance(said.cls, ClassValue) else value
    return value


def _result(evaluation: "Evaluation", function: FunctionValue, frame: Frame) -> Value:
    found = by_default(frame.returned, frame.unlikely) if frame.returned or frame.unlikely else NOTHING
    if not isinstance(found, Unknown):
        return _as_annotated(evaluation, function, found)
    said = evaluation.returned(function)
    return found if isinstance(said, Constant) else said


def _generated(function: FunctionValue, yielded: list[Value]) -> Value:
    """What `with` gets of a generator that is decorated for it; another one is for loops, and may go on."""
    return one_of(yielded) if function.decorators else Listing("list", list(yielded), open_ended=True)


def bind_parameters(
    evaluation: "Evaluation", function: FunctionValue, args: Sequence[Value], keywords: dict[str, Value], scope: Scope
) -> None:
    given = list(args)
    if function.receiver is not None:
        given.insert(0, function.receiver)
    rest = dict(keywords)
    for parameter in function.node.parameters:
        if parameter.kind == "*":
            scope.names[parameter.name] = Listing("tuple", given)
            given = []
        elif parameter.kind == "**":
            scope.names[parameter.name] = Table.of(rest)
        elif parameter.kind == "positional" and given:
            scope.names[parameter.name] = given.pop(0)
        elif parameter.name in rest:
            scope.names[parameter.name] = rest.pop(parameter.name)
        else:
            scope.names[parameter.name] = _missing(evaluation, parameter, function)


def _missing(evaluation: "Evaluation", parameter: syntax.Parameter, function: FunctionValue) -> Value:
    if parameter.default is not None:
        value = evaluation.evaluate(parameter.default, function.scope)
        if isinstance(value, Instance) and value.is_a("fastapi.Depends", "fastapi.Security"):
            return _provided(evaluation, value, parameter, function)
        return value
    return (
        evaluation.typed(parameter.annotation, function.scope)
        if parameter.annotation is not None
        else Unknown(f"parameter `{parameter.name}`")
    )


def _provided(
    evaluation: "Evaluation", depends: Instance, parameter: syntax.Parameter, function: FunctionValue
) -> Value:
    """What a parameter with `= Depends(provider)` receives."""
    if parameter.annotation is not None:
        typed = evaluation.typed(parameter.annotation, function.scope)
        if not isinstance(typed, Unknown):
            return typed
    provider = depends.argument("dependency", 0)
    with evaluation.inferring():
        return evaluation.apply(provider, (), {}, None) if provider is not None else Unknown()


def _holds_application(value: Value) -> bool:
    match value:
        case Instance():
            return value.is_a(*COMPOSABLE) or any(
                isinstance(v, Instance) and v.is_a(*COMPOSABLE) for v in value.attributes.values()
            )
        case Listing():
            return any(isinstance(v, Instance) and v.is_a(*COMPOSABLE) for v in value.items)
        case _:
            return False
