"""Reads a folder of a team's own rules: YAML with exact lines, bounded, checked before anything is matched."""

import os
import re
from collections.abc import Iterator
from collections.abc import Mapping as Lookup
from collections.abc import Sequence as Items
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeVar

from fastapi_audit.checklist import BY_NUMBER, BY_PACKAGE, ITEMS, Item
from fastapi_audit.errors import ConfigError
from fastapi_audit.evidence.deployment.text import Document
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, NotYamlError, Pair, Scalar, Sequence, documents
from fastapi_audit.evidence.patterns.checking import Checker, refuse_repeated, variables_of
from fastapi_audit.evidence.patterns.pattern import Pattern, Query
from fastapi_audit.evidence.source.grounds import CONTEXTS
from fastapi_audit.model import Confidence, Severity

MOST_FILES = 200
MOST_RULES = 500
LARGEST = 200_000
"""Bytes of one file of rules."""
MOST_FOLDERS = 200
LONGEST_NAME = 60
LONGEST_TITLE = 72
LONGEST_TEXT = 20_000
"""Of a note or an example."""
LONGEST_MESSAGE = 300
MOST_EXAMPLES = 20
MOST_URLS = 5

KEYS = (
    "name", "item", "severity", "confidence", "title", "message", "note", "url", "cwe", "within", "rule",
    "constraints", "fix", "safe", "bad", "fixed", "good",
)  # fmt: skip
ELSEWHERE = {
    "id": "the name of a rule is `name`",
    "inside": "`inside` belongs below `rule`; what runs the code is `within`",
    "language": "rules are about Python; drop it",
    "utils": "not supported; write the rule in place",
    "transform": "not supported; say it in `fix`",
    "files": "not supported; every rule sees the application's own code",
    "ignores": "not supported; use `per-file-ignores` in the config",
    "metadata": "not supported; write it into `note`",
}

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CWE = re.compile(r"CWE-[1-9]\d{0,4}")
_FLAGS = {"true": True, "false": False}

Choice = TypeVar("Choice", bound=StrEnum)
Files = Lookup[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """An example of a rule, and the line of the YAML file that it begins on."""

    files: Files
    line: int
    fixed: Files | None = None


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """One rule as a team wrote it."""

    path: str
    line: int
    name: str
    item: Item
    severity: Severity
    confidence: Confidence
    title: str
    message: str
    """Quotes what metavariables stand for."""
    note: str
    urls: tuple[str, ...]
    cwe: str | None
    within: tuple[str, ...]
    """Contexts of `grounds.CONTEXTS`; empty for everywhere."""
    pattern: Pattern
    fix: str | None
    safe: bool
    bad: tuple[Sample, ...]
    good: tuple[Sample, ...]


def read(folder: Path, shown: str, confined: Path | None = None) -> tuple[WrittenRule, ...]:
    """Every rule below a folder; `ConfigError` says file, line, what and what to do.

    Where a folder is `confined`, it and all its files lie below that one, whatever links say.
    """
    _confine(folder, shown, confined)
    found: list[WrittenRule] = []
    files = list(_files(folder, shown))
    if not files:
        message = f"{shown}: no .yml or .yaml file in it; write a rule or drop the folder from `rules`"
        raise ConfigError(message)
    for place in files:
        path = f"{shown}/{place.relative_to(folder).as_posix()}"
        _confine(place, path, confined)
        found.extend(_rules(path, _content(place, path)))
        if len(found) > MOST_RULES:
            message = f"{path}: more than {MOST_RULES} rules in {shown}; remove what nobody needs"
            raise ConfigError(message)
    if not found:
        message = f"{shown}: no rule in its files; write one or drop the folder from `rules`"
        raise ConfigError(message)
    return tuple(found)


def _confine(place: Path, shown: str, confined: Path | None) -> None:
    try:
        real = place.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"{shown}: cannot be read: {getattr(error, 'strerror', None) or error}; correct `rules` in the config"
        raise ConfigError(message) from None
    if confined is not None and not real.is_relative_to(confined.resolve()):
        message = f"{shown}: leads out of the project, from where its config takes no rules; move it inside"
        raise ConfigError(message)


def _files(folder: Path, shown: str) -> Iterator[Path]:
    """The YAML files, sorted; linked folders are not followed."""
    if not folder.is_dir():
        message = f"{shown}: is no folder; `rules` takes folders of YAML files"
        raise ConfigError(message)
    count = 0
    for number, (place, folders, names) in enumerate(os.walk(folder)):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")) and (Path(place) / name).is_file():
                count += 1
                yield Path(place) / name
        if count > MOST_FILES or number > MOST_FOLDERS:
            message = f"{shown}: more than {MOST_FILES} files or {MOST_FOLDERS} folders; name a smaller folder"
            raise ConfigError(message)


def _content(place: Path, path: str) -> str:
    try:
        with place.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise ConfigError(message) from None
    if len(content) > LARGEST:
        message = f"{path}: larger than {LARGEST:,} bytes; split it"
        raise ConfigError(message)
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    line = content.count(b"\n", 0, len(content.decode("utf-8", "ignore").encode())) + 1
    message = f"{path}:{line}: not UTF-8; save it as UTF-8"
    raise ConfigError(message)


def _rules(path: str, text: str) -> Iterator[WrittenRule]:
    try:
        nodes = documents(Document.of(path, text.replace("\r\n", "\n")))
    except NotYamlError as error:
        what, _, line = str(error).partition(" near line ")
        place = f"{path}:{line}" if line else path
        message = f"{place}: {what}; check indentation, quotes and colons"
        raise ConfigError(message) from None
    for node in nodes:
        for one in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(one, Scalar) and one.is_null:
                continue
            yield _Reader(path).rule(one)


@dataclass(slots=True)
class _Reader:
    """Reads one rule, key by key."""

    path: str

    def refuse(self, node: Node, what: str) -> ConfigError:
        return ConfigError(f"{self.path}:{node.location.line}: {what}")

    def rule(self, node: Node) -> WrittenRule:
        if not isinstance(node, Mapping):
            raise self.refuse(node, "a rule is a mapping that begins with `name:`")
        for pair in node.pairs:
            self._known(pair)
        refuse_repeated(self.path, node)
        name = self._name(node)
        message = self._line(node, "message", LONGEST_MESSAGE)
        pattern = self._pattern(node, name)
        fix = self._fix(node)
        for key, text in (("message", message), ("fix", fix or "")):
            self._bound(node, key, text, pattern)
        bad, good = self._samples(node)
        return WrittenRule(
            path=self.path,
            line=node.location.line,
            name=name,
            item=self._item(node),
            severity=self._choice(node, "severity", Severity) or self._missing(node, "severity"),
            confidence=self._choice(node, "confidence", Confidence) or Confidence.HIGH,
            title=self._line(node, "title", LONGEST_TITLE) if node.get("title") else _title(message),
            message=message,
            note=self._block(node, "note"),
            urls=self._urls(node),
            cwe=self._cwe(node),
            within=self._within(node),
            pattern=pattern,
            fix=fix,
            safe=self._safe(node, fix),
            bad=bad,
            good=good,
        )

    def _known(self, pair: Pair) -> None:
        key = pair.key.value
        if key in KEYS:
            return
        near = get_close_matches(key, KEYS, 1)
        hint = ELSEWHERE.get(key) or (f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(KEYS)}")
        message = f"{self.path}:{pair.key.location.line}: unknown key `{key[:LONGEST_NAME]}`; {hint}"
        raise ConfigError(message)

    def _missing(self, node: Node, key: str) -> Severity:
        raise self.refuse(node, f"`{key}` is missing; add it")

    def _name(self, node: Mapping) -> str:
        name = self._line(node, "name", LONGEST_NAME)
        if not _NAME.fullmatch(name):
            raise self.refuse(node.get("name") or node, f"`{name}` is no name of a rule; write it like `no-print`")
        return name

    def _item(self, node: Mapping) -> Item:
        written = self._line(node, "item", LONGEST_NAME)
        by_name = BY_PACKAGE.get(written.replace("-", "_"))
        item = BY_NUMBER.get(int(written)) if re.fullmatch(r"\d{1,2}", written) else by_name
        if item is not None:
            return item
        near = get_close_matches(written, [known.name for known in ITEMS], 1)
        hint = f"did you mean `{near[0]}`?" if near else "write a number from 1 to 17, or its name"
        raise self.refuse(node.get("item") or node, f"no item named `{written}`; {hint}")

    def _choice(self, node: Mapping, key: str, kind: type[Choice]) -> Choice | None:
        if node.get(key) is None:
            return None
        written = self._line(node, key, LONGEST_NAME)
        if written in list(kind):
            return kind(written)
        raise self.refuse(node.get(key) or node, f"`{key}: {written}`: write one of {', '.join(kind)}")

    def _line(self, node: Mapping, key: str, most: int) -> str:
        """A text of one line that has to be there."""
        value = node.get(key)
        if value is None:
            raise self.refuse(node, f"`{key}` is missing; add it")
        text = " ".join(self._text(value, key, most).split())
        if not text:
            raise self.refuse(value, f"`{key}` is empty; say it")
        return text

    def _block(self, node: Mapping, key: str) -> str:
        value = node.get(key)
        return "" if value is None else self._text(value, key, LONGEST_TEXT).strip()

    def _text(self, value: Node, key: str, most: int) -> str:
        if not isinstance(value, Scalar) or (value.is_null and key != "fix"):
            raise self.refuse(value, f"`{key}` takes text; put it in quotes or behind `|`")
        if len(value.value) > most:
            raise self.refuse(value, f"`{key}` is longer than {most:,} characters; shorten it")
        return value.value

    def _texts(self, node: Mapping, key: str, most: int) -> list[tuple[str, Node]]:
        """One text or a list of them."""
        value = node.get(key)
        items = value.items if isinstance(value, Sequence) else () if value is None else (value,)
        if value is not None and (not items or len(items) > most):
            raise self.refuse(value, f"`{key}` takes 1 to {most} entries")
        return [(self._text(item, key, LONGEST_TEXT).strip(), item) for item in items]

    def _urls(self, node: Mapping) -> tuple[str, ...]:
        found = self._texts(node, "url", MOST_URLS)
        for url, place in found:
            if not re.fullmatch(r"https?://[^\s<>]{3,500}", url):
                raise self.refuse(place, f"`url: {url[:LONGEST_NAME]}`: write an address that begins with https://")
        return tuple(url for url, _ in found)

    def _cwe(self, node: Mapping) -> str | None:
        if node.get("cwe") is None:
            return None
        cwe = self._line(node, "cwe", LONGEST_NAME)
        if not _CWE.fullmatch(cwe):
            raise self.refuse(node.get("cwe") or node, f"`cwe: {cwe}`: write it like CWE-209")
        return cwe

    def _within(self, node: Mapping) -> tuple[str, ...]:
        found = self._texts(node, "within", len(CONTEXTS))
        for context, place in found:
            if context not in CONTEXTS:
                near = get_close_matches(context, CONTEXTS, 1)
                hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(CONTEXTS)}"
                raise self.refuse(place, f"`within: {context[:LONGEST_NAME]}` is no context; {hint}")
        return tuple(dict.fromkeys(context for context, _ in found))

    def _pattern(self, node: Mapping, name: str) -> Pattern:
        written = node.get("rule")
        if written is None:
            raise self.refuse(node, "`rule` is missing; say what to look for")
        checker = Checker(self.path)
        checked = checker.rule(written)
        constraints = dict(self._constraints(node, checker, checked.single))
        pattern = Pattern(name, checked.query, constraints, checked.single, checked.several, checked.words)
        checker.whole(pattern, written)
        return pattern

    def _constraints(self, node: Mapping, checker: Checker, single: frozenset[str]) -> Iterator[tuple[str, Query]]:
        value = node.get("constraints")
        if value is None:
            return
        if not isinstance(value, Mapping):
            raise self.refuse(value, "`constraints` takes a metavariable without `$`, then a rule")
        for pair in value.pairs:
            variable = pair.key.value
            if variable not in single:
                message = f"{self.path}:{pair.key.location.line}: {_unbound(variable, 'constraints', single)}"
                raise ConfigError(message)
            yield variable, checker.constraint(pair.value)

    def _fix(self, node: Mapping) -> str | None:
        value = node.get("fix")
        return None if value is None else self._text(value, "fix", LONGEST_TEXT).rstrip("\n")

    def _safe(self, node: Mapping, fix: str | None) -> bool:
        value = node.get("safe")
        if value is None:
            return False
        flag = _FLAGS.get(value.value) if isinstance(value, Scalar) else None
        if flag is None:
            raise self.refuse(value, "`safe` is true or false")
        if fix is None:
            raise self.refuse(value, "`safe` speaks of a `fix`, and there is none; add it or drop `safe`")
        return flag

    def _bound(self, node: Mapping, key: str, text: str, pattern: Pattern) -> None:
        for variable in variables_of(text):
            if variable not in pattern.variables:
                raise self.refuse(node.get(key) or node, _unbound(variable, key, pattern.variables))

    def _samples(self, node: Mapping) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
        bad, good, fixed = (tuple(self._examples(node, key)) for key in ("bad", "good", "fixed"))
        if len(fixed) > len(bad):
            raise self.refuse(node.get("fixed") or node, "`fixed` has more entries than `bad`; they go together")
        if fixed and node.get("fix") is None:
            raise self.refuse(node.get("fixed") or node, "`fixed` shows what `fix` does, and there is none; add `fix`")
        results = [*(sample.files for sample in fixed), *[None] * (len(bad) - len(fixed))]
        paired = (Sample(sample.files, sample.line, after) for sample, after in zip(bad, results, strict=True))
        return tuple(paired), good

    def _examples(self, node: Mapping, key: str) -> Iterator[Sample]:
        value = node.get(key)
        items: Items[Node] = value.items if isinstance(value, Sequence) else () if value is None else (value,)
        if len(items) > MOST_EXAMPLES:
            raise self.refuse(items[MOST_EXAMPLES], f"`{key}` has more than {MOST_EXAMPLES} examples; keep the best")
        for item in items:
            if isinstance(item, Mapping):
                if not item.pairs or len(item.pairs) > MOST_EXAMPLES:
                    raise self.refuse(item, f"an example has 1 to {MOST_EXAMPLES} files")
                files = {self._inside(pair): self._text(pair.value, key, LONGEST_TEXT) for pair in item.pairs}
            else:
                files = {"main.py": self._text(item, key, LONGEST_TEXT)}
            yield Sample(files, item.location.line)

    def _inside(self, pair: Pair) -> str:
        """The path of a file of an example; it is written below a temporary folder."""
        path = PurePosixPath(pair.key.value)
        if path.is_absolute() or ".." in path.parts or "\\" in pair.key.value or not path.parts or "\0" in str(path):
            message = (
                f"{self.path}:{pair.key.location.line}: an example's file is a relative path such as `app/main.py`"
            )
            raise ConfigError(message)
        return str(path)


def _title(message: str) -> str:
    """The first sentence of the message."""
    sentence = re.split(r"(?<=[a-z`)])[.:;](?:\s|$)", message, maxsplit=1)[0].strip()
    return sentence if len(sentence) <= LONGEST_TITLE else sentence[: LONGEST_TITLE - 1] + "…"


def _unbound(variable: str, key: str, bound: frozenset[str]) -> str:
    shown = variable if variable == "$$$" else f"${variable}"[: LONGEST_NAME + 1]
    near = ", ".join(f"${name}" for name in sorted(bound)) or "none"
    why = "not every match of `rule` binds it" if not variable.startswith("_") else "`_` at its beginning drops it"
    return f"`{key}` uses `{shown}`, and {why}; bound are: {near}"
