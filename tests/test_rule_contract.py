"""The tests that every rule passes can fail: each promise is broken once, by a rule made for it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rule_contract as contract
from fastapi_audit.errors import IncompleteError
from fastapi_audit.evidence import CrossOriginAnswer, Project
from fastapi_audit.model import Outcome, Result
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Location, Rule, Served, Severity

Detector = Callable[[Project], Iterator[Finding]]

DOCUMENTATION = """Print in application code

Nobody reads it.
"""
PRINTS = Bad(
    """
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    def index():
        print("hello")  # finding
        # finding
        print("again")
        return {}
    """,
    fixed="""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    def index():
        log("hello")
        log("again")
        return {}
    """,
)
IN_A_DOCKERFILE = Bad(
    {
        "main.py": "from fastapi import FastAPI\n\napp = FastAPI()",
        "logs.py": "# finding\nprint(1)",
        "Dockerfile": "FROM python:3.13\nRUN echo print",
    },
    fixed={"logs.py": "log(1)"},
)
UNFIXED = Bad(PRINTS.code)
SILENT = Good("""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    def index():
        log("print")
        return {}
""")
REASON = "nothing that a server shows: what is printed goes to nobody in particular"


def places(project: Project, word: str = "print(") -> Iterator[tuple[str, int, int]]:
    """File, line and offset of a word."""
    for path in ("main.py", "logs.py"):
        text = project.text(path) or ""
        for found in re.finditer(re.escape(word), text):
            yield path, text.count("\n", 0, found.start()) + 1, found.start()


def reports(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding("`print` goes to nobody.", Location(path, line))


def fixes(project: Project) -> Iterator[Finding]:
    for path, line, start in places(project):
        edit = Edit(path, start, "print", "log")
        yield Finding("`print` goes to nobody.", Location(path, line), fix=Fix("Log it", (edit,), safe=True))


def made(detector: Detector | None = reports, *examples: Bad | Good, doc: str = DOCUMENTATION, **known: object) -> Rule:
    values: dict[str, object] = {"severity": Severity.LOW, "unproven": REASON}
    rule = Rule(
        "fastapi_audit.checks.structured_logging.prints",
        doc,
        examples=examples or (UNFIXED, SILENT),
        **(values | known),  # type: ignore[arg-type]  # the tests name the fields
    )
    if detector:
        rule.check(detector)
    return rule


OPEN = Bad(
    """
    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware

    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
    """
)
CLOSED = Good("from fastapi import FastAPI\n\napp = FastAPI()")


def lets_in(answer: CrossOriginAnswer) -> Iterator[Finding]:
    if exchange := answer.lets_it_act_as_the_user:
        yield Finding("Anyone is let in.", observations=(exchange.observation("seen"),))


def always_found(answer: CrossOriginAnswer) -> Iterator[Finding]:
    yield Finding("Anyone is let in.", observations=(answer.plain.observation("seen"),))


def shows_nothing(_answer: CrossOriginAnswer) -> Iterator[Finding]:
    yield Finding("Anyone is let in.")


def says_nothing_live(_answer: CrossOriginAnswer) -> Iterator[Finding]:
    yield from ()


def asking(check: Callable[[CrossOriginAnswer], Iterator[Finding]], examples: list[Bad | Good] | None = None) -> Rule:
    """A rule that judges the running service only."""
    rule = Rule(
        "fastapi_audit.checks.middleware_order.lets_in",
        DOCUMENTATION,
        severity=Severity.LOW,
        examples=examples or [OPEN, CLOSED],
    )
    rule.check(check)
    return rule


def broken(promise: Callable[[], None], complaint: str) -> None:
    # pytest's own skip must not pass for a failure.
    with pytest.raises((AssertionError, pytest.skip.Exception)) as raised:
        promise()
    assert isinstance(raised.value, AssertionError)
    assert re.search(complaint, str(raised.value))


class TestASoundRule:
    RULE = made(fixes, PRINTS, IN_A_DOCKERFILE, SILENT)

    @pytest.mark.parametrize("bad", [PRINTS, IN_A_DOCKERFILE], ids=["one file", "several files"])
    def test_is_reported_and_fixed(self, bad: Bad) -> None:
        contract.assert_reported_on_the_marked_lines(self.RULE, bad)
        contract.assert_fix_is_shown_and_settles(self.RULE, bad)

    def test_keeps_every_other_promise(self) -> None:
        contract.assert_silent(self.RULE, SILENT)
        contract.assert_documented(self.RULE)
        contract.assert_examples_are_sound(self.RULE)
        contract.assert_proven_or_says_why_not(self.RULE)
        contract.assert_says_nothing_without_evidence(self.RULE)
        assert not list(contract.crashes([self.RULE], contract.examples([self.RULE])))

    def test_may_have_an_unsafe_fix(self) -> None:
        contract.assert_fix_is_shown_and_settles(made(fixes_unsafely), PRINTS)

    def test_need_not_have_a_fix(self) -> None:
        contract.assert_fix_is_shown_and_settles(made(), UNFIXED)


def fixes_unsafely(project: Project) -> Iterator[Finding]:
    for finding in fixes(project):
        yield replace(finding, fix=finding.fix and replace(finding.fix, safe=False))


def inverted(project: Project) -> Iterator[Finding]:
    if not list(places(project)):
        yield Finding("`print` is missing", Location("main.py", 1))


def one_line_below(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding("`print` goes to nobody.", Location(path, line + 1))


def only_the_first(project: Project) -> Iterator[Finding]:
    yield next(reports(project))


def also_the_import(project: Project) -> Iterator[Finding]:
    yield from reports(project)
    yield Finding("an import", Location("main.py", 1))


def no_place(project: Project) -> Iterator[Finding]:
    if list(places(project)):
        yield Finding("`print` goes to nobody.")


def another_file(project: Project) -> Iterator[Finding]:
    for _, line, _ in places(project):
        yield Finding("`print` goes to nobody.", Location("other.py", line))


def two_lines_of_message(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding("`print` goes\nto nobody.", Location(path, line))


def says_nothing(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding(" ", Location(path, line))


def breaks_off(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding("`print` goes to nobody", Location(path, line))


def mumbles(project: Project) -> Iterator[Finding]:
    for path, line, _ in places(project):
        yield Finding("this goes to nobody.", Location(path, line))


def fixes_in_a_low_voice(project: Project) -> Iterator[Finding]:
    for finding in fixes(project):
        yield replace(finding, fix=Fix("log it", (), safe=True))


def crashes(project: Project) -> Iterator[Finding]:
    raise KeyError(project.name)
    yield


class TestReporting:
    def test_without_evidence_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def credulous(rule: Rule, _: Project) -> Result:
            return Result(rule.name, rule.item, rule.severity, Outcome.PASS)

        monkeypatch.setattr(contract, "judge", credulous)
        broken(lambda: contract.assert_says_nothing_without_evidence(made()), "pass")

    @pytest.mark.parametrize(
        ("detector", "complaint"),
        [
            (inverted, "nothing was reported"),
            (one_line_below, "reported .* marked"),
            (only_the_first, "reported .* marked"),
            (also_the_import, "reported .* marked"),
            (no_place, "reported .* marked"),
            (another_file, "reported .* marked"),
            (two_lines_of_message, "a message is one line"),
            (says_nothing, "a message ends with a full stop"),
            (breaks_off, "a message ends with a full stop"),
            (mumbles, "a message begins with a capital"),
            (fixes_in_a_low_voice, "a title begins with a capital"),
            (crashes, "KeyError"),
            (None, "the rule has no check"),
        ],
    )
    def test_on_other_than_the_marked_lines_fails(self, detector: Detector | None, complaint: str) -> None:
        broken(lambda: contract.assert_reported_on_the_marked_lines(made(detector), UNFIXED), complaint)

    def test_an_example_without_a_mark_fails(self) -> None:
        unmarked = Bad(contract.without_marks(UNFIXED.files["main.py"]))

        broken(lambda: contract.assert_reported_on_the_marked_lines(made(), unmarked), "a bad example says")

    @pytest.mark.parametrize(
        ("detector", "complaint"), [(inverted, "`print` is missing"), (crashes, "KeyError"), (None, "no check")]
    )
    def test_a_good_example_that_is_not_looked_at_in_silence_fails(
        self, detector: Detector | None, complaint: str
    ) -> None:
        broken(lambda: contract.assert_silent(made(detector), SILENT), complaint)

    def test_a_good_example_with_a_mark_fails(self) -> None:
        broken(lambda: contract.assert_silent(made(), Good("x = 1  # finding")), "a good example has no")


def fixes_half(project: Project) -> Iterator[Finding]:
    greeting = (project.text("main.py") or "").find('print("hello")')
    for finding in fixes(project):
        yield finding if finding.fix and finding.fix.edits[0].start == greeting else replace(finding, fix=None)


def fixes_always(project: Project) -> Iterator[Finding]:
    yield from fixes(project)
    for path, line, start in places(project, "log("):
        edit = Edit(path, start, "log", "log")
        yield Finding("`log` is fixed again.", Location(path, line), fix=Fix("Log it", (edit,), safe=True))


def grows(project: Project) -> Iterator[Finding]:
    for path, line, start in places(project):
        edit = Edit(path, start, "print", "print(print")
        yield Finding("`print` goes to nobody.", Location(path, line), fix=Fix("Print more", (edit,), safe=True))


def grows_validly(project: Project) -> Iterator[Finding]:
    for path, line, start in places(project):
        edit = Edit(path, start, "", "0 or ")
        yield Finding("`print` goes to nobody.", Location(path, line), fix=Fix("Print more", (edit,), safe=True))


def expects_other_text(project: Project) -> Iterator[Finding]:
    for path, line, start in places(project):
        edit = Edit(path, start + 1, "print", "log")
        yield Finding("`print` goes to nobody.", Location(path, line), fix=Fix("Log it", (edit,), safe=True))


class TestFixing:
    @pytest.mark.parametrize(
        ("detector", "bad", "complaint"),
        [
            pytest.param(fixes, UNFIXED, "shows the result in `fixed`", id="a fix that is not shown"),
            pytest.param(reports, PRINTS, "no finding has a fix", id="a fix that is only shown"),
            pytest.param(fixes, Bad(PRINTS.code, fixed="log(1)"), "other code than `fixed`", id="another result"),
            pytest.param(fixes, Bad(PRINTS.code, fixed=PRINTS.code), "other code", id="the bad example itself"),
            pytest.param(fixes_half, PRINTS, "other code than `fixed`", id="half"),
            pytest.param(
                fixes,
                Bad({"main.py": "print(1)", "logs.py": "print(2)"}, fixed={"logs.py": "log(2)"}),
                "other code",
                id="a file more",
            ),
            pytest.param(grows, PRINTS, "no longer be valid Python|applied|fix", id="broken code"),
            pytest.param(grows_validly, PRINTS, "did not settle", id="growing for ever"),
            pytest.param(expects_other_text, PRINTS, "fix", id="an edit beside the mark"),
            pytest.param(fixes_always, PRINTS, "still reported after the fix", id="fixing the fixed"),
        ],
    )
    def test_that_does_not_lead_to_the_fixed_example_fails(self, detector: Detector, bad: Bad, complaint: str) -> None:
        broken(lambda: contract.assert_fix_is_shown_and_settles(made(detector), bad), complaint)

    def test_a_fix_that_leaves_what_it_reports_fails(self) -> None:
        half = contract.without_marks(PRINTS.files["main.py"]).replace('print("hello")', 'log("hello")')

        broken(
            lambda: contract.assert_fix_is_shown_and_settles(made(fixes_half), Bad(PRINTS.code, fixed=half)),
            "still reported after the fix",
        )


class TestDocumentation:
    @pytest.mark.parametrize(
        ("doc", "complaint"),
        [
            ("", "begins with a title"),
            ("Print in application code", "why it matters"),
            ("Print in application code.\n\nNobody reads it.", "no full stop"),
            (f"{'Print ' * 13}\n\nNobody reads it.", "72 fit"),
        ],
    )
    def test_that_is_incomplete_fails(self, doc: str, complaint: str) -> None:
        broken(lambda: contract.assert_documented(made(doc=doc)), complaint)

    @pytest.mark.parametrize(
        ("known", "complaint"),
        [
            ({"references": ["fastapi.tiangolo.com"]}, "https address"),
            ({"cwe": "209"}, "a cwe reads"),
        ],
    )
    def test_a_reference_that_leads_nowhere_fails(self, known: dict[str, object], complaint: str) -> None:
        rule = made(**known)  # type: ignore[arg-type]  # the parameters above

        broken(lambda: contract.assert_documented(rule), complaint)

    def test_a_rule_without_a_check_fails(self) -> None:
        broken(lambda: contract.assert_documented(made(None)), "has a check")


class TestExamples:
    @pytest.mark.parametrize(
        ("examples", "complaint"),
        [
            pytest.param([SILENT], "has a bad example", id="only good"),
            pytest.param([UNFIXED], "has a good example", id="only bad"),
            pytest.param([UNFIXED, Bad(PRINTS.code), SILENT], "two examples are the same", id="twice"),
            pytest.param([UNFIXED, Good(PRINTS.code)], "two examples are the same", id="bad and good"),
            pytest.param([UNFIXED, Good("def")], "invalid syntax", id="good that does not parse"),
            pytest.param([Bad("x  # finding", fixed="x("), SILENT], "was never closed", id="fixed that does not parse"),
            pytest.param([Bad("x = 1  # finding: here"), SILENT], "stands at the end", id="a mark inside a line"),
            pytest.param([Bad("x = 1  # finding \ny = 2"), SILENT], "space after", id="a mark before a space"),
        ],
    )
    def test_that_are_not_sound_fail(self, examples: list[Bad | Good], complaint: str) -> None:
        with pytest.raises((AssertionError, SyntaxError), match=complaint):
            contract.assert_examples_are_sound(made(reports, *examples))


def shows(bad: Served) -> None:
    """The claim of `prints`: what is printed is only in the server's output."""
    reply = bad.get("/")
    assert reply.json() == {}
    assert "hello" in bad.log


def shows_too_little(bad: Served) -> None:
    assert bad.started


def shows_what_is_not_so(bad: Served) -> None:
    assert bad.get("/").status_code == 500


class TestProofs:
    def test_a_proof_runs_the_first_bad_example(self, tmp_path: Path) -> None:
        rule = made(reports, UNFIXED, IN_A_DOCKERFILE, SILENT, unproven=None)
        rule.proof(shows)

        contract.assert_proof_holds(rule, rule.proofs[0], tmp_path)
        contract.assert_proven_or_says_why_not(rule)

    def test_a_false_claim_fails(self, tmp_path: Path) -> None:
        rule = made()
        rule.proof(shows_what_is_not_so)

        broken(lambda: contract.assert_proof_holds(rule, rule.proofs[0], tmp_path), "200")

    def test_a_proof_that_fails_after_the_fix_is_one(self, tmp_path: Path) -> None:
        rule = made(fixes, PRINTS, SILENT)
        rule.proof(shows)

        contract.assert_proof_fails_after_the_fix(rule, rule.proofs[0], tmp_path)

    def test_a_proof_that_holds_after_the_fix_fails(self, tmp_path: Path) -> None:
        rule = made(fixes, PRINTS, SILENT)
        rule.proof(shows_too_little)

        with pytest.raises(pytest.fail.Exception, match="holds for the fixed example too"):
            contract.assert_proof_fails_after_the_fix(rule, rule.proofs[0], tmp_path)

    @pytest.mark.parametrize("reason", [None, "", "needs a database"])
    def test_neither_a_proof_nor_a_reason_fails(self, reason: str | None) -> None:
        broken(lambda: contract.assert_proven_or_says_why_not(made(unproven=reason)), "10 words")

    def test_a_proof_beside_a_reason_why_there_is_none_fails(self) -> None:
        rule = made()
        rule.proof(shows)

        broken(lambda: contract.assert_proven_or_says_why_not(rule), "does not say why it has none")

    def test_what_a_proof_needs_is_skipped_here_and_fails_in_ci(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rule = made()
        rule.proof(needs=["no-such-distribution"])(shows)

        monkeypatch.setenv("CI", "true")
        broken(lambda: contract.assert_proof_holds(rule, rule.proofs[0], tmp_path), "needs no-such-distribution")
        monkeypatch.delenv("CI")
        with pytest.raises(pytest.skip.Exception, match="needs no-such-distribution"):
            contract.assert_proof_holds(rule, rule.proofs[0], tmp_path)


class TestLive:
    """A live check tells a good service from a bad one, or it is not shipped."""

    def test_that_sees_nothing_of_the_bad_example_fails(self, tmp_path: Path) -> None:
        broken(lambda: contract.assert_found_on_the_wire(asking(says_nothing_live), OPEN, tmp_path), "pass: nothing")

    def test_that_speaks_of_the_good_example_fails(self, tmp_path: Path) -> None:
        broken(lambda: contract.assert_silent_on_the_wire(asking(always_found), CLOSED, tmp_path), r"fail: \s*Anyone")

    def test_that_shows_nothing_fails(self, tmp_path: Path) -> None:
        broken(lambda: contract.assert_found_on_the_wire(asking(shows_nothing), OPEN, tmp_path), "is shown: Anyone")

    def test_that_tells_them_apart_holds(self, tmp_path: Path) -> None:
        contract.assert_found_on_the_wire(asking(lets_in), OPEN, tmp_path / "bad")
        contract.assert_silent_on_the_wire(asking(lets_in), CLOSED, tmp_path / "good")

    @pytest.mark.parametrize(
        ("examples", "complaint"),
        [
            ([replace(OPEN, live=False), CLOSED], "a bad example is found"),
            ([OPEN, replace(CLOSED, live=False)], "a good example, served"),
        ],
    )
    def test_without_a_served_example_of_each_kind_fails(self, examples: list[Bad | Good], complaint: str) -> None:
        rule = asking(lets_in, examples)

        broken(lambda: contract.assert_live_checks_are_shown_both_ways(rule), complaint)

    def test_an_example_that_does_not_start_fails(self, tmp_path: Path) -> None:
        with pytest.raises(IncompleteError, match="did not start"):
            contract.assert_silent_on_the_wire(asking(lets_in), Good("raise RuntimeError"), tmp_path)


def test_a_rule_that_crashes_on_the_example_of_another_is_named() -> None:
    sound, crashing = made(), made(crashes)

    assert not list(contract.crashes([sound], contract.examples([sound])))
    [first, second] = contract.crashes([sound, crashing], contract.examples([sound]))
    assert first.startswith("prints crashes on prints-0: KeyError")
    assert second.startswith("prints crashes on prints-1: KeyError")
