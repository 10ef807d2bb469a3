"""Runs the command: `python -m fastapi_audit`."""

from fastapi_audit.cli import main

if __name__ == "__main__":
    main()
