"""Keeps the secrets that rules have found out of every report."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from operator import is_
from typing import Any, TypeVar

from fastapi_audit.lines import BREAK
from fastapi_audit.model import Edit, Finding, Location, Scorecard

MASK = "*"

TELLING = 16
"""Characters from which on a secret is told from an ordinary word, and so is hidden wherever it stands."""
TELLING_WITH_DIGIT = 8

Reader = Callable[[str], str | None]
"""Gives the text of a file by its path."""

Part = TypeVar("Part")


def masked(card: Scorecard, text: Reader) -> tuple[Scorecard, Reader]:
    """The scorecard and the files without the secrets of its findings; offsets and columns stay what they are."""
    found = [finding for finding in card.findings if finding.secret]
    if not found:
        return card, text
    masking = _Masking(text, found)
    results = tuple(
        replace(result, findings=tuple(masking.finding(finding) for finding in result.findings))
        for result in card.results
    )
    return masking.cleaned(replace(card, results=results)), masking.text


@dataclass(slots=True)
class _Masking:
    """What is hidden: each secret in its own place, one that is like no word in all others too."""

    original: Reader
    found: Sequence[Finding]
    telling: re.Pattern[str] | None = None
    done: "dict[str, str | None] | None" = None

    def __post_init__(self) -> None:
        secrets = {finding.secret for finding in self.found if _is_telling(finding.secret)}
        longest_first = sorted(secrets, key=lambda secret: (-len(secret), secret))
        self.telling = re.compile("|".join(map(re.escape, longest_first))) if secrets else None

    def text(self, path: str) -> str | None:
        """The text of a file, as long as before."""
        if self.done is None:
            self.done = {}
        if path not in self.done:
            text = self.original(path)
            self.done[path] = None if text is None else self._masked(path, text)
        return self.done[path]

    def finding(self, finding: Finding) -> Finding:
        """A finding whose words and repair do not tell the secret."""
        own = [finding.secret] if finding.secret else []
        if finding.fix is not None:
            beside = {edit.path for edit in finding.fix.edits}
            near = {other.secret for other in self.found if other.location and other.location.path in beside}
            edits = tuple(self._edit(edit, (*own, *near)) for edit in finding.fix.edits)
            finding = replace(finding, fix=replace(finding.fix, edits=edits))
        return replace(finding, message=_without(finding.message, own), secret="")

    def cleaned(self, part: Part) -> Part:
        """The same without any secret that is like no word, however deep it stands."""
        cleaned: Part = part if self.telling is None else self._cleaned(part, self.telling)
        return cleaned

    def _cleaned(self, part: Any, telling: re.Pattern[str]) -> Any:
        if type(part) is str:
            return telling.sub(lambda match: MASK * len(match[0]), part)
        if isinstance(part, tuple):
            cleaned = tuple(self._cleaned(each, telling) for each in part)
            return part if all(map(is_, cleaned, part)) else cleaned
        new = {}
        for name in _parts_of(part.__class__):
            value = getattr(part, name)
            clean = self._cleaned(value, telling)
            if clean is not value:
                new[name] = clean
        return replace(part, **new) if new else part

    def _edit(self, edit: Edit, secrets: Iterable[str]) -> Edit:
        text = self.text(edit.path)
        old = edit.old if text is None else text[edit.start : edit.end]
        return edit if old == edit.old else replace(edit, old=old, new=_without(edit.new, secrets))

    def _masked(self, path: str, text: str) -> str:
        places = [(f.location, f.secret) for f in self.found if f.location and f.location.path == path]
        starts = [0, *(end.end() for end in BREAK.finditer(text))] if places else []
        spans = [span for place, secret in places for span in _spans(text, starts, place, secret)]
        if self.telling is not None:
            spans.extend(match.span() for match in self.telling.finditer(text))
        characters = list(text)
        for start, end in spans:
            characters[start:end] = [c if c.isspace() else MASK for c in characters[start:end]]
        return "".join(characters)


@cache
def _parts_of(noun: type[object]) -> tuple[str, ...]:
    """The fields of a noun; a scorecard has tens of thousands of a dozen kinds."""
    return tuple(each.name for each in fields(noun)) if is_dataclass(noun) else ()


def _is_telling(secret: str) -> bool:
    return len(secret) >= TELLING or (len(secret) >= TELLING_WITH_DIGIT and any(c.isdigit() for c in secret))


def _spans(text: str, starts: Sequence[int], place: Location, secret: str) -> Iterator[tuple[int, int]]:
    """Where the secret stands in the place of its finding; all of the place where it is written in another way."""
    first, last = place.line - 1, (place.end_line or place.line) - 1
    if not 0 <= first <= last < len(starts):
        return
    line_end = starts[last + 1] if last + 1 < len(starts) else len(text)
    start = starts[first] + place.column - 1
    end = min(starts[last] + place.end_column - 1, line_end) if place.end_column else line_end
    written = re.escape(secret)
    # In a URL the user may be called like the password.
    inside = rf"(?<=:){written}(?=@)"
    found = list(re.finditer(inside, text[start:end])) or list(re.finditer(written, text[start:end]))
    yield from ((start + match.start(), start + match.end()) for match in found)
    if not found:
        yield start, end


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK * len(secret), text)
    return text
