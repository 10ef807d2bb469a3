"""Runs the command: `python -m fastapi_audit`."""

import os
import sys

# `python -m` puts the current folder first, which is the audited project more often than not: a `secrets.py` in it
# would be imported, and so run, in place of the module of that name.
if sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109  compared with what Python put there
    del sys.path[0]

from fastapi_audit.cli import main

if __name__ == "__main__":
    main()
