"""Finds the applications of a program: reads modules, calls factories that nobody called, follows lifespans."""

from collections.abc import Callable, Iterable, Iterator

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import Program
from fastapi_audit.evidence.source.composition import App, compose, mount_applications
from fastapi_audit.evidence.source.evaluation import ExhaustedError
from fastapi_audit.evidence.source.libraries import APPLICATIONS
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.values import ClassValue, External, FunctionValue, Instance, Partial, Value
from fastapi_audit.model import Location, Unresolved


class Assembly:
    """Composes the program once; `applications` gives what came of it, roots before the ones they mount."""

    def __init__(self, modules: Modules, source: Program) -> None:
        self.modules = modules
        self.source = source
        self.evaluation = source.evaluation
        self.unresolved: list[Unresolved] = []

    def applications(self) -> list[App]:
        """Every application that was written, composed."""
        seeds = [f for f in self.modules.by_path if b"FastAPI" in f.content and not f.is_aside]
        if not seeds:
            seeds = [f for f in self.modules.by_path if b"FastAPI" in f.content]
        self._each(self.evaluation.scope_of, seeds)
        self._for_types()
        self._each(self._factories, seeds)
        self._lifespans()
        self._for_types()
        apps = [compose(instance, self.source) for instance in self._chosen()]
        mount_applications(apps)
        apps.sort(key=lambda a: (a.is_mounted, not a.routes))
        self._name(apps)
        for app in apps:
            self.unresolved.extend(app.unresolved)
        self.unresolved.extend(dict.fromkeys(self.evaluation.unresolved))
        return apps

    def _each(self, read: Callable[[SourceFile], object], files: Iterable[SourceFile]) -> None:
        for file in files:
            try:
                read(file)
            except ExhaustedError:
                self._exhausted(file)

    def _for_types(self) -> None:
        """Reads what annotations need and nothing has imported until now."""
        with self.evaluation.reading_for_types():
            while due := self.evaluation.for_types:
                self._each(self.evaluation.scope_of, [due.pop(0)])

    def _exhausted(self, file: SourceFile) -> None:
        self.evaluation.steps = 200_000
        why = f"{file.path} needs more steps to compose than an audit spends"
        found = Unresolved("module", why, Location(file.path, 1))
        self.unresolved += [found] if found not in self.unresolved else []

    def _factories(self, file: SourceFile) -> None:
        """Calls the functions that build an application and that nobody called while the modules were read."""
        for value in list(self._defined(file)):
            if not isinstance(value.node, syntax.FunctionDef) or self.evaluation.was_called(value.node):
                continue
            if not self._builds_application(value):
                continue
            top = self._topmost(value)
            if not (isinstance(top.node, syntax.FunctionDef) and self.evaluation.was_called(top.node)):
                self._call(top)

    def _topmost(self, value: FunctionValue, depth: int = 0) -> FunctionValue:
        """The factory that calls this one and goes on composing, if there is one."""
        if depth > 3:  # noqa: PLR2004  factories of factories of factories
            return value
        needle = f"{value.name}(".encode()
        for file in self.modules.by_path:
            if needle not in file.content or file.is_aside:
                continue
            for caller in self._defined(file):
                if caller.node is value.node or not isinstance(caller.node, syntax.FunctionDef):
                    continue
                if self._calls(caller, value) and self._goes_on(caller):
                    return self._topmost(caller, depth + 1)
        return value

    def _calls(self, caller: FunctionValue, callee: FunctionValue) -> bool:
        for node in self.source.function(caller).calls:
            if node.method == callee.name:
                target = node.callee.value
                if isinstance(target, FunctionValue) and target.node is callee.node:
                    return True
        return False

    def _goes_on(self, caller: FunctionValue) -> bool:
        """Whether a caller of a factory composes further, or passes the application on."""
        composing = {
            "include_router",
            "add_middleware",
            "mount",
            "add_api_route",
            "exception_handler",
            "add_exception_handler",
            "middleware",
        }
        function = self.source.function(caller)
        if any(c.method in composing for c in function.calls):
            return True
        returned = self.evaluation.returned(caller)
        return isinstance(returned, Instance) and returned.is_a(*APPLICATIONS)

    def _builds_application(self, value: FunctionValue) -> bool:
        for call in self.source.function(value).calls:
            made = call.callee.value
            if isinstance(made, External) and made.name in APPLICATIONS:
                return True
            if isinstance(made, ClassValue) and not made.externals().isdisjoint(APPLICATIONS):
                return True
        return False

    def _defined(self, file: SourceFile) -> Iterator[FunctionValue]:
        """The functions and methods at the top level of a module and of its classes."""
        scope = self.evaluation.scope_of(file)
        for value in list(scope.names.values()):
            if isinstance(value, FunctionValue) and value.file is file:
                yield value
            elif isinstance(value, ClassValue) and value.file is file:
                yield from (v for v in value.body.names.values() if isinstance(v, FunctionValue) and v.owner is value)

    def _call(
        self, function: FunctionValue, args: tuple[Value, ...] = (), keywords: dict[str, Value] | None = None
    ) -> None:
        self.evaluation.steps = max(self.evaluation.steps, 300_000)
        receiver = function
        if function.owner is not None and function.receiver is None and not function.is_decorated("staticmethod"):
            receiver = function.bound(Instance(function.owner))
        try:
            self.evaluation.call_function(receiver, args, keywords or {}, None)
        except ExhaustedError:
            self._exhausted(function.file)

    def _lifespans(self) -> None:
        """Follows lifespans and start-up handlers: they may still register routes."""
        for instance in list(self.evaluation.applications):
            match instance.keywords.get("lifespan"):
                case FunctionValue() as lifespan:
                    self._staged("lifespan", lifespan, (instance,))
                case Partial(target=FunctionValue() as lifespan, args=first, keywords=keywords):
                    self._staged("lifespan", lifespan, (*first, instance), keywords)
            for entry in list(instance.registrations):
                if entry.method == "on_event" and isinstance(entry.handler, FunctionValue):
                    self._staged("startup", entry.handler)
                elif entry.method == "add_event_handler":
                    handler = entry.argument("func", 1)
                    if isinstance(handler, FunctionValue):
                        self._staged("startup", handler)

    def _staged(
        self,
        stage: str,
        function: FunctionValue,
        args: tuple[Value, ...] = (),
        keywords: dict[str, Value] | None = None,
    ) -> None:
        kept, self.evaluation.stage = self.evaluation.stage, stage
        self._call(function, args, keywords)
        self.evaluation.stage = kept

    def _chosen(self) -> list[Instance]:
        """One object for each `FastAPI(...)` that was written: the one that got the most."""
        best: dict[object, Instance] = {}
        for instance in self.evaluation.applications:
            key = (instance.site.file.path, instance.site.node.start) if instance.site is not None else id(instance)
            known = best.get(key)
            if known is None or len(instance.registrations) > len(known.registrations):
                best[key] = instance
        return list(best.values())

    def _name(self, apps: list[App]) -> None:
        names: dict[int, str] = {}
        for path in sorted(self.evaluation.read_modules()):
            scope = self.evaluation.scope_of(self.modules.files[path])
            for name, value in scope.names.items():
                if isinstance(value, Instance):
                    names.setdefault(id(value), f"{scope.file.name}:{name}")
        for app in apps:
            site = app.instance.site
            factory = site.scope.function.name if site is not None and site.scope.function is not None else "app"
            fallback = f"{site.file.name}:{factory}()" if site is not None else "app"
            app.name = names.get(id(app.instance), fallback)
