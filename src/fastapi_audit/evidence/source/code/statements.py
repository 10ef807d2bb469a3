"""Statements: their values, targets and blocks."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.calls import Call
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.code.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi_audit.evidence.source.code.handlers import Handler


class Statement(Placed):
    """A statement; `kind` tells which, the other properties apply where they make sense and are empty elsewhere."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """`assign`, `evaluate`, `return`, `raise`, `if`, `loop`, `with`, `try`, `import`, `functiondef`, `declare` …"""
        return syntax.KIND[type(self.node)]

    @property
    def value(self) -> Expression | None:
        """What is assigned, returned, raised or evaluated; what a loop runs over; what an `if` tests."""
        node = self.node
        match node:
            case syntax.Assign() | syntax.Evaluate() | syntax.Return() | syntax.Raise() | syntax.Yield():
                found = node.value
            case syntax.Loop():
                found = node.iterable
            case syntax.If():
                found = node.test
            case _:
                found = None
        return None if found is None else self.body.expression(found)

    @property
    def targets(self) -> list[Expression]:
        """What is assigned to, deleted, or bound by a loop."""
        match self.node:
            case syntax.Assign(targets=targets) | syntax.Delete(targets=targets):
                return [self.body.expression(t) for t in targets]
            case syntax.Loop(target=target) if target is not None:
                return [self.body.expression(target)]
            case _:
                return []

    @property
    def annotation(self) -> Expression | None:
        node = self.node
        return self.body.expression(node.annotation) if isinstance(node, syntax.Assign) and node.annotation else None

    @property
    def augmented(self) -> str | None:
        """The operator of `x += 1`."""
        return self.node.operator if isinstance(self.node, syntax.Assign) else None

    @property
    def names(self) -> tuple[str, ...]:
        """What `global` and `nonlocal` declare."""
        return self.node.names if isinstance(self.node, syntax.Declare) else ()

    @property
    def imports(self) -> tuple[str, ...]:
        """The dotted names that an absolute import names: `pydantic.BaseSettings`."""
        node = self.node
        if not isinstance(node, syntax.Import) or node.level:
            return ()
        return tuple(f"{node.module}.{name}" if node.module else name for name, _ in node.names)

    @property
    def children(self) -> "list[Statement]":
        """The statements of its block (of `if`, `for`, `while`, `with`, `try`), without `else` and handlers."""
        body = getattr(self.node, "body", ())
        return [self.body.statement(s) for s in body] if not isinstance(self.node, syntax.FunctionDef) else []

    @property
    def orelse(self) -> "list[Statement]":
        return [self.body.statement(s) for s in getattr(self.node, "orelse", ())]

    @property
    def final(self) -> "list[Statement]":
        """The `finally:` block."""
        return [self.body.statement(s) for s in getattr(self.node, "final", ())]

    @property
    def handlers(self) -> "list[Handler]":
        """The `except` clauses of a `try`."""
        return [self.body.handler(h) for h in self.node.handlers] if isinstance(self.node, syntax.Try) else []

    @property
    def is_async(self) -> bool:
        """Whether it is `async for` or `async with`."""
        return isinstance(self.node, syntax.Loop | syntax.With) and self.node.is_async

    @property
    def jumps(self) -> str | None:
        """`break`, `continue` or `pass`, when it is one of them."""
        return self.node.kind if isinstance(self.node, syntax.Jump) else None

    @property
    def is_while(self) -> bool:
        return isinstance(self.node, syntax.Loop) and self.node.target is None

    def walk(self) -> "Iterator[Statement]":
        """This and every statement inside, without nested functions and classes."""
        for node in syntax.walk(self.node):
            if isinstance(node, syntax.Stmt):
                yield self.body.statement(node)

    @property
    def calls(self) -> list[Call]:
        """Every call inside."""
        return [self.body.call(n) for n in syntax.walk(self.node) if isinstance(n, syntax.Call)]

    @property
    def expressions(self) -> "Iterator[Expression]":
        """Every expression inside."""
        for node in syntax.walk(self.node):
            if isinstance(node, syntax.Expr):
                yield self.body.expression(node)
