"""Reads a JSON scorecard back, whole: another program may have written it, so it is bounded and checked key by key."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  a signature that callers read
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastapi_audit import model
from fastapi_audit.errors import UsageError
from fastapi_audit.reports.json import SCHEMA_VERSION
from fastapi_audit.reports.passages import Passage, Sources

SIZE_LIMIT = 64_000_000
"""Bytes; 5,000 findings with all they carry are a tenth of it."""

Line = Annotated[int, Field(ge=1, le=10_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Item = Annotated[int, Field(ge=1, le=17)]
Short = Annotated[str, Field(max_length=10_000)]
Long = Annotated[str, Field(max_length=1_000_000)]


class _Part(BaseModel):
    """A key that a newer version added is passed over; one that is missing or of another kind is named."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Location(_Part):
    path: Short
    line: Line
    column: Line = 1
    end_line: Line | None = None
    end_column: Line | None = None

    def noun(self) -> model.Location:
        return model.Location(self.path, self.line, self.column, self.end_line, self.end_column)


def _place(location: _Location | None) -> model.Location | None:
    return location.noun() if location else None


class _Observation(_Part):
    evidence: model.EvidenceKind
    message: Short
    request: Long = ""
    response: Long = ""
    reproduction: Long = ""

    def noun(self) -> model.Observation:
        return model.Observation(self.evidence, self.message, self.request, self.response, self.reproduction)


class _Refutation(_Part):
    message: Short
    operation: Short | None = None
    observations: tuple[_Observation, ...] = ()

    def noun(self) -> model.Refutation:
        return model.Refutation(self.message, self.operation, tuple(seen.noun() for seen in self.observations))


class _Step(_Part):
    location: _Location
    message: Short

    def noun(self) -> model.Step:
        return model.Step(self.location.noun(), self.message)


class _Edit(_Part):
    path: Short
    start: Count
    old: Long
    new: Long

    def noun(self) -> model.Edit:
        return model.Edit(self.path, self.start, self.old, self.new)


class _Fix(_Part):
    title: Short
    safe: bool
    edits: tuple[_Edit, ...]

    def noun(self) -> model.Fix:
        return model.Fix(self.title, tuple(edit.noun() for edit in self.edits), self.safe)


class _Suppression(_Part):
    kind: Literal["comment", "config", "confidence", "baseline"]
    reason: Short = ""


class _Finding(_Part):
    rule: Short
    item: Item
    severity: model.Severity
    confidence: model.Confidence
    status: model.Status
    evidence: tuple[model.EvidenceKind, ...]
    message: Short
    location: _Location | None
    operation: Short | None
    also: tuple[Short, ...] = ()
    trace: tuple[_Step, ...] = ()
    fix: _Fix | None = None
    observations: tuple[_Observation, ...] = ()
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    suppressed: _Suppression | None = None

    def noun(self) -> model.Finding:
        hidden = self.suppressed
        return model.Finding(
            message=self.message,
            location=_place(self.location),
            operation=self.operation,
            trace=tuple(step.noun() for step in self.trace),
            fix=self.fix.noun() if self.fix else None,
            severity=self.severity,
            confidence=self.confidence,
            observations=tuple(seen.noun() for seen in self.observations),
            rule=self.rule,
            item=self.item,
            status=self.status,
            evidence=self.evidence,
            fingerprint=self.fingerprint,
            suppressed=model.Suppression(hidden.kind, hidden.reason) if hidden else None,
            also=self.also,
        )


class _Rule(_Part):
    name: Short
    item: Item
    severity: model.Severity
    outcome: model.Outcome
    subjects: Count
    reason: Short = ""
    refutations: tuple[_Refutation, ...] = ()

    def noun(self, findings: tuple[model.Finding, ...]) -> model.Result:
        against = tuple(each.noun() for each in self.refutations)
        return model.Result(
            self.name, self.item, self.severity, self.outcome, self.subjects, findings, self.reason, against
        )


class _Gathered(BaseModel):
    """Everything beyond status and reason is a count."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Count]
    status: model.Collection
    reason: Short = ""

    def noun(self, kind: model.EvidenceKind) -> model.Gathered:
        return model.Gathered(kind, self.status, self.reason, tuple(self.__pydantic_extra__.items()))


class _Route(_Part):
    methods: tuple[Short, ...]
    path: Short
    endpoint: Short
    location: _Location | None
    is_async: bool
    dependencies: tuple[Short, ...] = ()
    auth: tuple[Short, ...] = ()
    condition: Short | None = None
    app: Short = ""
    kind: Literal["http", "websocket", "mount"] = "http"
    evidence: tuple[model.EvidenceKind, ...] = (model.EvidenceKind.SOURCE,)

    def noun(self) -> model.RouteRow:
        return model.RouteRow(
            self.methods,
            self.path,
            self.endpoint,
            _place(self.location),
            self.is_async,
            self.dependencies,
            self.auth,
            self.condition,
            self.app,
            self.kind,
            self.evidence,
        )


class _Middleware(_Part):
    cls: Short = Field(alias="class")
    location: _Location | None
    condition: Short | None = None
    app: Short = ""

    def noun(self) -> model.MiddlewareRow:
        return model.MiddlewareRow(self.cls, _place(self.location), self.condition, self.app)


class _Unresolved(_Part):
    kind: Short
    message: Short
    location: _Location | None = None

    def noun(self) -> model.Unresolved:
        return model.Unresolved(self.kind, self.message, _place(self.location))


class _Class(_Part):
    below_ms: float
    samples: Count


class _Latency(_Part):
    operation: Short | None
    samples: Count
    errors: Count
    p50_ms: float | None
    p95_ms: float | None
    p95_interval_ms: tuple[float | None, float | None]
    p99_ms: float | None
    p95_target_ms: float
    p95_verdict: model.Verdict
    p95_reason: Short = ""
    error_high: Annotated[float, Field(ge=0, le=1)] | None
    error_target: float
    error_verdict: model.Verdict
    error_reason: Short = ""
    histogram: tuple[_Class, ...] = ()

    def noun(self) -> model.LatencyRow:
        low, high = self.p95_interval_ms
        return model.LatencyRow(
            self.operation,
            self.samples,
            self.errors,
            p50_ms=_known(self.p50_ms),
            p95_ms=_known(self.p95_ms),
            p95_low_ms=_known(low),
            p95_high_ms=math.inf if high is None else high,
            p99_ms=_known(self.p99_ms),
            p95_target_ms=self.p95_target_ms,
            p95_verdict=self.p95_verdict,
            error_high=1.0 if self.error_high is None else self.error_high,
            error_target=self.error_target,
            error_verdict=self.error_verdict,
            p95_reason=self.p95_reason,
            error_reason=self.error_reason,
            histogram=tuple((each.below_ms, each.samples) for each in self.histogram),
        )


class _Figure(_Part):
    name: Short
    interval: tuple[float | None, float | None]
    verdict: model.Verdict
    reason: Short = ""
    series: Short = ""

    def noun(self) -> model.ExportedFigure:
        low, high = self.interval
        above = math.inf if high is None and low is not None else _known(high)
        return model.ExportedFigure(self.name, _known(low), above, self.verdict, self.reason, self.series)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


class _Project(_Part):
    name: Short
    root: Short
    versions: dict[Short, Short]


class _Passage(_Part):
    line: Line
    start: Count
    text: Long

    def noun(self) -> Passage:
        return Passage(self.line, self.start, self.text)


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds: a scorecard that is not weighed, and the lines of source that it speaks of."""

    card: model.Scorecard
    sources: Sources


class _Scorecard(_Part):
    schema_version: Literal["1"]
    project: _Project
    evidence: dict[model.EvidenceKind, _Gathered]
    rules: tuple[_Rule, ...]
    findings: tuple[_Finding, ...]
    routes: tuple[_Route, ...] = ()
    middleware: tuple[_Middleware, ...] = ()
    unresolved: tuple[_Unresolved, ...] = ()
    measurements: dict[Short, float | None] = {}
    latencies: tuple[_Latency, ...] = ()
    figures: tuple[_Figure, ...] = ()
    sources: dict[Short, tuple[_Passage, ...]] = {}

    def written(self) -> Written:
        told = {path: tuple(each.noun() for each in passages) for path, passages in self.sources.items()}
        return Written(self.noun(), told)

    def noun(self) -> model.Scorecard:
        """Without the weighing, which is done anew."""
        by_rule: dict[str, list[model.Finding]] = {}
        for finding in self.findings:
            by_rule.setdefault(finding.rule, []).append(finding.noun())
        return model.Scorecard(
            project=self.project.name,
            root=self.project.root,
            versions=tuple(self.project.versions.items()),
            evidence=tuple(entry.noun(kind) for kind, entry in self.evidence.items()),
            results=tuple(rule.noun(tuple(by_rule.get(rule.name, ()))) for rule in self.rules),
            items=(),
            score=None,
            raw=None,
            grade="n/a",
            coverage=0.0,
            routes=tuple(route.noun() for route in self.routes),
            middleware=tuple(row.noun() for row in self.middleware),
            unresolved=tuple(entry.noun() for entry in self.unresolved),
            measurements=tuple((name, _known(value)) for name, value in self.measurements.items()),
            latencies=tuple(row.noun() for row in self.latencies),
            figures=tuple(each.noun() for each in self.figures),
        )


def read_scorecard(file: Path) -> model.Scorecard:
    """The scorecard in a file, not weighed; `UsageError` names the file and what is wrong in it."""
    return read_written(file).card


def read_written(file: Path) -> Written:
    """All that a file holds; `UsageError` names it and what is wrong in it."""
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise UsageError(message) from None
    if len(content) > SIZE_LIMIT:
        message = f"{file}: larger than {SIZE_LIMIT:,} bytes; this is no scorecard"
        raise UsageError(message)
    try:
        read = _Scorecard.model_validate_json(content.removeprefix(b"\xef\xbb\xbf"))
        _check_findings(read)
    except ValidationError as error:
        raise UsageError(_complaint(file, error)) from None
    except ValueError as error:
        message = f"{file}: {error}"
        raise UsageError(message) from None
    return read.written()


def _check_findings(read: _Scorecard) -> None:
    """A finding whose rule is not listed would be lost."""
    listed = {rule.name for rule in read.rules}
    for finding in read.findings:
        if finding.rule not in listed:
            message = f"a finding names the rule {finding.rule[:100]!r}, which is not among `rules`"
            raise ValueError(message)


def _complaint(file: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return f"{file}: no JSON: {first['msg']}"
    if key == "schema_version" and first["type"] == "literal_error":
        return f'{file}: made by another version: only schema_version "{SCHEMA_VERSION}" can be read'
    return f"{file}: no scorecard of fastapi-audit: `{key}`: {first['msg']}; make it with `--report json=FILE`"
