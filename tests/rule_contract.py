"""What every rule must show with its own examples; one function for each promise, called for every rule there is."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from fastapi_audit.evidence import (
    Gathering,
    Identity,
    Limits,
    Permissions,
    Probing,
    Project,
    Start,
    gather,
    probe,
    probed,
    read_identity,
)
from fastapi_audit.fixing import Change, Scanned, settle
from fastapi_audit.judging import judge
from fastapi_audit.model import EvidenceKind, Finding, Outcome, Result
from fastapi_audit.rule import ENTRY, HEADER_FILES, MARK, Bad, Example, Good, Proof, Rule
from served import serve, write

LONGEST_TITLE = 72
FEWEST_WORDS = 10
LOWER_CASE_NAMES = ("asyncpg", "bcrypt", "gunicorn", "slowapi", "structlog")
"""As their makers write them, at the beginning of a sentence too."""

_EXAMPLES = TemporaryDirectory(prefix="fastapi-audit-examples-")
"""Examples stay on disk as long as the tests run: a project may read its files late."""

Files = tuple[tuple[str, str], ...]
Place = tuple[str, int]


def assert_reported_on_the_marked_lines(rule: Rule, bad: Bad) -> None:
    expected = set(_marked(bad.files))
    result = judge(rule, gathered(bad))

    assert expected, f"a bad example says `{MARK}` on the lines that are reported"
    assert result.outcome is Outcome.FAIL, f"{result.outcome}: {result.reason or 'nothing was reported'}"
    reported = {_place(finding): finding.message for finding in result.findings}
    assert reported.keys() == expected, f"reported {reported}, marked {sorted(expected)}"
    for finding in result.findings:
        assert_reads_as_a_sentence(finding.message)
        if finding.fix:
            assert not finding.fix.title[0].islower(), f"a title begins with a capital: {finding.fix.title!r}"
            assert not finding.fix.title.endswith("."), f"a title is no sentence: {finding.fix.title!r}"


def assert_reads_as_a_sentence(message: str) -> None:
    """One line, from a capital or a name to a full stop; the release that had to be assumed stands behind it."""
    said = re.sub(r" \(assuming [^()]+: the project pins no version\)$", "", message)
    assert "\n" not in said, f"a message is one line: {said!r}"
    assert said.endswith((".", "?")), f"a message ends with a full stop: {said!r}"
    assert not said[0].islower() or said.startswith(LOWER_CASE_NAMES), f"a message begins with a capital: {said!r}"


def assert_silent(rule: Rule, good: Good) -> None:
    result = judge(rule, gathered(good))

    assert not list(_marked(good.files)), f"a good example has no `{MARK}`"
    # Silence counts only when the rule has looked.
    assert result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE), f"{result.outcome}: {result.reason}" + "".join(
        f"\n{finding.location}: {finding.message}" for finding in result.findings
    )


def assert_found_on_the_wire(rule: Rule, bad: Bad, folder: Path) -> None:
    """Served under a real uvicorn, and asked with the experiments of this rule only."""
    result = _probed(rule, bad, folder)

    assert result.outcome is Outcome.FAIL, f"{result.outcome}: {result.reason or 'nothing was reported'}"
    for finding in result.findings:
        assert finding.observations, f"what was seen on the wire is shown: {finding.message}"
        assert_reads_as_a_sentence(finding.message)


def assert_silent_on_the_wire(rule: Rule, good: Good, folder: Path) -> None:
    result = _probed(rule, good, folder)

    if not good.decided:
        assert result.outcome is Outcome.NOT_RUN, f"{result.outcome}: it decides, so that the example need not say no"
        assert result.reason, "what is not decided says why"
        return
    assert result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE), f"{result.outcome}: {result.reason}" + "".join(
        f"\n{finding.message}\n{seen.response}" for finding in result.findings for seen in finding.observations
    )


def _probed(rule: Rule, example: Example, folder: Path) -> Result:
    write(example.files, folder)
    first, second = (_identity(folder / name) for name in HEADER_FILES)
    probing = Probing(
        start=Start(f"{Path(ENTRY).stem}:app", folder, Path(sys.executable), workers=_workers(example)),
        identity=first,
        second=second,
        permissions=Permissions(mutating=True),
        limits=Limits(rate=1000.0, max_requests=1000),
    )
    live = probe(probing, rule.nouns)
    return judge(rule, probed(live, folder.name))


def _workers(example: Example) -> int:
    """As many as its own files start."""
    commands = gathered(example).deployment.commands
    return max((command.processes or 1 for command in commands), default=1)


def assert_refuted_on_the_wire(rule: Rule, folder: Path) -> None:
    """A live check that finds nothing by itself shows on a good example that the suspicion is wrong there."""
    served = [good for good in rule.good if good.live]
    results = [_probed(rule, good, folder / str(number)) for number, good in enumerate(served)]
    assert any(result.refutations for result in results), "no good example, served, refutes the rule"


def only_refutes(rule: Rule) -> bool:
    """Whether the service can show that the rule is wrong, and only its files that it is right."""
    return bool(rule.nouns) and not any(bad.live for bad in rule.bad)


def _identity(file: Path) -> Identity:
    return read_identity(file) if file.exists() else Identity()


def has_static_check(rule: Rule) -> bool:
    """Whether its files alone may be judged."""
    return any(check.evidence is not EvidenceKind.LIVE for check in rule.checks)


def assert_live_checks_are_shown_both_ways(rule: Rule) -> None:
    """A check that does not tell a good service from a bad one is none."""
    if rule.nouns:
        assert any(bad.live for bad in rule.bad) or has_static_check(rule), "a bad example is found on the wire"
        assert any(good.live for good in rule.good), "a good example, served, is silent on the wire"


def assert_fix_is_shown_and_settles(rule: Rule, bad: Bad) -> None:
    if bad.fixed is None:
        fixes = [finding.fix.title for finding in judge(rule, gathered(bad)).findings if finding.fix]
        assert not fixes, f"a rule that fixes shows the result in `fixed`: {fixes}"
        return
    folder = Path(mkdtemp(dir=_EXAMPLES.name))
    write(bad.files, folder)

    repair = settle(folder, lambda: _scan(rule, folder), unsafe=True)

    assert repair.applied, "`fixed` is given, yet no finding has a fix"
    assert not repair.refused, "\n".join(repair.refused)
    # A file that the fix leaves alone need not be repeated in `fixed`.
    expected = {path: without_marks(text) for path, text in {**bad.files, **bad.fixed_files}.items()}
    differing = [Change(path, expected[path], text).diff for path, text in _read(folder, expected).items()]
    assert not any(differing), "the fix leads to other code than `fixed`:\n" + "".join(differing)
    left = _scan(rule, folder).findings
    assert not left, f"still reported after the fix: {[str(f.location) for f in left]}"


def assert_says_nothing_without_evidence(rule: Rule) -> None:
    unread = replace(gathered(rule.bad[0]), gathered=())
    assert judge(rule, unread).outcome is Outcome.NOT_RUN


def assert_documented(rule: Rule) -> None:
    assert rule.title, "the docstring begins with a title"
    assert len(rule.title) <= LONGEST_TITLE, f"the title has {len(rule.title)} characters, {LONGEST_TITLE} fit"
    assert not rule.title.endswith("."), "a title has no full stop"
    assert rule.rationale, "the docstring says below the title why it matters"
    for reference in rule.references:
        assert reference.startswith("https://"), f"a reference is an https address: {reference}"
    assert rule.cwe is None or re.fullmatch(r"CWE-\d+", rule.cwe), f"a cwe reads `CWE-209`: {rule.cwe}"
    assert rule.checks, "a rule has a check"


def assert_examples_are_sound(rule: Rule) -> None:
    assert rule.bad, "a rule has a bad example"
    assert rule.good, "a rule has a good example, the near miss"
    bare = [_key({path: without_marks(text) for path, text in example.files.items()}) for example in rule.examples]
    assert len(set(bare)) == len(bare), "two examples are the same"
    for example in rule.examples:
        fixed = example.fixed_files if isinstance(example, Bad) else {}
        for path, text in [*example.files.items(), *fixed.items()]:
            _assert_marks_stand_alone_or_last(path, text)
            if path.endswith(".py"):
                compile(text, path, "exec", dont_inherit=True)


def assert_proven_or_says_why_not(rule: Rule) -> None:
    if rule.proofs:
        assert rule.unproven is None, "a rule with a proof does not say why it has none"
        return
    words = (rule.unproven or "").split()
    assert len(words) >= FEWEST_WORDS, (
        f"without a proof, `unproven` says in {FEWEST_WORDS} words or more why there can be none here"
    )


def assert_needs_are_met(rule: Rule, proof: Proof) -> None:
    """What a proof needs and is not installed skips it, but never in CI."""
    for name in proof.needs:
        try:
            distribution(name)
        except PackageNotFoundError:
            missing = f"the proof of {rule.name} needs {name}: install it"
            assert os.environ.get("CI") != "true", missing
            pytest.skip(missing)


def assert_proof_holds(rule: Rule, proof: Proof, folder: Path) -> None:
    """Runs the first bad example for real."""
    assert_needs_are_met(rule, proof)
    with serve(rule.bad[0], folder, proof.options) as example:
        proof.run(example)


def assert_proof_fails_after_the_fix(rule: Rule, proof: Proof, folder: Path) -> None:
    """What also holds for the repaired example is no proof of the defect."""
    first = rule.bad[0]
    assert_needs_are_met(rule, proof)
    with serve(Bad({**first.files, **first.fixed_files}), folder, proof.options) as example:
        try:
            proof.run(example)
        # Whatever the proof meets there: only that it does not go through counts.
        except Exception:  # noqa: BLE001
            return
    pytest.fail(f"{proof.run.__name__} holds for the fixed example too, so it does not prove the defect")


def crashes(rules: Iterable[Rule], projects: Mapping[str, Project]) -> Iterator[str]:
    """One line for each rule that crashes on a project."""
    for rule in rules:
        for name, project in projects.items():
            result = judge(rule, project)
            if result.outcome is Outcome.ERROR:
                yield f"{rule.name} crashes on {name}: {result.reason}"


def examples(rules: Iterable[Rule]) -> dict[str, Project]:
    """Every example of every rule, gathered."""
    return {
        f"{rule.name}-{number}": gathered(example) for rule in rules for number, example in enumerate(rule.examples)
    }


def gathered(example: Example) -> Project:
    """The evidence of an example; the same files are read once."""
    return _gathered(_key(example.files))


@cache
def _gathered(files: Files) -> Project:
    folder = Path(mkdtemp(dir=_EXAMPLES.name))
    write(dict(files), folder)
    return gather(Gathering(root=folder, use_cache=False))


def _scan(rule: Rule, folder: Path) -> Scanned:
    project = gather(Gathering(root=folder, use_cache=False))
    return Scanned(judge(rule, project).findings, project.text)


def _key(files: Mapping[str, str]) -> Files:
    return tuple(sorted(files.items()))


def _place(finding: Finding) -> Place:
    return (finding.location.path, finding.location.line) if finding.location else ("", 0)


def _marked(files: Mapping[str, str]) -> Iterator[Place]:
    for path, text in files.items():
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() == MARK:
                yield path, number + 1
            elif line.endswith(MARK):
                yield path, number


def without_marks(text: str) -> str:
    """The text as an author would have written it."""
    lines = [line for line in text.split("\n") if line.strip() != MARK]
    return "\n".join(re.sub(rf"[ \t]*{re.escape(MARK)}$", "", line) for line in lines)


def _assert_marks_stand_alone_or_last(path: str, text: str) -> None:
    for line in text.split("\n"):
        assert MARK not in line.rstrip().removesuffix(MARK), f"{path}: `{MARK}` stands at the end of a line: {line!r}"
        assert line == line.rstrip() or MARK not in line, f"{path}: space after `{MARK}`: {line!r}"


def _read(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    return {path: without_marks((folder / path).read_text(encoding="utf-8")) for path in paths}
