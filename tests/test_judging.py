"""What one rule says of one project."""

from collections.abc import Callable, Iterator
from pathlib import Path

from fastapi_audit.evidence import CrossOriginAnswer, Exchange, Live, MeasuredLatency, Project, Route, probed
from fastapi_audit.judging import judge
from fastapi_audit.model import (
    Confidence,
    EvidenceKind,
    Finding,
    LatencyRow,
    Location,
    Observation,
    Outcome,
    Refutation,
    Result,
    Severity,
    Status,
    Undecided,
    Verdict,
)
from small_project import project, rule

PLACE = Location("app/main.py", 2, 5)


def silent(_project: Project) -> Iterator[Finding]:
    yield from ()


def of_routes(_route: Route) -> Iterator[Finding]:
    yield from ()


def twice_at_one_place(_project: Project) -> Iterator[Finding]:
    yield Finding("first", PLACE)
    yield Finding("second", PLACE)
    yield Finding("third", Location("app/main.py", 1))


def crashing(_project: Project) -> Iterator[Finding]:
    yield Finding("found before the crash", PLACE)
    message = "no such key\nin two lines"
    raise KeyError(message)


def sees_project_twice(project: Project, same: Project) -> Iterator[Finding]:
    assert project is same
    yield Finding("both", PLACE)


def test_a_silent_rule_passes_and_counts_what_it_looked_at(tmp_path: Path) -> None:
    judged = judge(rule(silent), project(tmp_path))

    assert (judged.outcome, judged.subjects, judged.findings) == (Outcome.PASS, 1, ())


def test_two_checks_of_one_subject_look_at_one_subject(tmp_path: Path) -> None:
    twofold = rule(silent)
    twofold.check(silent)

    assert judge(twofold, project(tmp_path)).subjects == 1


def test_a_finding_carries_what_the_rule_says_of_itself(tmp_path: Path) -> None:
    (_, found) = judge(rule(twice_at_one_place), project(tmp_path)).findings

    assert (found.rule, found.item, found.severity, found.confidence, found.evidence) == (
        "open-socket",
        7,
        Severity.HIGH,
        Confidence.HIGH,
        (EvidenceKind.SOURCE,),
    )


def test_findings_of_one_rule_at_one_place_are_one_and_sorted(tmp_path: Path) -> None:
    judged = judge(rule(twice_at_one_place), project(tmp_path))

    assert [finding.message for finding in judged.findings] == ["third", "first"]
    assert judged.outcome is Outcome.FAIL


def test_a_crash_is_an_outcome_on_one_line_that_names_the_place(tmp_path: Path) -> None:
    judged = judge(rule(crashing), project(tmp_path))

    assert judged.outcome is Outcome.ERROR
    assert judged.findings == ()
    assert judged.reason.startswith("KeyError: 'no such key\\nin two lines' (")
    assert "test_judging.py:" in judged.reason
    assert "\n" not in judged.reason


def test_without_evidence_nothing_is_known(tmp_path: Path) -> None:
    judged = judge(rule(silent), project(tmp_path, gathered=()))

    assert judged.outcome is Outcome.NOT_RUN
    assert judged.reason == "no source evidence was gathered"


def test_a_check_that_wants_the_project_gets_it(tmp_path: Path) -> None:
    assert judge(rule(sees_project_twice), project(tmp_path)).outcome is Outcome.FAIL


def test_a_rule_of_newer_versions_does_not_apply_to_older_ones(tmp_path: Path) -> None:
    judged = judge(
        rule(twice_at_one_place, applies_to="fastapi>=0.137"), project(tmp_path, versions={"fastapi": "0.100.0"})
    )

    assert judged.outcome is Outcome.NOT_APPLICABLE
    assert judged.reason == "speaks of fastapi>=0.137; the project uses fastapi 0.100.0"


def test_a_rule_runs_within_its_versions_without_a_word(tmp_path: Path) -> None:
    judged = judge(
        rule(twice_at_one_place, applies_to="fastapi>=0.137"), project(tmp_path, versions={"fastapi": "0.165.0"})
    )

    assert [finding.message for finding in judged.findings] == ["third", "first"]


def test_a_pre_release_is_within_the_versions_it_leads_to(tmp_path: Path) -> None:
    judged = judge(rule(silent, applies_to="fastapi>=0.137"), project(tmp_path, versions={"fastapi": "0.165.0rc1"}))

    assert judged.outcome is Outcome.PASS


def test_a_rule_with_nothing_to_look_at_does_not_apply(tmp_path: Path) -> None:
    judged = judge(rule(of_routes), project(tmp_path))

    assert (judged.outcome, judged.subjects) == (Outcome.NOT_APPLICABLE, 0)


def test_an_unknown_version_is_said_in_the_message(tmp_path: Path) -> None:
    judged = judge(
        rule(twice_at_one_place, applies_to="fastapi>=0.137"), project(tmp_path, versions={"fastapi": ">=0.1"})
    )

    assert judged.findings[0].message == "third (assuming fastapi>=0.137: the project pins no version)"


Detector = Callable[..., Iterator[Finding | Refutation | Undecided]]


class TestLive:
    """What was seen on the wire, and what could not be looked at."""

    SEEN = Exchange("GET", "/", status=200, complete=True)
    SHOWN = Observation(EvidenceKind.LIVE, "it answered 500")

    def judged(self, live: Live, check: Detector, **known: object) -> Result:
        made = rule()
        made.check(check)
        for name, value in known.items():
            setattr(made, name, value)
        return judge(made, probed(live, "service"))

    @staticmethod
    def found(answer: CrossOriginAnswer) -> Iterator[Finding]:
        yield Finding("anyone", observations=(answer.plain.observation("seen"),))

    @staticmethod
    def quiet(_answer: CrossOriginAnswer) -> Iterator[Finding]:
        yield from ()

    @staticmethod
    def refuted(answer: CrossOriginAnswer) -> Iterator[Refutation]:
        yield Refutation("nobody", observations=(answer.plain.observation("seen"),))

    @property
    def subjects(self) -> dict[type, tuple[object, ...]]:
        return {CrossOriginAnswer: (CrossOriginAnswer("https://evil.example", self.SEEN, self.SEEN),)}

    def test_what_was_seen_is_confirmed_and_sure_however_much_of_a_guess_the_rule_makes(self) -> None:
        live = Live("http://127.0.0.1:8000", self.subjects)

        (one,) = self.judged(live, self.found, confidence=Confidence.LOW).findings

        assert (one.status, one.confidence, one.evidence) == (
            Status.CONFIRMED,
            Confidence.HIGH,
            (EvidenceKind.LIVE,),
        )

    def test_findings_of_one_cause_are_one_that_names_its_operations(self) -> None:
        def crashes(_answer: CrossOriginAnswer) -> Iterator[Finding]:
            for number, cause in enumerate(("KeyError at a line", "KeyError at a line", "TypeError", "", "")):
                yield Finding(f"{number} crashes", operation=f"GET /{number}", cause=cause, observations=(self.SHOWN,))
            yield Finding("1 crashed each time", operation="GET /1")

        found = self.judged(Live("", self.subjects), crashes).findings

        assert [(each.operation, each.also) for each in found] == [
            ("GET /0", ("GET /1",)),
            ("GET /2", ()),
            ("GET /3", ()),
            ("GET /4", ()),
        ]
        assert found[0].observations == (self.SHOWN,)

    def test_operations_that_stand_at_one_line_are_one_finding_of_all_of_them(self) -> None:
        def waits(_answer: CrossOriginAnswer) -> Iterator[Finding]:
            yield from (Finding("waits", PLACE, f"GET /{name}") for name in "ba")

        (one,) = self.judged(Live("", self.subjects), waits).findings

        assert (one.operation, one.also) == ("GET /b", ("GET /a",))

    def test_a_refutation_is_kept_beside_a_pass(self) -> None:
        result = self.judged(Live("", self.subjects), self.refuted)

        assert (result.outcome, [each.message for each in result.refutations]) == (Outcome.PASS, ["nobody"])

    def test_what_was_not_permitted_is_not_run_with_the_reason(self) -> None:
        result = self.judged(Live("", not_run={CrossOriginAnswer: "allow it with --intrusive"}), self.quiet)

        assert (result.outcome, result.reason) == (Outcome.NOT_RUN, "allow it with --intrusive")

    def test_what_was_cut_short_is_no_pass(self) -> None:
        result = self.judged(Live("", self.subjects, {CrossOriginAnswer: "the limit was reached"}), self.quiet)

        assert result.outcome is Outcome.NOT_RUN

    def test_what_was_found_before_it_was_cut_short_is_found(self) -> None:
        result = self.judged(Live("", self.subjects, {CrossOriginAnswer: "the limit was reached"}), self.found)

        assert (result.outcome, len(result.findings)) == (Outcome.FAIL, 1)

    MEASURED = tuple(
        MeasuredLatency(LatencyRow(name, 50, 0, 1, 2, 1, 3, 4, 200, verdict, 0.5, 0.01, Verdict.PASS))
        for name, verdict in ((None, Verdict.PASS), ("GET /a", Verdict.PASS), ("GET /b", Verdict.INCONCLUSIVE))
    )

    @staticmethod
    def of_one(measured: MeasuredLatency) -> Iterator[Undecided]:
        if measured.operation and measured.row.p95_verdict is Verdict.INCONCLUSIVE:
            yield Undecided("too few requests")

    @staticmethod
    def of_none(measured: MeasuredLatency) -> Iterator[Undecided]:
        if measured.operation:
            yield Undecided("too few requests" if measured.operation == "GET /a" else "it refuses")

    def test_a_part_that_is_decided_passes_and_says_how_much_it_is(self) -> None:
        result = self.judged(Live("", {MeasuredLatency: self.MEASURED}), self.of_one)

        assert (result.outcome, result.reason) == (
            Outcome.PASS,
            "1 of 2 operations were conclusive: too few requests (`GET /b`)",
        )

    def test_a_part_that_is_decided_is_no_pass_of_a_rule_that_asks_for_every(self) -> None:
        made = rule()
        made.check(every=True)(self.of_one)

        result = judge(made, probed(Live("", {MeasuredLatency: self.MEASURED}), "service"))

        assert (result.outcome, result.subjects, result.reason) == (
            Outcome.NOT_RUN,
            3,
            "1 of 2 operations were conclusive: too few requests (`GET /b`)",
        )

    def test_where_nothing_is_decided_nothing_passes(self) -> None:
        result = self.judged(Live("", {MeasuredLatency: self.MEASURED}), self.of_none)

        assert (result.outcome, result.reason) == (
            Outcome.NOT_RUN,
            "0 of 2 operations were conclusive: too few requests (`GET /a`); it refuses (`GET /b`)",
        )

    def test_what_is_not_decided_of_the_whole_service_is_one_reason(self) -> None:
        def open_(_answer: CrossOriginAnswer) -> Iterator[Undecided]:
            yield Undecided("it refuses")

        result = self.judged(Live("", self.subjects), open_)

        assert (result.outcome, result.reason) == (Outcome.NOT_RUN, "it refuses")

    def test_a_finding_beside_what_is_not_decided_is_found(self) -> None:
        def both(measured: MeasuredLatency) -> Iterator[Finding | Undecided]:
            yield Finding("slow") if measured.operation == "GET /a" else Undecided("too few requests")

        result = self.judged(Live("", {MeasuredLatency: self.MEASURED}), both)

        assert (result.outcome, len(result.findings), result.reason) == (Outcome.FAIL, 1, "")

    def test_a_pass_says_how_much_of_the_service_was_looked_at(self) -> None:
        live = Live("", self.subjects, extents={CrossOriginAnswer: "3 of 5 operations were looked at"})

        result = self.judged(live, self.quiet)

        assert (result.outcome, result.reason) == (Outcome.PASS, "3 of 5 operations were looked at")

    def test_a_crashed_experiment_is_an_error(self) -> None:
        result = self.judged(Live("", crashed={CrossOriginAnswer: "KeyError: 'x' (answer.py:7)"}), self.quiet)

        assert (result.outcome, result.reason) == (
            Outcome.ERROR,
            "an experiment crashed: KeyError: 'x' (answer.py:7)",
        )

    def test_a_service_with_nothing_to_look_at_is_not_applicable(self) -> None:
        assert self.judged(Live("", {CrossOriginAnswer: ()}), self.found).outcome is Outcome.NOT_APPLICABLE

    def test_without_a_probe_it_is_not_run(self, tmp_path: Path) -> None:
        made = rule()
        made.check(self.found)

        assert judge(made, project(tmp_path)).outcome is Outcome.NOT_RUN
