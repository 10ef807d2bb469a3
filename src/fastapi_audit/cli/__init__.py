"""The command line: flags to settings, settings to an audit, the audit to a report and an exit code."""

import sys
from typing import NoReturn

from fastapi_audit import __version__
from fastapi_audit.cli.streams import look, say_report, warn
from fastapi_audit.errors import AuditError
from fastapi_audit.model import ExitCode
from fastapi_audit.repeating import Command, Said

FRAMES = 12
"""Of a bug's traceback, the innermost; endless recursion has thousands."""


def main() -> None:
    """Runs the command and ends the process; every failure is one clear line and a documented code."""
    try:
        _run(sys.argv[1:])
    except AuditError as error:
        for line in error.last_lines:
            warn(f"  {line}")
        warn(f"error: {error}")
        sys.exit(int(error.exit_code))
    # Python ends an unexpected exception with code 1, which would read as "findings".
    except Exception as error:  # noqa: BLE001
        import traceback  # noqa: PLC0415  only for a bug

        for line in "".join(traceback.format_exception(error, limit=-FRAMES)).rstrip().split("\n"):
            warn(line)
        warn(f"error: this is a bug in fastapi-audit {__version__}; please report it with the lines above")
        sys.exit(int(ExitCode.INCOMPLETE))


def _run(arguments: list[str]) -> None:
    command = Command(arguments, look(sys.stdout)) if arguments[:1] == ["scan"] else None
    if command and (said := command.answer()):
        _repeat(said)
    # To import the commands takes longer than to see that nothing has changed.
    from fastapi_audit.cli.application import application  # noqa: PLC0415

    application(arguments)(arguments, prog_name="fastapi-audit", obj=command)


def _repeat(said: Said) -> NoReturn:
    say_report(said.report, for_people=said.for_people)
    for line in said.warnings:
        warn(line)
    sys.exit(said.code)
