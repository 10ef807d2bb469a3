"""Scorecards with something in every part, and with hostile text in every part."""

from math import inf, nan

from fastapi_audit.model import (
    Cap,
    Confidence,
    Edit,
    EvidenceKind,
    Fix,
    LatencyRow,
    Location,
    MiddlewareRow,
    Observation,
    RouteRow,
    Severity,
    Status,
    Step,
    Suppression,
    Unresolved,
    Verdict,
)
from fastapi_audit.reports import Material
from hostile import PATH, TEXT
from small_project import finding, material

PLACE = Location("app/main.py", 2, 5, 2, 13)
FIX = Fix("check first", (Edit("app/main.py", 26, "accept()", "check()"),), safe=True)
SEEN = Observation(EvidenceKind.LIVE, "a stranger is served", "GET /socket\nhost: here", "200\n\nhello", "curl /socket")


def measured(operation: str | None, **known: float) -> LatencyRow:
    values = {"p95_low_ms": 7.0, "p95_high_ms": 9.0} | known
    return LatencyRow(
        operation, 60, 1, 5.0, 8.0, values["p95_low_ms"], values["p95_high_ms"], 9.0, 200.0, Verdict.PASS,
        0.05, 0.001, Verdict.INCONCLUSIVE, histogram=((4.0, 20), (8.0, 0), (16.0, 40)),
    )  # fmt: skip


def whole() -> Material:
    return material(
        finding(operation="GET /users", status=Status.CONFIRMED, observations=(SEEN,), fix=FIX, points=7.0),
        finding("a mild one", severity=Severity.LOW, trace=(Step(PLACE, "calls `accept`"),)),
        finding("a likely one", severity=Severity.MEDIUM, confidence=Confidence.MEDIUM, location=None),
        finding("a hidden one", suppressed=Suppression("comment", "known")),
        finding("a refuted one", status=Status.REFUTED, observations=(SEEN,)),
        caps=(Cap(64, "one high finding", ()),),
        latencies=(measured(None), measured("GET /users", p95_low_ms=nan, p95_high_ms=inf)),
        unresolved=(Unresolved("router", "built from a dict", PLACE),),
        middleware=(MiddlewareRow("app.main.Timing", PLACE),),
    )


def hostile() -> Material:
    place = Location(PATH, 1)
    seen = Observation(EvidenceKind.LIVE, TEXT, TEXT, TEXT, TEXT)
    fix = Fix(TEXT, (Edit(PATH, 0, "<script>", "</script><script>alert(2)</script>"),))
    made = material(
        finding(TEXT, location=place, operation=TEXT, observations=(seen,), trace=(Step(place, TEXT),), fix=fix),
        finding(TEXT, suppressed=Suppression("comment", TEXT)),
        project=TEXT,
        routes=(RouteRow((TEXT,), TEXT, TEXT, place, is_async=True, auth=(TEXT,), condition=TEXT),),
        unresolved=(Unresolved("router", TEXT, place),),
        versions=(("fastapi", TEXT),),
        latencies=(measured(TEXT),),
    )
    source = "<script>alert(3)</script></code></pre>\n"
    return Material(made.scorecard, made.rules, {"app/main.py": source, PATH: source}.get)
