"""A project, a rule and a scorecard small enough to read beside the test that uses them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.model import (
    Collection,
    Confidence,
    EvidenceKind,
    Finding,
    Gathered,
    ItemScore,
    Location,
    Outcome,
    Result,
    RouteRow,
    Scorecard,
    Severity,
)
from fastapi_audit.reports import Material
from fastapi_audit.rule import Bad, Good, Rule

COLLECTED = (Gathered(EvidenceKind.SOURCE, Collection.COLLECTED, counts=(("files", 1),)),)

DOCUMENTATION = """Socket accepts anyone

Whoever connects is served.

## Use instead
Check the token before `accept()`.

## Sources
RFC 6455.
"""


def project(folder: Path, **known: object) -> Project:
    """The evidence of an application of one file."""
    (folder / "main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n", encoding="utf-8")
    gathered = gather(Gathering(folder, use_cache=False))
    for name, value in known.items():
        setattr(gathered, name, value)
    return gathered


def rule(
    detector: Callable[..., Iterator[Finding]] | None = None,
    *,
    name: str = "open-socket",
    severity: Severity = Severity.HIGH,
    applies_to: str | None = None,
    cwe: str | None = None,
) -> Rule:
    made = Rule(
        f"fastapi_audit.checks.websockets.{name.replace('-', '_')}",
        DOCUMENTATION,
        severity=severity,
        references=["https://www.rfc-editor.org/rfc/rfc6455"],
        examples=[Bad("accept()  # finding\n"), Good("check()\n")],
        applies_to=applies_to,
        cwe=cwe,
    )
    if detector:
        made.check(detector)
    return made


def finding(message: str = "`accept` serves anyone", **known: object) -> Finding:
    values: dict[str, object] = {
        "location": Location("app/main.py", 2, 5, 2, 13),
        "rule": "open-socket",
        "item": 7,
        "severity": Severity.HIGH,
        "confidence": Confidence.HIGH,
        "evidence": (EvidenceKind.SOURCE,),
        "fingerprint": "0" * 32,
    }
    return Finding(message, **(values | known))  # type: ignore[arg-type]  # the tests name the fields


def result(*findings: Finding, name: str = "open-socket", **known: object) -> Result:
    values: dict[str, object] = {
        "rule": name,
        "item": 7,
        "severity": Severity.HIGH,
        "outcome": Outcome.FAIL if findings else Outcome.PASS,
        "subjects": 1,
        "findings": findings,
    }
    return Result(**(values | known))  # type: ignore[arg-type]  # the tests name the fields


def material(*findings: Finding, text: str = "async def socket(ws):\n    accept()\n", **known: object) -> Material:
    values: dict[str, object] = {
        "project": "small",
        "root": ".",
        "versions": (("fastapi", "0.165.0"),),
        "evidence": COLLECTED,
        "results": (result(*findings),),
        "items": (ItemScore(7, "websockets", "WebSockets", 5.0, 42.0 if findings else 100.0, Outcome.FAIL),),
        "score": 64,
        "raw": 71.5,
        "grade": "D",
        "coverage": 0.76,
        "routes": (RouteRow(("GET",), "/users", "app.main.users", Location("app/main.py", 1), is_async=True),),
    }
    card = Scorecard(**(values | known))  # type: ignore[arg-type]  # the tests name the fields
    return Material(card, {"open-socket": rule()}, {"app/main.py": text}.get)
