"""`fastapi-audit report`: scorecards of separate runs as one, in any format."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import together
from fastapi_audit.checks import load
from fastapi_audit.cli import flags
from fastapi_audit.cli.ending import exit_code, warn_of
from fastapi_audit.cli.output import Output
from fastapi_audit.config import Settings
from fastapi_audit.errors import UsageError
from fastapi_audit.model import ExitCode
from fastapi_audit.reports import Material
from fastapi_audit.reports.passages import Layout


def report(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Scorecards that `--report json=FILE` wrote.")],
    *,
    statistics: flags.Statistics = False,
    output_format: flags.OutputFormat = "text",
    output_file: flags.OutputFile = None,
    report: flags.Report = None,
    compare: flags.Compare = None,
    fail_on: flags.FailOn = None,
    fail_under: flags.FailUnder = None,
    exit_zero: flags.ExitZero = False,
) -> None:
    """Merge scorecards of one project, such as a scan in CI and a probe of staging, and render them again."""
    from fastapi_audit.reports.reading import read_written  # noqa: PLC0415  pydantic costs more than a small scan

    output = Output.of(output_format, output_file, report or (), compare, statistics=statistics)
    if fail_under is not None and not 0 <= fail_under <= 100:  # noqa: PLR2004  a score is 0 to 100
        message = f"--fail-under takes a score from 0 to 100, not {fail_under:g}"
        raise UsageError(message)
    settings = Settings()
    settings = replace(settings, fail_on=fail_on or settings.fail_on, fail_under=fail_under)
    written = [read_written(file) for file in files]
    card = together([each.card for each in written])
    # The files themselves may lie anywhere or have changed since, and may hold secrets that are masked here.
    layout = Layout([each.sources for each in written])
    material = Material(card, {rule.name: rule for rule in load()}, layout.text, whole=False)
    output.write(material)
    warn_of(material)
    code = exit_code(card, settings)
    raise typer.Exit(0 if exit_zero and code is ExitCode.FINDINGS else code)
