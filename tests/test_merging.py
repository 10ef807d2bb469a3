"""What several kinds of evidence say of one rule becomes one judgement."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from fastapi_audit.merging import merged
from fastapi_audit.model import (
    Confidence,
    EvidenceKind,
    Finding,
    Location,
    Observation,
    Outcome,
    Refutation,
    Result,
    RouteRow,
    Severity,
    Status,
    Suppression,
)
from small_project import finding, result

HANDLER = Location("app/main.py", 10, 1)
ROUTES = (
    RouteRow(("GET", "POST"), "/files/{name:path}", "app.main.files", HANDLER, is_async=True),
    RouteRow(("GET",), "/users", "app.main.users", Location("app/main.py", 20, 1), is_async=True),
)
SEEN = Observation(EvidenceKind.LIVE, "the answer shows it", "GET / HTTP/1.1", "HTTP/1.1 500", "curl -i /")
AGAINST = Observation(EvidenceKind.LIVE, "the 21st request was answered 429")


def suspected(**known: object) -> Finding:
    return finding("`accept` serves anyone", **({"confidence": Confidence.MEDIUM} | known))


def on_the_wire(**known: object) -> Finding:
    values: dict[str, object] = {
        "location": None,
        "evidence": (EvidenceKind.LIVE,),
        "status": Status.CONFIRMED,
        "observations": (SEEN,),
        "fingerprint": "1" * 32,
    }
    return finding("anyone is served", **(values | known))


def joined(*runs: Result) -> Result:
    (result,) = merged([[run] for run in runs], ROUTES)
    return result


def only(found: Result) -> Finding:
    (one,) = found.findings
    return one


def test_a_service_wide_finding_confirms_what_the_files_say() -> None:
    found = only(joined(result(suspected()), result(on_the_wire())))

    assert (found.status, found.confidence, found.evidence) == (
        Status.CONFIRMED,
        Confidence.HIGH,
        (EvidenceKind.SOURCE, EvidenceKind.LIVE),
    )
    assert (found.message, found.location, found.fingerprint) == (
        "`accept` serves anyone",
        Location("app/main.py", 2, 5, 2, 13),
        "0" * 32,
    )
    assert found.observations == (SEEN,)


def test_what_was_seen_at_a_line_confirms_that_line_and_no_other_of_its_operation() -> None:
    long = Location("app/main.py", 12, 5, 14, 6)
    here, elsewhere = (suspected(operation="GET /users", location=at) for at in (long, Location("app/main.py", 30, 5)))

    seen = on_the_wire(operation="GET /users", location=Location("app/main.py", 13))
    found = joined(result(here, elsewhere), result(seen))

    assert [each.status for each in found.findings] == [Status.CONFIRMED, Status.SUSPECTED]
    assert found.findings[0].location == long


def test_what_was_seen_at_a_line_confirms_it_although_the_files_name_another_operation() -> None:
    seen = on_the_wire(operation="GET /users", location=Location("app/main.py", 2))

    assert only(joined(result(suspected(operation="GET /other")), result(seen))).status is Status.CONFIRMED


def test_findings_meet_at_their_operation_whatever_its_method_and_converter() -> None:
    source = suspected(operation="GET /files/{name:path}")

    found = only(joined(result(source), result(on_the_wire(operation="POST /files/{name}"))))

    assert found.status is Status.CONFIRMED


def test_findings_meet_at_the_line_of_the_handler() -> None:
    found = only(joined(result(suspected(location=HANDLER)), result(on_the_wire(operation="GET /files/{name}"))))

    assert (found.status, found.location) == (Status.CONFIRMED, HANDLER)


def test_another_operation_stays_beside_it_and_is_placed_at_its_handler() -> None:
    source = suspected(operation="GET /files/{name:path}")

    there, here = joined(result(source), result(on_the_wire(operation="GET /users"))).findings

    assert (there.status, there.location) == (Status.SUSPECTED, source.location)
    assert (here.status, here.location) == (Status.CONFIRMED, Location("app/main.py", 20, 1))


def test_a_refuted_finding_stays_and_no_longer_counts() -> None:
    silent = result(refutations=(Refutation("the gateway limits the rate", observations=(AGAINST,)),))

    joint = joined(result(suspected()), silent)
    found = only(joint)

    assert (found.status, found.counts) == (Status.REFUTED, False)
    assert found.observations[-1].message == "the gateway limits the rate"
    assert (joint.outcome, joint.reason) == (Outcome.PASS, "the running service refutes what was suspected (1)")


def test_a_refutation_speaks_of_its_own_operation_only() -> None:
    silent = result(refutations=(Refutation("limited", "POST /files/{name}"),))
    source = result(suspected(operation="GET /files/{name:path}", location=HANDLER), suspected(operation="GET /users"))

    by_status = {found.operation: found.status for found in joined(source, silent).findings}

    assert by_status == {"GET /files/{name:path}": Status.REFUTED, "GET /users": Status.SUSPECTED}


def test_what_was_seen_wins_over_a_refutation_which_is_kept() -> None:
    live = result(on_the_wire(operation="GET /users"), refutations=(Refutation("not here", observations=(AGAINST,)),))

    found = only(joined(result(suspected(operation="GET /users")), live))

    assert found.status is Status.CONFIRMED
    assert [seen.message for seen in found.observations] == [SEEN.message, "not here"]


def test_what_was_hidden_as_a_guess_is_shown_once_it_was_seen() -> None:
    guess = suspected(confidence=Confidence.LOW, suppressed=Suppression("confidence", "low is below medium"))
    hidden = result(guess, outcome=Outcome.PASS)

    joint = joined(hidden, result(on_the_wire()))

    assert only(joint).suppressed is None
    assert joint.outcome is Outcome.FAIL


def test_what_the_user_has_silenced_stays_silent() -> None:
    silenced = suspected(suppressed=Suppression("comment", "known"))

    joint = joined(result(silenced, outcome=Outcome.PASS), result(on_the_wire()))

    assert only(joint).suppressed == Suppression("comment", "known")
    assert joint.outcome is Outcome.PASS


def test_the_worse_severity_stands() -> None:
    found = only(joined(result(suspected(severity=Severity.MEDIUM)), result(on_the_wire(severity=Severity.CRITICAL))))

    assert found.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.NOT_RUN, Outcome.PASS), Outcome.PASS),
        ((Outcome.NOT_RUN, Outcome.NOT_APPLICABLE), Outcome.NOT_APPLICABLE),
        ((Outcome.PASS, Outcome.NOT_APPLICABLE), Outcome.PASS),
        ((Outcome.PASS, Outcome.ERROR), Outcome.ERROR),
        ((Outcome.NOT_RUN, Outcome.NOT_RUN), Outcome.NOT_RUN),
    ],
)
def test_of_two_outcomes_the_one_that_says_more(outcomes: Sequence[Outcome], expected: Outcome) -> None:
    for order in permutations(outcomes):
        assert joined(*(result(outcome=outcome) for outcome in order)).outcome is expected


def test_what_was_looked_at_says_why_it_is_not_known() -> None:
    looked = result(outcome=Outcome.NOT_RUN, reason="1 of 2 operations were conclusive")
    unasked = replace(looked, subjects=0, reason="no live evidence was gathered")
    barred = replace(looked, subjects=0, reason="allow it with --intrusive")

    for order in permutations((unasked, looked, barred)):
        assert joined(*order).reason == "1 of 2 operations were conclusive"
    assert joined(unasked, barred).reason == joined(barred, unasked).reason == "allow it with --intrusive"


def test_a_pass_says_on_how_much_it_rests_whichever_run_says_it() -> None:
    plain, part = result(outcome=Outcome.PASS), result(outcome=Outcome.PASS, reason="3 of 5 operations were looked at")

    assert joined(plain, part).reason == joined(part, plain).reason == "3 of 5 operations were looked at"


def test_rules_of_one_run_only_are_kept() -> None:
    first, second = merged([[result(name="one")], [result(name="two")]])

    assert (first.rule, second.rule) == ("one", "two")


def test_merging_again_changes_nothing() -> None:
    once = joined(result(suspected()), result(on_the_wire(), refutations=(Refutation("no", observations=(AGAINST,)),)))

    assert joined(once) == once
    assert joined(once, once) == once


def of_one_cause(*further: str, **known: object) -> Finding:
    return on_the_wire(operation="GET /files/{name}", also=further, **known)


def test_of_one_cause_in_several_operations_what_the_files_say_too_is_taken_apart() -> None:
    found = joined(
        result(suspected(operation="GET /users", location=Location("app/main.py", 21))),
        result(of_one_cause("GET /other", "GET /users")),
    )

    told = {(each.operation, each.also, each.evidence[0]) for each in found.findings}
    assert told == {
        ("GET /users", (), EvidenceKind.SOURCE),
        ("GET /files/{name}", ("GET /other",), EvidenceKind.LIVE),
    }
    assert all(each.status is Status.CONFIRMED and SEEN in each.observations for each in found.findings)


def test_of_one_cause_in_several_operations_nothing_is_left_where_the_files_say_them_all() -> None:
    found = joined(
        result(
            suspected(operation="GET /users", location=Location("app/main.py", 21)),
            suspected(operation="GET /files/{name}", location=Location("app/main.py", 11)),
        ),
        result(of_one_cause("GET /users")),
    )

    assert {(each.operation, each.also) for each in found.findings} == {("GET /users", ()), ("GET /files/{name}", ())}


def test_what_was_seen_of_an_operation_that_nobody_knows_says_nothing_of_another_line() -> None:
    found = joined(result(suspected(location=Location("app/main.py", 90))), result(on_the_wire(operation="GET /gone")))

    assert {(each.operation, each.status) for each in found.findings} == {
        (None, Status.SUSPECTED),
        ("GET /gone", Status.CONFIRMED),
    }


def test_a_cause_that_knows_its_line_stays_whole_where_the_files_speak_of_that_line() -> None:
    place = Location("app/main.py", 30)
    found = only(joined(result(suspected(location=place)), result(of_one_cause("GET /users", location=place))))

    assert (found.message, set(found.also)) == ("`accept` serves anyone", {"GET /users", "GET /files/{name}"})


def test_two_probes_that_share_an_operation_speak_of_one_cause() -> None:
    later = on_the_wire(operation="GET /a", also=("GET /users",))
    found = only(joined(result(of_one_cause("GET /users")), result(later)))

    assert {found.operation, *found.also} == {"GET /a", "GET /files/{name}", "GET /users"}


def test_the_words_of_one_cause_name_a_few_operations_and_count_the_rest() -> None:
    few = of_one_cause("GET /users")
    many = of_one_cause(*(f"GET /{number}" for number in range(9)))

    assert few.words == "anyone is served 1 more operation of the same cause: `GET /users`."
    assert many.words.endswith(
        "9 more operations of the same cause: `GET /0`, `GET /1`, `GET /2`, `GET /3`, `GET /4` and 4 more."
    )
