"""`fastapi-audit scan`: source and deployment files; the project is never imported or run."""

import gc
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastapi_audit.audit import Audit, run
from fastapi_audit.baselining import DEFAULT, Baseline
from fastapi_audit.checks import load
from fastapi_audit.cli import flags
from fastapi_audit.cli.ending import exit_code, warnings_of
from fastapi_audit.cli.output import Output
from fastapi_audit.cli.settings import Target, accepted_findings, listed, read_beside, rules_of, settings
from fastapi_audit.cli.streams import say, warn
from fastapi_audit.config import Settings
from fastapi_audit.evidence import Gathering, text_of, uncollected
from fastapi_audit.model import ExitCode, Scorecard
from fastapi_audit.repeating import Command, Said
from fastapi_audit.reports import Material, counted
from fastapi_audit.reusing import Earlier
from fastapi_audit.rule import Rule

if TYPE_CHECKING:
    from fastapi_audit.fixing import Scanned


def scan(
    context: typer.Context,
    path: flags.Folder = Path(),
    *,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    exclude: flags.Exclude = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the safe fixes.")] = False,
    unsafe_fixes: Annotated[bool, typer.Option("--unsafe-fixes", help="With --fix or --diff: all fixes.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what --fix would change; write nothing.")] = False,
    statistics: flags.Statistics = False,
    output_format: flags.OutputFormat = "text",
    output_file: flags.OutputFile = None,
    report: flags.Report = None,
    compare: flags.Compare = None,
    fail_on: flags.FailOn = None,
    fail_under: flags.FailUnder = None,
    fail_on_new: flags.FailOnNew = False,
    baseline: flags.BaselineFile = None,
    show_suppressed: flags.ShowSuppressed = False,
    min_confidence: flags.MinConfidence = None,
    exit_zero: flags.ExitZero = False,
    no_cache: flags.NoCache = False,
    config: flags.ConfigFile = None,
    isolated: flags.Isolated = False,
) -> None:
    """Audit source and deployment files; never runs the project."""
    output = Output.of(output_format, output_file, report or (), compare, statistics=statistics)
    target = Target.of(path)
    command: Command | None = context.obj
    if command:
        command.decided_by(read_beside(target, config, baseline, isolated=isolated))
    given = {
        "select": listed(select),
        "ignore": listed(ignore),
        "exclude": listed(exclude),
        "fail_on": fail_on,
        "fail_under": fail_under,
        "fail_on_new": fail_on_new or None,
        "min_confidence": min_confidence,
    }
    chosen = settings(target, config, given, isolated=isolated)
    accepted = accepted_findings(target, chosen, baseline)
    rules = rules_of(target, config, chosen, isolated=isolated)
    run = Run(target, chosen, use_cache=not no_cache, unsafe=unsafe_fixes, rules=rules, baseline=accepted)
    # Fixing audits several times, and must be able to let go of the audit before.
    with nullcontext() if fix else uncollected():
        code = run.preview() if diff else run.scan(output, fix=fix, show_suppressed=show_suppressed)
        if exit_zero and code is ExitCode.FINDINGS:
            code = ExitCode.CLEAN
        # A folder that was told by a file in it is told with a note, which is not kept.
        if command and output.only_printed and target.shown == path.as_posix():
            run.keep(command, code)
        gc.freeze()  # the process ends here: no reason to look through the whole model once more
    raise typer.Exit(code)


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
    earlier: Earlier | None = None
    said: Said | None = None

    @property
    def gathering(self) -> Gathering:
        """What is read."""
        return Gathering(
            self.target.root, self.settings.exclude, self.use_cache, auth_names=self.settings.auth_dependencies
        )

    def audit(self) -> Audit:
        """Everything anew, as the files are now."""
        self.last = run(self.gathering, self.rules, self.settings, self.target.shown, self.baseline)
        return self.last

    def scorecard(self) -> Scorecard:
        """The one of the last scan when nothing has changed since, else a new one."""
        # Rules from elsewhere may look at anything: what they were made of is not known here.
        if not self.use_cache or any(rule.origin != "fastapi-audit" for rule in self.rules):
            return self.audit().scorecard
        self.earlier = Earlier(self.gathering, self.target.shown, self.settings, self.baseline)
        card = self.earlier.scorecard()
        if card is None:
            audit = self.audit()
            card = audit.scorecard
            self.earlier.keep(card, audit.project.looked_at)
        return card

    def keep(self, command: Command, code: ExitCode) -> None:
        """What was said, for the same command next time; not where it may depend on more than is known."""
        if self.earlier and self.said:
            beside = (*self.earlier.looked_at, self.settings.baseline or DEFAULT)
            said = replace(self.said, code=int(code))
            command.keep(said, self.target.shown, self.earlier.stamps, self.settings.exclude, beside)

    def scan(self, output: Output, *, fix: bool, show_suppressed: bool = False) -> ExitCode:
        """Fixes when asked, then reports what is left."""
        card = self.fixed().scorecard if fix else self.scorecard()
        material = Material(card, {rule.name: rule for rule in self.rules}, self.text, show_suppressed=show_suppressed)
        report = output.write(material)
        warnings = tuple(warnings_of(material))
        for line in warnings:
            warn(line)
        code = exit_code(card, self.settings)
        # What is not whole may be whole next time, though no file has changed.
        self.said = None if card.incomplete else Said(report, output.for_people, warnings, int(code))
        return code

    def text(self, path: str) -> str | None:
        """The text of a file, as it was audited where it was audited just now."""
        return self.last.project.text(path) if self.last else text_of(self.target.root, path)

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
