"""The calls of a program by the dotted name of what they call."""

from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import Call, Function
from fastapi_audit.evidence.source.remembering import remembered
from fastapi_audit.evidence.source.values import External

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.link import Source


class CallIndex:
    """Looks a call's name up only where its last part, as written, could lead to it."""

    def __init__(self, source: "Source") -> None:
        self.source = source

    @cached_property
    def _by_method(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for body in self.source.bodies:
            for call in body.calls:
                found.setdefault(call.method, []).append(call)
        return found

    @remembered
    def to(self, *names: str) -> list[Call]:
        """The calls to these dotted names in the application's code; `requests.*` takes everything below."""
        wanted = {n for n in names if not n.endswith(".*")}
        prefixes = tuple(n[:-1] for n in names if n.endswith(".*"))
        found: list[Call] = []
        if prefixes:
            below = (n for n in self._by_name if n in wanted or n.startswith(prefixes))
            found = [c for name in below for c in self._by_name[name]]
        else:
            candidates = (c for m in self._methods_of(wanted) for c in self._by_method.get(m, ()))
            found = [c for c in candidates if c.name in wanted]
        return sorted(found, key=lambda c: (c.file.path, c.node.start))

    @cached_property
    def _by_name(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for calls in self._by_method.values():
            for call in calls:
                name = call.name
                if name is not None:
                    found.setdefault(name, []).append(call)
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
        scopes = (self.source.evaluation.scope_of(file) for file in self.source.application_files)
        return [(k, v.name) for scope in scopes for k, v in scope.names.items() if isinstance(v, External)]

    @cached_property
    def _renamed(self) -> dict[str, set[str]]:
        """Last part of a name → what functions call it: `from m import name as other`, `other = client.name`."""
        found: dict[str, set[str]] = {}
        for body in self.source.bodies:
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

    @remembered
    def anywhere(self, *names: str) -> list[Call]:
        """The calls to these dotted names in every file that could be read, also entry scripts that nothing imports."""
        files = self.source.modules.by_path
        tops = dict.fromkeys(n.partition(".")[0].encode() for n in names)
        if not any(top in file.content for top in tops for file in files):
            return []
        lasts = [n.rpartition(".")[2].encode() for n in names]
        found: list[Call] = []
        for file in files:
            if file.is_unread or file.is_aside or not any(last in file.content for last in lasts):
                continue
            module = self.source.module_of(file)
            for body in (module, *module.functions):
                found.extend(body.calls_to(*names))
        return found
