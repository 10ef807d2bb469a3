"""Joins compose files: what a service takes over with `extends`, and which files one brings in with `include`."""

import posixpath
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Lookup
from dataclasses import dataclass, replace

from fastapi_audit.evidence.deployment.compose import Service, environment, service_of
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.variables import required
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Pair, Scalar, Sequence
from fastapi_audit.model import Location

DEEPEST = 20
MOST_TAKEN = 100_000
"""Keys and items of all services together that are taken over from others."""
MOST_INCLUDES = 1_000
LONGEST_NAME = 80
APPENDED = frozenset(
    {"ports", "expose", "volumes", "tmpfs", "env_file", "secrets", "configs", "profiles", "networks", "depends_on"}
    | {"cap_add", "cap_drop", "security_opt", "dns", "devices", "extra_hosts"}
)
"""The lists that one file adds to; any other list of the nearer file replaces the farther one's."""


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """One compose file, read."""

    document: Document
    services: Lookup[str, tuple[Text, Mapping]]
    """By name, the service's key and body."""
    includes: tuple[Text, ...]

    @classmethod
    def of(cls, document: Document, top: tuple[Node, ...]) -> "ComposeFile":
        roots = [root for root in top if isinstance(root, Mapping)]
        listed = [services for root in roots if (services := root.mapping("services"))]
        pairs = (pair for services in listed for pair in services.pairs)
        found = {p.key.value: (p.key, p.value) for p in pairs if isinstance(p.value, Mapping)}
        return cls(document, found, tuple(text for root in roots for text in _included(root.get("include"))))


def _included(node: Node | None) -> Iterator[Text]:
    for item in node.items if isinstance(node, Sequence) else (node,):
        if isinstance(item, Mapping):
            yield from _included(item.get("path"))
        elif isinstance(item, Scalar) and not item.is_null:
            yield item.text


@dataclass(slots=True)
class Joining:
    """The compose files of the project, and how far they were followed."""

    files: dict[str, ComposeFile]
    """By path; those that only another one names are added when they are found."""
    find: Callable[[str], ComposeFile | None]
    """Reads a further file of the project; `None` when it has no such file."""
    note: Callable[[str, Location], None]
    taken: int = 0
    includes: int = 0

    def services(self) -> Iterator[Service]:
        """Every service of every file that is started, by itself or through another one."""
        named = self.named_by_each()
        brought = {path: self.behind(path, named) for path in named}
        inner = {path for paths in brought.values() for path in paths}
        for path in sorted(brought):
            starting = [root for root, paths in brought.items() if path in paths and root not in inner]
            project = starting[0] if len(starting) == 1 else path
            asked = required(self.files[path].document.text)
            for key, own in self.files[path].services.values():
                yield replace(self.service(self.files[path], key, own), required=asked, project=project)

    def named_by_each(self) -> dict[str, set[str]]:
        """For each file those that it includes itself, however it was found."""
        named: dict[str, set[str]] = {}
        pending = sorted(self.files, reverse=True)
        while pending:
            path = pending.pop()
            if path not in named:
                named[path] = set(self.included(self.files[path]))
                pending.extend(sorted(named[path]))
        return named

    def included(self, file: ComposeFile) -> Iterator[str]:
        for text in file.includes:
            self.includes += 1
            if self.includes > MOST_INCLUDES:
                self.note(
                    f"compose files include more than {MOST_INCLUDES} others, the rest is left out", text.location
                )
                return
            other = self.named(text)
            if other is None:
                self.note(f"{text.path} includes `{_short(text)}`, which is not in the project", text.location)
            else:
                yield other

    def behind(self, path: str, named: Lookup[str, set[str]]) -> set[str]:
        """The files that a file brings in, at any depth."""
        found: set[str] = set()
        pending = [*named[path]]
        while pending:
            other = pending.pop()
            if other not in found:
                found.add(other)
                pending.extend(named[other])
        if path in found:
            self.note(f"{path} includes itself, so compose refuses it", Location(path, 1))
        return found

    def named(self, text: Text) -> str | None:
        """The path of the file that a compose file names, read if it was not; `None` for none of the project."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(text.path), text.value))
        if path not in self.files:
            file = self.find(path)
            if file is None:
                return None
            self.files[path] = file
        return path

    def service(self, file: ComposeFile, key: Text, own: Mapping) -> Service:
        """A service with everything that it takes over."""
        bodies = tuple(self.bodies(file, key, own, ()))
        body = bodies[0]
        for base in bodies[1:]:
            body = self.merged(base, body)
        service = service_of(file.document, key, body)
        if len(bodies) > 1:
            variables = {v.name: v for one in reversed(bodies) for v in environment(one.get("environment"))}
            service = replace(service, environment=tuple(variables.values()))
        return replace(service, partial=service.partial or bodies[-1].pair("extends") is not None)

    def bodies(
        self, file: ComposeFile, key: Text, own: Mapping, chain: tuple[tuple[str, str], ...]
    ) -> Iterator[Mapping]:
        """The body of a service, of the one that it extends, and so on; where that is not known, it ends early."""
        yield own
        extends = own.get("extends")
        name = extends.text if isinstance(extends, Scalar) else own.scalar("extends", "service")
        if name is None:
            return
        other = own.scalar("extends", "file")
        path = self.named(other) if other else file.document.path
        base = self.files[path].services.get(name.value) if path else None
        chain = (*chain, (file.document.path, key.value))
        if path is None or base is None:
            self.note(f"{name.path} extends `{_short(name)}`, which is not in the project", name.location)
        elif (path, name.value) in chain or len(chain) > DEEPEST:
            self.note(f"{name.path} has services that extend each other in a circle", name.location)
        elif not self.take(base[1]):
            self.note(f"{name.path} extends too much to follow it", name.location)
        else:
            yield from self.bodies(self.files[path], *base, chain)

    def take(self, body: Mapping) -> bool:
        """Whether a further body may be taken over: many small services may extend a large one."""
        for pair in body.pairs:
            value = pair.value
            self.taken += 1 + len(value.items if isinstance(value, Sequence) else ())
            self.taken += len(value.pairs) if isinstance(value, Mapping) else 0
        return self.taken <= MOST_TAKEN

    def merged(self, base: Mapping, own: Mapping) -> Mapping:
        """The keys of both; mappings of both are joined, some lists are added up, else the own counts."""
        pairs = {pair.key.value: pair for pair in base.pairs if pair.key.value != "extends"}
        for pair in own.pairs:
            other = pairs.get(pair.key.value)
            pairs[pair.key.value] = replace(pair, value=self.joined(other.value, pair)) if other else pair
        return Mapping(own.text, tuple(pairs.values()), own.flow, own.own)

    def joined(self, base: Node, own: Pair) -> Node:
        if isinstance(base, Mapping) and isinstance(own.value, Mapping):
            return self.merged(base, own.value)
        if isinstance(base, Sequence) and isinstance(own.value, Sequence) and own.key.value in APPENDED:
            return Sequence(own.value.text, (*base.items, *own.value.items))
        return own.value


def _short(text: Text) -> str:
    return text.value if len(text.value) <= LONGEST_NAME else f"{text.value[:LONGEST_NAME]}…"
