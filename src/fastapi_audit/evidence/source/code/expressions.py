"""Expressions: what one stands for, what is in it and what becomes of its value."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.placed import Placed
from fastapi_audit.evidence.source.entities import entity
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    Instance,
    Listing,
    Value,
    dotted_name,
    literal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi_audit.evidence.source.code.bodies import Body
    from fastapi_audit.evidence.source.code.calls import Call
    from fastapi_audit.evidence.source.code.classes import Class
    from fastapi_audit.evidence.source.code.functions import Function
    from fastapi_audit.evidence.source.origins import Origin

UNKNOWN = ...
"""What `constant` is when only running the program would tell."""


class Expression(Placed):
    """An expression; `name`, `constant` and `value` say what it stands for."""

    __slots__ = ()

    @staticmethod
    def of(node: syntax.Expr, body: "Body") -> "Expression":
        """The expression of a node: a `Call` when it is one."""
        return body.expression(node)

    node: syntax.Expr

    @property
    def syntax(self) -> syntax.Expr:
        return self.node

    @property
    def kind(self) -> str:
        """`name`, `attribute`, `call`, `constant`, `fstring`, `collection`, `mapping`, `lambda`, `operation` …"""
        return syntax.KIND[type(self.node)]

    @property
    def value(self) -> Value:
        """What it stands for, without running anything."""
        return self.body.evaluate(self.node)

    @property
    def name(self) -> str | None:
        """The dotted name of what it stands for, through imports and aliases: `requests.get`, `app.db.get_session`."""
        return dotted_name(self.value)

    @property
    def type_name(self) -> str | None:
        """The dotted name of the class of what it stands for: `redis.Redis`, `app.services.UserService`."""
        value = self.value
        return value.type_name if isinstance(value, Instance) else None

    @property
    def constant(self) -> object:
        """The Python constant (also lists and dicts of constants) that it stands for; `...` when not known."""
        return literal(self.value)

    @property
    def is_default(self) -> bool:
        """Whether the constant is only the default of a setting or environment variable."""
        value = self.value
        return isinstance(value, Constant) and value.is_default

    @property
    def written(self) -> str | None:
        """The name as written: `self.client.get`; `None` for anything that is no chain of names."""
        return syntax.dotted(self.node)

    def is_a(self, *names: str) -> bool:
        """Whether it is an instance of one of these classes, given by dotted name, also through project classes."""
        value = self.value
        return isinstance(value, Instance) and (value.is_a(*names) or value.type_name in names)

    def is_class(self, *names: str) -> bool:
        """Whether it is one of these classes, or a project class that descends from one."""
        value = self.value
        if isinstance(value, External):
            return value.name in names
        return isinstance(value, ClassValue) and not value.externals().isdisjoint(names)

    @property
    def defined_function(self) -> "Function | None":
        """The project function that it stands for (also through `functools.partial` and bound methods)."""
        return self.body.source.function_of(self.value)

    @property
    def defined_class(self) -> "Class | None":
        """The project class that it stands for, or is an instance of."""
        value = self.value
        cls = value.cls if isinstance(value, Instance) else value
        return self.body.source.class_of(cls) if isinstance(cls, ClassValue) else None

    @property
    def elements(self) -> "list[Expression]":
        """The elements of a list, tuple or set as written."""
        node = self.node
        return [self.body.expression(e) for e in node.elements] if isinstance(node, syntax.Collection) else []

    @property
    def items(self) -> "list[tuple[Expression | None, Expression]]":
        """The pairs of a dict as written; the key of `**other` is `None`."""
        node = self.node
        if not isinstance(node, syntax.Mapping):
            return []
        return [
            (None if k is None else self.body.expression(k), self.body.expression(v))
            for k, v in zip(node.keys, node.values, strict=True)
        ]

    @property
    def members(self) -> "list[Value] | None":
        """What a list stands for, followed through variables and `+`; `None` when more than is known may be in it."""
        value = self.value
        return list(value.items) if isinstance(value, Listing) and not value.open_ended else None

    @property
    def member_names(self) -> list[str | None] | None:
        """The dotted names of the members of a list; `None` when more than is known may be in it."""
        members = self.members
        return None if members is None else [dotted_name(m) for m in members]

    @property
    def owner(self) -> "Expression | None":
        """What an attribute is read from: `lead` of `lead.company`."""
        return Expression.of(self.node.value, self.body) if isinstance(self.node, syntax.Attribute) else None

    @property
    def operator(self) -> str | None:
        """The symbol of an operation: `+`, `%`, `or`, `==`, `not` …"""
        return self.node.operator if isinstance(self.node, syntax.Operation) else None

    @property
    def operands(self) -> "list[Expression]":
        node = self.node
        return [self.body.expression(o) for o in node.operands] if isinstance(node, syntax.Operation) else []

    @property
    def interpolated(self) -> "list[Expression]":
        """What an f-string puts in; empty for a plain string."""
        node = self.node
        if not isinstance(node, syntax.FString):
            return []
        return [self.body.expression(p) for p in node.parts if not isinstance(p, syntax.Constant)]

    def walk(self) -> "Iterator[Expression]":
        """This and every expression inside, without the bodies of lambdas."""
        for node in syntax.walk(self.node):
            if isinstance(node, syntax.Expr):
                yield self.body.expression(node)

    @property
    def calls(self) -> "list[Call]":
        """Every call inside, this one included."""
        return [self.body.call(n) for n in syntax.walk(self.node) if isinstance(n, syntax.Call)]

    def mentions(self, *names: str) -> bool:
        """Whether a variable of one of these names occurs in it."""
        return any(isinstance(n, syntax.Name) and n.id in names for n in syntax.walk(self.node, into_functions=True))

    @property
    def origins(self) -> "list[Origin]":
        """The parts of requests that it is made of, as far as that is certain; without what was checked first."""
        return self.body.source.origins_of(self)

    @property
    def entity(self) -> "Class | None":
        """The mapped class, when it is a row of a database or a list of rows."""
        found = entity(self.value)
        return None if found is None else self.body.source.class_of(found)

    @property
    def awaited(self) -> bool:
        parent = self.body.around(self.node)
        return isinstance(parent, syntax.Await)

    @property
    def discarded(self) -> bool:
        """Whether nothing takes its value: it is a statement of its own (awaited or not)."""
        return isinstance(self._taker, syntax.Evaluate)

    @property
    def returned(self) -> bool:
        """Whether it is what a `return` gives (awaited or not)."""
        return isinstance(self._taker, syntax.Return)

    @property
    def entered(self) -> bool:
        """Whether it is what a `with` or `async with` enters (awaited or not)."""
        return isinstance(self._taker, syntax.WithItem)

    @property
    def iterated(self) -> bool:
        """Whether a `for`, a comprehension or `yield from` runs over it."""
        match self.body.around(self.node):
            case syntax.Loop(iterable=iterable) | syntax.Generator(iterable=iterable):
                return iterable is self.node
            case syntax.Yield(delegates=delegates):
                return delegates
            case _:
                return False

    @property
    def assigned_to(self) -> str | None:
        """The variable or attribute, as written, that takes its value (awaited or not, also `with … as x`)."""
        match self._taker:
            case syntax.Assign(targets=(target, *_)):
                return syntax.dotted(target) or self.file.source(target)
            case syntax.WithItem(target=target) if target is not None:
                return syntax.dotted(target)
            case syntax.Walrus(target=target):
                return syntax.dotted(target)
            case _:
                return None

    @property
    def passed_to(self) -> "Call | None":
        """The call that takes it as an argument, directly or as a keyword."""
        node = self.body.around(self.node)
        if isinstance(node, syntax.Keyword | syntax.Starred | syntax.Await):
            node = self.body.around(node)
        if isinstance(node, syntax.Call) and node.func is not self.node:
            return self.body.call(node)
        return None
