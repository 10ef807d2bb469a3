"""A team's own rules: what their YAML says, as rules like ours."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_audit.checklist import ITEMS
from fastapi_audit.errors import ConfigError
from fastapi_audit.evidence import Ground, Project
from fastapi_audit.evidence.patterns.pattern import METAVARIABLE, Match, Pattern
from fastapi_audit.evidence.patterns.reading import Sample, WrittenRule, read
from fastapi_audit.lines import BREAK
from fastapi_audit.model import Edit, Finding, Fix, Location
from fastapi_audit.rule import Bad, Check, Good, Rule

UNPROVEN = "a rule of the project's team is shown by its own examples"


def load(folders: Iterable[tuple[Path, str]], taken: Iterable[Rule], confined: Path | None = None) -> tuple[Rule, ...]:
    """The rules of some folders, each with how the user calls it; `ConfigError` where they cannot be used.

    No name may be `taken`. Where the config of the audited project names the folders, they are `confined` to it.
    """
    written = [rule for folder, shown in folders for rule in read(folder, shown, confined)]
    _refuse_taken(written, taken)
    patterns = tuple(rule.pattern for rule in written)
    return tuple(_rule(rule, patterns) for rule in written)


def _refuse_taken(written: Iterable[WrittenRule], taken: Iterable[Rule]) -> None:
    holders = {item.name: "is the name of an item" for item in ITEMS}
    holders |= {rule.name: f"is a rule of {rule.origin} already" for rule in taken}
    for rule in written:
        if rule.name in holders:
            message = f"{rule.path}:{rule.line}: `{rule.name}` {holders[rule.name]}; choose another name"
            raise ConfigError(message)
        holders[rule.name] = f"stands at {rule.path}:{rule.line} already"


def _rule(written: WrittenRule, patterns: tuple[Pattern, ...]) -> Rule:
    """The rule with its check; all patterns are matched together, when the first rule asks."""
    module = f"own_rules.{written.item.package}.{written.name.replace('-', '_')}"
    rule = Rule(
        module,
        f"{written.title}\n\n{written.note}",
        severity=written.severity,
        examples=[*map(_bad, written.bad), *(Good(_indented(sample.files)) for sample in written.good)],
        confidence=written.confidence,
        references=written.urls,
        cwe=written.cwe,
        unproven=UNPROVEN,
        file=f"{written.path}:{written.line}",
        has_fix=written.fix is not None,
    )
    rule.checks.append(Check(Ground, _detector(written, patterns), of=written.within, wants_project=True))
    return rule


def _bad(sample: Sample) -> Bad:
    return Bad(_indented(sample.files), None if sample.fixed is None else _indented(sample.fixed))


def _indented(files: Mapping[str, str]) -> Mapping[str, str]:
    """As the examples of a Python rule begin: the indentation of the first line counts like that of the others."""
    return {path: f"\n{text}" for path, text in files.items()}


def _detector(written: WrittenRule, patterns: tuple[Pattern, ...]) -> Callable[..., Iterator[Finding]]:
    def found(ground: Ground, project: Project) -> Iterator[Finding]:
        matches = project.matches(patterns).of(written.name, ground.file.path)
        if not matches:
            return
        start, end = ground.span
        lines = _Lines.of(ground.file.text)
        for match in matches:
            if start <= match.start and match.end <= end:
                yield _finding(written, match, ground, lines)

    return found


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text and where its lines begin."""

    text: str
    starts: Sequence[int]

    @classmethod
    def of(cls, text: str) -> "_Lines":
        return cls(text, [0, *(found.end() for found in BREAK.finditer(text))])

    def location(self, match: Match) -> Location:
        return Location(match.path, *self._place(match.start), *self._place(match.end))

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


def _finding(written: WrittenRule, match: Match, ground: Ground, lines: _Lines) -> Finding:
    reach = ground.reach
    direct = reach is not None and reach.before is None
    return Finding(
        METAVARIABLE.sub(lambda found: match.quoted[found[1] or found[2]], written.message),
        lines.location(match),
        operation=reach.operation if reach is not None and direct else None,
        trace=reach.trace() if reach is not None and not direct else (),
        fix=None if written.fix is None else _fix(written, match, lines.text),
    )


def _fix(written: WrittenRule, match: Match, text: str) -> Fix:
    """Writes the fix in place of the match; lines after its first stand as deep as the line it begins on."""
    line = text[text.rfind("\n", 0, match.start) + 1 : match.start]
    indentation = line[: len(line) - len(line.lstrip())]
    template = (written.fix or "").replace("\n", f"\n{indentation}")

    def stands_for(variable: str) -> str:
        start, end = match.captured[variable]
        return text[start:end]

    new = METAVARIABLE.sub(lambda found: stands_for(found[1] or found[2]), template)
    edit = Edit(match.path, match.start, text[match.start : match.end], new)
    return Fix(f"apply the fix of {written.name}", (edit,), safe=written.safe)
