"""One module for each format; each renders the scorecard and nothing else."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from fastapi_audit.masking import masked
from fastapi_audit.model import Finding, Scorecard, Severity

if TYPE_CHECKING:
    from fastapi_audit.rule import Rule

FORMATS: Mapping[str, str] = {
    "text": "terminal",
    "concise": "concise",
    "markdown": "markdown",
    "html": "html",
    "json": "json",
    "jsonl": "jsonl",
    "sarif": "sarif",
    "github": "github",
    "gitlab": "gitlab",
    "junit": "junit",
    "badge": "badge",
    "badge-svg": "badge_svg",
}
"""Name of the format → its module, which has `render(material, look) -> str`."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of: the scorecard, the files it points into and the rules it speaks of."""

    scorecard: Scorecard
    rules: "Mapping[str, Rule]"
    text: Callable[[str], str | None]
    """The text of a file of the project, `None` where it is not at hand."""
    previous: Scorecard | None = None
    """An earlier scorecard to compare with."""
    show_suppressed: bool = False
    """Whether SARIF lists what does not count, marked as suppressed."""
    whole: bool = True
    """Whether `text` gives all of a file: a scorecard carries only the lines that it speaks of."""

    @property
    def open_findings(self) -> Iterator[Finding]:
        """What counts, by place."""
        return (finding for finding in self.scorecard.findings if finding.counts)

    def shown(self, path: str) -> str:
        """A path as the user typed the project, so that it can be clicked."""
        root = self.scorecard.root.rstrip("/")
        # What a probe alone was told of its lines lies below the folder of the application, not below its address.
        return path if root in ("", ".") or "://" in root else f"{root}/{path}"


@dataclass(frozen=True, slots=True)
class Look:
    """What the place the report goes to can show."""

    colour: bool = False
    unicode: bool = True
    width: int = 80


def severity_of(finding: Finding) -> Severity:
    """Of a finding that went through the pipeline, where it is always set."""
    return finding.severity or Severity.LOW


def counted(count: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def render(name: str, material: Material, look: Look) -> str:
    """The report in one format, ending with a line break; secrets that rules have found are masked here, for all."""
    # Imported by name, so that a scan pays only for the format it prints.
    report: str = import_module(f"{__name__}.{FORMATS[name]}").render(_masked(material), look)
    return report


def _masked(material: Material) -> Material:
    card, text = masked(material.scorecard, material.text)
    return material if card is material.scorecard else replace(material, scorecard=card, text=text)
