"""Everything that ends an audit with one clear line.

AuditError            exit code 2 unless said otherwise
├── UsageError        a flag, a path or a rule name that does not exist
├── ConfigError       a config file that cannot be used; names file and key
├── TargetError       nothing to audit: no such path, no FastAPI application
└── IncompleteError   the audit ran, but not whole: exit code 3
"""

from fastapi_audit.model import ExitCode


class AuditError(Exception):
    """What happened, where, and what to do next, in one line."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.last_lines = last_lines
        """The end of what the audited application printed."""


class UsageError(AuditError):
    """A flag, a path or a rule name that does not exist."""


class ConfigError(AuditError):
    """A config file that cannot be used."""


class TargetError(AuditError):
    """There is nothing to audit."""


class IncompleteError(AuditError):
    """The audit ran, but not whole."""

    exit_code = ExitCode.INCOMPLETE
