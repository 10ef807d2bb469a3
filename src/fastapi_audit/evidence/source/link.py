"""Links the files of a project into one program: applications, application code, reachability."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from fastapi_audit.evidence.source.assembling import Assembly
from fastapi_audit.evidence.source.authentication import authenticates, browsers_sign_in
from fastapi_audit.evidence.source.call_index import CallIndex
from fastapi_audit.evidence.source.code import (
    Body,
    Call,
    Class,
    Expression,
    Function,
    Handler,
    Module,
)
from fastapi_audit.evidence.source.composition import (
    App,
    Dependency,
    Route,
)
from fastapi_audit.evidence.source.limits import LimitedFunction, limited_functions
from fastapi_audit.evidence.source.metrics import EXPORTERS, Metric, metrics_of
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.nouns import Nouns
from fastapi_audit.evidence.source.origins import Origin, origins
from fastapi_audit.evidence.source.reach import Reach, explore
from fastapi_audit.evidence.source.resources import Resource
from fastapi_audit.evidence.source.revisions import Revision, newest_revisions
from fastapi_audit.evidence.source.values import (
    Instance,
)
from fastapi_audit.evidence.source.variables import Variable, Variables
from fastapi_audit.model import Location

STARTING = ("lifespan", "startup")
"""The contexts that run once for each process."""

DEEPEST_PYTHON = 20_000


class Source(Nouns):
    """The program as far as it can be known without running it."""

    def __init__(self, modules: Modules, auth_names: Sequence[str] = ()) -> None:
        super().__init__(modules)
        self._auth_names = frozenset(auth_names)
        self._call_index = CallIndex(self)
        assembly = Assembly(modules, self)
        self.apps: list[App] = []
        """Every application, roots before the ones they mount."""
        with deep_recursion():
            self.apps = assembly.applications()
        self.unresolved = assembly.unresolved

    @property
    def routes(self) -> list[Route]:
        """The routes of all applications, without mounts."""
        return [r for a in self.apps for r in a.routes if r.kind != "mount"]

    @cached_property
    def application_files(self) -> list[SourceFile]:
        """The files that the applications are made of: everything that their modules import, at any depth."""
        return [self.modules.files[p] for p in sorted(self._behind(self.founding_files))]

    @property
    def loaded_paths(self) -> set[str]:
        """The paths of those that import statements load when the applications run; the rest is for type checkers.

        What is named for them is application code all the same: many modules are loaded by a string elsewhere.
        """
        return self._behind(self.founding_files, for_types=False)

    @property
    def founding_files(self) -> list[SourceFile]:
        """The files that make applications and that serve their routes."""
        made = [a.instance.site.file for a in self.apps if a.instance.site is not None]
        return [*made, *(r.function.file for r in self.routes if r.function is not None)]

    def served_by(self, target: str) -> list[Module]:
        """The modules that a server runs when it is told `package.module:app`; none where no module has that name."""
        name = target.partition(":")[0]
        begun = [m for m in self.application_modules if name and m.is_called(name)]
        found = self._behind([m.file for m in begun])
        # A router may be found by a loop over modules that nobody imports by name.
        apps = (a for a in self.apps if a.instance.site is not None and a.instance.site.file.path in found)
        found |= self._behind([r.function.file for a in apps for r in a.all_routes if r.function is not None])
        return [m for m in self.application_modules if m.path in found]

    def _behind(self, first: list[SourceFile], *, for_types: bool = True) -> set[str]:
        """The paths of these files and of all that they import, at any depth."""
        found: set[str] = set()
        pending = first
        while pending:
            file = pending.pop()
            if file.path not in found:
                found.add(file.path)
                pending.extend(self._imported(file, for_types=for_types))
        return found

    def _imported(self, file: SourceFile, *, for_types: bool) -> Iterator[SourceFile]:
        for dotted, level, only_for_types in file.facts[1]:
            target = self.modules.find(dotted, file, level)
            if target is not None and (for_types or not only_for_types):
                yield target

    @cached_property
    def application_modules(self) -> list[Module]:
        """The modules of the application; tests, migrations and scripts are not among them."""
        return [self.module_of(f) for f in self.application_files if not f.is_unread]

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
        made = [Resource(i, i.site, self) for i in self.instances if i.site is not None and i.site.file.path in own]
        return sorted(made, key=lambda r: r.location)

    @cached_property
    def bodies(self) -> list[Body]:
        """The modules, class bodies and functions of the application."""
        found: list[Body] = []
        for module in self.application_modules:
            found.append(module)
            found.extend(module.functions)
        return found

    def calls_to(self, *names: str) -> list[Call]:
        """The calls to these dotted names in the application's code; `requests.*` takes everything below."""
        return self._call_index.to(*names)

    def calls_anywhere(self, *names: str) -> list[Call]:
        """The calls to these dotted names in every file that could be read, also entry scripts that nothing imports."""
        return self._call_index.anywhere(*names)

    @cached_property
    def instances(self) -> list[Instance]:
        """What is made while the program is composed: engines, clients, limiters, caches, loggers …"""
        return [i for i in self.evaluation.instances if i.site is not None]

    def instances_of(self, *names: str) -> list[Instance]:
        """The module-level objects of these classes, also through project subclasses."""
        return [i for i in self.instances if i.is_a(*names) or i.type_name in names]

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

    @cached_property
    def revisions(self) -> list[Revision]:
        """The newest Alembic revisions."""
        return list(newest_revisions(self))

    @cached_property
    def limited_functions(self) -> list[LimitedFunction]:
        """The functions that slowapi's decorators stand on."""
        return list(limited_functions(self.functions))

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
        return authenticates(dependency, self._auth_names)

    @cached_property
    def browsers_sign_in(self) -> bool:
        """Whether cookies, sessions or HTTP Basic are in use, which browsers send whichever page asks."""
        return browsers_sign_in(self.apps, self.functions)


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Lets the evaluation follow programs that are nested deeper than our own code."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST_PYTHON))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
