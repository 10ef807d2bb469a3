"""One noun for each function, class and module of the program, made when it is first asked for."""

from collections.abc import Iterator, Sequence

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import Body, Class, ClassBody, Function, Model, Module, Program, Settings
from fastapi_audit.evidence.source.evaluation import STEPS_A_QUESTION, Evaluation, ExhaustedError
from fastapi_audit.evidence.source.libraries import MODELS, SETTINGS
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.values import NOTHING, ClassValue, FunctionValue, Instance, Partial, Scope, Value

DEEPEST = 20
"""Of an `Annotated` in an `Annotated`."""
_BLOCKS = frozenset({syntax.If, syntax.Loop, syntax.With, syntax.Try, syntax.Handler, syntax.Match, syntax.Case})


class Nouns(Program):
    """The part of `Program` that turns values of the evaluation into the code that they stand for."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self._evaluation = Evaluation(modules)
        self._modules: dict[str, Module] = {}
        self._functions: dict[tuple[int, int, int], Function] = {}
        self._classes: dict[int, Class] = {}
        self._class_bodies: dict[int, ClassBody] = {}
        self._values: dict[tuple[int, int], Value] = {}
        """What a node stands for in another scope than the one that it was asked in first."""

    @property
    def evaluation(self) -> Evaluation:
        return self._evaluation

    def evaluate(self, node: syntax.Expr, scope: Scope) -> Value:
        asked_in = getattr(node, "asked_in", None)
        if asked_in is scope:
            answer: Value = node.answer
            return answer
        key = (id(node), id(scope))
        known = self._values.get(key) if asked_in is not None else None
        if known is not None:
            return known
        known = self._inferred(node, scope)
        if getattr(node, "asked_in", scope) is scope:
            node.asked_in, node.answer = scope, known
        else:
            self._values[key] = known
        return known

    def _inferred(self, node: syntax.Expr, scope: Scope) -> Value:
        """As `Evaluation.inferring` does it, by hand: a scan asks a hundred thousand times."""
        evaluation = self._evaluation
        kept, evaluation.composing = evaluation.composing, False
        evaluation.steps = max(evaluation.steps, STEPS_A_QUESTION)
        try:
            return evaluation.evaluate(node, scope)
        except ExhaustedError:
            evaluation.steps = STEPS_A_QUESTION
            return NOTHING
        finally:
            evaluation.composing = kept

    def function(self, value: FunctionValue) -> Function:
        receiver = value.receiver.cls if isinstance(value.receiver, Instance) else None
        other = id(receiver) if isinstance(receiver, ClassValue) and receiver is not value.owner else 0
        key = (id(value.node), id(value.scope), other)
        if key not in self._functions:
            self._functions[key] = Function(value, self)
        return self._functions[key]

    def function_of(self, value: Value) -> Function | None:
        while isinstance(value, Partial):
            value = value.target
        if isinstance(value, FunctionValue):
            return self.function(value)
        if isinstance(value, Instance) and isinstance(value.cls, ClassValue):
            method = value.cls.lookup("__call__")
            return self.function(method.bound(value)) if isinstance(method, FunctionValue) else None
        return None

    def called_function(self, value: Value) -> Function | None:
        if isinstance(value, ClassValue):
            method = value.lookup("__init__")
            return self.function(method.bound(Instance(value))) if isinstance(method, FunctionValue) else None
        return self.function_of(value)

    def class_of(self, value: ClassValue) -> Class:
        if id(value) not in self._classes:
            externals = value.externals()
            kind = (
                Settings if not externals.isdisjoint(SETTINGS) else Model if not externals.isdisjoint(MODELS) else Class
            )
            self._classes[id(value)] = kind(value, self)
        return self._classes[id(value)]

    def module_of(self, file: SourceFile) -> Module:
        if file.path not in self._modules:
            self._modules[file.path] = Module(file, self.evaluation.scope_of(file), self)
        return self._modules[file.path]

    def class_body(self, value: ClassValue) -> ClassBody:
        if id(value) not in self._class_bodies:
            self._class_bodies[id(value)] = ClassBody(value, self)
        return self._class_bodies[id(value)]

    def body_around(self, value: FunctionValue) -> Body:
        if value.owner is not None and value.scope.is_class:
            return self.class_body(value.owner)
        if value.scope.function is not None:
            return self.function(value.scope.function)
        return self.module_of(value.file)

    def functions_of(self, module: Module) -> Iterator[Function]:
        """Every function of a module, nested ones included, in source order."""
        found: list[Function] = []
        self._add_functions(module.nodes, module.scope, found)
        yield from found

    def _add_functions(self, nodes: Sequence[syntax.Node], scope: Scope, found: list[Function]) -> None:
        for node in nodes:
            if isinstance(node, syntax.FunctionDef):
                function = self.function(self._value_of(node, scope))
                found.append(function)
                self._add_functions(node.body, function.scope, found)
            elif isinstance(node, syntax.ClassDef):
                cls = scope.names.get(node.name)
                if isinstance(cls, ClassValue) and cls.node is node:
                    self._add_functions(node.body, cls.body, found)
            elif type(node) in _BLOCKS:
                self._add_functions(syntax.children(node), scope, found)

    def _value_of(self, node: syntax.FunctionDef, scope: Scope) -> FunctionValue:
        known = scope.names.get(node.name)
        if isinstance(known, FunctionValue) and known.node is node:
            return known
        owner = scope.names.get("__class__") if scope.is_class else None
        with self.evaluation.inferring():
            decorators = tuple(self.evaluation.evaluate(d, scope) for d in node.decorators)
        return FunctionValue(node, scope, owner if isinstance(owner, ClassValue) else None, None, decorators)

    def classes_of(self, module: Module) -> list[Class]:
        found = []
        pending: list[tuple[Scope, Sequence[syntax.Node]]] = [(module.scope, module.nodes)]
        while pending:
            scope, nodes = pending.pop(0)
            for node in nodes:
                if isinstance(node, syntax.ClassDef):
                    value = scope.names.get(node.name)
                    if isinstance(value, ClassValue) and value.node is node:
                        found.append(self.class_of(value))
                        pending.append((value.body, node.body))
                elif type(node) in _BLOCKS:
                    pending.append((scope, syntax.children(node)))
        return found

    def metadata(self, node: syntax.Parameter, function: Function) -> list[Value]:
        found: list[Value] = []
        scope = function.definition.scope
        # FastAPI looks for `Annotated` at the top alone, not inside `Optional[…]` or `… | None`.
        if node.annotation is not None and not isinstance(node.annotation, syntax.Operation):
            found.extend(self._annotated(self.evaluate(node.annotation, scope)))
        if node.default is not None:
            found.append(self.evaluate(node.default, scope))
        return found

    def _annotated(self, value: Value, depth: int = 0) -> Iterator[Value]:
        if isinstance(value, Instance) and value.is_a("typing.Annotated") and value.args and depth < DEEPEST:
            yield from self._annotated(value.args[0], depth + 1)
            yield from value.args[1:]
