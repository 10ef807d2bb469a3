"""Which values come from the request: followed back through variables, strings and helpers to a parameter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import Call, Expression, Function, Model, Parameter
from fastapi_audit.evidence.source.composition import parameter_dependencies
from fastapi_audit.evidence.source.remembering import remembered
from fastapi_audit.evidence.source.values import ClassValue, External, Instance, Value
from fastapi_audit.model import Step

REQUESTS = ("fastapi.Request", "fastapi.WebSocket", "starlette.requests.HTTPConnection")
SENT = frozenset({"query_params", "path_params", "headers", "cookies", "json", "form", "body", "url", "client"})
"""The parts of a request that its sender writes."""
KEEPING = frozenset(
    {
        "strip", "lstrip", "rstrip", "lower", "upper", "replace", "title", "capitalize", "removeprefix", "removesuffix",
        "format", "join", "split", "rsplit", "decode", "encode", "get", "getlist", "pop", "copy", "items", "values",
        "model_dump", "dict", "casefold", "partition", "rpartition",
    }
)  # fmt: skip
"""Methods that give what they are called on, in another shape."""
TRANSPARENT = frozenset({"str", "typing.cast", "urllib.parse.unquote", "urllib.parse.urljoin", "list", "dict"})
"""Functions that give what they are given, in another shape."""
TEXTS = frozenset(
    {
        "str", "bytes", "pydantic.SecretStr", "pydantic.EmailStr", "pydantic.AnyUrl", "pydantic.AnyHttpUrl",
        "pydantic.HttpUrl", "pydantic.networks.AnyUrl", "pydantic.networks.AnyHttpUrl", "pydantic.networks.HttpUrl",
    }
)  # fmt: skip
"""A URL of any host is free text too: only its form is checked."""
NUMBERS = ("int", "float", "decimal.Decimal", "uuid.UUID", "datetime.datetime", "datetime.date")
LIMITS = ("pattern", "regex")
ENTRY_CONTEXTS = frozenset({"route", "dependency", "websocket", "stream"})
DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Origin:
    """The part of a request that a value comes from."""

    what: str
    """As a message says it: `name`, `request.query_params`."""
    function: Function
    """The handler, dependency or middleware that receives it."""
    is_text: bool
    """Whether the sender is free in what it writes; not for numbers, UUIDs and dates."""
    leads: bool = True
    """Whether a text begins with it, at most after `https://`: so the sender chooses the host of a URL."""
    steps: tuple[Step, ...] = ()
    """The calls by which it comes here, first to last."""

    def is_used_besides(self, user: Expression) -> bool:
        """Whether its receiver gives it to other calls too: what it names was most often looked up, and found."""
        way = {user.location, *(s.location for s in self.steps)}
        return any(
            argument.text == self.what and c.location not in way and c.method not in LOGGING
            for c in self.function.calls
            if not user.node.start <= c.node.start < user.node.end or c.file is not user.file
            for argument in (*c.arguments, *c.keywords.values())
        )


LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "str", "repr"})
"""What is given a text and finds nothing by it."""


class Trail(NamedTuple):
    """How far an expression was followed, and through which variables: in `q = q + "x"` it comes by `q` again."""

    depth: int = 0
    variables: frozenset[tuple[int, str]] = frozenset()

    @property
    def deeper(self) -> "Trail":
        return Trail(self.depth + 1, self.variables)

    def through(self, function: Function, name: str) -> "Trail | None":
        """The way through a variable of a function; `None` when it has led through it already."""
        variable = (id(function.node), name)
        return None if variable in self.variables else Trail(self.depth, self.variables | {variable})


BEGIN = Trail()


def origins(expression: Expression, trail: Trail = BEGIN) -> Iterator[Origin]:  # noqa: C901  one table of expressions
    """The parts of requests that an expression is made of; nothing where that is not certain."""
    if trail.depth > DEEPEST:
        return
    node, body = expression.node, expression.body
    match node:
        case syntax.FString(parts=parts) | syntax.Operation(operator="+", operands=parts):
            yield from _joined([Expression.of(p, body) for p in parts], trail)
        case syntax.Operation(operator="%", operands=parts):
            template, *values = (Expression.of(p, body) for p in parts)
            yield from _filled(template, values, trail)
        case syntax.Collection(elements=parts) | syntax.Operation(operator="or" | "and", operands=parts):
            for part in parts:
                yield from origins(Expression.of(part, body), trail.deeper)
        case syntax.Conditional(body=one, orelse=other):
            yield from origins(Expression.of(one, body), trail.deeper)
            yield from origins(Expression.of(other, body), trail.deeper)
        case syntax.Await(value=inner) | syntax.Starred(value=inner) | syntax.Walrus(value=inner):
            yield from origins(Expression.of(inner, body), trail.deeper)
        case syntax.Subscript() | syntax.Attribute():
            yield from _part(node, expression, trail)
        case syntax.Call():
            yield from _called(Call(node, body), trail)
        case syntax.Name():
            yield from _variable(expression, trail)
        case _:
            return


_BEGINNING = re.compile(r"\s*(https?://)?")
_PLACE = re.compile(r"\s*(https?://)?(%s|\{)")


def _joined(parts: list[Expression], trail: Trail) -> Iterator[Origin]:
    """The parts of a text one after the other; the first that is more than a scheme leads."""
    leads = True
    for part in parts:
        for origin in origins(part, trail.deeper):
            yield replace(origin, leads=origin.leads and leads)
        constant = part.constant
        leads = leads and isinstance(constant, str) and _BEGINNING.fullmatch(constant) is not None


def _filled(template: Expression, values: list[Expression], trail: Trail) -> Iterator[Origin]:
    """`"… %s" % value` and `"… {}".format(value)`."""
    constant = template.constant
    leads = isinstance(constant, str) and _PLACE.match(constant) is not None
    for value in values:
        for origin in origins(value, trail.deeper):
            yield replace(origin, leads=origin.leads and leads)


def _part(node: syntax.Subscript | syntax.Attribute, expression: Expression, trail: Trail) -> Iterator[Origin]:
    """`request.headers`, `body.name`, `found["name"]`."""
    whole = Expression.of(node.value, expression.body)
    function = expression.function
    if isinstance(node, syntax.Attribute):
        if _is_request(whole):
            if node.attr in SENT and function is not None:
                yield Origin(expression.text, function, is_text=True)
            return
        model = _body_model(whole)
        if model is not None:
            yield from _field(model, node.attr, expression)
            return
    yield from origins(whole, trail.deeper)


def _is_request(expression: Expression) -> bool:
    if expression.is_a(*REQUESTS):
        return True
    function = expression.function
    if function is None or expression.kind != "name":
        return False
    first = next((p for p in function.parameters if p.name not in {"self", "cls"}), None)
    is_middleware = any(w.before is None and w.context == "middleware" for w in function.ways)
    return first is not None and first.name == expression.text and is_middleware and first.annotation is None


def _body_model(expression: Expression) -> Model | None:
    """The model of a parameter that a handler receives."""
    function = expression.function
    if function is None or expression.kind != "name":
        return None
    parameter = function.parameter(expression.text)
    if parameter is None or not _receives(function) or parameter.is_dependency:
        return None
    cls = parameter.defined_class
    return cls if isinstance(cls, Model) else None


def _field(model: Model, name: str, expression: Expression) -> Iterator[Origin]:
    field = next((f for f in model.all_fields if f.name == name), None)
    function = expression.function
    if field is None or field.annotation is None or function is None:
        return
    default = field.default
    limited = isinstance(default, Call) and any(k in default.keywords for k in LIMITS)
    typed = model.body.source.evaluation.typed(field.annotation.syntax, model.definition.body)
    is_text = _text_or_number(typed)
    if is_text is not None and not limited and not _limits(field.annotation):
        yield Origin(expression.text, function, is_text)


def _limits(annotation: Expression) -> bool:
    return any(k in LIMITS for c in annotation.calls for k in c.keywords)


def _text_or_number(value: Value) -> bool | None:
    """`True` for free text, `False` for a number or the like, `None` for anything that is not known to be either."""
    if not isinstance(value, Instance):
        return None
    name = value.type_name
    if name in TEXTS:
        return True
    if name in NUMBERS:
        return False
    if name in {"list", "typing.List", "typing.Sequence", "set", "tuple"} and value.args:
        inner = value.args[0]
        return _text_or_number(Instance(inner)) if isinstance(inner, External | ClassValue) else None
    return None


def _called(call: Call, trail: Trail) -> Iterator[Origin]:
    """What a call hands through: a method of a string, `str(…)`, a dictionary's `get`, `"…".format(…)`."""
    receiver = call.receiver
    if receiver is not None and call.method in KEEPING | {"json", "form", "body"}:
        yield from origins(call.callee if _is_request(receiver) else receiver, trail.deeper)
        if call.method in {"format", "join"}:
            yield from _filled(receiver, [*call.arguments, *call.keywords.values()], trail)
    elif call.name in TRANSPARENT:
        for argument in call.arguments:
            yield from origins(argument, trail.deeper)


def _variable(name: Expression, trail: Trail) -> Iterator[Origin]:
    function = name.function
    onward = None if function is None else trail.through(function, name.text)
    if function is None or onward is None or _checked(function, name.text):
        return
    assigned = [s.value for s in function.assignments_to(name.text) if s.value is not None]
    if any(_replaces(value, name.text) for value in assigned):
        return
    for value in assigned:
        yield from origins(value, onward.deeper)
    for loop in function.statements_of("loop"):
        if loop.value is not None and any(t.mentions(name.text) for t in loop.targets):
            yield from origins(loop.value, onward.deeper)
    parameter = function.parameter(name.text)
    if parameter is not None:
        yield from _parameter(parameter, function, onward)


def _replaces(value: Expression, name: str) -> bool:
    """`x = clean(x)`: a variable that something unknown has worked on is not what was sent any more."""
    return isinstance(value, Call) and value.mentions(name) and not _hands_through(value)


def _hands_through(call: Call) -> bool:
    return (call.receiver is not None and call.method in KEEPING) or call.name in TRANSPARENT


@remembered
def _checked(function: Function, name: str) -> bool:
    """Whether the function compares the variable with what it allows, or hands it to something that validates."""
    for tested in _tests(function):
        for expression in tested.walk():
            if expression.operator in {"in", "not in", "==", "!="} and expression.operands[0].mentions(name):
                return True
            if isinstance(expression, Call) and expression.mentions(name) and _is_check(expression):
                return True
    return any(
        (call.discarded and call.mentions(name) and _is_validation(call)) or _is_looked_up(name, call)
        for call in function.calls
    )


def _tests(function: Function) -> Iterator[Expression]:
    """What the function asks: the tests of its `if` statements and of `x if … else y`."""
    yield from (s.value for s in function.statements_of("if") if s.value is not None)
    conditionals = (e.node for e in function.expressions_of("conditional"))
    yield from (function.expression(node.test) for node in conditionals if isinstance(node, syntax.Conditional))


def _is_looked_up(name: str, call: Call) -> bool:
    """`next((r for r in releases if r.link == link), None)`: it has to be one of those that are known."""
    return call.callee.text in {"next", "any"} and any(
        e.operator == "==" and name in {o.text for o in e.operands} and all(o.kind != "constant" for o in e.operands)
        for e in call.walk()
    )


def _is_validation(call: Call) -> bool:
    """`validate_url(url)`, also through `asyncio.to_thread(validate_url, url)`."""
    names = (call.method, *(a.written or "" for a in call.arguments))
    return call.method not in _SAYS and any(_VALIDATES.search(name) for name in names)


def _is_check(call: Call) -> bool:
    return call.method in _CHECKS or _VALIDATES.search(call.method) is not None


_SAYS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log", "print"})
_VALIDATES = re.compile(r"valid|safe|allow|check|verify|trust|permit|whitelist|sanitiz|ensure|block", re.IGNORECASE)
_CHECKS = frozenset(
    {
        "match", "fullmatch", "isidentifier", "isalnum", "isdigit", "isdecimal", "startswith", "url_has_allowed_host",
        "is_safe_url", "hasattr", "isinstance",
    }
)  # fmt: skip


def _parameter(parameter: Parameter, function: Function, trail: Trail) -> Iterator[Origin]:
    if _receives(function):
        yield from _received(parameter, function, trail)
    for call in function.callers:
        given = _given(call, parameter, function)
        if given is None or call.function is function:
            continue
        step = Step(call.location, f"`{parameter.name}` is passed to `{function.name}`")
        for origin in origins(given, trail.deeper):
            yield replace(origin, steps=(*origin.steps, step))


def _receives(function: Function) -> bool:
    """Whether FastAPI calls the function with parts of the request."""
    return any(w.before is None and w.context in ENTRY_CONTEXTS for w in function.ways)


def _received(parameter: Parameter, function: Function, trail: Trail) -> Iterator[Origin]:
    if parameter.name in {"self", "cls"} or parameter.is_a(*REQUESTS):
        return
    if parameter.is_dependency:
        yield from _provided(parameter, trail)
        return
    if parameter.kind not in {"positional", "keyword"} or _is_limited(parameter):
        return
    if parameter.annotation is None:
        marker = parameter.default
        if marker is None or (marker.name or "").startswith("fastapi.") or isinstance(marker.constant, str):
            yield Origin(parameter.name, function, is_text=True)
        return
    typed = function.source.evaluation.typed(parameter.annotation.syntax, function.definition.scope)
    is_text = _text_or_number(typed)
    if is_text is not None:
        yield Origin(parameter.name, function, is_text)


def _is_limited(parameter: Parameter) -> bool:
    return any(isinstance(m, Instance) and any(k in m.keywords for k in LIMITS) for m in parameter.metadata)


def _provided(parameter: Parameter, trail: Trail) -> Iterator[Origin]:
    """What a dependency returns of the request."""
    for dependency in parameter_dependencies(parameter.function):
        if dependency.parameter == parameter.name and dependency.function is not None:
            for returned in dependency.function.returned_expressions:
                yield from origins(returned, trail.deeper)


def _given(call: Call, parameter: Parameter, function: Function) -> Expression | None:
    """The argument that a call passes for a parameter."""
    names = [p.name for p in function.parameters if p.kind == "positional"]
    position = names.index(parameter.name) if parameter.name in names else None
    if position is not None and function.cls is not None and names[:1] in (["self"], ["cls"]):
        # The object itself is no argument; position -1 would be the last one.
        if position == 0:
            return None
        position = position - 1 if position else None
    return call.argument(parameter.name, position)
