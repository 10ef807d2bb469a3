"""What every scan keeps, whatever it is fed with: the oracle of the fuzz targets."""

import json
import re
import resource
import shutil
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from xml.etree import ElementTree as ET
from zlib import crc32

from jsonschema import Draft202012Validator

from fastapi_audit.audit import Audit, run
from fastapi_audit.checks import load
from fastapi_audit.config import Settings
from fastapi_audit.errors import AuditError
from fastapi_audit.evidence import Gathering
from fastapi_audit.lines import lines_of
from fastapi_audit.model import Location, Outcome, Scorecard
from fastapi_audit.reports import FORMATS, Look, Material, render
from fastapi_audit.rule import Rule

SECONDS = 20.0
"""Of processor time for one case; a hundred times what most take."""
MEMORY = 1_500_000
"""Kilobytes that the whole process may ever hold."""

FOR_PEOPLE = ("text", "concise", "markdown", "github")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@cache
def rules() -> tuple[Rule, ...]:
    return load()


def scan(files: Mapping[str, bytes], settings: Settings | None = None) -> Audit | None:
    """The audit of a project of these files after every promise was checked; `None` where it was refused."""
    folder = Path(mkdtemp(prefix="fuzz-"))
    try:
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        before = time.process_time()
        audit = _audited(folder, settings or Settings())
        if audit is not None:
            keeps_its_promises(audit)
        took = time.process_time() - before
        assert took < SECONDS, f"{took:.1f} s"
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert held < MEMORY, f"{held} kB"
        return audit
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _audited(folder: Path, settings: Settings) -> Audit | None:
    try:
        return run(Gathering(folder, settings.exclude, use_cache=False), rules(), settings)
    except AuditError:
        return None


def keeps_its_promises(audit: Audit) -> None:
    """No rule crashed, every place is in its file, and every report can be made and is what it says."""
    card = audit.scorecard
    assert [(r.rule, r.reason) for r in card.results if r.outcome is Outcome.ERROR] == []
    for location in _locations(audit):
        _is_in_its_file(location, audit)
    for finding in card.findings:
        for edit in finding.fix.edits if finding.fix else ():
            text = audit.project.text(edit.path) or ""
            assert text[edit.start : edit.end] == edit.old, f"{finding.rule}: an edit misses its text"
    material = Material(card, {rule.name: rule for rule in rules()}, audit.project.text)
    look = Look(colour=False, unicode=True, width=80)
    for name in _some_formats(card):
        printed = render(name, material, look)
        if name in FOR_PEOPLE:
            assert not CONTROL.search(printed), f"{name}: {CONTROL.search(printed)}"
        elif name == "json":
            keeps_the_schema(json.loads(printed))
        elif name in ("sarif", "gitlab"):
            json.loads(printed)
        elif name in ("junit", "badge-svg"):
            ET.fromstring(printed)  # noqa: S314  our own report


def _some_formats(card: Scorecard) -> list[str]:
    """Four of them, by what is in the scorecard: all of them take longer than the scan."""
    number = crc32(repr((card.results, card.unresolved)).encode("utf-8", "surrogatepass"))
    names = sorted(FORMATS)
    return [names[(number + step) % len(names)] for step in (0, 3, 6, 9)]


def _locations(audit: Audit) -> Iterator[Location]:
    card = audit.scorecard
    for finding in card.findings:
        if finding.location:
            yield finding.location
        yield from (step.location for step in finding.trace)
    yield from (route.location for route in card.routes if route.location)
    yield from (row.location for row in card.middleware if row.location)


def _is_in_its_file(location: Location, audit: Audit) -> None:
    text = audit.project.text(location.path)
    assert text is not None, location
    lines = lines_of(text)
    assert 1 <= location.line <= len(lines), location
    assert 1 <= location.column <= len(lines[location.line - 1]) + 1, location
    if location.end_line is not None:
        assert location.line <= location.end_line <= len(lines), location
    if location.end_column is not None:
        last = lines[(location.end_line or location.line) - 1]
        assert 1 <= location.end_column <= len(last) + 1, location


@cache
def _validator() -> Draft202012Validator:
    text = resources("fastapi_audit.reports").joinpath("schema/scorecard-1.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def keeps_the_schema(document: Any) -> None:
    """The JSON scorecard is what its shipped schema says."""
    problems = [f"{list(e.absolute_path)}: {e.message}"[:300] for e in _validator().iter_errors(document)]
    assert problems == []
