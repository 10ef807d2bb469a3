"""Links the files of a project into one program: applications, application code, reachability."""

import re
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import (
    Body,
    Call,
    Class,
    ClassBody,
    Expression,
    Function,
    Handler,
    Model,
    Module,
    Program,
    Settings,
)
from fastapi_audit.evidence.source.composition import (
    App,
    Dependency,
    Route,
    compose,
    mount_applications,
)
from fastapi_audit.evidence.source.evaluation import Evaluation, ExhaustedError
from fastapi_audit.evidence.source.libraries import APPLICATIONS, MODELS, SETTINGS
from fastapi_audit.evidence.source.metrics import EXPORTERS, Metric, metrics_of
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.origins import Origin, origins
from fastapi_audit.evidence.source.reach import Reach, explore
from fastapi_audit.evidence.source.resources import Resource
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    External,
    FunctionValue,
    Instance,
    Partial,
    Scope,
    Value,
)
from fastapi_audit.evidence.source.variables import Variable, Variables
from fastapi_audit.model import Location, Unresolved

_ASIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|examples?|docs_src|scripts|benchmarks?|migrations|alembic|notebooks|templates|cookiecutter[^/]*)/"
    r"|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile|locustfile|manage)\.py$"
)
"""Where code lives that is not part of the service, unless the application imports it."""

_AUTH = re.compile(
    r"(^|[._])(auth\w*|get_current_\w+|current_\w*user\w*|require_\w+|requires_\w+|verify_(token|jwt|api_?key|credentials|user|session|access|auth\w*|admin\w*)"
    r"|validate_(token|jwt|api_?key|credentials|session|user)|check_(token|api_?key|auth\w*|permission\w*|access\w*|admin\w*)|\w*permission\w*|\w*api_?key\w*|\w*jwt\w*|\w*_token"
    r"|token_\w+|login_required|is_authenticated|get_user\w*|\w*_auth|is_admin|ensure_\w*(user|auth|admin)\w*|\w*authoriz\w*|\w*authentic\w*)$",
    re.IGNORECASE,
)

STARTING = ("lifespan", "startup")
"""The contexts that run once for each process."""

_REFUSAL = re.compile(
    r"\b(401|403)\b|HTTP_40[13]|unauthori[sz]ed|forbidden|not_?authenticated|permission_?denied", re.IGNORECASE
)

DEEPEST_PYTHON = 20_000


def refuses(function: Function) -> bool:
    """Whether a function raises an error that says 401 or 403."""
    return any(_REFUSAL.search(s.text) for s in function.statements_of("raise"))


class Source(Program):
    """The program as far as it can be known without running it."""

    nothing: Value = NOTHING

    def __init__(self, modules: Modules, auth_names: Sequence[str] = ()) -> None:
        self.modules = modules
        self._evaluation = Evaluation(modules)
        self.apps: list[App] = []
        """Every application, roots before the ones they mount."""
        self.unresolved: list[Unresolved] = []
        self._auth_names = frozenset(auth_names)
        self._modules: dict[str, Module] = {}
        self._functions: dict[tuple[int, int, int], Function] = {}
        self._classes: dict[int, Class] = {}
        self._class_bodies: dict[int, ClassBody] = {}
        self._values: dict[tuple[int, int], Value] = {}
        self._link()

    @property
    def evaluation(self) -> Evaluation:
        return self._evaluation

    # Composition

    def _link(self) -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, DEEPEST_PYTHON))
        try:
            self._compose()
        finally:
            sys.setrecursionlimit(limit)

    def _compose(self) -> None:
        seeds = [f for f in self._by_path() if b"FastAPI" in f.content and not _ASIDE.search(f.path)]
        if not seeds:
            seeds = [f for f in self._by_path() if b"FastAPI" in f.content]
        for file in seeds:
            self._read(file)
        for file in seeds:
            self._factories(file)
        self._lifespans()
        chosen = self._chosen()
        self.apps = [compose(instance, self) for instance in chosen]
        mount_applications(self.apps)
        self.apps.sort(key=lambda a: (a.is_mounted, not a.routes))
        self._name_apps()
        for app in self.apps:
            self.unresolved.extend(app.unresolved)

    def _by_path(self) -> list[SourceFile]:
        return [self.modules.files[p] for p in sorted(self.modules.files)]

    def _read(self, file: SourceFile) -> None:
        try:
            self.evaluation.scope_of(file)
        except ExhaustedError:
            self._exhausted(file)

    def _exhausted(self, file: SourceFile) -> None:
        self.evaluation.steps = 200_000
        self.unresolved.append(
            Unresolved(
                "module", f"{file.path} needs more steps to compose than an audit spends", Location(file.path, 1)
            )
        )

    def _factories(self, file: SourceFile) -> None:
        """Calls the functions that build an application and that nobody called while the modules were read."""
        for value in list(self._defined(file)):
            if not isinstance(value.node, syntax.FunctionDef) or self.evaluation.was_called(value.node):
                continue
            if not self._builds_application(value):
                continue
            top = self._topmost(value)
            if not (isinstance(top.node, syntax.FunctionDef) and self.evaluation.was_called(top.node)):
                self._call(top, ())

    def _topmost(self, value: FunctionValue, depth: int = 0) -> FunctionValue:
        """The factory that calls this one and goes on composing, if there is one."""
        if depth > 3:  # noqa: PLR2004  factories of factories of factories
            return value
        needle = f"{value.name}(".encode()
        for file in self._by_path():
            if needle not in file.content or _ASIDE.search(file.path):
                continue
            for caller in self._defined(file):
                if caller.node is value.node or not isinstance(caller.node, syntax.FunctionDef):
                    continue
                if self._calls(caller, value) and self._goes_on(caller):
                    return self._topmost(caller, depth + 1)
        return value

    def _calls(self, caller: FunctionValue, callee: FunctionValue) -> bool:
        for node in self.function(caller).calls:
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
        function = self.function(caller)
        if any(c.method in composing for c in function.calls):
            return True
        returned = self.evaluation.returned(caller)
        return isinstance(returned, Instance) and returned.is_a(*APPLICATIONS)

    def _builds_application(self, value: FunctionValue) -> bool:
        for call in self.function(value).calls:
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

    def _call(self, function: FunctionValue, args: tuple[Value, ...]) -> Value:
        self.evaluation.steps = max(self.evaluation.steps, 300_000)
        receiver = function
        if function.owner is not None and function.receiver is None and not function.is_decorated("staticmethod"):
            receiver = function.bound(Instance(function.owner))
        try:
            return self.evaluation.call_function(receiver, args, {}, None)
        except ExhaustedError:
            self._exhausted(function.file)
            return NOTHING

    def _lifespans(self) -> None:
        """Follows lifespans and start-up handlers: they may still register routes."""
        for instance in list(self.evaluation.applications):
            lifespan = instance.keywords.get("lifespan")
            if isinstance(lifespan, Partial):
                lifespan = lifespan.target
            if isinstance(lifespan, FunctionValue):
                self._staged("lifespan", lifespan, (instance,))
            for entry in list(instance.registrations):
                if entry.method == "on_event" and isinstance(entry.handler, FunctionValue):
                    self._staged("startup", entry.handler, ())
                elif entry.method == "add_event_handler":
                    handler = entry.argument("func", 1)
                    if isinstance(handler, FunctionValue):
                        self._staged("startup", handler, ())

    def _staged(self, stage: str, function: FunctionValue, args: tuple[Value, ...]) -> None:
        kept, self.evaluation.stage = self.evaluation.stage, stage
        self._call(function, args)
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

    def _name_apps(self) -> None:
        names: dict[int, str] = {}
        for path in sorted(self.evaluation.read_modules()):
            scope = self.evaluation.scope_of(self.modules.files[path])
            for name, value in scope.names.items():
                if isinstance(value, Instance):
                    names.setdefault(id(value), f"{scope.file.name}:{name}")
        for app in self.apps:
            site = app.instance.site
            factory = site.scope.function.name if site is not None and site.scope.function is not None else "app"
            fallback = f"{site.file.name}:{factory}()" if site is not None else "app"
            app.name = names.get(id(app.instance), fallback)

    # What rules and reports ask for

    @property
    def routes(self) -> list[Route]:
        """The routes of all applications, without mounts."""
        return [r for a in self.apps for r in a.routes if r.kind != "mount"]

    @cached_property
    def application_files(self) -> list[SourceFile]:
        """The files that the applications are made of: everything that their modules import, at any depth."""
        found: set[str] = set()
        pending = [a.instance.site.file for a in self.apps if a.instance.site is not None]
        pending += [r.function.file for r in self.routes if r.function is not None]
        while pending:
            file = pending.pop()
            if file.path in found:
                continue
            found.add(file.path)
            pending.extend(self._imported(file))
        return [self.modules.files[p] for p in sorted(found)]

    def _imported(self, file: SourceFile) -> Iterator[SourceFile]:
        for dotted, level in file.facts[1]:
            target = self.modules.find(dotted, file, level)
            if target is not None:
                yield target

    @cached_property
    def application_modules(self) -> list[Module]:
        """The modules of the application; tests, migrations and scripts are not among them."""
        return [self.module_of(f) for f in self.application_files if not f.facts[3]]

    @cached_property
    def functions(self) -> list[Function]:
        """Every function of the application's modules."""
        return [f for m in self.application_modules for f in m.functions]

    @cached_property
    def classes(self) -> list[Class]:
        return [c for m in self.application_modules for c in m.classes]

    @cached_property
    def handlers(self) -> list[Handler]:
        """Every `except` clause of the application."""
        return [h for b in self.bodies for s in b.statements_of("try") for h in s.handlers]

    @cached_property
    def resources(self) -> list[Resource]:
        """What the application makes while it is composed, in the order of the files."""
        own = {f.path for f in self.application_files}
        made = [Resource(i, self) for i in self.instances if i.site is not None and i.site.file.path in own]
        return sorted(made, key=lambda r: r.location)

    @cached_property
    def bodies(self) -> list[Body]:
        """The modules, class bodies and functions of the application."""
        found: list[Body] = []
        for module in self.application_modules:
            found.append(module)
            found.extend(module.functions)
        return found

    @cached_property
    def _calls_by_method(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for body in self.bodies:
            for call in body.calls:
                found.setdefault(call.method, []).append(call)
        return found

    def calls_to(self, *names: str) -> list[Call]:
        """The calls to these dotted names in the application's code; `requests.*` takes everything below."""
        wanted = {n for n in names if not n.endswith(".*")}
        prefixes = tuple(n[:-1] for n in names if n.endswith(".*"))
        candidates: list[Call] = []
        if prefixes:
            candidates = [c for cs in self._calls_by_method.values() for c in cs]
        else:
            candidates = [c for m in self._methods_of(wanted) for c in self._calls_by_method.get(m, ())]
        found = [
            c
            for c in candidates
            if (n := c.name) is not None and (n in wanted or (prefixes and n.startswith(prefixes)))
        ]
        return sorted(found, key=lambda c: (c.file.path, c.node.start))

    def calls_anywhere(self, *names: str) -> list[Call]:
        """The calls to these dotted names in every file that could be read, also entry scripts that nothing imports."""
        lasts = [n.rpartition(".")[2].encode() for n in names]
        found: list[Call] = []
        for file in self._by_path():
            if file.facts[3] or _ASIDE.search(file.path) or not any(last in file.content for last in lasts):
                continue
            module = self.module_of(file)
            for body in (module, *module.functions):
                found.extend(body.calls_to(*names))
        return found

    def _methods_of(self, names: set[str]) -> set[str]:
        """The last parts that calls to these names may be written with, aliases of imports included."""
        lasts = {n.rpartition(".")[2] for n in names}
        for variable, name in self._external_variables:
            if name in names:
                lasts.add(variable)
        for last in tuple(lasts):
            lasts.update(self._renamed.get(last, ()))
        return lasts

    @cached_property
    def _external_variables(self) -> list[tuple[str, str]]:
        """Module-level names of the application that stand for something foreign, with its dotted name."""
        scopes = (self.evaluation.scope_of(file) for file in self.application_files)
        return [(k, v.name) for scope in scopes for k, v in scope.names.items() if isinstance(v, External)]

    @cached_property
    def _renamed(self) -> dict[str, set[str]]:
        """Last part of a name → what functions call it: `from m import name as other`, `other = client.name`."""
        found: dict[str, set[str]] = {}
        for body in self.bodies:
            for statement in body.statements_of("import", "assign"):
                match statement.node:
                    case syntax.Import(names=names) if isinstance(body, Function):
                        for name, alias in names:
                            if alias:
                                found.setdefault(name.rpartition(".")[2], set()).add(alias)
                    case syntax.Assign(value=syntax.Attribute(attr=attr), targets=targets):
                        found.setdefault(attr, set()).update(t.id for t in targets if isinstance(t, syntax.Name))
                    case _:
                        pass
        return found

    @cached_property
    def instances(self) -> list[Instance]:
        """What is made while the program is composed: engines, clients, limiters, caches, loggers …"""
        return [i for i in self.evaluation.instances if i.site is not None]

    def instances_of(self, *names: str) -> list[Instance]:
        """The module-level objects of these classes, also through project subclasses."""
        return [i for i in self.instances if i.is_a(*names) or i.type_name in names]

    # The Program protocol

    def evaluate(self, node: syntax.Expr, scope: Scope) -> Value:
        key = (id(node), id(scope))
        if key not in self._values:
            with self.evaluation.inferring():
                self.evaluation.steps = max(self.evaluation.steps, 50_000)
                try:
                    self._values[key] = self.evaluation.evaluate(node, scope)
                except ExhaustedError:
                    self._values[key] = NOTHING
        return self._values[key]

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
        yield from self._functions_below(module.nodes, module.scope)

    def _functions_below(self, nodes: Sequence[syntax.Node], scope: Scope) -> Iterator[Function]:
        for node in nodes:
            if isinstance(node, syntax.FunctionDef):
                value = self._value_of(node, scope)
                function = self.function(value)
                yield function
                yield from self._functions_below(node.body, function.scope)
            elif isinstance(node, syntax.ClassDef):
                found = scope.names.get(node.name)
                inner = found.body if isinstance(found, ClassValue) and found.node is node else None
                if inner is not None:
                    yield from self._functions_below(node.body, inner)
            elif isinstance(
                node, syntax.If | syntax.Loop | syntax.With | syntax.Try | syntax.Handler | syntax.Match | syntax.Case
            ):
                yield from self._functions_below(list(syntax.children(node)), scope)

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
                elif isinstance(node, syntax.If | syntax.Try | syntax.With):
                    pending.append((scope, list(syntax.children(node))))
        return found

    def metadata(self, node: syntax.Parameter, function: Function) -> list[Value]:
        found: list[Value] = []
        scope = function.definition.scope
        if node.annotation is not None:
            found.extend(self._annotated(self.evaluate(node.annotation, scope)))
        if node.default is not None:
            found.append(self.evaluate(node.default, scope))
        return found

    def _annotated(self, value: Value) -> Iterator[Value]:
        if isinstance(value, Instance) and value.type_name in {"typing.Annotated", "typing.Optional", "typing.Union"}:
            start = 1 if value.type_name == "typing.Annotated" else 0
            yield from self._annotated(value.args[0]) if value.args else ()
            for argument in value.args[start:]:
                if isinstance(argument, Instance) and argument.type_name == "typing.Annotated":
                    yield from self._annotated(argument)
                elif start:
                    yield argument

    # Reachability and authentication

    @cached_property
    def _reached(self) -> dict[int, list[Reach]]:
        return explore(self)

    def ways_to(self, function: Function) -> list[Reach]:
        return self._reached.get(id(function.node), [])

    def reach_of(self, function: Function) -> Reach | None:
        ways = self.ways_to(function)
        return self.on_event_loop(function) or (ways[0] if ways else None)

    def on_event_loop(self, function: Function) -> Reach | None:
        return next((w for w in self.ways_to(function) if w.on_loop), None)

    @cached_property
    def ways_on_loop(self) -> list[Reach]:
        """Every function that runs on the event loop, once for each context, in the order of the files."""
        ways = [w for found in self._reached.values() for w in found if w.on_loop]
        return sorted(ways, key=lambda w: (w.function.file.path, w.function.node.start, w.depth))

    def in_request(self, function: Function) -> Reach | None:
        return next((w for w in self.ways_to(function) if w.context not in STARTING), None)

    @cached_property
    def reached_functions(self) -> list[Function]:
        """The functions that a request, a start-up or a task reaches."""
        return [ways[0].function for ways in self._reached.values()]

    @cached_property
    def _callers(self) -> dict[int, list[Call]]:
        found: dict[int, list[Call]] = {}
        for body in self.bodies:
            for call in body.calls:
                target = call.target
                if target is not None:
                    found.setdefault(id(target.node), []).append(call)
        return found

    def callers(self, function: Function) -> list[Call]:
        return self._callers.get(id(function.node), [])

    @cached_property
    def dependencies(self) -> list[Dependency]:
        """Every `Depends(...)` that routes ask for, also indirectly, each once as written, in the order of files."""
        found: dict[object, Dependency] = {}
        pending = [d for r in self.routes if r.kind != "starlette" for d in r.direct_dependencies]
        for app in self.apps:
            pending.extend(app.dependencies)
        while pending:
            dependency = pending.pop()
            site = dependency.marker.site
            key = (site.file.path, site.node.start) if site is not None else id(dependency.marker)
            if key not in found:
                found[key] = dependency
                pending.extend(dependency.dependencies)
        return sorted(found.values(), key=lambda d: d.location or Location("", 1))

    @cached_property
    def _asking(self) -> dict[int, list[Dependency]]:
        found: dict[int, list[Dependency]] = {}
        for dependency in self.dependencies:
            if dependency.function is not None:
                found.setdefault(id(dependency.function.node), []).append(dependency)
        return found

    def asking(self, function: Function) -> list[Dependency]:
        return self._asking.get(id(function.node), [])

    @cached_property
    def variables(self) -> list[Variable]:
        """The variables of the application's modules, in the order of the files."""
        return list(Variables(self).all())

    @cached_property
    def metrics(self) -> list[Metric]:
        """The metrics that the application defines."""
        return list(metrics_of(self))

    @property
    def exports_metrics(self) -> bool:
        """Whether anything of the application is measured at all, by metrics of its own or by a library."""
        return any(m.imports_any(*EXPORTERS) for m in self.application_modules)

    def origins_of(self, expression: Expression) -> list[Origin]:
        found: dict[object, Origin] = {}
        for origin in origins(expression):
            found.setdefault((origin.what, id(origin.function.node)), origin)
        return list(found.values())

    def authenticates(self, dependency: Dependency) -> bool:
        """Whether a dependency guards a route: a security scheme, or a name that says so, also through project code."""
        if dependency.is_security or dependency.name in self._auth_names:
            return True
        last = dependency.name.rpartition(".")[2] if "<locals>" not in dependency.name else dependency.name
        if _AUTH.search(dependency.name.replace(".<locals>", "")) or _AUTH.search(last):
            return True
        if dependency.function is not None and refuses(dependency.function):
            return True
        return any(d.is_security for d in dependency.dependencies)
