"""What `owner.name` stands for, whatever the owner is."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeGuard

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.construction import FIELD_MAKERS
from fastapi_audit.evidence.source.evaluation.foreign import foreign
from fastapi_audit.evidence.source.evaluation.names import is_name
from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Method,
    ModuleValue,
    Super,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def attribute(evaluation: "Evaluation", owner: Value, name: str) -> Value:
    """What `owner.name` stands for."""
    match owner:
        case ModuleValue():
            return _module_attribute(evaluation, owner, name)
        case External():
            return foreign(f"{owner.name}.{name}")
        case Instance():
            return _instance_attribute(evaluation, owner, name)
        case ClassValue():
            return _class_attribute(owner, name)
        case Super():
            return _super_attribute(owner, name)
        case Constant() if name in {"value", "name"}:
            return owner
        case Method():
            return External(f"{owner.dotted}.{name}")
        case FunctionValue() if name == "__name__":
            return Constant(owner.name)
        case _:
            return Unknown(f"attribute `{name}`")


def _module_attribute(evaluation: "Evaluation", owner: ModuleValue, name: str) -> Value:
    if owner.file is not None:
        found = evaluation.member(owner.file, name)
        return Unknown(f"`{name}` of {owner.name}") if found is None else found
    below = evaluation.modules.named(f"{owner.name}.{name}")
    if below is not None:
        evaluation.scope_of(below)
        return ModuleValue(below.name, below)
    return ModuleValue(f"{owner.name}.{name}", None)


def _class_attribute(owner: ClassValue, name: str) -> Value:
    found = owner.lookup(name)
    if isinstance(found, FunctionValue):
        return found.bound(owner) if found.is_decorated("classmethod") else found
    if found is not None:
        return found
    if name == "__name__":
        return Constant(owner.node.name)
    above = next((c for c in owner.ancestry() if isinstance(c, External)), None)
    return External(f"{above.name}.{name}") if above else Unknown(f"attribute `{name}`")


def _instance_attribute(evaluation: "Evaluation", owner: Instance, name: str) -> Value:
    if name in owner.attributes:
        return owner.attributes[name]
    if owner.is_a(*COMPOSABLE):
        if name == "router":
            return owner
        if name in {"state", "routes", "dependency_overrides", "exception_handlers", "user_middleware"}:
            made = Instance(External(f"fastapi.FastAPI.{name}"), attributes={"of": owner})
            owner.attributes[name] = made
            return made
    if isinstance(owner.cls, External):
        return Method(owner, name)
    found = owner.cls.lookup(name)
    if isinstance(found, FunctionValue):
        return _bound(evaluation, found, owner)
    if (
        found is not None
        and not isinstance(found, Unknown)
        and not (isinstance(found, Instance) and found.is_a(*FIELD_MAKERS))
    ):
        return _only_default(found) if owner.site is None and _is_field(owner.cls, name) else found
    inferred = _inferred_attribute(evaluation, owner.cls, name)
    if not isinstance(inferred, Unknown):
        return inferred
    return Method(owner, name) if owner.cls.externals() else inferred


def _is_field(cls: ClassValue, name: str) -> bool:
    """Whether a class declares it with an annotation: what an instance has may then be another value."""
    return any(
        isinstance(s, syntax.Assign) and s.annotation is not None and is_name(s.targets[0], name)
        for c in cls.ancestry()
        if isinstance(c, ClassValue)
        for s in c.node.body
    )


def _only_default(value: Value) -> Value:
    return Constant(value.value, is_default=True) if isinstance(value, Constant) else value


def _bound(evaluation: "Evaluation", found: FunctionValue, owner: Instance) -> Value:
    if found.is_decorated("staticmethod"):
        return found
    if found.is_decorated("classmethod"):
        return found.bound(owner.cls)
    bound = found.bound(owner)
    if found.is_decorated("property", "functools.cached_property"):
        return evaluation.call_function(bound, (), {}, None)
    return bound


def _inferred_attribute(evaluation: "Evaluation", cls: ClassValue, name: str) -> Value:
    """What `evaluation.name` is by its annotation in the class or its assignment in a method."""
    key = (id(cls), name)
    if key in evaluation.inferred.attributes:
        return evaluation.inferred.attributes[key]
    evaluation.inferred.attributes[key] = Unknown(f"attribute `{name}`")
    with evaluation.inferring():
        for current in cls.ancestry():
            if isinstance(current, ClassValue):
                found = _declared(evaluation, current, name, cls)
                if not isinstance(found, Unknown):
                    evaluation.inferred.attributes[key] = found
                    break
    return evaluation.inferred.attributes[key]


def _declared(evaluation: "Evaluation", cls: ClassValue, name: str, of: ClassValue) -> Value:
    for statement in cls.node.body:
        if (
            isinstance(statement, syntax.Assign)
            and statement.annotation is not None
            and is_name(statement.targets[0], name)
        ):
            found = evaluation.typed(statement.annotation, cls.body)
            if not isinstance(found, Unknown):
                return found
    for method, statement in _assigned(evaluation, cls.node).get(name, ()):
        function = FunctionValue(method, cls.body, cls, Instance(of))
        value = (
            evaluation.evaluate(statement.value, evaluation.local_scope(function))
            if statement.value is not None
            else Unknown()
        )
        if isinstance(value, Unknown | Constant) and statement.annotation is not None:
            value = evaluation.typed(statement.annotation, cls.body)
        if not isinstance(value, Unknown) and value != NOTHING:
            return value
    return Unknown(f"attribute `{name}`")


def _super_attribute(owner: Super, name: str) -> Value:
    receiver = owner.receiver
    cls = receiver.cls if isinstance(receiver, Instance) else receiver
    if not isinstance(cls, ClassValue):
        return Unknown("super()")
    later = False
    for current in cls.ancestry():
        if later and isinstance(current, ClassValue) and name in current.body.names:
            found = current.body.names[name]
            return found.bound(receiver) if isinstance(found, FunctionValue) else found
        later = later or current is owner.after
    return Method(receiver, name) if isinstance(receiver, Instance) else Unknown("super()")


def _assigned(
    evaluation: "Evaluation", cls: syntax.ClassDef
) -> dict[str, list[tuple[syntax.FunctionDef, syntax.Assign]]]:
    """The attributes of `self` that the methods of a class assign to, each with where, in source order."""
    found = evaluation.inferred.assigned.get(id(cls))
    if found is None:
        found = evaluation.inferred.assigned[id(cls)] = {}
        for method in (s for s in cls.body if isinstance(s, syntax.FunctionDef)):
            for statement in _assignments(method):
                for name in dict.fromkeys(t.attr for t in statement.targets if _is_attribute_of_self(t)):
                    found.setdefault(name, []).append((method, statement))
    return found


def _is_attribute_of_self(node: syntax.Expr) -> TypeGuard[syntax.Attribute]:
    return (
        isinstance(node, syntax.Attribute) and isinstance(node.value, syntax.Name) and node.value.id in {"self", "cls"}
    )


def _assignments(function: syntax.FunctionDef) -> Iterator[syntax.Assign]:
    for statement in function.body:
        for node in syntax.walk(statement):
            if isinstance(node, syntax.Assign):
                yield node
