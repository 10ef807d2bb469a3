"""Every command of `fastapi-audit`; the one that is asked for is imported, the others are not."""

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from fastapi_audit import __version__

COMMANDS = ("scan", "probe", "audit", "report", "score", "routes", "explain", "init")
GROUPS = {"rules": "group", "baseline": "baseline"}
"""Commands that have commands below them → what their module calls them."""
VERSION = ("--version", "-V")

# Without markup typer leaves rich alone, which costs more to import than a small scan takes.
_application = typer.Typer(
    name="fastapi-audit",
    help="Tells a team what will break in their FastAPI service in production, and proves it.",
    epilog="Exit codes: 0 clean · 1 findings at or above the threshold · 2 usage or config error · 3 audit incomplete.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def application(arguments: Sequence[str]) -> typer.Typer:
    """The application with what these arguments need of it; help and completion need all."""
    first = arguments[0] if arguments else ""
    known = (*COMMANDS, *GROUPS)
    _add(() if first in VERSION else (first,) if first in known else known)
    return _application


def _add(names: Iterable[str]) -> None:
    for name in names:
        module = import_module(f"fastapi_audit.cli.{name}")
        if name in GROUPS:
            _application.add_typer(getattr(module, GROUPS[name]), name=name)
        else:
            _application.command()(getattr(module, name))


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the value of the flag
    if wanted:
        sys.stdout.write(f"fastapi-audit {__version__}\n")
        raise typer.Exit


@_application.callback()
def options(
    *,
    version: Annotated[bool, typer.Option(*VERSION, callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Flags of the command itself."""
