"""Calls, with what is called and with what."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.values import Table, dotted_name
from fastapi_audit.model import Edit

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.bodies import Body
    from fastapi_audit.evidence.source.code.functions import Function


class Call(Expression):
    """A call; a rule that subscribes to it names what it wants with `@rule.check(of=[…])`."""

    __slots__ = ("_name",)
    node: syntax.Call
    _name: str | None

    def __init__(self, node: syntax.Call, body: "Body") -> None:
        self.node = node
        self.body = body

    @property
    def syntax(self) -> syntax.Call:
        return self.node

    @property
    def callee(self) -> Expression:
        """What is called, as written before the parentheses."""
        return self.body.expression(self.syntax.func)

    @property
    def name(self) -> str | None:
        """The dotted name of what is called: `time.sleep`, `redis.Redis.get`, `app.services.load`."""
        # A body keeps its calls, and dozens of rules ask each of them.
        try:
            return self._name
        except AttributeError:
            self._name = dotted_name(self.body.evaluate(self.node.func))
            return self._name

    @property
    def method(self) -> str:
        """The last part of the name as written: `get` of `client.get(...)`."""
        func = self.node.func
        if isinstance(func, syntax.Attribute):
            return func.attr
        return func.id if isinstance(func, syntax.Name) else ""

    @property
    def receiver(self) -> Expression | None:
        """`client` of `client.get(...)`."""
        func = self.node.func
        return self.body.expression(func.value) if isinstance(func, syntax.Attribute) else None

    @property
    def arguments(self) -> list[Expression]:
        """The positional arguments."""
        return [self.body.expression(a) for a in self.syntax.args]

    @property
    def keywords(self) -> dict[str, Expression]:
        """The keyword arguments, without `**rest`."""
        return {k.name: self.body.expression(k.value) for k in self.syntax.keywords if k.name is not None}

    @property
    def has_unknown_arguments(self) -> bool:
        """Whether `*args` or `**kwargs` are passed, so that a missing argument may be in there."""
        return any(isinstance(a, syntax.Starred) for a in self.syntax.args) or any(
            k.name is None and not isinstance(self.body.evaluate(k.value), Table) for k in self.syntax.keywords
        )

    @property
    def spreads(self) -> bool:
        """Whether `*args` or `**kwargs` are passed, known or not."""
        return any(isinstance(a, syntax.Starred) for a in self.syntax.args) or any(
            k.name is None for k in self.syntax.keywords
        )

    def argument(self, name: str, position: int | None = None) -> Expression | None:
        """An argument by keyword, else by position from 0."""
        for keyword in self.syntax.keywords:
            if keyword.name == name:
                return self.body.expression(keyword.value)
        if (
            position is not None
            and position < len(self.syntax.args)
            and not any(isinstance(a, syntax.Starred) for a in self.syntax.args[: position + 1])
        ):
            return self.body.expression(self.syntax.args[position])
        return None

    @property
    def target(self) -> "Function | None":
        """The project function that is called (the constructor, for a class)."""
        return self.body.source.called_function(self.body.evaluate(self.node.func))

    def keyword_edit(self, name: str, text: str) -> Edit:
        """An edit that sets a keyword argument: replaces its value, or adds it as the last argument."""
        for keyword in self.syntax.keywords:
            if keyword.name == name:
                return self.body.expression(keyword.value).replace(text)
        whole = self.text
        empty = not self.syntax.args and not self.syntax.keywords
        inner = whole[:-1].rstrip()
        separator = "" if empty else (" " if inner.endswith(",") else ", ")
        at = self.file.offset(self.node.start) + len(inner)
        return Edit(self.file.path, at, "", f"{separator}{name}={text}")
