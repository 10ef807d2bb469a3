"""`fastapi-audit probe`: the running service, on this machine unless the user names another."""

from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import Choice, of_service
from fastapi_audit.cli import flags
from fastapi_audit.cli.ending import exit_code, interrupted, warn_of
from fastapi_audit.cli.output import Output
from fastapi_audit.cli.probing import Wishes
from fastapi_audit.cli.progress import progress
from fastapi_audit.cli.settings import Target, listed, rules_of, settings
from fastapi_audit.cli.streams import save
from fastapi_audit.errors import UsageError
from fastapi_audit.evidence import Live, Probing
from fastapi_audit.model import ExitCode
from fastapi_audit.reports import Material

TARGET = "Address of the running service; with --app the folder of the project [.]."


def probe(
    target: Annotated[str | None, typer.Argument(metavar="[URL | FOLDER]", help=TARGET)] = None,
    *,
    app: flags.App = None,
    python: flags.Python = None,
    env_file: flags.EnvFile = None,
    factory: flags.Factory = False,
    workers: flags.Workers = 1,
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
    engine: flags.Engine = "built-in",
    locust_workers: flags.LocustWorkers = None,
    locust_listen: flags.LocustListen = None,
    export_locustfile: flags.ExportLocustfile = None,
    select: flags.Select = None,
    ignore: flags.Ignore = None,
    statistics: flags.Statistics = False,
    output_format: flags.OutputFormat = "text",
    output_file: flags.OutputFile = None,
    report: flags.Report = None,
    compare: flags.Compare = None,
    fail_on: flags.FailOn = None,
    fail_under: flags.FailUnder = None,
    exit_zero: flags.ExitZero = False,
    config: flags.ConfigFile = None,
    isolated: flags.Isolated = False,
) -> None:
    """Ask the running service; GET, HEAD and OPTIONS only, and this machine only, unless you say otherwise."""
    output = Output.of(output_format, output_file, report or (), compare, statistics=statistics)
    folder = Target.of(Path(target or ".") if app else Path())
    given = {"select": listed(select), "ignore": listed(ignore), "fail_on": fail_on, "fail_under": fail_under}
    chosen = settings(folder, config, given, isolated=isolated)
    wishes = Wishes(
        url=None if app else target,
        app=app,
        folder=folder.root,
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
        engine=engine,
        locust_workers=locust_workers,
        locust_listen=locust_listen,
    )
    probing = wishes.probing(chosen.probe)
    rules = rules_of(folder, config, chosen, isolated=isolated)
    choice = Choice.of(rules, chosen)
    with progress() as tell:
        audit = of_service(probing, name_of(probing), choice, tell)
    if export_locustfile:
        _export(audit.project.live, export_locustfile)
    material = Material(audit.scorecard, {rule.name: rule for rule in rules}, audit.project.text)
    output.write(material)
    warn_of(material)
    code = ExitCode.INCOMPLETE if interrupted(audit) else exit_code(audit.scorecard, chosen)
    raise typer.Exit(0 if exit_zero and code is ExitCode.FINDINGS else code)


def _export(live: Live | None, file: Path) -> None:
    """Writes the load for Locust."""
    if live is None or not live.locustfile:
        message = (
            f"{file} was not written: {live.no_operations if live else ''}".rstrip(": ")
            + "; no operation may be called"
        )
        raise UsageError(message)
    save(file, live.locustfile, "the locustfile")


def name_of(probing: Probing) -> str:
    """What reports call the project."""
    return probing.start.folder.name if probing.start else probing.url.partition("://")[2].partition("/")[0]
