"""Runs the command: `python -m fastapi_audit`."""

import os
import sys

# `python -m` puts the current folder first, which is the audited project more often than not: a `secrets.py` in it
# would be imported, and so run, in place of the module of that name.
if sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109  compared with what Python put there
    del sys.path[0]

INTERRUPTED = 130
"""What shells give for a command that Ctrl-C ended; typer does too."""


def main() -> None:
    """Runs the command and ends the process; Ctrl-C is one line, however early it comes."""
    try:
        # Half of the time of a short command goes into this import.
        from fastapi_audit.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        _tell()
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _tell()
        raise


def _tell() -> None:
    # A process without a console has no stderr.
    if sys.stderr:
        sys.stderr.write("error: interrupted\n")


if __name__ == "__main__":
    main()
