"""`fastapi-audit scan`: source and deployment files; the project is never imported or run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastapi_audit.audit import Audit, run
from fastapi_audit.baselining import Baseline
from fastapi_audit.checks import load
from fastapi_audit.cli.output import FORMATS_HELP, Output
from fastapi_audit.cli.settings import FOLDER, Target, accepted_findings, listed, settings
from fastapi_audit.cli.streams import say, warn
from fastapi_audit.config import Settings
from fastapi_audit.evidence import Gathering
from fastapi_audit.model import Confidence, ExitCode, Outcome, Scorecard, Severity
from fastapi_audit.reports import Material, counted, severity_of
from fastapi_audit.rule import Rule

if TYPE_CHECKING:
    from fastapi_audit.fixing import Scanned

WARNINGS = 20
"""Lines on stderr about single files or comments."""


def scan(
    path: Annotated[Path, typer.Argument(readable=False, help=FOLDER)] = Path(),
    *,
    select: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="Only these rules or items (name or number).")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="Hide these rules or items; adds to the config.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave out files, as in .gitignore; repeatable.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe fixes.")] = False,
    unsafe_fixes: Annotated[bool, typer.Option("--unsafe-fixes", help="With --fix or --diff: all fixes.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what --fix would change; write nothing.")] = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Print findings per rule only.")] = False,
    output_format: Annotated[str, typer.Option(metavar="FORMAT", help=FORMATS_HELP)] = "text",
    output_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report here, not to stdout.")
    ] = None,
    report: Annotated[
        list[str] | None, typer.Option(metavar="FORMAT=PATH", help="One more report; repeatable.")
    ] = None,
    fail_on: Annotated[Severity | None, typer.Option(help="Exit 1 from this severity on [high].")] = None,
    fail_under: Annotated[float | None, typer.Option(metavar="SCORE", help="Exit 1 below this score.")] = None,
    fail_on_new: Annotated[
        bool, typer.Option("--fail-on-new", help="Exit 1 for any finding that the baseline does not hold.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Accepted findings, as `baseline write` wrote them.")
    ] = None,
    min_confidence: Annotated[Confidence | None, typer.Option(help="Hide what is less sure [medium].")] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 in spite of findings.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every file anew.")] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="This config file, no other.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="No config file.")] = False,
) -> None:
    """Audit source and deployment files; never runs the project."""
    output = Output.of(output_format, output_file, report or (), statistics=statistics)
    target = Target.of(path)
    flags = {
        "select": listed(select),
        "ignore": listed(ignore),
        "exclude": listed(exclude),
        "fail_on": fail_on,
        "fail_under": fail_under,
        "fail_on_new": fail_on_new or None,
        "min_confidence": min_confidence,
    }
    chosen = settings(target, config, flags, isolated=isolated)
    accepted = accepted_findings(target, chosen, baseline)
    run = Run(target, chosen, use_cache=not no_cache, unsafe=unsafe_fixes, baseline=accepted)
    code = run.preview() if diff else run.scan(output, fix=fix)
    raise typer.Exit(0 if exit_zero and code is ExitCode.FINDINGS else code)


@dataclass(slots=True)
class Run:
    """One scan with its settings, as often as fixing needs it."""

    target: Target
    settings: Settings
    use_cache: bool
    unsafe: bool
    baseline: Baseline = field(default_factory=Baseline)
    rules: tuple[Rule, ...] = field(default_factory=load)
    last: Audit | None = None

    def audit(self) -> Audit:
        """Everything anew, as the files are now."""
        gathering = Gathering(
            self.target.root, self.settings.exclude, self.use_cache, auth_names=self.settings.auth_dependencies
        )
        self.last = run(gathering, self.rules, self.settings, self.target.shown, self.baseline)
        return self.last

    def scan(self, output: Output, *, fix: bool) -> ExitCode:
        """Fixes when asked, then reports what is left."""
        audit = self.fixed() if fix else self.audit()
        material = Material(audit.scorecard, {rule.name: rule for rule in self.rules}, audit.project.text)
        output.write(material)
        warn_of(material)
        return exit_code(audit.scorecard, self.settings)

    def fixed(self) -> Audit:
        """Applies fixes until none is left; says on stderr what was done."""
        from fastapi_audit.fixing import settle  # noqa: PLC0415  only --fix pays for it

        repair = settle(self.target.root, self._scanned, unsafe=self.unsafe)
        warn(f"fixed {counted(len(repair.applied), 'finding')} in {counted(len(repair.changes), 'file')}")
        for line in repair.refused:
            warn(f"warning: {line}")
        return self.last if self.last and repair.settled else self.audit()

    def preview(self) -> ExitCode:
        """Prints what fixing would change; code 1 when it would."""
        from fastapi_audit.fixing import preview  # noqa: PLC0415  only --diff pays for it

        repair = preview(self.target.root, self._scanned(), unsafe=self.unsafe)
        say("".join(change.diff for change in repair.changes))
        for line in repair.refused:
            warn(f"warning: {line}")
        return ExitCode.FINDINGS if repair.changes else ExitCode.CLEAN

    def _scanned(self) -> "Scanned":
        from fastapi_audit.fixing import Scanned  # noqa: PLC0415  only --fix and --diff pay for it

        audit = self.audit()
        return Scanned(audit.scorecard.findings, audit.project.text)


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
    """Names on stderr what could not be read or judged, and the comments that silence nothing."""
    for result in material.scorecard.results:
        if result.outcome is Outcome.ERROR:
            warn(f"error: rule {result.rule} crashed, so nothing is known of it: {result.reason}")
    told = [entry for entry in material.scorecard.unresolved if entry.kind in ("file", "suppression", "baseline")]
    for entry in told[:WARNINGS]:
        place = f"{material.shown(str(entry.location))}: " if entry.location else ""
        said = entry.message.removeprefix(f"{entry.location.path} ") if entry.location else entry.message
        warn(f"warning: {place}{said}")
    if len(told) > WARNINGS:
        warn(f"warning: {len(told) - WARNINGS} more; `--output-format json` lists all under `unresolved`")
