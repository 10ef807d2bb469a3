"""`fastapi-audit audit`: files, the imported application and the running service in one run and one scorecard."""

from dataclasses import dataclass, replace
from pathlib import Path

import typer

from fastapi_audit.audit import Choice, complained, of_files, of_service, read, together
from fastapi_audit.cli import flags
from fastapi_audit.cli.ending import exit_code, interrupted, warn_of
from fastapi_audit.cli.output import Output
from fastapi_audit.cli.probing import Wishes
from fastapi_audit.cli.progress import progress
from fastapi_audit.cli.settings import Target, accepted_findings, listed, rules_of, settings
from fastapi_audit.cli.streams import warn
from fastapi_audit.errors import IncompleteError
from fastapi_audit.evidence import Gathering, Probing, Project, asked, inspect
from fastapi_audit.model import Collection, EvidenceKind, ExitCode, Gathered, Scorecard
from fastapi_audit.reports import Material


def audit(
    path: flags.Folder = Path(),
    *,
    app: flags.App = None,
    url: flags.Url = None,
    python: flags.Python = None,
    env_file: flags.EnvFile = None,
    factory: flags.Factory = False,
    workers: flags.Workers = 1,
    timeout: flags.Timeout = flags.TIMEOUT,
    allow_host: flags.AllowHost = None,
    mutating: flags.Mutating = False,
    intrusive: flags.Intrusive = False,
    max_time: flags.MaxTime = None,
    max_requests: flags.MaxRequests = None,
    header_file: flags.HeaderFile = None,
    second_header_file: flags.SecondHeaderFile = None,
    metrics_header_file: flags.MetricsHeaderFile = None,
    p95_target: flags.P95Target = None,
    error_target: flags.ErrorTarget = None,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    exclude: flags.Exclude = None,
    statistics: flags.Statistics = False,
    output_format: flags.OutputFormat = "text",
    output_file: flags.OutputFile = None,
    report: flags.Report = None,
    compare: flags.Compare = None,
    fail_on: flags.FailOn = None,
    fail_under: flags.FailUnder = None,
    fail_on_new: flags.FailOnNew = False,
    baseline: flags.BaselineFile = None,
    min_confidence: flags.MinConfidence = None,
    exit_zero: flags.ExitZero = False,
    no_cache: flags.NoCache = False,
    config: flags.ConfigFile = None,
    isolated: flags.Isolated = False,
) -> None:
    """Everything in one scorecard: the files, and the service that --app starts or --url names."""
    output = Output.of(output_format, output_file, report or (), compare, statistics=statistics)
    target = Target.of(path)
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
    wishes = Wishes(
        url=url,
        app=app,
        folder=target.root,
        python=python,
        env_file=env_file,
        factory=factory,
        workers=workers,
        allow_host=tuple(allow_host or ()),
        mutating=mutating,
        intrusive=intrusive,
        max_time=max_time,
        max_requests=max_requests,
        header_file=header_file,
        second_header_file=second_header_file,
        metrics_header_file=metrics_header_file,
        p95_target=p95_target,
        error_target=error_target,
    )
    probing = wishes.probing(chosen.probe)
    rules = rules_of(target, config, chosen, isolated=isolated)
    choice = Choice.of(rules, chosen, accepted_findings(target, chosen, baseline))
    gathering = Gathering(target.root, chosen.exclude, not no_cache, auth_names=chosen.auth_dependencies)
    whole = Whole(target, choice, probing, timeout)
    card, project = whole.audit(read(gathering, target.shown))
    material = Material(card, {rule.name: rule for rule in rules}, project.text)
    output.write(material)
    warn_of(material)
    code = ExitCode.INCOMPLETE if whole.incomplete else exit_code(card, chosen)
    raise typer.Exit(0 if exit_zero and code is ExitCode.FINDINGS else code)


@dataclass(slots=True)
class Whole:
    """One audit of everything."""

    target: Target
    choice: Choice
    probing: Probing
    timeout_s: float
    incomplete: bool = False
    """Whether a kind of evidence that was asked for could not be gathered to its end."""

    def audit(self, project: Project) -> tuple[Scorecard, Project]:
        """The files first: what they say is told even when the service does not start."""
        project = self._asked(project)
        of_project = of_files(project, self.choice, self.target.shown).scorecard
        sockets = tuple(row.path for row in of_project.routes if row.kind == "websocket")
        card = together([of_project, self._probed(project.name, sockets)])
        return complained(card, self.choice.baseline), project

    def _asked(self, project: Project) -> Project:
        start = self.probing.start
        if start is None:
            return project
        factory = "()" if start.factory and not start.application.endswith("()") else ""
        answer = inspect(start.application + factory, start.folder, start.python, start.env_file, self.timeout_s)
        return asked(project, answer)

    def _probed(self, name: str, sockets: tuple[str, ...]) -> Scorecard:
        try:
            with progress() as tell:
                audit = of_service(replace(self.probing, sockets=sockets), name, self.choice, tell)
        except IncompleteError as error:
            self.incomplete = True
            for line in error.last_lines:
                warn(f"  {line}")
            warn(f"error: {error}")
            return unprobed(str(error))
        self.incomplete = interrupted(audit)
        return audit.scorecard


def unprobed(reason: str) -> Scorecard:
    """Of a service that could not be probed nothing is known, and the report says why."""
    live = Gathered(EvidenceKind.LIVE, Collection.UNAVAILABLE, reason)
    return Scorecard(
        project="",
        root=".",
        versions=(),
        evidence=(live,),
        results=(),
        items=(),
        score=None,
        raw=None,
        grade="n/a",
        coverage=0.0,
    )
