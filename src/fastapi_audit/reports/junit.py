"""JUnit XML: a suite for each item, a case for each rule, so that what was not run shows as skipped."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fastapi_audit.model import ItemScore, Outcome, Result
from fastapi_audit.reports import Look, Material, counted, severity_of
from fastapi_audit.reports.cells import visible

SKIPPED = {Outcome.NOT_APPLICABLE: "nothing of this kind in the project", Outcome.NOT_RUN: "not run"}


def render(material: Material, _look: Look) -> str:
    """No times: the same audit gives the same bytes."""
    suites = Element("testsuites", name="fastapi-audit")
    for item in material.scorecard.items:
        results = [result for result in material.scorecard.results if result.item == item.number]
        if results:
            _suite(suites, item, results, material)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _suite(suites: Element, item: ItemScore, results: list[Result], material: Material) -> None:
    suite = SubElement(
        suites,
        "testsuite",
        name=f"{item.number} {item.name}",
        tests=str(len(results)),
        failures=str(sum(_fails(result) for result in results)),
        errors=str(sum(result.outcome is Outcome.ERROR for result in results)),
        skipped=str(sum(result.outcome in SKIPPED for result in results)),
    )
    for result in results:
        case = SubElement(suite, "testcase", classname=item.name, name=result.rule)
        if result.outcome in SKIPPED:
            SubElement(case, "skipped", message=_text(result.reason or SKIPPED[result.outcome]))
        elif result.outcome is Outcome.ERROR:
            SubElement(case, "error", type="crash", message=_text(result.reason))
        elif _fails(result):
            _failure(case, result, material)
        elif result.reason:
            # On how much the pass rests.
            SubElement(case, "system-out").text = _text(result.reason)


def _fails(result: Result) -> bool:
    """Suppressed and refuted findings do not fail a case."""
    return result.outcome is Outcome.FAIL and any(finding.counts for finding in result.findings)


def _failure(case: Element, result: Result, material: Material) -> None:
    findings = [finding for finding in result.findings if finding.counts]
    first = findings[0]
    more = f" (and {counted(len(findings) - 1, 'more place')})" if len(findings) > 1 else ""
    failure = SubElement(case, "failure", type=severity_of(first), message=_text(first.words + more))
    places = (material.shown(str(f.location)) if f.location else f.operation or "" for f in findings)
    failure.text = "\n".join(
        _text(f"{place}: {finding.words}") for place, finding in zip(places, findings, strict=True)
    )


def _text(text: str) -> str:
    """On one line and without characters that XML forbids."""
    return visible(" ".join(text.split()))
