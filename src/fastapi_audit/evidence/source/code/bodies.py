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
    from collections.abc import Iterator

    from fastapi_audit.evidence.source.code.functions import Function
    from fastapi_audit.evidence.source.code.program import Program
    from fastapi_audit.evidence.source.modules import SourceFile

_CLASSES = {kind: cls for cls, kind in syntax.KIND.items()}


def _inner(node: syntax.Node) -> list[syntax.Node]:
    """What of a node belongs to the body that it stands in."""
    if type(node) is syntax.FunctionDef:
        return [*node.decorators, *node.parameters]
    return syntax.children(node)


def _look_into(pending: list[syntax.Node]) -> None:
    """Says of what stands in a lambda what is around it."""
    while pending:
        node = pending.pop()
        below = _inner(node)
        for child in below:
            child.around = node
        pending += below


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
    def edge(self) -> syntax.Node | None:
        """The node that it is the body of, which is no part of it."""
        return None

    def around(self, node: syntax.Node) -> syntax.Node | None:
        """The node around one of this body; of nested functions, decorators and defaults belong here."""
        self._by_class  # noqa: B018  the walk fills it in
        found: syntax.Node | None = getattr(node, "around", None)
        return None if found is self.edge else found

    @property
    def _all(self) -> "Iterator[syntax.Node]":
        """Every node of this body in source order, without the bodies of nested functions and lambdas."""
        stack: list[syntax.Node] = list(reversed(self.nodes))
        while stack:
            node = stack.pop()
            yield node
            if type(node) is not syntax.Lambda:
                stack += reversed(_inner(node))

    @cached_property
    def _by_class(self) -> dict[type[syntax.Node], list[syntax.Node]]:
        """The same nodes by their class; on the way, each learns what is around it, also inside lambdas."""
        by_class: dict[type[syntax.Node], list[syntax.Node]] = {}
        stack: list[syntax.Node] = list(reversed(self.nodes))
        while stack:
            node = stack.pop()
            kind = type(node)
            if kind in by_class:
                by_class[kind].append(node)
            else:
                by_class[kind] = [node]
            if kind in syntax.LEAVES:
                continue
            below = _inner(node)
            for child in below:
                child.around = node
            if kind is syntax.Lambda:
                _look_into(below)
            else:
                below.reverse()
                stack += below
        return by_class

    @cached_property
    def calls(self) -> list[Call]:
        """Every call that runs when this body runs, in source order."""
        return [Call(n, self) for n in self._by_class.get(syntax.Call, ()) if isinstance(n, syntax.Call)]

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
        known = self._expressions_by_kind.get(kind)
        if known is None:
            of_kind = self._by_class.get(_CLASSES[kind])
            if of_kind is None:
                return []
            known = [self.expression(n) for n in of_kind if isinstance(n, syntax.Expr)]
            self._expressions_by_kind[kind] = known
        return known

    @cached_property
    def _expressions_by_kind(self) -> dict[str, list[Expression]]:
        return {}

    def attributes_named(self, *names: str) -> list[Expression]:
        """The attributes of these names, of whatever, in source order."""
        attributes = self._by_class.get(syntax.Attribute, ())
        return [self.expression(n) for n in attributes if isinstance(n, syntax.Attribute) and n.attr in names]

    def statements_of(self, *kinds: str) -> list[Statement]:
        """The statements of some kinds: `raise`, `return`, `loop`, `try`, `assign` …"""
        if len(kinds) == 1:
            known = self._statements_by_kind.get(kinds[0])
            if known is None:
                of_kind = self._by_class.get(_CLASSES[kinds[0]])
                if of_kind is None:
                    return []
                known = [Statement(n, self) for n in of_kind]
                self._statements_by_kind[kinds[0]] = known
            return known
        found = [n for kind in kinds for n in self._by_class.get(_CLASSES[kind], ())]
        return [Statement(n, self) for n in sorted(found, key=lambda n: n.start)]

    @cached_property
    def _statements_by_kind(self) -> dict[str, list[Statement]]:
        return {}

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
        by_name = self._numbers_by_name
        wanted = [by_name[n] for n in dict.fromkeys(names) if n in by_name]
        prefixes = tuple(n[:-1] for n in names if n.endswith(".*"))
        if prefixes:
            wanted += [numbers for n, numbers in by_name.items() if n not in names and n.startswith(prefixes)]
        return [self.calls[number] for number in sorted(number for numbers in wanted for number in numbers)]

    @cached_property
    def _numbers_by_name(self) -> dict[str, list[int]]:
        """The dotted name of what is called → which of the calls do so."""
        found: dict[str, list[int]] = {}
        for number, call in enumerate(self.calls):
            name = call.name
            if name is not None:
                found.setdefault(name, []).append(number)
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
