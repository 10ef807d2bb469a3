"""Code as rules see it: expressions, calls, statements and functions, bound to the scope that gives names a meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.entities import entity
from fastapi_audit.evidence.source.libraries import MODELS, SETTINGS
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Scope,
    Table,
    Value,
    dotted_name,
    literal,
)
from fastapi_audit.model import Edit, Finding, Fix, Location, Severity, Step

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.composition import Dependency
    from fastapi_audit.evidence.source.evaluation import Evaluation
    from fastapi_audit.evidence.source.modules import SourceFile
    from fastapi_audit.evidence.source.origins import Origin
    from fastapi_audit.evidence.source.reach import Reach

UNKNOWN = ...
"""What `constant` is when only running the program would tell."""


LONGEST_KEY = 40
"""What is longer in quotes is text for people."""

PLAIN_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol", *MODELS, *SETTINGS})
"""Foreign bases whose instances cannot be called."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A node in its body; what expressions and statements share."""

    node: syntax.Node
    body: "Body"

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
        return self.body if isinstance(self.body, Function) else None

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
        node = self.body.parents.get(id(self.node))
        return self.body.parents.get(id(node)) if isinstance(node, syntax.Await) else node

    @property
    def ancestors(self) -> "Iterator[syntax.Node]":
        """The nodes around this one, innermost first, up to the function or module."""
        parents = self.body.parents
        node = parents.get(id(self.node))
        while node is not None:
            yield node
            node = parents.get(id(node))

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
                found.append(Statement(node, self.body))
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
                return (
                    None if below is first and self._under(first.iterable) else Expression.of(first.iterable, self.body)
                )
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
                found.append(Statement(node, self.body))
            below = node
        return found

    @property
    def handler(self) -> "Handler | None":
        """The innermost `except` clause that it stands in."""
        node = next((a for a in self.ancestors if isinstance(a, syntax.Handler)), None)
        return None if node is None else Handler(node, self.body)

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
                found.extend(Expression.of(i.value, self.body) for i in node.items)
            below = node
        return found

    @property
    def conditions(self) -> "list[Expression]":
        """The tests of the `if` statements around it (either branch), innermost first."""
        return [
            Expression.of(a.test, self.body) for a in self.ancestors if isinstance(a, syntax.If | syntax.Conditional)
        ]

    @property
    def statement(self) -> "Statement":
        """The statement that it is, or is part of."""
        node = self.node
        if not isinstance(node, syntax.Stmt):
            node = next((a for a in self.ancestors if isinstance(a, syntax.Stmt)), node)
        return Statement(node, self.body)


class Expression(Placed):
    """An expression; `name`, `constant` and `value` say what it stands for."""

    __slots__ = ()

    @staticmethod
    def of(node: syntax.Expr, body: "Body") -> "Expression":
        """The expression of a node: a `Call` when it is one."""
        return Call(node, body) if isinstance(node, syntax.Call) else Expression(node, body)

    @property
    def syntax(self) -> syntax.Expr:
        node = self.node
        if not isinstance(node, syntax.Expr):
            raise TypeError(type(node).__name__)
        return node

    @property
    def kind(self) -> str:
        """`name`, `attribute`, `call`, `constant`, `fstring`, `collection`, `mapping`, `lambda`, `operation` …"""
        return type(self.node).__name__.lower()

    @property
    def value(self) -> Value:
        """What it stands for, without running anything."""
        return self.body.evaluate(self.syntax)

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
        return [Expression.of(e, self.body) for e in node.elements] if isinstance(node, syntax.Collection) else []

    @property
    def items(self) -> "list[tuple[Expression | None, Expression]]":
        """The pairs of a dict as written; the key of `**other` is `None`."""
        node = self.node
        if not isinstance(node, syntax.Mapping):
            return []
        return [
            (None if k is None else Expression.of(k, self.body), Expression.of(v, self.body))
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
    def operator(self) -> str | None:
        """The symbol of an operation: `+`, `%`, `or`, `==`, `not` …"""
        return self.node.operator if isinstance(self.node, syntax.Operation) else None

    @property
    def operands(self) -> "list[Expression]":
        node = self.node
        return [Expression.of(o, self.body) for o in node.operands] if isinstance(node, syntax.Operation) else []

    @property
    def interpolated(self) -> "list[Expression]":
        """What an f-string puts in; empty for a plain string."""
        node = self.node
        if not isinstance(node, syntax.FString):
            return []
        return [Expression.of(p, self.body) for p in node.parts if not isinstance(p, syntax.Constant)]

    def walk(self) -> "Iterator[Expression]":
        """This and every expression inside, without the bodies of lambdas."""
        for node in syntax.walk(self.node):
            if isinstance(node, syntax.Expr):
                yield Expression.of(node, self.body)

    @property
    def calls(self) -> "list[Call]":
        """Every call inside, this one included."""
        return [e for e in self.walk() if isinstance(e, Call)]

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
        parent = self.body.parents.get(id(self.node))
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
        match self.body.parents.get(id(self.node)):
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
        node = self.body.parents.get(id(self.node))
        if isinstance(node, syntax.Keyword | syntax.Starred | syntax.Await):
            node = self.body.parents.get(id(node))
        if isinstance(node, syntax.Call) and node.func is not self.node:
            return Call(node, self.body)
        return None


class Call(Expression):
    """A call; a rule that subscribes to it names what it wants with `@rule.check(of=[…])`."""

    __slots__ = ()

    @property
    def syntax(self) -> syntax.Call:
        node = self.node
        if not isinstance(node, syntax.Call):
            raise TypeError(type(node).__name__)
        return node

    @property
    def callee(self) -> Expression:
        """What is called, as written before the parentheses."""
        return Expression.of(self.syntax.func, self.body)

    @property
    def name(self) -> str | None:
        """The dotted name of what is called: `time.sleep`, `redis.Redis.get`, `app.services.load`."""
        return self.callee.name

    @property
    def method(self) -> str:
        """The last part of the name as written: `get` of `client.get(...)`."""
        func = self.syntax.func
        if isinstance(func, syntax.Attribute):
            return func.attr
        return func.id if isinstance(func, syntax.Name) else ""

    @property
    def receiver(self) -> Expression | None:
        """`client` of `client.get(...)`."""
        func = self.syntax.func
        return Expression.of(func.value, self.body) if isinstance(func, syntax.Attribute) else None

    @property
    def arguments(self) -> list[Expression]:
        """The positional arguments."""
        return [Expression.of(a, self.body) for a in self.syntax.args]

    @property
    def keywords(self) -> dict[str, Expression]:
        """The keyword arguments, without `**rest`."""
        return {k.name: Expression.of(k.value, self.body) for k in self.syntax.keywords if k.name is not None}

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
                return Expression.of(keyword.value, self.body)
        if (
            position is not None
            and position < len(self.syntax.args)
            and not any(isinstance(a, syntax.Starred) for a in self.syntax.args[: position + 1])
        ):
            return Expression.of(self.syntax.args[position], self.body)
        return None

    @property
    def target(self) -> "Function | None":
        """The project function that is called (the constructor, for a class)."""
        return self.body.source.called_function(self.callee.value)

    def keyword_edit(self, name: str, text: str) -> Edit:
        """An edit that sets a keyword argument: replaces its value, or adds it as the last argument."""
        for keyword in self.syntax.keywords:
            if keyword.name == name:
                return Expression.of(keyword.value, self.body).replace(text)
        whole = self.text
        empty = not self.syntax.args and not self.syntax.keywords
        inner = whole[:-1].rstrip()
        separator = "" if empty else (" " if inner.endswith(",") else ", ")
        at = self.file.offset(self.node.start) + len(inner)
        return Edit(self.file.path, at, "", f"{separator}{name}={text}")


class Statement(Placed):
    """A statement; `kind` tells which, the other properties apply where they make sense and are empty elsewhere."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """`assign`, `evaluate`, `return`, `raise`, `if`, `loop`, `with`, `try`, `import`, `functiondef`, `declare` …"""
        return type(self.node).__name__.lower()

    @property
    def value(self) -> Expression | None:
        """What is assigned, returned, raised or evaluated; what a loop runs over; what an `if` tests."""
        match self.node:
            case (
                syntax.Assign(value=value)
                | syntax.Evaluate(value=value)
                | syntax.Return(value=value)
                | syntax.Raise(value=value)
            ):
                found = value
            case syntax.Loop(iterable=value):
                found = value
            case syntax.If(test=value):
                found = value
            case syntax.Yield(value=value):
                found = value
            case _:
                found = None
        return None if found is None else Expression.of(found, self.body)

    @property
    def targets(self) -> list[Expression]:
        """What is assigned to, deleted, or bound by a loop."""
        match self.node:
            case syntax.Assign(targets=targets) | syntax.Delete(targets=targets):
                return [Expression.of(t, self.body) for t in targets]
            case syntax.Loop(target=target) if target is not None:
                return [Expression.of(target, self.body)]
            case _:
                return []

    @property
    def annotation(self) -> Expression | None:
        node = self.node
        return (
            Expression.of(node.annotation, self.body) if isinstance(node, syntax.Assign) and node.annotation else None
        )

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
        return [Statement(s, self.body) for s in body] if not isinstance(self.node, syntax.FunctionDef) else []

    @property
    def orelse(self) -> "list[Statement]":
        return [Statement(s, self.body) for s in getattr(self.node, "orelse", ())]

    @property
    def final(self) -> "list[Statement]":
        """The `finally:` block."""
        return [Statement(s, self.body) for s in getattr(self.node, "final", ())]

    @property
    def handlers(self) -> "list[Handler]":
        """The `except` clauses of a `try`."""
        return [Handler(h, self.body) for h in self.node.handlers] if isinstance(self.node, syntax.Try) else []

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
                yield Statement(node, self.body)

    @property
    def calls(self) -> list[Call]:
        """Every call inside."""
        return [Call(n, self.body) for n in syntax.walk(self.node) if isinstance(n, syntax.Call)]

    @property
    def expressions(self) -> "Iterator[Expression]":
        """Every expression inside."""
        for node in syntax.walk(self.node):
            if isinstance(node, syntax.Expr):
                yield Expression.of(node, self.body)


class Handler(Placed):
    """An `except` clause."""

    __slots__ = ()

    @property
    def syntax(self) -> syntax.Handler:
        node = self.node
        if not isinstance(node, syntax.Handler):
            raise TypeError(type(node).__name__)
        return node

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
        expressions = [Expression.of(w, self.body) for w in written]
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
        return [Statement(s, self.body) for s in self.syntax.body]

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


class Body:
    """A function or the top level of a module: what code stands in."""

    file: "SourceFile"
    source: "Program"

    def evaluate(self, node: syntax.Expr) -> Value:
        raise NotImplementedError

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        raise NotImplementedError

    @cached_property
    def parents(self) -> dict[int, syntax.Node]:
        """Every node below → the node around it; of nested functions, decorators and defaults belong here."""
        found: dict[int, syntax.Node] = {}
        stack: list[syntax.Node] = list(self.nodes)
        while stack:
            node = stack.pop()
            for child in self._children(node):
                found[id(child)] = node
                stack.append(child)
        return found

    @staticmethod
    def _children(node: syntax.Node) -> Iterator[syntax.Node]:
        if isinstance(node, syntax.FunctionDef):
            yield from node.decorators
            yield from (p for p in node.parameters)
        else:
            yield from syntax.children(node)

    @cached_property
    def _all(self) -> list[syntax.Node]:
        """Every node of this body in source order, without the bodies of nested functions and lambdas."""
        found: list[syntax.Node] = []
        stack: list[syntax.Node] = list(reversed(self.nodes))
        while stack:
            node = stack.pop()
            found.append(node)
            if isinstance(node, syntax.Lambda):
                continue
            stack.extend(reversed(list(self._children(node))))
        return found

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
        return [Expression.of(n, self) for n in self._all if isinstance(n, syntax.Expr)]

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


class Module(Body):
    """One Python file of the application."""

    def __init__(self, file: "SourceFile", scope: Scope, source: "Program") -> None:
        self.file = file
        self.scope = scope
        self.source = source

    @property
    def name(self) -> str:
        """The dotted name."""
        return self.file.name

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.file.body

    def evaluate(self, node: syntax.Expr) -> Value:
        return self.source.evaluate(node, self.scope)

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @cached_property
    def functions(self) -> "list[Function]":
        """Every function and method of the file, also nested ones, in source order."""
        return list(self.source.functions_of(self))

    @cached_property
    def classes(self) -> "list[Class]":
        """The classes at the top level and inside classes."""
        return self.source.classes_of(self)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The dotted names that the file imports anywhere: `fastapi`, `fastapi.FastAPI`, `sqlalchemy.orm` …"""
        return frozenset(name for name, level in self.file.facts[1] if level == 0)

    def imports_any(self, *tops: str) -> bool:
        """Whether it imports one of these distributions' modules."""
        return not self._packages.isdisjoint(tops)

    @cached_property
    def _packages(self) -> frozenset[str]:
        """The imports with every package above them."""
        parts = (name.split(".") for name in self.imports)
        return frozenset(".".join(p[: end + 1]) for p in parts for end in range(len(p)))

    def import_edit(self, statement: str) -> Edit | None:
        """An edit that adds an import after the last one at the top of the file; `None` when it is there already."""
        if statement in self.file.text.splitlines():
            return None
        imports = [s for s in self.file.body if isinstance(s, syntax.Import) and s.module != "__future__"]
        first = self.file.body[0] if self.file.body else None
        if imports:
            at = self.file.offset(imports[0].start)
        elif first is not None:
            at = self.file.offset(first.start)
        else:
            at = 0
        return Edit(self.path, at, "", f"{statement}\n")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function."""

    node: syntax.Parameter
    function: "Function"

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def kind(self) -> str:
        """`positional`, `keyword`, `*` or `**`."""
        return self.node.kind

    @property
    def location(self) -> Location:
        return self.function.file.location(self.node)

    @property
    def annotation(self) -> Expression | None:
        """As written; its names belong to the scope around the function."""
        return Expression.of(self.node.annotation, self.function.outside) if self.node.annotation is not None else None

    @property
    def default(self) -> Expression | None:
        return Expression.of(self.node.default, self.function.outside) if self.node.default is not None else None

    @property
    def value(self) -> Value:
        """What it holds, by its annotation, its dependency or its default."""
        return self.function.scope.names.get(self.name) or self.function.evaluate(
            syntax.Name(self.node.start, self.node.end, self.name)
        )

    @property
    def type_name(self) -> str | None:
        """The dotted name of its class: `fastapi.Request`, `str`, `app.models.User`."""
        value = self.value
        return value.type_name if isinstance(value, Instance) else None

    def is_a(self, *names: str) -> bool:
        value = self.value
        return isinstance(value, Instance) and (value.is_a(*names) or value.type_name in names)

    @property
    def defined_class(self) -> "Class | None":
        """The project class of its annotation."""
        value = self.value
        return (
            self.function.source.class_of(value.cls)
            if isinstance(value, Instance) and isinstance(value.cls, ClassValue)
            else None
        )

    @property
    def metadata(self) -> list[Value]:
        """The values of `Annotated[T, …]` after the type, also through an alias; and the default."""
        return self.function.source.metadata(self.node, self.function)

    def marker(self, *names: str) -> Instance | None:
        """The `fastapi.Depends`, `fastapi.Query` … that configures it, from `Annotated` or the default."""
        return next((m for m in self.metadata if isinstance(m, Instance) and m.is_a(*names)), None)

    @property
    def is_dependency(self) -> bool:
        return self.marker("fastapi.Depends", "fastapi.Security") is not None


class Function(Body):
    """A function, method or lambda of the program."""

    def __init__(self, value: FunctionValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file

    def __repr__(self) -> str:
        return f"Function({self.qualified_name})"

    @property
    def node(self) -> "syntax.FunctionDef | syntax.Lambda":
        return self.definition.node

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
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.node.body if isinstance(self.node, syntax.FunctionDef) else (self.node.body,)

    @cached_property
    def scope(self) -> Scope:
        return self.source.evaluation.local_scope(self.definition)

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
        return None if found is None else Expression.of(found, self.outside)

    @property
    def returned(self) -> Value:
        """What it gives, by annotation or by its `return` statements."""
        return self.source.evaluation.returned(self.definition)

    @property
    def decorators(self) -> list[Expression]:
        """As written, first line first."""
        node = self.node
        return [Expression.of(d, self.outside) for d in node.decorators] if isinstance(node, syntax.FunctionDef) else []

    def is_decorated(self, *names: str) -> bool:
        """Whether a decorator, with or without a call, is one of these dotted names."""
        return any((d.name or "") in names or (isinstance(d, Call) and d.callee.name in names) for d in self.decorators)

    @property
    def location(self) -> Location:
        """The `def` line, from `def` or `async` to the end of the signature."""
        whole = self.file.location(self.node)
        if isinstance(self.node, syntax.Lambda):
            return whole
        return Location(whole.path, whole.line, whole.column, whole.line, self.file.column(whole.line, 10_000_000))

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
        return [e for e in self.expressions if isinstance(e.node, syntax.Yield)]

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


class ClassBody(Body):
    """The statements of a class."""

    def __init__(self, value: ClassValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.definition.node.body

    def evaluate(self, node: syntax.Expr) -> Value:
        return self.source.evaluate(node, self.definition.body)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class: `name: annotation = default`."""

    name: str
    statement: Statement

    @property
    def annotation(self) -> Expression | None:
        return self.statement.annotation

    @property
    def default(self) -> Expression | None:
        """As written after `=`; a `Field(...)` call included."""
        return self.statement.value

    @property
    def location(self) -> Location:
        return self.statement.location


class Class:
    """A class of the program."""

    def __init__(self, value: ClassValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file

    @property
    def name(self) -> str:
        return self.definition.node.name

    @property
    def qualified_name(self) -> str:
        return self.definition.qualified_name

    @property
    def module(self) -> Module:
        return self.source.module_of(self.file)

    @property
    def location(self) -> Location:
        """The `class` line."""
        whole = self.file.location(self.definition.node)
        return Location(whole.path, whole.line, whole.column, whole.line, self.file.column(whole.line, 10_000_000))

    @property
    def body(self) -> "ClassBody":
        """What its statements stand in."""
        return self.source.class_body(self.definition)

    def descends_from(self, *names: str) -> bool:
        """Whether a foreign class of one of these dotted names is among its bases, at any distance."""
        return not self.definition.externals().isdisjoint(names)

    @property
    def bases(self) -> tuple[str, ...]:
        """The dotted names of all its bases, nearest first."""
        return tuple(c.name if isinstance(c, External) else c.qualified_name for c in self.definition.ancestry())[1:]

    @property
    def is_whole(self) -> bool:
        """Whether all its bases are in the program, so that what it does not define is not there."""
        known = [c for c in self.definition.ancestry() if isinstance(c, ClassValue)]
        return all(isinstance(b, ClassValue) or dotted_name(b) in PLAIN_BASES for c in known for b in c.bases)

    @property
    def statements(self) -> list[Statement]:
        return [Statement(s, self.body) for s in self.definition.node.body]

    @property
    def decorators(self) -> list[Expression]:
        return [Expression.of(d, self.body) for d in self.definition.node.decorators]

    @cached_property
    def fields(self) -> list[Field]:
        """Its own annotated fields, in order."""
        return [Field(t.text, s) for s in self.statements if s.annotation is not None for t in s.targets[:1]]

    @property
    def all_fields(self) -> list[Field]:
        """Its fields with those of its project bases; its own win."""
        found: dict[str, Field] = {}
        for cls in reversed(list(self.definition.ancestry())):
            if isinstance(cls, ClassValue):
                found.update({f.name: f for f in self.source.class_of(cls).fields})
        return list(found.values())

    @property
    def methods(self) -> list[Function]:
        """Its own methods."""
        return [
            self.source.function(v)
            for v in self.definition.body.names.values()
            if isinstance(v, FunctionValue) and v.owner is self.definition
        ]

    def method(self, name: str) -> Function | None:
        """A method by name, also inherited from project classes."""
        found = self.definition.lookup(name)
        return self.source.function(found) if isinstance(found, FunctionValue) else None

    def inner(self, name: str) -> "Class | None":
        """A class inside it, such as Pydantic v1's `Config`."""
        found = self.definition.body.names.get(name)
        return self.source.class_of(found) if isinstance(found, ClassValue) else None

    def finding(self, message: str, *, fix: Fix | None = None, severity: Severity | None = None) -> Finding:
        """A finding at its `class` line."""
        return Finding(message, self.location, None, (), fix, severity)


class Model(Class):
    """A Pydantic model."""


class Settings(Class):
    """A settings class (`BaseSettings`)."""


class Program(Protocol):
    """What code asks of the whole program; `link.Source` is it."""

    @property
    def evaluation(self) -> "Evaluation": ...

    def evaluate(self, node: syntax.Expr, scope: Scope) -> Value: ...
    def function(self, value: FunctionValue) -> Function: ...
    def function_of(self, value: Value) -> Function | None: ...
    def called_function(self, value: Value) -> Function | None: ...
    def class_of(self, value: ClassValue) -> Class: ...
    def module_of(self, file: "SourceFile") -> Module: ...
    def body_around(self, value: FunctionValue) -> Body: ...
    def class_body(self, value: ClassValue) -> "ClassBody": ...
    def functions_of(self, module: Module) -> Iterator[Function]: ...
    def classes_of(self, module: Module) -> list[Class]: ...
    def metadata(self, node: syntax.Parameter, function: Function) -> list[Value]: ...
    def reach_of(self, function: Function) -> "Reach | None": ...
    def on_event_loop(self, function: Function) -> "Reach | None": ...
    def ways_to(self, function: Function) -> "list[Reach]": ...

    def in_request(self, function: Function) -> "Reach | None": ...
    def asking(self, function: Function) -> "list[Dependency]": ...
    def callers(self, function: Function) -> list[Call]: ...
    def origins_of(self, expression: Expression) -> "list[Origin]": ...
    def authenticates(self, dependency: "Dependency") -> bool: ...
