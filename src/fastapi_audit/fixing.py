"""Applies fixes to files: each whole or not at all, and again until nothing is left to fix."""

import difflib
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from fastapi_audit.model import Edit, Finding, Fix
from fastapi_audit.replacing import replace_files

ROUNDS = 10
"""Two fixes that touch the same text take two rounds; more rounds than this mean that they undo each other."""

_ONLY_PARSE = 0x0400
"""`ast.PyCF_ONLY_AST`; the module itself is kept to `evidence.source`."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scan found, and the texts that it saw; offsets of edits count in these."""

    findings: Sequence[Finding]
    text: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after."""

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Unified, as `git apply` takes it."""
        return "".join(_diff(self))


@dataclass(frozen=True, slots=True)
class Repair:
    """What fixing came to."""

    applied: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: tuple[str, ...] = ()
    """One line for each fix that was not applied, with the reason."""
    settled: bool = True
    """Whether nothing was left to fix within the rounds."""


def settle(root: Path, scan: Callable[[], Scanned], *, unsafe: bool = False) -> Repair:
    """Scans and fixes in turns until no fix can be applied any more; writes the files."""
    applied: list[Finding] = []
    original: dict[str, str] = {}
    for _ in range(ROUNDS):
        one = _Round(root)
        one.take(scan(), unsafe=unsafe)
        changes = tuple(one.write())
        if not changes:
            return Repair(tuple(applied), tuple(_changes(root, original)), tuple(one.refused))
        applied.extend(one.accepted)
        original = {change.path: change.before for change in changes} | original
    return Repair(tuple(applied), tuple(_changes(root, original)), _restless(one.accepted), settled=False)


def preview(root: Path, scanned: Scanned, *, unsafe: bool = False) -> Repair:
    """What the first round of `settle` would change; writes nothing."""
    one = _Round(root)
    one.take(scanned, unsafe=unsafe)
    return Repair(tuple(one.accepted), tuple(one.changes()), tuple(one.refused))


@dataclass(frozen=True, slots=True)
class _Document:
    """A file as it lies on disk."""

    place: Path
    text: str
    bom: bool

    @property
    def newline(self) -> str:
        return "\r\n" if self.text.count("\r\n") * 2 > self.text.count("\n") else "\n"

    def encoded(self, text: str) -> bytes:
        return _BOM * self.bom + text.encode()


class _RefusedError(Exception):
    """Why a fix is not applied."""


@dataclass(slots=True)
class _Round:
    """The fixes of one scan that can be applied beside each other."""

    root: Path
    accepted: list[Finding] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    documents: dict[str, _Document] = field(default_factory=dict)

    def take(self, scanned: Scanned, *, unsafe: bool) -> None:
        """Accepts every fix that overlaps no earlier one and leaves every file whole; the rest waits for a round."""
        taken: list[Edit] = []
        candidates: list[Finding] = []
        for finding, fix in _wanted(scanned.findings, unsafe=unsafe):
            try:
                self._check(fix, scanned)
            except _RefusedError as reason:
                self._refuse(finding, str(reason))
                continue
            if not any(_overlap(edit, other) for edit in fix.edits for other in taken):
                taken.extend(fix.edits)
                candidates.append(finding)
        self.accepted = candidates
        if self._broken():
            self._accept_one_by_one(candidates)

    def _accept_one_by_one(self, candidates: Iterable[Finding]) -> None:
        self.accepted = []
        for finding in candidates:
            self.accepted.append(finding)
            if broken := self._broken():
                self.accepted.pop()
                self._refuse(finding, f"{broken} would no longer be valid Python")

    def _check(self, fix: Fix, scanned: Scanned) -> None:
        if not fix.edits or any(_overlap(a, b) for a, b in pairwise(_in_order(fix.edits))):
            message = "its edits contradict each other, which is a defect of the rule: please report it"
            raise _RefusedError(message)
        for edit in fix.edits:
            document = self._document(edit.path)
            seen = scanned.text(edit.path)
            changed = seen is not None and _plain(seen.removeprefix("\ufeff")) != _plain(document.text)
            if changed or document.text[edit.start : edit.end] != edit.old:
                message = f"{edit.path} changed since it was scanned: scan again"
                raise _RefusedError(message)

    def _document(self, path: str) -> _Document:
        if path not in self.documents:
            document = _read(self.root, path)
            if _is_python(path) and not _parses(document.encoded(document.text)):
                message = f"{path} cannot be parsed by this Python, so the fix could not be checked"
                raise _RefusedError(message)
            self.documents[path] = document
        return self.documents[path]

    def _refuse(self, finding: Finding, reason: str) -> None:
        where = finding.location or finding.operation or ""
        self.refused.append(f"{where} {finding.rule}: not fixed: {reason}".lstrip())

    def changes(self) -> Iterator[Change]:
        """Every file that the accepted fixes touch."""
        edits: dict[str, list[Edit]] = {}
        for finding in self.accepted:
            for edit in finding.fix.edits if finding.fix else ():
                edits.setdefault(edit.path, []).append(edit)
        for path in sorted(edits):
            document = self.documents[path]
            yield Change(path, document.text, _applied(document, edits[path]))

    def _broken(self) -> str | None:
        """The first Python file that would no longer parse."""
        python = (change for change in self.changes() if _is_python(change.path))
        return next((c.path for c in python if not _parses(self.documents[c.path].encoded(c.after))), None)

    def write(self) -> Iterator[Change]:
        """Writes all files or, when one of them cannot be written, none; yields what was written."""
        changes = [change for change in self.changes() if change.before != change.after]
        try:
            replace_files({self.documents[c.path].place: self.documents[c.path].encoded(c.after) for c in changes})
        except OSError as error:
            paths = ", ".join(change.path for change in changes)
            self.refused.append(f"{paths}: not fixed: {error.strerror}: make room or make them writable and run again")
            return
        yield from changes


def _wanted(findings: Iterable[Finding], *, unsafe: bool) -> Iterator[tuple[Finding, Fix]]:
    for finding in findings:
        if finding.counts and finding.fix and (finding.fix.safe or unsafe):
            yield finding, finding.fix


def _in_order(edits: Iterable[Edit]) -> list[Edit]:
    return sorted(edits, key=lambda edit: (edit.path, edit.start, edit.end))


def _overlap(one: Edit, other: Edit) -> bool:
    """Also two insertions at one place: their order would be arbitrary."""
    if one.path != other.path:
        return False
    return one.start == other.start or (one.start < other.end and other.start < one.end)


def _applied(document: _Document, edits: Iterable[Edit]) -> str:
    text = document.text
    for edit in reversed(_in_order(edits)):
        # An insertion before the line feed of a CRLF goes before the whole line end.
        start = edit.start - (text[edit.start - 1 : edit.start + 1] == "\r\n" and not edit.old)
        text = text[:start] + _plain(edit.new).replace("\n", document.newline) + text[start + len(edit.old) :]
    return text


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def _parses(content: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape of the audited code is not our warning
        try:
            compile(content, "<fixed>", "exec", flags=_ONLY_PARSE, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _read(root: Path, path: str) -> _Document:
    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()):
        message = f"{path} lies outside of {root.name}"
        raise _RefusedError(message)
    try:
        content = place.read_bytes()
        text = content.removeprefix(_BOM).decode()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise _RefusedError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8"
        raise _RefusedError(message) from error
    if _is_python(path) and not _is_utf8(content):
        message = f"{path} declares another encoding than UTF-8"
        raise _RefusedError(message)
    return _Document(place, text, content.startswith(_BOM))


def _is_utf8(content: bytes) -> bool:
    with suppress(SyntaxError):
        return tokenize.detect_encoding(BytesIO(content).readline)[0] in ("utf-8", "utf-8-sig")
    return False


def _changes(root: Path, original: Mapping[str, str]) -> Iterator[Change]:
    for path in sorted(original):
        after = (root / path).read_bytes().removeprefix(_BOM).decode()
        if after != original[path]:
            yield Change(path, original[path], after)


def _restless(accepted: Iterable[Finding]) -> tuple[str, ...]:
    rules = ", ".join(sorted({finding.rule for finding in accepted}))
    return (f"fixing did not settle within {ROUNDS} rounds, which is a defect of a rule: please report {rules}",)


def _diff(change: Change) -> Iterator[str]:
    before, after = ([line + "\n" for line in text.split("\n")] for text in (change.before, change.after))
    for lines in (before, after):
        last = lines.pop().removesuffix("\n")
        if last:
            lines.append(last)
    for line in difflib.unified_diff(before, after, f"a/{change.path}", f"b/{change.path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
