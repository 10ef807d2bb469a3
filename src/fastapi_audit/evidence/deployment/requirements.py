"""Which distributions the project asks for, and which exact versions its lock files resolve them to."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from itertools import islice

from fastapi_audit.evidence.deployment.files import LARGEST_LOCK, Files, is_development
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?:\((?P<inner>[^)]*)\)|(?P<range>[^;@#\s][^;#]*)?)"
)
EXACT = re.compile(r"===?\s*v?(\d[\w.!+]*)$")
AT_LEAST = re.compile(r"(?:>=|~=|==)\s*v?(\d[\w.!+]*)")
CARET = re.compile(r"[\^~]\s*v?(\d[\w.]*)$")
NAME = re.compile(r"^requirements([-_.].*)?\.(txt|in)$|^.*[-_.]requirements\.(txt|in)$|^constraints.*\.txt$")
IN_DEVELOPMENT = re.compile(r"^(?:category = \"dev\"|groups = \[\"(?:dev|test|tests|docs|lint)\"\])", re.MULTILINE)
"""How poetry and pdm mark a package that only a development group asks for."""

BUILT = re.compile(r"[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)")
"""The metadata of an unpacked wheel or source distribution; deeper ones are those of somebody else's."""
EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")

KEY_LINE = re.compile(r"""^[ \t]*(?:"([^"\n]+)"|'([^'\n]+)'|([\w.-]+))[ \t]*=.*$""", re.MULTILINE)
"""A key of a TOML table and its value."""

MOST_LISTED = 3000
"""Requirements that one file may list; a lock file, which a tool writes, may hold more."""

LOCKS = {"uv.lock": "toml", "poetry.lock": "toml", "pdm.lock": "toml", "pylock.toml": "toml", "Pipfile.lock": "json"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One distribution that a file asks for, or one that a lock file has resolved."""

    name: str
    """Normalised: lower case, `-` for `_` and `.`."""
    text: Text
    """The requirement as written."""
    specifier: str = ""
    """The version range as written, `>=0.100,<1`; empty for any."""
    version: str | None = None
    """The exact version: of a lock file, or pinned with `==`."""
    extras: frozenset[str] = frozenset()
    locked: bool = False
    """Whether it comes from a lock file."""
    production: bool = True
    """Whether it is neither in a development group nor in a development file."""

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def minimum(self) -> str | None:
        """The lowest version that the range admits, where it names one."""
        found = AT_LEAST.search(self.specifier) or CARET.search(self.specifier)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class PythonRequirement:
    """Where the project names the Python it runs on: `requires-python`, `.python-version`, `runtime.txt`."""

    text: Text
    specifier: str

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def minimum(self) -> tuple[int, ...] | None:
        """The lowest version, `(3, 11)`."""
        found = re.search(r"(?:>=|~=|==|\^|^)\s*(?:python-)?(\d+)(?:\.(\d+))?", self.specifier)
        return tuple(int(part) for part in found.groups() if part) if found else None

    @property
    def newest_minor(self) -> int | None:
        """The newest minor release of Python 3 that it lets in; `None` where newer ones are let in too."""
        pinned = re.fullmatch(r"3\.(\d{1,2})(?:\.\d+)?", self.specifier)
        if pinned:
            return int(pinned[1])
        bound = re.search(r"(<=|<|==)\s*3\.(\d{1,2})(?:\.[\d*]+)?\s*(?:,|$)", self.specifier)
        if bound is None or "||" in self.specifier or "!=" in self.specifier:
            return None
        patched = re.search(r"<\s*3\.\d+\.[1-9]", self.specifier)
        return int(bound[2]) - (bound[1] == "<" and patched is None)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything the project asks for, together."""

    all: tuple[Requirement, ...] = ()
    python: tuple[PythonRequirement, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    """Exact versions by name; a distribution whose files disagree is left out."""
    files: int = 0
    """How many files were read."""

    def asks_for(self, name: str) -> bool:
        """Whether production needs a distribution, directly or through the lock file."""
        wanted = normal(name)
        return any(r.name == wanted and r.production for r in self.all)

    def of(self, name: str) -> tuple[Requirement, ...]:
        """Every mention of a distribution."""
        wanted = normal(name)
        return tuple(r for r in self.all if r.name == wanted)


def normal(name: str) -> str:
    """The normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(files: Files) -> Requirements:
    """Reads every requirement, manifest and lock file."""
    manifests = {path: read for path in files.paths if path.endswith("pyproject.toml") and (read := _toml(files, path))}
    found = tuple(_all(files, manifests))
    python = tuple(_pythons(files, manifests))
    read_from = {r.text.path for r in found} | {p.text.path for p in python}
    return Requirements(found, python, _versions(found), len(read_from))


Manifests = Mapping[str, tuple[Document, dict[str, object]]]


def _all(files: Files, manifests: Manifests) -> Iterator[Requirement]:
    for path in files.paths:
        name = path.rpartition("/")[2]
        in_folder = path.rpartition("/")[0].rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in"))
        if name in LOCKS:
            yield from _lock(files, path, LOCKS[name])
        elif NAME.match(name) or in_folder:
            document = files.document(path)
            yield from _listed(document) if document else ()
        elif path in manifests:
            yield from _pyproject(*manifests[path])
        elif name == "setup.cfg":
            yield from _setup_cfg(files, path)
        elif BUILT.fullmatch(path):
            yield from _metadata(files, path)


def _versions(found: tuple[Requirement, ...]) -> dict[str, str]:
    """Lock files decide; without them, pins do. Several different answers are none."""
    versions: dict[str, set[str]] = {}
    locked = {r.name for r in found if r.locked and r.production}
    for requirement in found:
        counts = requirement.locked or requirement.name not in locked
        if requirement.version and requirement.production and counts:
            versions.setdefault(requirement.name, set()).add(requirement.version)
    return {name: given.pop() for name, given in sorted(versions.items()) if len(given) == 1}


def requirement(text: Text, *, production: bool) -> Requirement | None:
    """One PEP 508 requirement; `None` for what is none (an option, an address, a path)."""
    line = text.value
    if line.lstrip().startswith(("-", "#", "/", ".", "git+", "http:", "https:", "file:")):
        return None
    found = REQUIREMENT.match(line)
    if not found:
        return None
    specifier = (found["inner"] or found["range"] or "").split(" --hash")[0].strip().rstrip("\\").strip()
    exact = EXACT.fullmatch(specifier)
    extras = frozenset(extra.strip().lower() for extra in (found["extras"] or "").split(",") if extra.strip())
    version = exact[1] if exact else None
    return Requirement(normal(found["name"]), text, specifier, version, extras, production=production)


def _listed(document: Document) -> Iterator[Requirement]:
    production = not is_development(document.path)
    for number in range(1, min(len(document.starts), MOST_LISTED) + 1):
        line = document.line(number)
        stripped = line.value.split(" #")[0].rstrip()
        if stripped and not stripped.startswith((" ", "\t")):
            found = requirement(line.part(0, len(stripped)), production=production)
            if found:
                yield found


def _toml(files: Files, path: str) -> tuple[Document, dict[str, object]] | None:
    document = files.document(path)
    if document is None:
        return None
    try:
        return document, tomllib.loads(document.text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        files.skipped(path, f"is not valid TOML: {error}")
        return None


def _lock(files: Files, path: str, language: str) -> Iterator[Requirement]:
    document = files.document(path, LARGEST_LOCK)
    if document is None:
        return
    production = not is_development(path)
    if language == "json":
        yield from _pipfile_lock(files, document, production=production)
        return
    # A lock file is written by a tool, always in this shape: a table per package, name before version.
    for block in re.finditer(r"^\[\[packages?\]\]\r?\n((?:(?!\[).*\r?\n?)*)", document.text, re.MULTILINE):
        name = re.search(r'^name = "([^"]+)"', block[1], re.MULTILINE)
        version = re.search(r'^version = "([^"]+)"', block[1], re.MULTILINE)
        local = re.search(r"^source = \{ (?:editable|virtual|directory|path)", block[1], re.MULTILINE)
        if name and version and not local:
            start = block.start(1) + name.start()
            text = document.span(start, block.start(1) + name.end())
            optional = IN_DEVELOPMENT.search(block[1])
            yield Requirement(
                normal(name[1]),
                text,
                f"=={version[1]}",
                version[1],
                locked=True,
                production=production and not optional,
            )


def _pipfile_lock(files: Files, document: Document, *, production: bool) -> Iterator[Requirement]:
    try:
        content = json.loads(document.text)
    except (ValueError, RecursionError) as error:
        files.skipped(document.path, f"is not valid JSON: {error}")
        return
    sections = content if isinstance(content, dict) else {}
    for section, counts in (("default", production), ("develop", False)):
        packages = sections.get(section)
        position = 0
        for name, entry in packages.items() if isinstance(packages, dict) else ():
            specifier = entry.get("version") if isinstance(entry, dict) else None
            exact = EXACT.fullmatch(specifier) if isinstance(specifier, str) else None
            if exact:
                # After a name that is written with escapes the rest stands at the top: each search is of a whole file.
                position = document.text.find(f'"{name}"', position) if position >= 0 else position
                start = max(position, 0)
                text = document.span(start, start + len(name) + 2)
                yield Requirement(normal(name), text, str(specifier), exact[1], locked=True, production=counts)


DEVELOPMENT_EXTRAS = frozenset({"dev", "develop", "development", "test", "tests", "testing", "docs", "doc", "lint"})


def _pyproject(document: Document, content: dict[str, object]) -> Iterator[Requirement]:
    production = not is_development(document.path)
    project = _table(content, "project")
    yield from _strings(document, project.get("dependencies"), production=production)
    for name, listed in _table(project, "optional-dependencies").items():
        yield from _strings(document, listed, production=production and name.lower() not in DEVELOPMENT_EXTRAS)
    for listed in _table(content, "dependency-groups").values():
        yield from _strings(document, listed, production=False)
    poetry = _table(content, "tool", "poetry")
    lines = _keys(document) if poetry else {}
    yield from _poetry(document, lines, _table(poetry, "dependencies"), production=production)
    yield from _poetry(document, lines, _table(poetry, "dev-dependencies"), production=False)
    for group in _table(poetry, "group").values():
        yield from _poetry(document, lines, _table(group, "dependencies"), production=False)


def _table(content: object, *keys: str) -> dict[str, object]:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def _strings(document: Document, listed: object, *, production: bool) -> Iterator[Requirement]:
    for line in listed[:MOST_LISTED] if isinstance(listed, list) else ():
        if isinstance(line, str):
            found = requirement(_place(document, line), production=production)
            if found:
                yield found


def _place(document: Document, line: str) -> Text:
    """Where a requirement stands in a TOML file; the top of the file when it is written with escapes."""
    for quote in "\"'":
        start = document.text.find(f"{quote}{line}{quote}")
        if start >= 0:
            return document.span(start + 1, start + 1 + len(line))
    return Text(document, 0, 0, line)


def _keys(document: Document) -> dict[str, Text]:
    """The line of each key, the first one where there are several."""
    found = KEY_LINE.finditer(document.text)
    return {line[1] or line[2] or line[3]: document.span(*line.span()) for line in reversed([*found])}


def _poetry(
    document: Document, lines: Mapping[str, Text], table: dict[str, object], *, production: bool
) -> Iterator[Requirement]:
    for name, value in islice(table.items(), MOST_LISTED):
        if name == "python":
            continue
        given = value.get("version") if isinstance(value, dict) else value
        specifier = given if isinstance(given, str) else ""
        extras = value.get("extras") if isinstance(value, dict) else None
        text = lines.get(name) or Text(document, 0, 0, name)
        plain = re.fullmatch(r"=?=?\s*(\d[\w.]*)", specifier)
        yield Requirement(
            normal(name),
            text,
            "" if specifier == "*" else f"=={plain[1]}" if plain else specifier,
            plain[1] if plain else None,
            frozenset(str(extra).lower() for extra in extras) if isinstance(extras, list) else frozenset(),
            production=production,
        )


def _setup_cfg(files: Files, path: str) -> Iterator[Requirement]:
    document = files.document(path)
    if document is None:
        return
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(document.text)
    except ConfigParserError as error:
        files.skipped(path, f"is not a valid setup.cfg: {type(error).__name__}")
        return
    for line in parser.get("options", "install_requires", fallback="").splitlines()[:MOST_LISTED]:
        if line.strip():
            start = max(document.text.find(line.strip()), 0)
            found = requirement(document.span(start, start + len(line.strip())), production=not is_development(path))
            if found:
                yield found


def _metadata(files: Files, path: str) -> Iterator[Requirement]:
    """The `Requires-Dist` lines, which come before the description."""
    document = files.document(path)
    if document is None:
        return
    head = document.text.partition("\n\n")[0]
    for line in islice(re.finditer(r"^Requires-Dist:[ \t]*(.+)$", head, re.MULTILINE), MOST_LISTED):
        extra = EXTRA.search(line[1])
        production = extra is None or extra[1].lower() not in DEVELOPMENT_EXTRAS
        found = requirement(document.span(*line.span(1)), production=production)
        if found:
            yield found


def _pythons(files: Files, manifests: Manifests) -> Iterator[PythonRequirement]:
    for path in files.paths:
        name = path.rpartition("/")[2]
        if name in {".python-version", "runtime.txt"} and (document := files.document(path)):
            line = document.line(1)
            if re.match(r"(?:python-|cpython-)?\d", line.value):
                yield PythonRequirement(line, line.value.strip().removeprefix("c").removeprefix("python-"))
        elif path in manifests:
            yield from _requires_python(*manifests[path])


def _requires_python(document: Document, content: dict[str, object]) -> Iterator[PythonRequirement]:
    given = _table(content, "project").get("requires-python")
    poetry = _table(content, "tool", "poetry", "dependencies").get("python")
    for specifier in (given, poetry):
        if isinstance(specifier, str):
            yield PythonRequirement(_place(document, specifier), specifier)
