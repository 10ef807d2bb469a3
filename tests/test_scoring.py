"""The score is bounded, explains itself to the last point, and never punishes a repair."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastapi_audit.checklist import CRITICAL, HIGH, ITEMS, LOW, MEDIUM, Item
from fastapi_audit.model import (
    Confidence,
    EvidenceKind,
    Finding,
    Location,
    Outcome,
    Result,
    Severity,
    Status,
    Suppression,
)
from fastapi_audit.scoring import CONSTANTS, Score, gains, grade, score

MANY = settings(max_examples=250)
"""Twelve properties: 3,000 generated audits."""

NEARLY = 1e-9
FEW = tuple(item for item in ITEMS if item.number in (1, 3, 6, 9, 16))
"""One item of every weight and two of the heaviest: enough to see every interplay."""

Results = tuple[Result, ...]

findings = st.builds(
    Finding,
    message=st.just("wrong"),
    location=st.one_of(st.none(), st.builds(Location, st.just("main.py"), st.integers(1, 6))),
    operation=st.one_of(st.none(), st.sampled_from(["GET /a", "GET /b", "POST /a"])),
    severity=st.one_of(st.none(), st.sampled_from(Severity)),
    confidence=st.one_of(st.none(), st.sampled_from(Confidence)),
    status=st.sampled_from([Status.SUSPECTED, Status.SUSPECTED, Status.CONFIRMED, Status.REFUTED]),
    evidence=st.sampled_from([(EvidenceKind.SOURCE,), (EvidenceKind.SOURCE, EvidenceKind.LIVE), (EvidenceKind.APP,)]),
    suppressed=st.sampled_from([None, None, None, Suppression("comment")]),
)


@st.composite
def results(draw: st.DrawFn) -> Results:
    return tuple(draw(st.lists(result(), min_size=1, max_size=8)))


@st.composite
def result(draw: st.DrawFn) -> Result:
    found = tuple(draw(st.lists(findings, max_size=5)))
    outcome = Outcome.FAIL if found else draw(st.sampled_from([o for o in Outcome if o is not Outcome.FAIL]))
    item = draw(st.sampled_from(FEW)).number
    return Result("a-rule", item, draw(st.sampled_from(Severity)), outcome, draw(st.integers(1, 40)), found)


def weighed(results: Sequence[Result], items: Sequence[Item] = FEW) -> Score:
    return score(results, items)


def final(results: Sequence[Result]) -> float:
    answer = weighed(results).final
    assume(answer is not None)
    assert answer is not None
    return answer


def changed(results: Results, at: int, change: Callable[[Finding], Finding | None]) -> Results:
    """With one finding, counted through all results, changed or gone; gone findings leave a pass behind."""
    places = [(r, f) for r, one in enumerate(results) for f in range(len(one.findings))]
    assume(places)
    row, column = places[at % len(places)]
    old = results[row]
    kept = [change(f) if n == column else f for n, f in enumerate(old.findings)]
    left = tuple(f for f in kept if f is not None)
    new = replace(old, findings=left, outcome=Outcome.FAIL if left else Outcome.PASS)
    return (*results[:row], new, *results[row + 1 :])


@given(results())
@MANY
def test_the_score_is_between_0_and_100(given: Results) -> None:
    card = weighed(given)
    assume(card.final is not None)
    assert card.final is not None
    assert card.score is not None
    assert card.raw is not None
    assert 0 <= card.score <= card.final + NEARLY <= card.raw + 2 * NEARLY <= 100 + 3 * NEARLY
    assert 0 <= card.coverage <= 1
    assert all(row.score is None or 0 <= row.score <= 100 for row in card.items)


@given(results())
@MANY
def test_the_points_of_the_findings_add_up_to_what_is_missing(given: Results) -> None:
    lost = math.fsum(f.points for r in weighed(given).results for f in r.findings)

    assert lost == pytest.approx(100 - final(given), abs=1e-6)


@given(results())
@MANY
def test_only_findings_that_count_cost_points(given: Results) -> None:
    for one in weighed(given).results:
        for finding in one.findings:
            assert finding.points >= 0
            assert finding.counts or finding.points == 0


@given(results(), st.randoms(use_true_random=False))
@MANY
def test_the_order_of_results_and_findings_does_not_matter(given: Results, chance: Random) -> None:
    shuffled = [replace(r, findings=tuple(chance.sample(r.findings, len(r.findings)))) for r in given]
    chance.shuffle(shuffled)

    assert final(shuffled) == pytest.approx(final(given), abs=NEARLY)


@given(results(), st.integers(0, 40))
@MANY
def test_fixing_one_finding_never_lowers_the_score(given: Results, at: int) -> None:
    assert final(changed(given, at, lambda _: None)) >= final(given) - NEARLY


@given(results(), st.integers(0, 7))
@MANY
def test_fixing_a_rule_never_lowers_the_score(given: Results, at: int) -> None:
    row = at % len(given)
    assume(given[row].findings)
    fixed = replace(given[row], findings=(), outcome=Outcome.PASS)

    assert final((*given[:row], fixed, *given[row + 1 :])) >= final(given) - NEARLY


@given(results(), st.integers(0, 40))
@MANY
def test_suppressing_never_lowers_the_score(given: Results, at: int) -> None:
    silenced = changed(given, at, lambda f: replace(f, suppressed=Suppression("comment")))

    assert final(silenced) >= final(given) - NEARLY


@given(results(), st.sampled_from(FEW))
@MANY
def test_removing_a_feature_never_lowers_the_score(given: Results, item: Item) -> None:
    removed = tuple(
        replace(r, findings=(), outcome=Outcome.NOT_APPLICABLE, subjects=0)
        if r.item == item.number and r.outcome in (Outcome.PASS, Outcome.FAIL)
        else r
        for r in given
    )

    assert final(removed) >= final(given) - NEARLY


@given(results(), st.integers(0, 40))
@MANY
def test_stronger_evidence_never_raises_the_score(given: Results, at: int) -> None:
    def seen_live(f: Finding) -> Finding:
        return replace(f, evidence=(*f.evidence, EvidenceKind.LIVE), status=max_status(f.status))

    def surer(f: Finding) -> Finding:
        return replace(f, confidence=Confidence.HIGH)

    assert final(changed(given, at, seen_live)) <= final(given) + NEARLY
    assert final(changed(given, at, surer)) <= final(given) + NEARLY


def max_status(status: Status) -> Status:
    return status if status is Status.REFUTED else Status.CONFIRMED


@given(results())
@MANY
def test_adding_a_clean_route_never_lowers_the_score(given: Results) -> None:
    assert final([replace(r, subjects=r.subjects + 1) for r in given]) >= final(given) - NEARLY


@given(results(), st.sampled_from(FEW))
@MANY
def test_an_item_that_becomes_assessed_and_is_clean_never_lowers_the_score(given: Results, item: Item) -> None:
    unknown = [r for r in given if r.item != item.number]

    clean = Result("another", item.number, Severity.HIGH, Outcome.PASS, 3)
    assert final([*unknown, clean]) >= final(unknown) - NEARLY
    assert weighed([*unknown, clean]).coverage > weighed(unknown).coverage


@given(results())
@settings(max_examples=50)  # weighs once more for every rule
def test_no_repair_is_said_to_bring_less_than_nothing(given: Results) -> None:
    before = final(given)
    for gain in gains(given, FEW):
        assert gain.score >= math.floor(before + NEARLY)
        assert gain.findings > 0


@given(results())
@MANY
def test_a_gain_is_the_score_of_the_repaired_audit(given: Results) -> None:
    named = [replace(r, rule=f"rule-{n}") for n, r in enumerate(given)]
    assume(weighed(named).final is not None)

    for gain in gains(named, FEW):
        repaired = weighed([replace(r, findings=()) if r.rule == gain.rule else r for r in named])
        assert gain.score == repaired.score
        assert gain.raw == pytest.approx(repaired.raw, abs=NEARLY)


# The invented cases that the constants are tried on: 17 items in other tiers than ours, 40 routes.
INVENTED = tuple(
    Item(number, f"item-{number}", "", "", weight)
    for number, weight in enumerate([CRITICAL] * 4 + [HIGH] * 5 + [MEDIUM] * 5 + [LOW] * 3)
)
STATIC, RUNTIME, PROBE = (EvidenceKind.SOURCE,), (EvidenceKind.APP,), (EvidenceKind.LIVE,)


def found(
    item: int,
    severity: Severity,
    times: int = 1,
    *,
    evidence: tuple[EvidenceKind, ...] = STATIC,
    confidence: Confidence = Confidence.HIGH,
) -> Result:
    wrong = (
        Finding("wrong", operation=f"GET /{n}", confidence=confidence, evidence=evidence, fingerprint=f"{item}-{n}")
        for n in range(times)
    )
    return Result(f"rule-of-{item}-{severity}", item, severity, Outcome.FAIL, 40, tuple(wrong))


def audit(*failed: Result, routes: int = 40, without: Iterable[int] = (), unknown: Iterable[int] = ()) -> Score:
    """An audit in which every item has one clean rule beside those that failed."""
    absent, unseen = set(without), set(unknown)
    clean = [Result("clean", n, Severity.LOW, Outcome.PASS, routes) for n in range(17) if n not in absent | unseen]
    none = [Result("none", n, Severity.LOW, Outcome.NOT_APPLICABLE) for n in absent]
    unrun = [Result("unrun", n, Severity.LOW, Outcome.NOT_RUN) for n in unseen]
    resized = [replace(r, subjects=routes) for r in failed if r.item not in absent | unseen]
    return score([*clean, *none, *unrun, *resized], INVENTED)


TYPICAL = (
    found(4, Severity.HIGH, 3),
    found(5, Severity.MEDIUM, 10),
    found(6, Severity.MEDIUM, 1, evidence=RUNTIME),
    found(7, Severity.MEDIUM, 6, confidence=Confidence.MEDIUM),
    found(9, Severity.LOW, 30),
    found(10, Severity.MEDIUM, 4),
    found(12, Severity.LOW, 1),
    found(14, Severity.LOW, 12),
)
EVERYTHING = tuple(r for n in range(17) for r in (found(n, Severity.HIGH, 20), found(n, Severity.MEDIUM, 30)))


@pytest.mark.parametrize(
    ("card", "raw", "points", "letter"),
    [
        pytest.param(audit(), 100.0, 100, "A+", id="clean"),
        pytest.param(audit(found(10, Severity.LOW)), 99.1, 99, "A+", id="one low"),
        pytest.param(audit(found(5, Severity.MEDIUM)), 96.5, 96, "A", id="one medium"),
        pytest.param(audit(found(5, Severity.MEDIUM, 20)), 94.8, 94, "A", id="medium on half of the routes"),
        pytest.param(audit(found(5, Severity.MEDIUM, 40)), 94.0, 93, "A", id="medium on all routes"),
        pytest.param(audit(found(0, Severity.HIGH)), 92.6, 89, "B", id="one high"),
        pytest.param(audit(found(0, Severity.HIGH, evidence=PROBE)), 91.8, 79, "C", id="one high, confirmed"),
        pytest.param(audit(found(0, Severity.CRITICAL)), 91.2, 69, "D", id="one critical"),
        pytest.param(audit(found(0, Severity.CRITICAL, evidence=PROBE)), 90.2, 59, "F", id="one critical, confirmed"),
        pytest.param(
            audit(found(0, Severity.CRITICAL, confidence=Confidence.LOW)), 96.0, 96, "A", id="a critical guess"
        ),
        pytest.param(audit(*TYPICAL), 77.7, 77, "C", id="typical"),
        pytest.param(audit(*TYPICAL, routes=200), 80.7, 80, "B", id="typical, 200 routes"),
        pytest.param(audit(*TYPICAL, without=(3, 11)), 77.7, 77, "C", id="typical, two items not applicable"),
        pytest.param(audit(*TYPICAL, unknown=(0, 1, 2, 8)), 67.3, 67, "D", id="typical, four items not assessed"),
        pytest.param(audit(*EVERYTHING), 5.0, 5, "F", id="everything bad"),
    ],
)
def test_invented_projects_get_the_score_that_the_constants_give_them(
    card: Score, raw: float, points: int, letter: str
) -> None:
    assert card.raw == pytest.approx(raw, abs=0.05)
    assert (card.score, card.grade) == (points, letter)


def test_coverage_is_the_share_of_the_weight_that_was_assessed() -> None:
    assert audit().coverage == 1
    assert audit(unknown=(0, 1, 2, 8)).coverage == pytest.approx(72.5 / 110)
    assert audit(without=(3, 11)).coverage == 1


def test_nothing_assessed_is_no_score() -> None:
    card = score([Result("a-rule", 1, Severity.HIGH, Outcome.NOT_RUN)])

    assert (card.score, card.raw, card.final, card.grade, card.coverage) == (None, None, None, "n/a", 0)
    assert {row.outcome for row in card.items} == {Outcome.NOT_RUN}


def test_a_crashed_rule_makes_its_item_unknown() -> None:
    card = score(
        [
            Result("broken", 1, Severity.HIGH, Outcome.ERROR),
            replace(found(1, Severity.CRITICAL), item=1),
            Result("clean", 2, Severity.HIGH, Outcome.PASS, 4),
        ]
    )

    assert card.items[0].outcome is Outcome.ERROR
    assert card.items[0].score is None
    assert card.score == 100
    assert card.coverage == pytest.approx(5 / 115)


def test_what_is_not_there_is_not_applicable_even_where_the_probe_did_not_run() -> None:
    card = score(
        [
            Result("seen", 7, Severity.HIGH, Outcome.NOT_APPLICABLE),
            Result("live", 7, Severity.HIGH, Outcome.NOT_RUN),
        ]
    )

    assert card.items[6].outcome is Outcome.NOT_APPLICABLE
    assert card.score == 100


def test_the_findings_that_hold_the_score_are_named_and_pay_for_it() -> None:
    card = audit(found(0, Severity.CRITICAL, 2), found(5, Severity.MEDIUM))

    [cap] = card.caps
    assert (cap.limit, cap.reason, cap.fingerprints) == (69, "2 critical findings", ("0-0", "0-1"))
    points = {f.fingerprint: f.points for r in card.results for f in r.findings}
    assert points["0-0"] == points["0-1"] > points["5-0"]
    assert card.final == 69
    assert math.fsum(points.values()) == pytest.approx(31)


def test_a_finding_that_other_evidence_confirms_holds_the_score_lower_than_files_alone() -> None:
    suspected = found(0, Severity.HIGH)
    confirmed = replace(suspected, findings=tuple(replace(f, status=Status.CONFIRMED) for f in suspected.findings))

    assert (audit(suspected).score, audit(confirmed).score) == (89, 79)
    assert audit(confirmed).caps[0].reason == "one confirmed high finding"


def test_a_rule_that_finds_more_places_than_it_looked_at_still_takes_no_more_than_its_item() -> None:
    [row] = (row for row in audit(found(0, Severity.CRITICAL, 300), routes=1).items if row.number == 0)

    # Everywhere, and believed at 0.9: 95 % of the item times 0.9.
    assert row.score == pytest.approx(100 * (1 - 0.95 * 0.9))


def test_a_cap_that_holds_nothing_is_not_mentioned() -> None:
    assert audit(*EVERYTHING).caps == ()


@pytest.mark.parametrize(
    ("points", "coverage", "letter"),
    [
        (100, 1, "A+"),
        (97, 0.89, "A"),
        (96, 1, "A"),
        (90, 0.5, "A"),
        (89, 1, "B"),
        (60, 1, "D"),
        (0, 1, "F"),
        (100, 0.49, "n/a"),
    ],
)
def test_grades(points: int, coverage: float, letter: str) -> None:
    assert grade(points, coverage) == letter


def test_gains_name_the_repair_that_brings_most_first() -> None:
    failed = [
        replace(found(n, severity), rule=str(severity)) for n, severity in ((1, Severity.LOW), (3, Severity.HIGH))
    ]

    assert [(gain.rule, gain.score) for gain in gains(failed)] == [("high", 91), ("low", 58)]


def test_constants_are_complete() -> None:
    assert CONSTANTS.severity.keys() == set(Severity)
    assert CONSTANTS.static.keys() == set(Confidence)
