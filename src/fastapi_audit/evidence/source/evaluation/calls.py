"""What calling a value gives."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.builtin import call_builtin, call_container
from fastapi_audit.evidence.source.evaluation.construction import instantiate
from fastapi_audit.evidence.source.evaluation.foreign import given_by
from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE, DECORATING, DIRECT, lost, record, start
from fastapi_audit.evidence.source.facts import MOST_ELEMENTS
from fastapi_audit.evidence.source.libraries import APPLICATIONS, DYNAMIC, ROUTERS
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Method,
    Partial,
    Registrar,
    Scope,
    Site,
    Super,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def call(evaluation: "Evaluation", node: syntax.Call, scope: Scope) -> Value:
    site = Site(scope.file, node, scope)
    if isinstance(node.func, syntax.Attribute):
        owner = evaluation.evaluate(node.func.value, scope)
        if isinstance(owner, Listing | Table) or (isinstance(owner, Constant) and isinstance(owner.value, str)):
            args, _ = _arguments(evaluation, node, scope)
            is_conditional = bool(evaluation.conditions) or not evaluation.composing
            return call_container(owner, node.func.attr, args, conditional=is_conditional)
        callee = evaluation.attribute(owner, node.func.attr)
    else:
        callee = evaluation.evaluate(node.func, scope)
    if isinstance(callee, External) and callee.name == "super":
        return _super(scope)
    args, keywords = _arguments(evaluation, node, scope)
    return apply(evaluation, callee, args, keywords, site)


def _arguments(evaluation: "Evaluation", node: syntax.Call, scope: Scope) -> tuple[tuple[Value, ...], dict[str, Value]]:
    args: list[Value] = []
    for written in node.args:
        value = evaluation.evaluate(written, scope)
        if isinstance(written, syntax.Starred):
            args.extend(value.items[:MOST_ELEMENTS] if isinstance(value, Listing) else [Unknown("an argument")])
        else:
            args.append(value)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluation.evaluate(keyword.value, scope)
        if keyword.name is not None:
            keywords[keyword.name] = value
        elif isinstance(value, Table):
            keywords.update({k: v for k, v in value.items.items() if isinstance(k, str)})
    return tuple(args), keywords


def _super(scope: Scope) -> Value:
    current: Scope | None = scope
    while current is not None and (current.function is None or current.function.owner is None):
        current = current.parent
    if current is None or current.function is None or current.function.owner is None:
        return Unknown("super()")
    receiver = current.function.receiver
    if receiver is None and isinstance(current.function.node, syntax.FunctionDef) and current.function.node.parameters:
        receiver = current.lookup(current.function.node.parameters[0].name)
    return Super(receiver, current.function.owner) if receiver is not None else Unknown("super()")


def apply(
    evaluation: "Evaluation", callee: Value, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    """What calling a value gives; registrations on applications and routers are recorded on the way."""
    match callee:
        case External():
            return _call_external(evaluation, callee, args, keywords, site)
        case ClassValue():
            return instantiate(evaluation, callee, args, keywords, site)
        case FunctionValue():
            return evaluation.call_function(callee, args, keywords, site)
        case Method():
            return _call_method(evaluation, callee, args, keywords, site)
        case Partial():
            return apply(evaluation, callee.target, (*callee.args, *args), {**callee.keywords, **keywords}, site)
        case Registrar():
            handler = args[0] if args else Unknown()
            record(evaluation, callee.target, callee.method, callee.args, callee.keywords, callee.site, handler)
            return handler
        case Instance():
            return _call_instance(evaluation, callee, args, keywords, site)
        case _:
            lost(evaluation, callee, args, keywords, site)
            return Unknown("a call of something unknown")


def _call_external(
    evaluation: "Evaluation", callee: External, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    known = call_builtin(evaluation, callee.name, args, keywords)
    if known is not None:
        return known
    made = Instance(given_by(callee.name), args, keywords, site)
    if evaluation.composing:
        if made.is_a(*APPLICATIONS):
            start(evaluation, made)
        elif made.is_a(*ROUTERS):
            evaluation.routers.append(made)
        else:
            lost(evaluation, callee, args, keywords, site)
        evaluation.instances.append(made)
    return made


def _call_instance(
    evaluation: "Evaluation", callee: Instance, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    if isinstance(callee.cls, ClassValue):
        method = callee.cls.lookup("__call__")
        if isinstance(method, FunctionValue):
            return evaluation.call_function(method.bound(callee), args, keywords, site)
    return Instance(given_by(f"{callee.type_name}.__call__"), args, keywords, site)


def _call_method(
    evaluation: "Evaluation", callee: Method, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    receiver, name = callee.receiver, callee.name
    if receiver.is_a(*COMPOSABLE) and site is not None:
        if name in DECORATING:
            return Registrar(receiver, name, args, keywords, site)
        if name in DIRECT:
            record(evaluation, receiver, name, args, keywords, site, None)
            return NOTHING
        if name == DYNAMIC:
            record(evaluation, receiver, DYNAMIC, args, keywords, site, None)
            return Unknown("a registration by a name that is not known")
        if name == "__init__":
            receiver.args, receiver.keywords = args, {**receiver.keywords, **keywords}
            return NOTHING
    if receiver.type_name == "fastapi.FastAPI.routes" and site is not None:
        of = receiver.attributes["of"]
        if isinstance(of, Instance):
            record(evaluation, of, f"routes.{name}", args, keywords, site, None)
        return NOTHING
    return _foreign_method(evaluation, callee, args, keywords, site)


def _foreign_method(
    evaluation: "Evaluation", callee: Method, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    made = Instance(given_by(callee.dotted), args, keywords, site, attributes={"receiver": callee.receiver})
    if evaluation.composing:
        evaluation.instances.append(made)
        application = next(
            (a for a in (*args, *keywords.values()) if isinstance(a, Instance) and a.is_a(*COMPOSABLE)), None
        )
        if application is not None and site is not None:
            record(evaluation, application, callee.dotted, args, keywords, site, callee.receiver)
    return made
