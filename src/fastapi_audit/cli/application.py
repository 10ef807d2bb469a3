"""Every command of `fastapi-audit`, with its flags."""

import sys
from typing import Annotated

import typer

from fastapi_audit import __version__
from fastapi_audit.cli.audit import audit
from fastapi_audit.cli.baseline import baseline
from fastapi_audit.cli.explain import explain
from fastapi_audit.cli.init import init
from fastapi_audit.cli.probe import probe
from fastapi_audit.cli.report import report
from fastapi_audit.cli.routes import routes
from fastapi_audit.cli.rules import group as rules
from fastapi_audit.cli.scan import scan
from fastapi_audit.cli.score import score

# Without markup typer leaves rich alone, which costs more to import than a small scan takes.
application = typer.Typer(
    name="fastapi-audit",
    help="Tells a team what will break in their FastAPI service in production, and proves it.",
    epilog="Exit codes: 0 clean · 1 findings at or above the threshold · 2 usage or config error · 3 audit incomplete.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (scan, probe, audit, report, score, routes, explain, init):
    application.command()(command)
application.add_typer(rules, name="rules")
application.add_typer(baseline, name="baseline")


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the value of the flag
    if wanted:
        sys.stdout.write(f"fastapi-audit {__version__}\n")
        raise typer.Exit


@application.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Flags of the command itself."""
