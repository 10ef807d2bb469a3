"""The state of one reading, and the one place where its parts meet: each asks the others through `Evaluation`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation import (
    annotations,
    attributes,
    calls,
    functions,
    inference,
    names,
)
from fastapi_audit.evidence.source.evaluation.budget import MOST_STEPS, ExhaustedError, Frame, LongEnoughError, Loop
from fastapi_audit.evidence.source.evaluation.expressions import EXPRESSIONS
from fastapi_audit.evidence.source.evaluation.statements import STATEMENTS
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.values import Constant, Instance, Scope, Unknown, Value

if TYPE_CHECKING:
    from fastapi_audit.model import Unresolved


@dataclass(slots=True)
class Following:
    """The functions of the program that are being followed, and those that were."""

    stack: list[object] = field(default_factory=list)
    called: set[int] = field(default_factory=set)
    times: dict[int, int] = field(default_factory=dict)
    kept: dict[tuple[object, ...], tuple[Value, object]] = field(default_factory=dict)
    """What functions under a cache gave; what they were given is kept beside it, as its identity is the key."""
    spent: dict[int, int] = field(default_factory=dict)
    """The steps that each took in calls that registered nothing."""


@dataclass(slots=True)
class Inferred:
    """What was worked out once, by the identity of nodes, scopes and classes."""

    returned: dict[tuple[int, int], Value] = field(default_factory=dict)
    locals: dict[tuple[int, int], Scope] = field(default_factory=dict)
    attributes: dict[tuple[int, str], Value] = field(default_factory=dict)
    assigned: dict[int, dict[str, list[tuple[syntax.FunctionDef, syntax.Assign]]]] = field(default_factory=dict)
    """Of each class, what its methods assign to the attributes of `self`."""
    gives: dict[int, list[syntax.Expr | None]] = field(default_factory=dict)
    """Of each function, what its `return` and `yield` give."""
    globals: dict[int, frozenset[str]] = field(default_factory=dict)
    underway: set[int] = field(default_factory=set)
    """Functions whose result is being worked out."""


class Evaluation:
    """`scope_of(file)` reads a module, `applications` lists what was composed."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.applications: list[Instance] = []
        self.routers: list[Instance] = []
        self.instances: list[Instance] = []
        """Everything that calling a foreign class or function made, while the program is composed."""
        self.unresolved: list[Unresolved] = []
        self.registered = 0
        """How much was registered on applications and routers."""
        self.composing = True
        self.stage = "import"
        self.conditions: list[str] = []
        self.imported: list[SourceFile] = []
        """Modules that were imported by name and are to be read: they may register something."""
        self.for_types: list[SourceFile] = []
        """Modules that type checkers import: read when the program has been, for what annotations name."""
        self.closed: frozenset[str] = frozenset()
        """The paths of modules whose objects are not told anything meanwhile."""
        self.misses_types = False
        """Whether an annotation was looked at whose type was not read yet."""
        self.guard: str | None = None
        """The condition that an early `return` puts on the rest of its block."""
        self.steps = MOST_STEPS
        self.frames: list[Frame] = []
        self.loops: list[Loop] = []
        """Those that are being read, the innermost last."""
        self.following = Following()
        self.inferred = Inferred()
        self._scopes: dict[str, Scope] = {}
        self._done: set[str] = set()

    member = names.member
    name = names.name
    attribute = attributes.attribute
    apply = calls.apply
    call_function = functions.call_function
    returned = inference.returned
    local_scope = inference.local_scope
    typed = annotations.typed

    def scope_of(self, file: SourceFile) -> Scope:
        """The names of a module; reads it, and what it imports, the first time."""
        scope = self._scopes.get(file.path)
        if scope is None:
            scope = self._scopes[file.path] = Scope(file)
            scope.names["__name__"] = Constant(file.name)
            frames, self.frames = self.frames, []
            try:
                with self.outside_conditions():
                    self.run(file.body, scope)
            finally:
                self.frames = frames
                self._done.add(file.path)
            if len(self._done) == len(self._scopes):
                self._read_imported()
        return scope

    def _read_imported(self) -> None:
        """Once no module is half read: an import under `if TYPE_CHECKING:` would turn around who is read first."""
        while self.imported:
            self.scope_of(self.imported.pop(0))

    @contextmanager
    def reading_for_types(self) -> Iterator[None]:
        """What is read meanwhile the running program may never read, so the modules from before are told nothing."""
        self.closed = frozenset(self._done)
        try:
            yield
        finally:
            self.closed = frozenset()
        if self.misses_types:
            self.misses_types = False
            self.inferred = Inferred()

    def read_modules(self) -> set[str]:
        """The paths of every module that was read."""
        return set(self._scopes)

    def is_read(self, file: SourceFile) -> bool:
        """Whether a module was read to its end."""
        return file.path in self._done

    def was_called(self, node: syntax.FunctionDef) -> bool:
        """Whether the function was followed while the program was composed."""
        return id(node) in self.following.called

    def evaluate(self, node: syntax.Expr, scope: Scope) -> Value:
        """The value of an expression."""
        self.steps -= 1
        if self.steps <= 0:
            raise ExhaustedError
        evaluate = EXPRESSIONS.get(type(node))
        return Unknown() if evaluate is None else evaluate(self, node, scope)

    def run(self, body: Iterable[syntax.Stmt], scope: Scope) -> bool:
        """Reads statements in order; whether the flow certainly ends before their end."""
        kept = len(self.conditions)
        try:
            for statement in body:
                self._spend()
                execute = STATEMENTS.get(type(statement))
                if execute is not None and execute(self, statement, scope):
                    return True
                if self.guard is not None:
                    self.conditions.append(self.guard)
                    self.guard = None
            return False
        finally:
            del self.conditions[kept:]

    def _spend(self) -> None:
        self.steps -= 1
        if self.steps <= 0:
            raise ExhaustedError
        if self.frames:
            self.frames[-1].steps_left -= 1
            if self.frames[-1].steps_left <= 0:
                raise LongEnoughError

    @contextmanager
    def inferring(self) -> Iterator[None]:
        """Evaluate without following calls for their effects."""
        kept, self.composing = self.composing, False
        try:
            yield
        finally:
            self.composing = kept

    @contextmanager
    def outside_conditions(self) -> Iterator[None]:
        """What is read meanwhile does not stand under the conditions of now."""
        kept, self.conditions = self.conditions, []
        try:
            yield
        finally:
            self.conditions = kept

    @contextmanager
    def under(self, condition: str | None) -> Iterator[None]:
        """What is read meanwhile stands under one more condition."""
        if condition is not None:
            self.conditions.append(condition)
        try:
            yield
        finally:
            if condition is not None:
                self.conditions.pop()
