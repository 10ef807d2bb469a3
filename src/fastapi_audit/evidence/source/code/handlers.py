"""`except` clauses: what they catch and whether they let it through."""

from collections.abc import Iterator

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.calls import Call
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.code.placed import Placed
from fastapi_audit.evidence.source.code.statements import Statement


class Handler(Placed):
    """An `except` clause."""

    __slots__ = ()
    node: syntax.Handler

    @property
    def syntax(self) -> syntax.Handler:
        return self.node

    @property
    def is_bare(self) -> bool:
        return self.syntax.type is None

    @property
    def types(self) -> tuple[str, ...]:
        """The dotted names of what it catches; `BaseException` for a bare one; names as written where not known."""
        kind = self.syntax.type
        if kind is None:
            return ("BaseException",)
        written = kind.elements if isinstance(kind, syntax.Collection) else (kind,)
        expressions = [self.body.expression(w) for w in written]
        return tuple(name for e in expressions for name in _caught(e))

    @property
    def is_broad(self) -> bool:
        """Whether it catches `Exception`, `BaseException` or everything."""
        return self.is_bare or not {"Exception", "BaseException"}.isdisjoint(self.types)

    @property
    def variable(self) -> str | None:
        """`e` of `except Error as e`."""
        return self.syntax.name

    @property
    def children(self) -> list[Statement]:
        return [self.body.statement(s) for s in self.syntax.body]

    def walk(self) -> Iterator[Statement]:
        """Every statement inside, without nested functions."""
        for child in self.children:
            yield from child.walk()

    @property
    def calls(self) -> list[Call]:
        return [c for s in self.children for c in s.calls]

    @property
    def raises(self) -> bool:
        """Whether a `raise` stands in it."""
        return any(s.kind == "raise" for s in self.walk())

    @property
    def raises_again(self) -> bool:
        """Whether a plain `raise` stands in it, which lets through what it caught."""
        return any(isinstance(s.node, syntax.Raise) and s.node.value is None for s in self.walk())

    @property
    def leaves(self) -> bool:
        """Whether it certainly or possibly ends the block around it: raise, return, break or continue."""
        return any(
            s.kind in {"raise", "return"} or (isinstance(s.node, syntax.Jump) and s.node.kind == "break")
            for s in self.walk()
        )


def _caught(kind: Expression) -> list[str]:
    """What follows `except`: a class, or a variable that holds a tuple of them."""
    return [name or kind.text for name in kind.member_names or [kind.name]]
