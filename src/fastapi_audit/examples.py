"""Runs a rule on its own bad and good examples and says where it does not do what they promise."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi_audit.evidence import Gathering, gather
from fastapi_audit.fixing import Change, Scanned, settle
from fastapi_audit.judging import judge
from fastapi_audit.model import Finding, Outcome, Result
from fastapi_audit.rule import MARK, Bad, Good, Rule

APPLICATION = "fastapi_audit_example_application.py"
"""Imports an example that has no application of its own: only code of an application is judged."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a rule's examples."""

    rule: Rule
    failures: tuple[str, ...]


def tried(rule: Rule) -> Trial:
    """Every example of a rule, in a folder of its own."""
    bad = (failure for number, one in enumerate(rule.bad, 1) for failure in _failed_bad(rule, one, number))
    good = (failure for number, one in enumerate(rule.good, 1) for failure in _failed_good(rule, one, number))
    return Trial(rule, (*bad, *good))


def _failed_bad(rule: Rule, bad: Bad, number: int) -> Iterator[str]:
    expected = set(_marked(bad.files))
    if not expected:
        yield f"bad example {number}: no line ends in `{MARK}`; mark what must be reported"
        return
    with TemporaryDirectory(prefix="fastapi-audit-example-") as name:
        folder = Path(name).resolve()
        _write(bad.files, folder)
        result = _judged(rule, folder)
        found = _found(result.findings)
        if found != expected:
            yield f"bad example {number}: expected {_places(expected)}; found {_places(found) or _silence(result)}"
        elif bad.fixed is not None:
            yield from _failed_fix(rule, bad, number, folder)


def _failed_fix(rule: Rule, bad: Bad, number: int, folder: Path) -> Iterator[str]:
    repair = settle(folder, lambda: _scanned(rule, folder), unsafe=True)
    yield from (f"bad example {number}: {line}" for line in repair.refused)
    wanted = {path: _without_marks(text) for path, text in {**bad.files, **bad.fixed_files}.items()}
    for path, text in wanted.items():
        after = _without_marks((folder / path).read_text(encoding="utf-8"))
        if after != text:
            difference = Change(path, text, after).diff.rstrip()
            yield f"bad example {number}: the fix leads to other code than `fixed`\n{difference}"
    if left := _scanned(rule, folder).findings:
        yield f"bad example {number}: after the fix there is still {_places(_found(left))}"


def _failed_good(rule: Rule, good: Good, number: int) -> Iterator[str]:
    with TemporaryDirectory(prefix="fastapi-audit-example-") as name:
        folder = Path(name).resolve()
        _write(good.files, folder)
        result = _judged(rule, folder)
    found = _found(result.findings)
    if found or result.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        yield f"good example {number}: expected silence; found {_places(found) or _silence(result)}"


def _silence(result: Result) -> str:
    """Why nothing was found."""
    if result.outcome is Outcome.NOT_APPLICABLE:
        return "nothing, as no code of the example runs where `within` says"
    return f"nothing: {result.reason}" if result.reason else "nothing"


def _judged(rule: Rule, folder: Path) -> Result:
    return judge(rule, gather(Gathering(folder, use_cache=False)))


def _scanned(rule: Rule, folder: Path) -> Scanned:
    project = gather(Gathering(folder, use_cache=False))
    return Scanned(judge(rule, project).findings, project.text)


def _write(files: Mapping[str, str], folder: Path) -> None:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if not any("FastAPI(" in text for text in files.values()):
        modules = (path.removesuffix(".py").replace("/", ".") for path in files if path.endswith(".py"))
        imports = "".join(f"import {module.removesuffix('.__init__')}\n" for module in modules)
        application = f"from fastapi import FastAPI\n{imports}app = FastAPI()\n"
        (folder / APPLICATION).write_text(application, encoding="utf-8")


def _marked(example: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for path, text in example.items():
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() == MARK:
                yield path, number + 1
            elif line.rstrip().endswith(MARK):
                yield path, number


def _without_marks(text: str) -> str:
    lines = (line for line in text.split("\n") if line.strip() != MARK)
    return "\n".join(re.sub(rf"[ \t]*{re.escape(MARK)}[ \t]*$", "", line) for line in lines)


def _found(findings: Iterable[Finding]) -> set[tuple[str, int]]:
    return {(finding.location.path, finding.location.line) for finding in findings if finding.location}


def _places(places: set[tuple[str, int]]) -> str:
    return ", ".join(f"{path}:{line}" for path, line in sorted(places))
