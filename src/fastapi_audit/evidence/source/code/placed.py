"""What stands in a body: where it is, what is around it, and the edits and findings at its place."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.model import Edit, Finding, Fix, Location, Severity, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi_audit.evidence.source.code.bodies import Body
    from fastapi_audit.evidence.source.code.expressions import Expression
    from fastapi_audit.evidence.source.code.functions import Function
    from fastapi_audit.evidence.source.code.handlers import Handler
    from fastapi_audit.evidence.source.code.statements import Statement
    from fastapi_audit.evidence.source.modules import SourceFile


class Placed:
    """A node in its body; what expressions and statements share.

    No dataclass: a scan makes millions, and to freeze one takes as long as to make it. Nobody writes to it.
    """

    __slots__ = ("body", "node")

    def __init__(self, node: syntax.Node, body: "Body") -> None:
        self.node = node
        self.body = body

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.file.path}:{self.node.line})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placed) and other.node is self.node

    def __hash__(self) -> int:
        return id(self.node)

    @property
    def file(self) -> "SourceFile":
        return self.body.file

    @property
    def location(self) -> Location:
        return self.file.location(self.node)

    @property
    def text(self) -> str:
        """The source as written."""
        return self.file.source(self.node)

    @property
    def function(self) -> "Function | None":
        """The function that this stands in; `None` at module level."""
        return self.body.as_function

    def replace(self, new: str) -> Edit:
        """An edit that writes `new` in place of this."""
        return Edit(self.file.path, self.file.offset(self.node.start), self.text, new)

    def insert_before(self, new: str) -> Edit:
        return Edit(self.file.path, self.file.offset(self.node.start), "", new)

    def insert_after(self, new: str) -> Edit:
        return Edit(self.file.path, self.file.offset(self.node.end), "", new)

    def finding(
        self, message: str, *, fix: Fix | None = None, severity: Severity | None = None, trace: tuple[Step, ...] = (),
        operation: str | None = None,
    ) -> Finding:  # fmt: skip
        """A finding at this place."""
        return Finding(message, self.location, operation, trace, fix, severity)

    @property
    def _taker(self) -> syntax.Node | None:
        """The node that takes its value, behind an `await`."""
        node = self.body.around(self.node)
        return self.body.around(node) if isinstance(node, syntax.Await) else node

    @property
    def ancestors(self) -> "Iterator[syntax.Node]":
        """The nodes around this one, innermost first, up to the function or module."""
        edge = self.body.edge
        node = self.body.around(self.node)
        while node is not None and node is not edge:
            yield node
            node = getattr(node, "around", None)

    def inside(self, *kinds: type[syntax.Node]) -> bool:
        """Whether it stands inside a node of one of these kinds, in the same function."""
        return any(isinstance(a, kinds) for a in self.ancestors)

    @property
    def loops(self) -> "list[Statement]":
        """The `for` and `while` statements around it, innermost first; only those whose body repeats it."""
        found = []
        below: syntax.Node = self.node
        for node in self.ancestors:
            if isinstance(node, syntax.Loop) and below is not node.iterable and below not in node.orelse:
                found.append(self.body.statement(node))
            below = node
        return found

    @property
    def in_comprehension(self) -> bool:
        """Whether a comprehension repeats it."""
        return self.inside(syntax.Comprehension)

    @property
    def repeating(self) -> "Expression | None":
        """What the innermost comprehension runs over that repeats it; `None` outside comprehensions."""
        below: syntax.Node = self.node
        for node in self.ancestors:
            if isinstance(node, syntax.Comprehension) and node.generators:
                first = node.generators[0]
                return None if below is first and self._under(first.iterable) else self.body.expression(first.iterable)
            below = node
        return None

    def _under(self, node: syntax.Node) -> bool:
        return self.node is node or any(a is node for a in self.ancestors)

    @property
    def tries(self) -> "list[Statement]":
        """The `try` statements whose `try:` block it stands in, innermost first."""
        found = []
        below: syntax.Node = self.node
        for node in self.ancestors:
            if isinstance(node, syntax.Try) and below in node.body:
                found.append(self.body.statement(node))
            below = node
        return found

    @property
    def handler(self) -> "Handler | None":
        """The innermost `except` clause that it stands in."""
        node = next((a for a in self.ancestors if isinstance(a, syntax.Handler)), None)
        return None if node is None else self.body.handler(node)

    @property
    def in_finally(self) -> bool:
        """Whether a `finally:` block runs it."""
        below: syntax.Node = self.node
        for node in self.ancestors:
            if isinstance(node, syntax.Try) and below in node.final:
                return True
            below = node
        return False

    @property
    def withs(self) -> "list[Expression]":
        """The context managers around it, innermost first: the expressions after `with`."""
        found: list[Expression] = []
        below: syntax.Node = self.node
        for node in self.ancestors:
            if isinstance(node, syntax.With) and below in node.body:
                found.extend(self.body.expression(i.value) for i in node.items)
            below = node
        return found

    @property
    def conditions(self) -> "list[Expression]":
        """The tests of the `if` statements around it (either branch), innermost first."""
        return [self.body.expression(a.test) for a in self.ancestors if isinstance(a, syntax.If | syntax.Conditional)]

    @property
    def statement(self) -> "Statement":
        """The statement that it is, or is part of."""
        node = self.node
        if not isinstance(node, syntax.Stmt):
            node = next((a for a in self.ancestors if isinstance(a, syntax.Stmt)), node)
        return self.body.statement(node)
