"""A name for each finding that survives moved lines: for baselines, code scanning and comparing two runs."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from fastapi_audit.lines import lines_of
from fastapi_audit.model import EvidenceKind, Finding, Result

LENGTH = 32
"""Hexadecimal digits kept; 128 bits."""


def fingerprinted(results: Iterable[Result], text: Callable[[str], str | None]) -> Iterator[Result]:
    """The results with every finding named; findings that look the same are counted in the order of the file."""
    lines = _Lines(text)
    for result in results:
        seen: Counter[str] = Counter()
        yield replace(result, findings=tuple(_named(finding, lines, seen) for finding in result.findings))


class _Lines:
    """The lines of files, split once."""

    def __init__(self, text: Callable[[str], str | None]) -> None:
        self.text = text
        self.split: dict[str, list[str]] = {}

    def squeezed(self, path: str, line: int) -> str:
        if path not in self.split:
            self.split[path] = lines_of(self.text(path) or "")
        lines = self.split[path]
        return "".join(lines[line - 1].split()) if 0 < line <= len(lines) else ""


def _named(finding: Finding, lines: _Lines, seen: Counter[str]) -> Finding:
    place = finding.location
    # What was seen on the wire is told with figures that differ from run to run.
    words = "" if EvidenceKind.LIVE in finding.evidence else finding.message
    where = (place.path, lines.squeezed(place.path, place.line)) if place else ("", words)
    key = "\0".join((finding.rule, where[0], finding.operation or "", where[1]))
    seen[key] += 1
    digest = hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass"))
    return replace(finding, fingerprint=digest.hexdigest()[:LENGTH])
