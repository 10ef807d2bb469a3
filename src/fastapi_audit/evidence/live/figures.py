"""The six figures of the checklist's monitoring, from what a service exports: met, missed, or not measurable."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.scraping import Reading, Series, moved
from fastapi_audit.evidence.live.statistics import quantile_interval, rate_interval, verdict
from fastapi_audit.model import Verdict

POOL_TARGET = 0.8
CACHE_TARGET = 0.95
FEWEST_LOOKUPS = 100
"""Fewer say nothing of a cache."""
MOST_COUNTED = 20_000
"""Requests that an interval is worked out for; more have one that is narrower than any bucket."""

REQUEST_TIME = re.compile(
    r"request.*(duration|latency|seconds|time)|(duration|latency).*(request|http)|^http_server_dur"
)
OF_CLIENT = re.compile(r"client")
PLACES = frozenset(
    {"path", "route", "endpoint", "handler", "url", "uri", "path_template", "http_route", "http_target", "resource"}
)
STATUSES = ("status", "status_code", "code", "http_status_code", "http_response_status_code", "http_status")
REQUESTS = re.compile(r"request|http")
IN_USE = re.compile(r"in_?use|used|checked_?out|busy|active|acquired|usage|connections?_count$|activity")
CAPACITY = re.compile(r"capacity|max|size|limit")
POOL = re.compile(
    r"(?<!thread_)(?<!worker_)(?<!process_)(?<!thread)pool|db_client_connection|pg_stat_activity|pg_settings_max_conn|"
    r"database_connections"
)
CACHE = re.compile(r"cache|keyspace|redis")
HIT, MISS = re.compile(r"(^|_)hits?(_|$)"), re.compile(r"(^|_)miss(es)?(_|$)")
TOLD_APART = re.compile(
    r"tenant|client|customer|api_?key|key_?id|consumer|account|organi[sz]ation|^org|team|user|principal"
)
TOKENS = re.compile(r"tokens?(_|$)")
NO_TOKENS = re.compile(r"csrf|refresh|access|auth|bucket|jwt|session|expired|invalid|issued|revoked")
"""Tokens that no language model reads."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the six; `nan` and a reason where the service does not export enough to know it."""

    name: str
    """`p95_ms`: the unit ends the name."""
    low: float = math.nan
    high: float = math.nan
    verdict: Verdict | None = None
    """`None` is a verdict too: not measurable."""
    reason: str = ""
    """Why it is not measurable, or not decided."""
    source: str = ""
    """The name of the series."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One histogram of the requests that the service answers, over the measured load."""

    name: str
    edges: tuple[float, ...]
    """Milliseconds, ascending, without the last, which is infinite."""
    counts: tuple[int, ...]
    """Requests in each class; one more than edges."""

    @property
    def count(self) -> int:
        return sum(self.counts)

    def measures(self, target_ms: float) -> bool:
        """Whether one of its edges is the target."""
        return any(math.isclose(edge, target_ms, rel_tol=1e-6) for edge in self.edges)

    @property
    def p95(self) -> tuple[float, float]:
        """Between which edges it lies, with 95 % confidence."""
        ends = list(zip([0.0, *self.edges], [*self.edges, math.inf], self.counts, strict=True))
        share = min(1.0, MOST_COUNTED / max(self.count, 1))
        lows = [low for low, _, count in ends for _ in range(round(count * share))]
        highs = [high for _, high, count in ends for _ in range(round(count * share))]
        return quantile_interval(lows, 0.95)[0], quantile_interval(highs, 0.95)[1]


def timings(readings: Sequence[Reading]) -> tuple[Timing, ...]:
    """Every histogram of requests that moved during the load, the one that saw most first."""
    cumulated: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for series in moved(readings[0], readings[-1]):
        name = series.name.removesuffix("_bucket")
        if name != series.name and _times_requests(name, series):
            edge = _edge(series.label("le"))
            if not math.isnan(edge):
                cumulated[name][edge] += series.value
    found = [_timing(name, edges) for name, edges in cumulated.items()]
    return tuple(sorted((each for each in found if each.count), key=lambda each: (-each.count, each.name)))


def _times_requests(name: str, series: Series) -> bool:
    named = REQUEST_TIME.search(name) is not None and not OF_CLIENT.search(name)
    ours = name.startswith(("http_", "starlette_", "fastapi_")) or not PLACES.isdisjoint(dict(series.labels))
    return named and ours


def _edge(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _timing(name: str, cumulated: Mapping[float, float]) -> Timing:
    scale = 1 if name.endswith(("_milliseconds", "_ms", "_millis")) else 1000
    edges = sorted(edge for edge in cumulated if math.isfinite(edge))
    below = [*(cumulated[edge] for edge in edges), cumulated.get(math.inf, 0.0)]
    counts = [max(round(here - before), 0) for before, here in zip([0.0, *below], below, strict=False)]
    return Timing(name, tuple(edge * scale for edge in edges), tuple(counts))


def figures(readings: Sequence[Reading], target: Target) -> Iterator[Figure]:
    """All six, in the order of the checklist."""
    risen = tuple(moved(readings[0], readings[-1]))
    yield p95(timings(readings), target)
    yield errors(risen, target)
    yield pool(readings)
    yield cache(risen)
    yield presence("requests_by_client", clients(risen), "no counter has a label that tells clients apart")
    yield presence("tokens", tokens(readings[-1]), "no series counts tokens of a language model")


def p95(found: Sequence[Timing], target: Target) -> Figure:
    """From the histogram that can decide, or else from the one that saw most."""
    if not found:
        return Figure("p95_ms", reason="no histogram of request durations moved during the load")
    timing = next((each for each in found if each.measures(target.p95_ms)), found[0])
    low, high = timing.p95
    if high <= target.p95_ms:
        return Figure("p95_ms", low, high, Verdict.PASS, source=timing.name)
    if low >= target.p95_ms:
        return Figure("p95_ms", low, high, Verdict.FAIL, source=timing.name)
    if timing.measures(target.p95_ms):
        return Figure("p95_ms", low, high, Verdict.INCONCLUSIVE, "too few requests", timing.name)
    reason = f"`{timing.name}` has no bucket edge at {target.p95_ms:g} ms; P95 lies between {low:g} and {high:g} ms"
    return Figure("p95_ms", low, high, None, reason, timing.name)


def errors(risen: Iterable[Series], target: Target) -> Figure:
    """The share of server errors among the requests that a counter with a status saw."""
    counted: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for series in risen:
        status = series.label(*STATUSES)
        if status and REQUESTS.search(series.name) and not OF_CLIENT.search(series.name) and _counts(series):
            counted[series.name][0] += series.value
            counted[series.name][1] += series.value if status.startswith("5") else 0.0
    name, (total, failed) = max(counted.items(), key=lambda each: each[1][0], default=("", [0.0, 0.0]))
    if not total:
        return Figure("error_share", reason="no counter of requests with their status moved during the load")
    low, high = rate_interval(*_bounded(failed, total))
    judged = verdict(low, high, target.errors)
    reason = "too few requests" if judged is Verdict.INCONCLUSIVE else ""
    return Figure("error_share", low, high, judged, reason, name)


def _counts(series: Series) -> bool:
    return series.kind == "counter" or series.name.endswith("_count")


def _bounded(events: float, trials: float) -> tuple[int, int]:
    """In proportion, when more was counted than an interval needs."""
    share = min(1.0, MOST_COUNTED / trials)
    return round(events * share), max(round(trials * share), 1)


def pool(readings: Sequence[Reading]) -> Figure:
    """How full the fullest pool was: reached in at least two of the scrapes, so that no single moment decides."""
    fullest: dict[str, list[float]] = defaultdict(list)
    for reading in readings:
        for name, share in _pools(reading):
            fullest[name].append(share)
    if not fullest:
        return Figure("pool_share", reason="no pair of gauges tells connections in use and how many there may be")
    name, shares = max(fullest.items(), key=lambda each: _second(each[1]))
    reached = _second(shares)
    judged = Verdict.PASS if max(shares) < POOL_TARGET else Verdict.FAIL if reached >= POOL_TARGET else None
    if judged is None:
        return Figure("pool_share", reached, max(shares), Verdict.INCONCLUSIVE, "full for a moment only", name)
    return Figure("pool_share", reached, max(shares), judged, source=name)


def _second(values: Sequence[float]) -> float:
    return sorted(values)[-2] if len(values) > 1 else values[0]


def _pools(reading: Reading) -> Iterator[tuple[str, float]]:
    gauges = [each for each in reading.values() if POOL.search(each.name) and math.isfinite(each.value)]
    used = [each for each in gauges if _in_use(each)]
    limits = [each for each in gauges if CAPACITY.search(each.name) and not _in_use(each) and each.value > 0]
    for each in used:
        near = [limit for limit in limits if _of_one_pool(each, limit)]
        if near:
            capacity = sum(limit.value for limit in near if limit.name == near[0].name)
            yield each.name, each.value / capacity


def _in_use(series: Series) -> bool:
    state = series.label("state", "db_client_connection_state")
    return IN_USE.search(series.name) is not None and state in ("", "used", "active") and series.kind != "counter"


def _of_one_pool(used: Series, limit: Series) -> bool:
    """Labels that both have agree, and so do the first words of their names."""
    theirs = dict(limit.labels)
    agree = all(theirs.get(name, value) == value for name, value in used.labels if name != "state")
    words = (used.name.split("_"), limit.name.split("_"))
    return agree and words[0][:1] == words[1][:1]


def cache(risen: Iterable[Series]) -> Figure:
    """Hits among the lookups of the load."""
    hits, misses, name = 0.0, 0.0, ""
    for series in risen:
        words = "_".join([series.name, *(value for _, value in series.labels)]).lower()
        if CACHE.search(series.name) and _counts(series) and (HIT.search(words) or MISS.search(words)):
            name = series.name
            missed = MISS.search(words) is not None
            hits, misses = hits + (0.0 if missed else series.value), misses + (series.value if missed else 0.0)
    if not name:
        return Figure("cache_hit_share", reason="no counters tell hits and misses of a cache apart")
    if hits + misses < FEWEST_LOOKUPS:
        reason = f"{hits + misses:g} lookups in a cache during the load"
        return Figure("cache_hit_share", 0.0, 1.0, Verdict.INCONCLUSIVE, reason, name)
    low, high = rate_interval(*_bounded(misses, hits + misses))
    judged = verdict(low, high, 1 - CACHE_TARGET)
    return Figure("cache_hit_share", 1 - high, 1 - low, judged, source=name)


def clients(risen: Iterable[Series]) -> tuple[str, float]:
    """A counter that tells clients apart, and how far it rose."""
    counted: dict[str, float] = defaultdict(float)
    for series in risen:
        if _counts(series) and any(TOLD_APART.search(name) for name, _ in series.labels):
            counted[series.name] += series.value
    return max(counted.items(), key=lambda each: each[1], default=("", 0.0))


def tokens(reading: Reading) -> tuple[str, float]:
    """A series that counts tokens of a language model, and where it stands."""
    for series in reading.values():
        if TOKENS.search(series.name) and not NO_TOKENS.search(series.name) and series.kind in ("counter", "histogram"):
            return series.name, series.value
    return "", 0.0


def presence(name: str, found: tuple[str, float], reason: str) -> Figure:
    """A figure without a target: it is there or not."""
    source, value = found
    return Figure(name, value, value, Verdict.PASS, source=source) if source else Figure(name, reason=reason)
