"""Which reports a scan writes, and where."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fastapi_audit.cli.settings import one_of
from fastapi_audit.cli.streams import look, save, say, say_document, warn
from fastapi_audit.errors import UsageError
from fastapi_audit.reports import FORMATS, Look, Material, render, severity_of

FOR_PEOPLE = ("text", "concise")

FORMATS_HELP = f"{', '.join(FORMATS)}."

IN_A_FILE = Look(colour=False, unicode=True, width=100)


@dataclass(frozen=True, slots=True)
class Output:
    """The report on stdout, or in a file, and further ones beside it."""

    name: str
    file: Path | None
    further: tuple[tuple[str, Path], ...]
    statistics: bool

    @classmethod
    def of(cls, name: str, file: Path | None, further: Iterable[str], *, statistics: bool) -> "Output":
        """From the flags; `UsageError` before anything is read."""
        one_of("output format", name, tuple(FORMATS))
        if statistics and name != "text":
            message = f"--statistics is a table for people; drop it or --output-format {name}"
            raise UsageError(message)
        return cls(name, file, tuple(_split(entry) for entry in further), statistics)

    def write(self, material: Material) -> None:
        """Files first: a closed pipe on stdout must not cost them."""
        for name, path in self.further:
            save(path, render(name, material, IN_A_FILE))
            warn(f"{name} report written to {path}")
        if self.file:
            save(self.file, self._text(material, IN_A_FILE))
            warn(f"{self.name} report written to {self.file}")
        elif self.name in FOR_PEOPLE:
            say(self._text(material, look(sys.stdout)))
        else:
            say_document(self._text(material, look(sys.stdout)))

    def _text(self, material: Material, look: Look) -> str:
        return statistics(material) if self.statistics else render(self.name, material, look)


def _split(entry: str) -> tuple[str, Path]:
    name, sign, path = entry.partition("=")
    if not sign or not path:
        message = f"--report takes FORMAT=PATH, such as sarif=audit.sarif, not `{entry}`"
        raise UsageError(message)
    return one_of("output format", name, tuple(FORMATS)), Path(path)


def statistics(material: Material) -> str:
    """Findings per rule, most first."""
    findings = list(material.open_findings)
    counts = Counter(finding.rule for finding in findings)
    worst = {name: min((severity_of(f) for f in findings if f.rule == name), key=lambda s: s.rank) for name in counts}
    lines = (
        f"{count:>6}  {worst[name]:<8}  {name}{'  [fixable]' if _fixable(material, name) else ''}\n"
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    return "".join(lines) or "no findings\n"


def _fixable(material: Material, name: str) -> bool:
    return any(finding.fix for finding in material.open_findings if finding.rule == name)
