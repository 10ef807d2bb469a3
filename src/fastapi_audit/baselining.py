"""The findings that a team has accepted for now: one on a line, so that two branches can add theirs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi_audit.errors import ConfigError
from fastapi_audit.model import Finding, Location, Outcome, Result, Unresolved

DEFAULT = ".fastapi-audit-baseline.json"
"""Looked for in the root of the project."""

SCHEMA_VERSION = "1"

SIZE_LIMIT = 50_000_000
"""Bytes; a longer file is no baseline."""


@dataclass(frozen=True, slots=True, order=True)
class Accepted:
    """One finding of the baseline."""

    rule: str
    path: str
    """Empty where the finding has no place."""
    fingerprint: str

    @classmethod
    def of(cls, finding: Finding) -> "Accepted":
        """What is kept of a finding; not its line, which moves."""
        return cls(finding.rule, finding.location.path if finding.location else "", finding.fingerprint)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a file holds."""

    file: str = ""
    """As a report names it; empty when there is none."""
    entries: tuple[Accepted, ...] = ()

    @property
    def fingerprints(self) -> frozenset[str]:
        """Of the accepted findings."""
        return frozenset(entry.fingerprint for entry in self.entries)

    def stale(self, results: Iterable[Result]) -> tuple[Accepted, ...]:
        """Entries whose finding is gone; of a rule that did not run nobody knows."""
        known = {result.rule: result for result in results}
        unknown = {name for name, result in known.items() if result.outcome in (Outcome.NOT_RUN, Outcome.ERROR)}
        found = {finding.fingerprint for result in known.values() for finding in result.findings}
        return tuple(entry for entry in self.entries if entry.fingerprint not in found and entry.rule not in unknown)

    def complaints(self, results: Iterable[Result]) -> tuple[Unresolved, ...]:
        """What a report says of it: nothing, or how many entries can go."""
        stale = self.stale(results)
        if not stale:
            return ()
        what = "one accepted finding is" if len(stale) == 1 else f"{len(stale)} accepted findings are"
        message = f"{what} gone; `fastapi-audit baseline prune` removes what is no longer needed"
        return (Unresolved("baseline", message, Location(self.file, 1)),)


def read(file: Path, shown: str) -> Baseline:
    """The baseline of a file; `ConfigError` names the file and what is wrong with it."""
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            message = f"{shown}: larger than {SIZE_LIMIT:,} bytes; this is no baseline"
            raise ConfigError(message)
        return Baseline(shown, tuple(_entries(json.loads(content))))
    except OSError as error:
        message = f"{shown}: the baseline cannot be read: {error.strerror}"
        raise ConfigError(message) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else "not written by `fastapi-audit baseline write`"
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        message = f"{shown}{line}: broken baseline: {what}"
        raise ConfigError(message) from None


def _entries(document: Any) -> Iterable[Accepted]:
    if document["schema_version"] != SCHEMA_VERSION:
        message = "another version"
        raise ValueError(message)
    for entry in document["findings"]:
        values = entry["rule"], entry["path"], entry["fingerprint"]
        if not all(isinstance(value, str) for value in values):
            raise TypeError
        yield Accepted(*values)


def written(entries: Iterable[Accepted]) -> str:
    """The file's text: sorted, each finding on its own line, the same for the same findings."""
    lines = [
        json.dumps({"rule": entry.rule, "path": entry.path, "fingerprint": entry.fingerprint}, ensure_ascii=False)
        for entry in sorted(set(entries))
    ]
    body = ",\n".join(f"    {line}" for line in lines)
    findings = f"[\n{body}\n  ]" if lines else "[]"
    return f'{{\n  "schema_version": "{SCHEMA_VERSION}",\n  "findings": {findings}\n}}\n'
