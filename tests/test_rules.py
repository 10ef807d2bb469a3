"""Every rule proves itself with its own examples; `pytest -k blocking-call` is the loop of a rule's author."""

import shutil
import subprocess
from pathlib import Path

import pytest

import rule_contract as contract
from fastapi_audit.checks import load
from fastapi_audit.evidence import Gathering, gather
from fastapi_audit.judging import judge
from fastapi_audit.rule import Bad, Good, Proof, Rule

RULES = load()
SAMPLE_APPS = Path(__file__).parent.parent / "sample_apps"


STATIC = [rule for rule in RULES if contract.has_static_check(rule)]
BAD_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{number}")
    for rule in STATIC
    for number, example in enumerate(rule.bad)
]
GOOD_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{number}")
    for rule in STATIC
    for number, example in enumerate(rule.good)
]
LIVE_BAD_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{number}")
    for rule in RULES
    for number, example in enumerate(rule.bad)
    if rule.nouns and example.live
]
LIVE_GOOD_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{number}")
    for rule in RULES
    for number, example in enumerate(rule.good)
    if rule.nouns and example.live
]
REFUTING = [pytest.param(rule, id=rule.name) for rule in RULES if contract.only_refutes(rule)]
PROOFS = [pytest.param(rule, proof, id=f"{rule.name}-{proof.run.__name__}") for rule in RULES for proof in rule.proofs]

PROOFS_OF_FIXABLE = [
    pytest.param(rule, proof, id=f"{rule.name}-{proof.run.__name__}")
    for rule in RULES
    for proof in rule.proofs
    if rule.bad[0].fixed is not None
]


@pytest.mark.parametrize(("rule", "bad"), BAD_EXAMPLES)
def test_bad_example_is_reported_on_the_marked_lines(rule: Rule, bad: Bad) -> None:
    contract.assert_reported_on_the_marked_lines(rule, bad)


@pytest.mark.parametrize(("rule", "good"), GOOD_EXAMPLES)
def test_good_example_is_silent(rule: Rule, good: Good) -> None:
    contract.assert_silent(rule, good)


@pytest.mark.parametrize(("rule", "bad"), LIVE_BAD_EXAMPLES)
def test_bad_example_is_found_on_the_wire(rule: Rule, bad: Bad, tmp_path: Path) -> None:
    contract.assert_found_on_the_wire(rule, bad, tmp_path)


@pytest.mark.parametrize(("rule", "good"), LIVE_GOOD_EXAMPLES)
def test_good_example_is_silent_on_the_wire(rule: Rule, good: Good, tmp_path: Path) -> None:
    contract.assert_silent_on_the_wire(rule, good, tmp_path)


@pytest.mark.parametrize("rule", REFUTING)
def test_the_service_refutes_what_only_its_files_can_show(rule: Rule, tmp_path: Path) -> None:
    contract.assert_refuted_on_the_wire(rule, tmp_path)


@pytest.mark.parametrize(("rule", "bad"), BAD_EXAMPLES)
def test_fix_is_shown_and_settles(rule: Rule, bad: Bad) -> None:
    contract.assert_fix_is_shown_and_settles(rule, bad)


@pytest.mark.parametrize(("rule", "proof"), PROOFS)
def test_proof_holds(rule: Rule, proof: Proof, tmp_path: Path) -> None:
    contract.assert_proof_holds(rule, proof, tmp_path)


@pytest.mark.parametrize(("rule", "proof"), PROOFS_OF_FIXABLE)
def test_proof_fails_after_the_fix(rule: Rule, proof: Proof, tmp_path: Path) -> None:
    contract.assert_proof_fails_after_the_fix(rule, proof, tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
class TestRule:
    def test_is_documented(self, rule: Rule) -> None:
        contract.assert_documented(rule)

    def test_has_sound_examples(self, rule: Rule) -> None:
        contract.assert_examples_are_sound(rule)

    def test_live_checks_are_shown_both_ways(self, rule: Rule) -> None:
        contract.assert_live_checks_are_shown_both_ways(rule)

    def test_is_proven_or_says_why_not(self, rule: Rule) -> None:
        contract.assert_proven_or_says_why_not(rule)

    def test_says_nothing_without_evidence(self, rule: Rule) -> None:
        contract.assert_says_nothing_without_evidence(rule)


def test_no_rule_crashes_on_the_examples_of_the_others() -> None:
    assert list(contract.crashes(RULES, contract.examples(RULES))) == []


@pytest.mark.parametrize("app", sorted(SAMPLE_APPS.glob("*/")), ids=lambda app: app.name)
def test_no_rule_crashes_on_a_sample_app(app: Path) -> None:
    project = gather(Gathering(root=app, use_cache=False))

    assert list(contract.crashes(RULES, {app.name: project})) == []


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)


def test_a_secret_in_a_file_that_git_tracks_is_reported(tmp_path: Path) -> None:
    """What no example can show, which has no index."""
    [rule] = [rule for rule in RULES if rule.name == "hardcoded-secret"]
    for name in ("ignored/.env", ".env", ".env.example"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("LOG_LEVEL=info\nSECRET_KEY=a8F3kQ92hLm4Zx71TbVna8F3kQ92hLm4\n")
    (tmp_path / "main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n")
    git = shutil.which("git")
    assert git is not None
    subprocess.run([git, "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run([git, "add", "-f", ".env", ".env.example"], cwd=tmp_path, check=True)

    result = judge(rule, gather(Gathering(root=tmp_path, use_cache=False)))

    assert [str(finding.location) for finding in result.findings] == [".env:2:1"]
