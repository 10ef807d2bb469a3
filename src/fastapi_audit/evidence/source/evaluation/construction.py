"""What calling a class of the program makes, with the fields of models and settings filled in."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.registrations import start
from fastapi_audit.evidence.source.libraries import APPLICATIONS, MODELS, ROUTERS, SETTINGS
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Site,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation

FIELD_MAKERS = (
    "pydantic.Field",
    "dataclasses.field()",
    "attrs.field()",
    "attr.ib()",
    "attr.attrib()",
    "sqlmodel.Field",
    "pydantic.PrivateAttr",
)
_DATA_DECORATORS = (
    "dataclasses.dataclass",
    "attrs.define",
    "attrs.frozen",
    "attrs.mutable",
    "attr.s",
    "attr.define",
    "attr.dataclass",
    "pydantic.dataclasses.dataclass",
)


def instantiate(
    evaluation: "Evaluation", cls: ClassValue, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> Value:
    externals = cls.externals()
    if not externals.isdisjoint({"enum.Enum", "enum.StrEnum", "enum.IntEnum"}):
        return args[0] if args else Unknown()
    made = Instance(cls, args, dict(keywords), site)
    if not evaluation.composing:
        return made
    evaluation.instances.append(made)
    if made.is_a(*APPLICATIONS):
        start(evaluation, made)
    elif made.is_a(*ROUTERS):
        evaluation.routers.append(made)
    if _has_fields(cls, externals):
        _fill_fields(evaluation, made, cls, args, keywords)
    for name in ("__init__", "__post_init__", "__attrs_post_init__", "model_post_init"):
        method = cls.lookup(name)
        if isinstance(method, FunctionValue):
            given = (args, keywords) if name == "__init__" else ((), {})
            evaluation.call_function(method.bound(made), *given, site)
    return made


def _has_fields(cls: ClassValue, externals: frozenset[str]) -> bool:
    if not externals.isdisjoint((*MODELS, *SETTINGS)):
        return True
    decorators = [d for c in cls.ancestry() if isinstance(c, ClassValue) for d in c.decorators]
    return any(
        (d.name if isinstance(d, External) else d.type_name.removesuffix("()")) in _DATA_DECORATORS
        for d in decorators
        if isinstance(d, External | Instance)
    )


def _fill_fields(
    evaluation: "Evaluation", made: Instance, cls: ClassValue, args: tuple[Value, ...], keywords: dict[str, Value]
) -> None:
    position = 0
    for current in reversed([c for c in cls.ancestry() if isinstance(c, ClassValue)]):
        for statement in current.node.body:
            if not (isinstance(statement, syntax.Assign) and statement.annotation is not None):
                continue
            target = statement.targets[0]
            if not isinstance(target, syntax.Name):
                continue
            name = target.id
            if name in keywords:
                made.attributes[name] = keywords[name]
            elif position < len(args):
                made.attributes[name] = args[position]
            else:
                made.attributes[name] = _field_default(evaluation, statement, current, made)
            position += 1


def _field_default(evaluation: "Evaluation", statement: syntax.Assign, cls: ClassValue, made: Instance) -> Value:
    is_setting = made.is_a(*SETTINGS)
    value: Value = Unknown()
    if statement.value is not None:
        value = evaluation.evaluate(statement.value, cls.body)
    if isinstance(value, Instance) and value.is_a(*FIELD_MAKERS):
        factory = value.argument("default_factory") or value.argument("factory")
        value = (
            evaluation.apply(factory, (), {}, value.site)
            if factory is not None
            else value.argument("default", 0) or Unknown()
        )
    if isinstance(value, Constant) and is_setting:
        return Constant(value.value, is_default=True)
    if isinstance(value, Listing) and is_setting:
        items = [Constant(i.value, is_default=True) if isinstance(i, Constant) else i for i in value.items]
        return Listing(value.kind, items, value.open_ended)
    if isinstance(value, Unknown) and statement.annotation is not None:
        return evaluation.typed(statement.annotation, cls.body)
    return value
