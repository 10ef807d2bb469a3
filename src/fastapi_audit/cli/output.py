"""Which reports a scan writes, and where."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi_audit.cli.settings import one_of
from fastapi_audit.cli.streams import look, save, say_report, warn
from fastapi_audit.errors import UsageError
from fastapi_audit.model import Scorecard
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
    earlier: Scorecard | None = None
    """What the reports compare with."""

    @classmethod
    def of(
        cls,
        name: str,
        file: Path | None,
        further: Iterable[str],
        compare: Path | None = None,
        *,
        statistics: bool,
    ) -> "Output":
        """From the flags; `UsageError` before anything is read."""
        one_of("output format", name, tuple(FORMATS))
        if statistics and name != "text":
            message = f"--statistics is a table for people; drop it or --output-format {name}"
            raise UsageError(message)
        earlier = _weighed(compare) if compare else None
        return cls(name, file, tuple(_split(entry) for entry in further), statistics, earlier)

    @property
    def only_printed(self) -> bool:
        """Whether nothing is written but to stdout, and nothing else is read."""
        return self.file is None and not self.further and self.earlier is None

    def write(self, material: Material) -> str:
        """Files first: a closed pipe on stdout must not cost them. Gives the text of the report."""
        material = replace(material, previous=self.earlier)
        for name, path in self.further:
            save(path, render(name, material, IN_A_FILE))
            warn(f"{name} report written to {path}")
        text = self._text(material, IN_A_FILE if self.file else look(sys.stdout))
        if self.file:
            save(self.file, text)
            warn(f"{self.name} report written to {self.file}")
        else:
            say_report(text, for_people=self.for_people)
        return text

    @property
    def for_people(self) -> bool:
        """Whether it is read at a terminal, not by a machine."""
        return self.name in FOR_PEOPLE

    def _text(self, material: Material, look: Look) -> str:
        return statistics(material) if self.statistics else render(self.name, material, look)


def _weighed(file: Path) -> Scorecard:
    """An earlier scorecard by the constants of today: scores of two formulas say nothing beside each other."""
    from fastapi_audit.audit import together  # noqa: PLC0415  most runs compare with nothing
    from fastapi_audit.reports.reading import read_scorecard  # noqa: PLC0415  and pydantic costs more than a small scan

    return together([read_scorecard(file)])


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
