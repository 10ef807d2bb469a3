"""The nouns of an audit: plain frozen data, no behaviour beyond themselves, no imports from this package."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum

UNREAD = "unread"
"""The kind of what is unresolved because a file of the application could not be read."""
UNGATHERED = "evidence was gathered"
"""The end of the reason of a rule that no evidence was gathered for."""
ALSO_SHOWN = 5
"""Further operations of a finding that are named in its words; JSON has all."""


class Severity(StrEnum):
    """How bad the defect is when it is real, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst; sorts findings."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure the source model is that the finding is true."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return list(Confidence).index(self)


class EvidenceKind(StrEnum):
    """Where a fact comes from; one package of `evidence` each."""

    SOURCE = "source"
    DEPLOYMENT = "deployment"
    APP = "app"
    LIVE = "live"


class Status(StrEnum):
    """What the other kinds of evidence say of a finding."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


class Outcome(StrEnum):
    """What came of one rule."""

    PASS = "pass"  # noqa: S105  an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    """The evidence holds nothing this rule speaks about."""
    NOT_RUN = "not-run"
    """The evidence was not gathered, or does not decide, so nothing is known. Never counted as a pass."""
    ERROR = "error"
    """The rule itself crashed: a bug in fastapi-audit."""


class Collection(StrEnum):
    """What became of one kind of evidence."""

    COLLECTED = "collected"
    NOT_REQUESTED = "not_requested"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file: POSIX path relative to the project root; lines and columns from 1, columns in code points."""

    path: str
    line: int
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    """Exclusive."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"

    def __contains__(self, other: "Location") -> bool:
        """Whether another place begins on one of the same lines: what a process tells of itself knows no columns."""
        return self.path == other.path and self.line <= other.line <= (self.end_line or self.line)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new`, counted in code points from the start of the file."""

    path: str
    start: int
    old: str
    new: str

    @property
    def end(self) -> int:
        """Exclusive."""
        return self.start + len(self.old)


@dataclass(frozen=True, slots=True)
class Fix:
    """A repair; applied whole or not at all."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = False
    """Whether the repaired program is certain to behave the same, apart from the defect."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from a handler to the defect."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What one kind of evidence saw of a finding: the proof that a report shows beside it."""

    kind: EvidenceKind
    message: str
    request: str = ""
    """The request as sent, secrets redacted, bounded; empty where the finding is not about one exchange."""
    response: str = ""
    """Status line, headers and the beginning of the body, secrets redacted, bounded."""
    reproduction: str = ""
    """A command that a reader can paste, such as a curl line."""


@dataclass(frozen=True, slots=True)
class Refutation:
    """The running service shows the opposite of what a rule suspects; a check yields it instead of a finding."""

    message: str
    operation: str | None = None
    """The only operation that it speaks of; `None` refutes every suspicion of the rule."""
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """What was looked at shows neither the defect nor its absence; a check yields it in place of a silence."""

    message: str
    """Why, as a clause: `too few requests`."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding is not counted."""

    kind: str
    """`comment`, `config`, `confidence` or `baseline`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect at one place. A rule fills the first block, the pipeline the second."""

    message: str
    location: Location | None = None
    operation: str | None = None
    """What the finding is about on the wire, such as `GET /users`; joins evidence kinds."""
    trace: tuple[Step, ...] = ()
    fix: Fix | None = None
    severity: Severity | None = None
    """Only where the evidence moves it away from the rule's own."""
    confidence: Confidence | None = None
    """Only where the evidence moves it away from the rule's own."""

    observations: tuple[Observation, ...] = ()
    """What the other kinds of evidence saw; a refuted finding has the observation that refutes it last."""

    cause: str = ""
    """Findings of one rule that a probe made of several operations and that name one cause are one finding."""

    secret: str = field(default="", repr=False)
    """What no report may show of the place: a rule that finds a secret says here what it is."""

    rule: str = ""
    item: int = 0
    status: Status = Status.SUSPECTED
    evidence: tuple[EvidenceKind, ...] = ()
    fingerprint: str = ""
    suppressed: Suppression | None = None
    points: float = 0.0
    """What the finding costs of the score, 0 to 100."""
    also: tuple[str, ...] = ()
    """Further operations of the same cause."""

    @property
    def words(self) -> str:
        """The message, and which further operations have the same cause: the first few, and how many."""
        if not self.also:
            return self.message
        operations = "operation" if len(self.also) == 1 else "operations"
        named = ", ".join(f"`{each}`" for each in self.also[:ALSO_SHOWN])
        left = len(self.also) - ALSO_SHOWN
        more = f" and {left} more" if left > 0 else ""
        return f"{self.message} {len(self.also)} more {operations} of the same cause: {named}{more}."

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """Sorts findings by place, rule and message."""
        place = self.location or Location("", 0, 0)
        return (place.path, place.line, place.column, self.rule, self.message)

    @property
    def counts(self) -> bool:
        """Whether it is open: neither suppressed nor refuted."""
        return self.suppressed is None and self.status is not Status.REFUTED


@dataclass(frozen=True, slots=True)
class Result:
    """What one rule found."""

    rule: str
    item: int
    severity: Severity
    outcome: Outcome
    subjects: int = 0
    """How many things of the rule's kind were looked at."""
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    refutations: tuple[Refutation, ...] = ()
    """Kept beside the findings, so that scorecards of separate runs can be merged later."""


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One of the 17 items on the scorecard."""

    number: int
    name: str
    title: str
    weight: float
    score: float | None
    """0 to 100, or `None` when nothing was assessed."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Cap:
    """The score is held at `limit` by these findings."""

    limit: int
    reason: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that exists and that the model could not work out."""

    kind: str
    """`route`, `router`, `middleware`, `dependency`, `unread`, `file`, `syntax`, `suppression` …"""
    message: str
    location: Location | None = None


def unread(unresolved: Iterable[Unresolved]) -> str:
    """`app/a.py and 2 more files could not be read`, of the application's own; empty when all were."""
    known = [each for each in unresolved if each.kind == UNREAD]
    if not known:
        return ""
    first = known[0].location.path if known[0].location else "a part of the project"
    left = len(known) - 1
    more = f" and {left} more file{'s' if left > 1 else ''}" if left else ""
    return f"{first}{more} could not be read"


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route as every report prints it."""

    methods: tuple[str, ...]
    path: str
    endpoint: str
    location: Location | None
    is_async: bool
    dependencies: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    condition: str | None = None
    app: str = ""
    """The root application that serves it."""
    kind: str = "http"
    """`http`, `websocket` or `mount`."""
    known_by: tuple[EvidenceKind, ...] = (EvidenceKind.SOURCE,)


@dataclass(frozen=True, slots=True)
class MiddlewareRow:
    """A middleware as every report prints it; the list of an app runs outermost first."""

    cls: str
    location: Location | None
    condition: str | None = None
    app: str = ""

    @property
    def conditional(self) -> bool:
        """Whether it is installed only under a condition."""
        return self.condition is not None


class Verdict(StrEnum):
    """What a sample says of a target: an interval that holds the target decides nothing."""

    PASS = "pass"  # noqa: S105  a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURABLE = "not measurable"
    """Only of an exported figure: the service does not tell enough to know it."""


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """The measured latency and errors of one operation, or of the whole service; milliseconds from intended start."""

    operation: str | None
    """`GET /users/{id}`; `None` is the whole service."""
    samples: int
    errors: int
    p50_ms: float
    p95_ms: float
    p95_low_ms: float
    """With `p95_high_ms` the 95 % interval by order statistics; `nan` and `inf` where samples are too few."""
    p95_high_ms: float
    p99_ms: float
    p95_target_ms: float
    p95_verdict: Verdict
    error_high: float
    """Upper bound of the error rate at 95 %, 0 to 1."""
    error_target: float
    error_verdict: Verdict
    p95_reason: str = ""
    """Why it is not decided."""
    error_reason: str = ""
    """The same of the error rate."""
    histogram: tuple[tuple[float, int], ...] = ()
    """Upper bound in milliseconds and how many samples lie below it and above the one before."""


@dataclass(frozen=True, slots=True)
class ExportedFigure:
    """One of the six figures of the checklist's monitoring, from what the service exports of itself."""

    name: str
    """`p95_ms`, `error_share`, `pool_share`, `cache_hit_share`, `requests_by_client` or `tokens`."""
    low: float
    """With `high` where it lies; `nan` and `inf` where that is not known. A share is 0 to 1."""
    high: float
    verdict: Verdict
    reason: str = ""
    """Why it is not measurable or not decided."""
    source: str = ""
    """The name of the series."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of one kind of evidence, with its counts for the report."""

    kind: EvidenceKind
    status: Collection
    reason: str = ""
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The whole result of an audit; every report renders this and nothing else."""

    project: str
    root: str
    versions: tuple[tuple[str, str], ...]
    evidence: tuple[Gathered, ...]
    results: tuple[Result, ...]
    items: tuple[ItemScore, ...]
    score: int | None
    """`None` when nothing was assessed, or when a file of the application could not be read."""
    raw: float | None
    """The score without caps, of what was assessed."""
    grade: str
    coverage: float
    """0 to 1: the share of the checklist's weight that was assessed."""
    caps: tuple[Cap, ...] = ()
    routes: tuple[RouteRow, ...] = ()
    middleware: tuple[MiddlewareRow, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    measurements: tuple[tuple[str, float], ...] = ()
    """Single figures by name, such as `requests` or `p95_ms`; the unit ends the name."""
    latencies: tuple[LatencyRow, ...] = ()
    """The whole service first, then the operations by path."""
    figures: tuple[ExportedFigure, ...] = ()
    """The six of the checklist in its order, once a probe has asked for the metrics."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all rules, by place."""
        return tuple(sorted((f for r in self.results for f in r.findings), key=lambda f: f.order))

    @property
    def unread(self) -> str:
        """Which files of the application could not be read, as a clause; empty when all were."""
        return unread(self.unresolved)

    @property
    def incomplete(self) -> bool:
        """Whether a rule crashed or a file of the application could not be read, so that the audit is not whole."""
        return bool(self.unread) or any(r.outcome is Outcome.ERROR for r in self.results)


class ExitCode(int, Enum):
    """What the process answers."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
