"""What code stands in: a body makes the expressions and statements of its nodes, and lists them."""

from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.calls import Call
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.code.handlers import Handler
from fastapi_audit.evidence.source.code.statements import Statement
from fastapi_audit.evidence.source.values import Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.functions import Function
    from fastapi_audit.evidence.source.code.program import Program
    from fastapi_audit.evidence.source.modules import SourceFile


class Body:
    """A function or the top level of a module: what code stands in."""

    file: "SourceFile"
    source: "Program"

    def evaluate(self, node: syntax.Expr) -> Value:
        raise NotImplementedError

    @property
    def as_function(self) -> "Function | None":
        """The function whose body it is."""
        return None

    def expression(self, node: syntax.Expr) -> Expression:
        """The expression of a node: a `Call` when it is one."""
        return Call(node, self) if isinstance(node, syntax.Call) else Expression(node, self)

    def call(self, node: syntax.Call) -> Call:
        return Call(node, self)

    def statement(self, node: syntax.Node) -> Statement:
        return Statement(node, self)

    def handler(self, node: syntax.Handler) -> Handler:
        return Handler(node, self)

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        raise NotImplementedError

    @property
    def parents(self) -> dict[int, syntax.Node]:
        """Every node below → the node around it; of nested functions, decorators and defaults belong here."""
        return self._walked[1]

    @staticmethod
    def _children(node: syntax.Node) -> list[syntax.Node]:
        if isinstance(node, syntax.FunctionDef):
            return [*node.decorators, *node.parameters]
        return syntax.children(node)

    @property
    def _all(self) -> list[syntax.Node]:
        """Every node of this body in source order, without the bodies of nested functions and lambdas."""
        return self._walked[0]

    @cached_property
    def _walked(self) -> tuple[list[syntax.Node], dict[int, syntax.Node]]:
        """One walk for both: the nodes in order, and the node around each, also inside lambdas."""
        found: list[syntax.Node] = []
        parents: dict[int, syntax.Node] = {}
        stack: list[syntax.Node] = list(reversed(self.nodes))
        lambdas: list[syntax.Node] = []
        while stack or lambdas:
            inside = not stack
            node = lambdas.pop() if inside else stack.pop()
            below = self._children(node)
            for child in below:
                parents[id(child)] = node
            if inside:
                lambdas += below
                continue
            found.append(node)
            if isinstance(node, syntax.Lambda):
                lambdas += below
            else:
                below.reverse()
                stack += below
        return found, parents

    @cached_property
    def calls(self) -> list[Call]:
        """Every call that runs when this body runs, in source order."""
        return [Call(n, self) for n in self._all if isinstance(n, syntax.Call)]

    @cached_property
    def statements(self) -> list[Statement]:
        """Every statement, also nested in blocks, in source order."""
        return [Statement(n, self) for n in self._all if isinstance(n, syntax.Stmt)]

    @cached_property
    def expressions(self) -> list[Expression]:
        """Every expression, outer before inner, in source order."""
        return [self.expression(n) for n in self._all if isinstance(n, syntax.Expr)]

    def expressions_of(self, kind: str) -> list[Expression]:
        """The expressions of one kind: `name`, `attribute`, `lambda` …"""
        return self._expressions_by_kind.get(kind, [])

    @cached_property
    def _expressions_by_kind(self) -> dict[str, list[Expression]]:
        found: dict[str, list[Expression]] = {}
        for expression in self.expressions:
            found.setdefault(expression.kind, []).append(expression)
        return found

    def statements_of(self, *kinds: str) -> list[Statement]:
        """The statements of some kinds: `raise`, `return`, `loop`, `try`, `assign` …"""
        if len(kinds) == 1:
            return self._statements_by_kind.get(kinds[0], [])
        return [s for s in self.statements if s.kind in kinds]

    @cached_property
    def _statements_by_kind(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            found.setdefault(statement.kind, []).append(statement)
        return found

    @cached_property
    def targets(self) -> "list[Function]":
        """The project functions that its calls lead to, one for each call that leads to one."""
        return [target for call in self.calls if (target := call.target) is not None]

    def assignments_to(self, written: str) -> list[Statement]:
        """The `assign` statements with this target, as written."""
        return self._assignments.get(written, [])

    @cached_property
    def _assignments(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for statement in self.statements_of("assign"):
            for written in dict.fromkeys(t.written for t in statement.targets):
                if written is not None:
                    found.setdefault(written, []).append(statement)
        return found

    def taken_by(self, written: str) -> list[Expression]:
        """The expressions whose value a variable or attribute takes, as written; also `with … as x`."""
        return self._taken.get(written, [])

    @cached_property
    def _taken(self) -> dict[str, list[Expression]]:
        found: dict[str, list[Expression]] = {}
        for expression in self.expressions:
            taker = expression.assigned_to
            if taker is not None:
                found.setdefault(taker, []).append(expression)
        return found

    def calls_to(self, *names: str) -> list[Call]:
        """The calls to these dotted names; `requests.*` takes everything below."""
        wanted = {n for n in names if not n.endswith(".*")}
        prefixes = tuple(n[:-1] for n in names if n.endswith(".*"))
        found = []
        for call in self.calls:
            name = call.name
            if name is not None and (name in wanted or (prefixes and name.startswith(prefixes))):
                found.append(call)
        return found

    def reads(self, name: str) -> bool:
        """Whether it, or a function inside it, uses a variable other than to assign to it."""
        below = [n for node in self.nodes for n in syntax.walk(node, into_functions=True)]
        assigned = {id(t) for n in below if isinstance(n, syntax.Assign) for t in n.targets}
        return any(isinstance(n, syntax.Name) and n.id == name and id(n) not in assigned for n in below)

    @property
    def awaits(self) -> bool:
        """Whether it awaits anything, in any form."""
        return any(
            isinstance(n, syntax.Await)
            or (isinstance(n, syntax.Loop | syntax.With) and n.is_async)
            or (isinstance(n, syntax.Comprehension) and any(g.is_async for g in n.generators))
            for n in self._all
        )
