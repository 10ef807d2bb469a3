"""How every audit ends: what is said on stderr, and the exit code."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_audit.cli.streams import warn
from fastapi_audit.config import Settings
from fastapi_audit.model import UNREAD, ExitCode, Outcome, Scorecard
from fastapi_audit.reports import Material, severity_of

if TYPE_CHECKING:
    from fastapi_audit.audit import Audit

WARNINGS = 20
"""Lines on stderr about single files or comments."""
SAID = (UNREAD, "file", "syntax", "suppression", "baseline")
"""What of the unresolved is said on stderr."""


def exit_code(scorecard: Scorecard, settings: Settings) -> ExitCode:
    """An audit that is not whole says so first: its "no findings" would be worth nothing."""
    if scorecard.incomplete:
        return ExitCode.INCOMPLETE
    if settings.fail_on_new and any(finding.counts for finding in scorecard.findings):
        return ExitCode.FINDINGS
    worst = settings.fail_on.rank
    if any(severity_of(finding).rank <= worst for finding in scorecard.findings if finding.counts):
        return ExitCode.FINDINGS
    if settings.fail_under is not None and (scorecard.score is None or scorecard.score < settings.fail_under):
        return ExitCode.FINDINGS
    return ExitCode.CLEAN


def warn_of(material: Material) -> None:
    """On stderr, line by line."""
    for line in warnings_of(material):
        warn(line)


def warnings_of(material: Material) -> Iterator[str]:
    """Names what could not be read or judged, and the comments that silence nothing."""
    for result in material.scorecard.results:
        if result.outcome is Outcome.ERROR:
            yield f"error: rule {result.rule} crashed, so nothing is known of it: {result.reason}"
    told = [entry for entry in material.scorecard.unresolved if entry.kind in SAID]
    for entry in told[:WARNINGS]:
        place = f"{material.shown(str(entry.location))}: " if entry.location else ""
        said = entry.message.removeprefix(f"{entry.location.path} ") if entry.location else entry.message
        yield f"warning: {place}{said}"
    if len(told) > WARNINGS:
        yield f"warning: {len(told) - WARNINGS} more; `--output-format json` lists all under `unresolved`"


def interrupted(audit: "Audit") -> bool:
    """Whether the user ended the probe; a limit that was reached is said too, but was to be expected."""
    live = audit.project.live
    if live is None or not live.ended:
        return False
    warn(f"warning: {live.ended}; what was not looked at is not run")
    return live.interrupted
