"""Each defect has one home: two rules speak of one line only where it has two defects, each with its own repair."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

import rule_contract as contract
from fastapi_audit.checks import load
from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.judging import judge
from sample_apps import FOLDER

Pair = tuple[str, str]

LACKS = {
    "app-logger-not-configured": "a configuration of logging, shown at the first line that is lost",
    "cache-not-initialised": "the start of the cache, shown at the application",
    "container-runs-as-root": "a user of its own, shown at the image",
    "docs-exposed": "a decision about the documentation, shown at the application",
    "health-endpoint-missing": "a health route, shown at the application",
    "healthcheck-missing": "a health check, shown at the service",
    "missing-request-id": "an id for each request, shown at the application",
    "no-metrics": "figures, shown at the application",
    "no-resource-limits": "a limit of memory, shown at the service",
    "no-restart-policy": "a restart policy, shown at the service",
    "prometheus-multiprocess-missing": "a folder that the workers share, shown at the command that starts them",
    "pool-usage-not-measured": "a figure of the pool, shown at the pool",
    "ratelimit-memory-storage": "a store that the workers share, shown at the limiter",
    "server-listens-on-loopback": "an address that others reach, shown at the command",
    "readiness-probe-missing": "a readiness probe, shown at the container",
    "requests-refused-at-shutdown": "time to drain, shown at the container",
    "server-logs-unstructured": "a format for the server's lines, shown where logging is configured",
    "unlimited-service": "any rate limit, shown at the application",
}
"""What is missing from the whole and so stands where the whole begins, beside anything that is wrong on that line."""

DIFFERENT: dict[Pair, str] = {
    ("add-middleware-multiple-classes", "duplicate-middleware"): "classes that are lost, and one that is there twice",
    ("add-middleware-after-start", "gzip-at-highest-level"): "when it is added, and with which option",
    ("asgi-middleware-without-scope-check", "print-in-app-code"): "a key that is missing, and where the line goes",
    ("basehttp-dispatch-misuse", "print-in-app-code"): "an attribute that is missing, and where the line goes",
    ("cache-hit-ratio-not-measured", "fastapi-cache-ttl-kwarg"): "a figure, and an argument that is unknown",
    ("cors-default-methods", "middleware-order"): "an option, and the place in the order",
    ("dependency-constructor-exposed-as-query", "dependency-result-discarded"): "what callers set, and who gets it",
    ("deprecated-on-event", "router-on-event-runs-twice"): "what will be removed, and what happens today",
    ("deprecated-uvicorn-workers", "proxy-headers-untrusted"): "the worker's class, and whom it believes",
    ("engine-used-before-fork", "schema-created-at-startup"): "what the workers inherit, and who makes the tables",
    ("entrypoint-without-exec", "server-listens-on-loopback"): "who gets the signal, and where the server listens",
    ("hardcoded-secret", "secret-setting-as-plain-text"): "the default, and the type of a setting",
    ("instrumented-too-late", "latency-target-not-measurable"): "when it is called, and with which buckets",
    ("latency-target-not-measurable", "metrics-publicly-exposed"): "the buckets, and who may read them",
    ("health-always-200", "health-leaks-details"): "the status, and the text of the exception",
    ("health-without-timeout", "liveness-checks-dependencies"): "how long it asks, and that it asks",
    ("latency-target-not-measurable", "metrics-high-cardinality"): "the buckets, and the labels",
    ("missing-pool-pre-ping", "pool-without-limit"): "stale connections, and no bound",
    ("missing-pool-pre-ping", "pool-oversubscribes-database"): "stale connections, and how many there are",
    ("missing-response-model", "unpaginated-list"): "which columns leave, and how many rows",
    ("optional-parameter-without-default", "unbounded-limit-param"): "two parameters on one line",
    ("print-in-app-code", "sensitive-data-logged"): "how it is written, and what",
    ("ratelimit-storage-failure-mode", "ratelimit-sync-storage-blocks-loop"): "a store that fails, and one that hangs",
    ("redis-cache-unbounded", "no-restart-policy"): "memory, and what follows a crash",
    ("reload-in-production", "shell-form-cmd"): "the server's option, and the process around it",
    ("stream-holds-connection", "user-controlled-media-type"): "what it holds, and the type it claims",
    ("unbounded-limit-param", "untyped-parameter"): "two parameters on one line",
    ("websocket-disconnect-unhandled", "websocket-payload-unvalidated"): "a client that leaves, and one that errs",
    ("websocket-holds-db-session", "websocket-unauthenticated"): "what it holds, and who may connect",
}
"""Two defects on one line: repairing either leaves the other."""

SAMPLES = ("article", "layered", "production", "prototype")


@cache
def rules_by_line() -> dict[str, frozenset[Pair]]:
    """The pairs of rules that speak of the same line, by what was scanned."""
    return {name: frozenset(_pairs(project)) for name, project in _scanned()}


def _scanned() -> Iterator[tuple[str, Project]]:
    for name in SAMPLES:
        yield name, gather(Gathering(root=Path(FOLDER / name), use_cache=False))
    for rule in load():
        for number, bad in enumerate(rule.bad):
            yield f"{rule.name}-{number}", contract.gathered(bad)


def _pairs(project: Project) -> Iterator[Pair]:
    lines = defaultdict(set)
    for rule in load():
        for finding in judge(rule, project).findings:
            if finding.location is not None:
                lines[finding.location.path, finding.location.line].add(rule.name)
    for names in lines.values():
        yield from combinations(sorted(names), 2)


def _is_allowed(pair: Pair) -> bool:
    return not LACKS.keys().isdisjoint(pair) or pair in DIFFERENT or pair[::-1] in DIFFERENT


def test_no_two_rules_report_one_defect() -> None:
    found = rules_by_line()
    twice = {(pair, name) for name, pairs in found.items() for pair in pairs if not _is_allowed(pair)}

    assert not twice, (
        "one defect, two findings? Give it one home, or say in `DIFFERENT` why they are two: "
        + "; ".join(f"{' and '.join(pair)} in {name}" for pair, name in sorted(twice))
    )


@pytest.mark.parametrize("pair", sorted(DIFFERENT))
def test_every_pair_that_is_allowed_is_still_found(pair: Pair) -> None:
    found = {tuple(sorted(p)) for pairs in rules_by_line().values() for p in pairs}

    assert tuple(sorted(pair)) in found


def test_no_two_absences_are_the_same() -> None:
    assert len(set(LACKS.values())) == len(LACKS)
    assert LACKS.keys() <= {rule.name for rule in load()}
