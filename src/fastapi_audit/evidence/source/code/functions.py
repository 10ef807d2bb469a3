"""Functions, methods and lambdas: signature, decorators, how they are reached, and edits of their head."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.bodies import Body
from fastapi_audit.evidence.source.code.calls import Call
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.code.module import Module
from fastapi_audit.evidence.source.code.parameters import Parameter
from fastapi_audit.evidence.source.evaluation.budget import STEPS_A_QUESTION
from fastapi_audit.evidence.source.values import FunctionValue, Scope, Value
from fastapi_audit.model import Edit, Finding, Fix, Location, Severity, Step

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.classes import Class
    from fastapi_audit.evidence.source.code.program import Program
    from fastapi_audit.evidence.source.composition import Dependency
    from fastapi_audit.evidence.source.reach import Reach

LONGEST_KEY = 40
"""What is longer in quotes is text for people."""


class Function(Body):
    """A function, method or lambda of the program."""

    def __init__(self, value: FunctionValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file
        self.node: syntax.FunctionDef | syntax.Lambda = value.node

    def __repr__(self) -> str:
        return f"Function({self.qualified_name})"

    @property
    def as_function(self) -> "Function":
        return self

    @property
    def text(self) -> str:
        """The source as written, without decorators."""
        return self.file.source(self.node)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def qualified_name(self) -> str:
        """`module.Class.method`."""
        return self.definition.qualified_name

    @property
    def module(self) -> Module:
        return self.source.module_of(self.file)

    @property
    def outside(self) -> Body:
        """The body that it is defined in: an outer function or the module."""
        return self.source.body_around(self.definition)

    @property
    def cls(self) -> "Class | None":
        """The class that it is a method of."""
        return self.source.class_of(self.definition.owner) if self.definition.owner is not None else None

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, syntax.FunctionDef) and self.node.is_async

    @property
    def is_generator(self) -> bool:
        """Whether it yields."""
        return isinstance(self.node, syntax.FunctionDef) and self.node.is_generator

    @property
    def edge(self) -> syntax.Node:
        return self.node

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.node.body if isinstance(self.node, syntax.FunctionDef) else (self.node.body,)

    @cached_property
    def scope(self) -> Scope:
        evaluation = self.source.evaluation
        evaluation.steps = max(evaluation.steps, STEPS_A_QUESTION)
        scope = evaluation.local_scope(self.definition)
        evaluation.steps = max(evaluation.steps, STEPS_A_QUESTION)
        return scope

    def evaluate(self, node: syntax.Expr) -> Value:
        return self.source.evaluate(node, self.scope)

    @cached_property
    def parameters(self) -> list[Parameter]:
        """All parameters, `self` included."""
        return [Parameter(p, self) for p in self.node.parameters]

    def parameter(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def returns(self) -> Expression | None:
        """The return annotation."""
        node = self.node
        found = node.returns if isinstance(node, syntax.FunctionDef) else None
        return None if found is None else self.outside.expression(found)

    @property
    def returned(self) -> Value:
        """What it gives, by annotation or by its `return` statements."""
        return self.source.evaluation.returned(self.definition)

    @cached_property
    def decorators(self) -> tuple[Expression, ...]:
        """As written, first line first."""
        node = self.node
        return tuple(map(self.outside.expression, node.decorators)) if isinstance(node, syntax.FunctionDef) else ()

    @cached_property
    def decorators_by_name(self) -> dict[str, list[Expression]]:
        """The decorators by dotted name, that of what is called where one is called."""
        found: dict[str, list[Expression]] = {}
        for decorator in self.decorators:
            name = decorator.callee.name if isinstance(decorator, Call) else decorator.name
            found.setdefault(name or "", []).append(decorator)
        return found

    @cached_property
    def decorator_places(self) -> dict[Location, int]:
        """Which of the decorators stands where, the first being 0."""
        return {decorator.location: number for number, decorator in enumerate(self.decorators)}

    def is_decorated(self, *names: str) -> bool:
        """Whether a decorator, with or without a call, is one of these dotted names."""
        return any((d.name or "") in names or (isinstance(d, Call) and d.callee.name in names) for d in self.decorators)

    @property
    def location(self) -> Location:
        """The `def` line, from `def` or `async` to the end of the signature."""
        whole = self.file.location(self.node)
        if isinstance(self.node, syntax.Lambda):
            return whole
        return Location(whole.path, whole.line, whole.column, whole.line, self.file.end_of(whole.line))

    @property
    def first_line(self) -> int:
        """The line of the first decorator, or of `def`."""
        return self.node.first_line if isinstance(self.node, syntax.FunctionDef) else self.node.line

    def finding(
        self, message: str, *, fix: Fix | None = None, severity: Severity | None = None, trace: tuple[Step, ...] = (),
        operation: str | None = None,
    ) -> Finding:  # fmt: skip
        """A finding at its `def` line."""
        return Finding(message, self.location, operation, trace, fix, severity)

    @property
    def yields(self) -> list[Expression]:
        """Its `yield` expressions."""
        return list(self.expressions_of("yield"))

    @property
    def returned_expressions(self) -> list[Expression]:
        """What its `return` statements give."""
        return [s.value for s in self.statements_of("return") if s.value is not None]

    def speaks_of(self, words: re.Pattern[str], depth: int = 3) -> bool:
        """Whether a name or a short literal in it, or in project code that it calls, matches."""
        if any(words.search(p.name) for p in self.parameters):
            return True
        if any(words.search(name) for e in self.expressions for name in _spoken(e)):
            return True
        targets = [c.target for c in self.calls] if depth else []
        return any(t is not None and t.node is not self.node and t.speaks_of(words, depth - 1) for t in targets)

    @property
    def reach(self) -> "Reach | None":
        """How a request (or start-up) reaches it; `None` when nothing known does."""
        return self.source.reach_of(self)

    @property
    def on_event_loop(self) -> "Reach | None":
        """How it comes to run on the event loop; `None` when it never does, as far as known."""
        return self.source.on_event_loop(self)

    @property
    def ways(self) -> "list[Reach]":
        """Every way to it: the shortest of each context, on the loop and in a thread."""
        return self.source.ways_to(self)

    @property
    def in_request(self) -> "Reach | None":
        """How requests, messages or tasks reach it; `None` when only start-up does, or nothing known."""
        return self.source.in_request(self)

    @property
    def asked_for_by(self) -> "list[Dependency]":
        """The `Depends(...)` that ask for what it provides; empty for anything but a dependency."""
        return self.source.asking(self)

    @property
    def callers(self) -> "list[Call]":
        """The calls of it in the code that requests and start-up reach."""
        return self.source.callers(self)

    def without_decorator(self, decorator: Expression) -> Edit | None:
        """An edit that takes a decorator's lines away; `None` when something else stands on them."""
        start, end = decorator.node.line, decorator.node.end // syntax.COLUMNS
        lines = [line.decode("utf-8", "replace") for line in self.file.lines[start - 1 : end]]
        written = "".join(lines)
        rest = written.strip().removeprefix(f"@{decorator.text}").lstrip()
        if rest.startswith("@") or (rest and not rest.startswith("#")) or not written.endswith("\n"):
            return None
        return Edit(self.file.path, self.file.offset(start * syntax.COLUMNS), written, "")

    def decorated_with(self, decorator: str) -> Edit:
        """An edit that puts a decorator right above `def`."""
        indent = " " * (self.location.column - 1)
        return Edit(self.file.path, self.file.offset(self.node.start), "", f"@{decorator}\n{indent}")

    def with_first_parameter(self, written: str) -> Edit | None:
        """An edit that adds a parameter before all others; `None` for a method, whose first one is taken."""
        if self.parameters:
            first = self.node.parameters[0]
            if self.cls is not None or first.kind != "positional":
                return None
            return Edit(self.file.path, self.file.offset(first.start), "", f"{written}, ")
        text = self.file.source(self.node)
        at = text.find("()")
        if at < 0:
            return None
        return Edit(self.file.path, self.file.offset(self.node.start) + at + 1, "", written)

    def as_async(self) -> Edit | None:
        """An edit that declares it with `async def`."""
        if self.is_async or isinstance(self.node, syntax.Lambda):
            return None
        return Edit(self.file.path, self.file.offset(self.node.start), "", "async ")

    def without_async(self) -> Edit | None:
        """An edit that declares it with plain `def`."""
        text = self.file.source(self.node)
        if not self.is_async or not text.startswith("async"):
            return None
        written = text[: text.index("def") + 3]
        return Edit(self.file.path, self.file.offset(self.node.start), written, "def")


def _spoken(expression: Expression) -> Iterator[str]:
    """A variable or attribute as written, or the key of a header or cookie."""
    if expression.written is not None:
        yield expression.written
    elif expression.kind == "constant" and len(expression.text) < LONGEST_KEY:
        yield expression.text
