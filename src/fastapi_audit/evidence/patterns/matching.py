"""Matches all patterns of a team in one query for each file, in a process of its own that can be given up."""

import marshal
import os
import re
import select
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ast_grep_py import SgNode, SgRoot

from fastapi_audit.evidence.patterns.pattern import METAVARIABLE, Match, Pattern, Query
from fastapi_audit.evidence.source.modules import SourceFile

SECONDS = 20
"""For one file; some rules take quadratic time on files made for it."""
MOST_SECONDS = 120
"""For all files together."""
MOST_MATCHES = 10_000
"""Of one pattern; whoever has more has written the wrong pattern."""
LONGEST_QUOTE = 80
WIDTH = 8
"""Bytes of the length in front of every answer."""

Span = tuple[int, int]
Raw = tuple[int, int, int, dict[str, Span], dict[str, str]]
"""Number of the pattern, begin, end, what the metavariables stand for: as offsets, and as text for a message."""


class UnmatchedError(Exception):
    """Not every file was looked at, so nothing can be said."""


@dataclass(slots=True)
class Matches:
    """Where the patterns match, by pattern and file."""

    found: dict[str, dict[str, list[Match]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    """Why not all files were looked at."""

    def of(self, name: str, path: str) -> Sequence[Match]:
        """The matches of one pattern in one file, by place; `UnmatchedError` when that is not known."""
        if self.failure:
            raise UnmatchedError(self.failure)
        if self.counts.get(name, 0) > MOST_MATCHES:
            message = f"more than {MOST_MATCHES:,} matches: narrow the rule"
            raise UnmatchedError(message)
        return self.found.get(name, {}).get(path, ())

    def add(self, path: str, patterns: Sequence[Pattern], raw: Iterable[Raw]) -> None:
        for number, start, end, captured, quoted in raw:
            name = patterns[number].name
            self.counts[name] = self.counts.get(name, 0) + 1
            if self.counts[name] <= MOST_MATCHES:
                by_path = self.found.setdefault(name, {})
                by_path.setdefault(path, []).append(Match(path, start, end, captured, quoted))


def match(patterns: Sequence[Pattern], files: Sequence[SourceFile]) -> Matches:
    """Looks at every file that holds a word of a pattern; the others are not parsed."""
    matches = Matches()
    gated = [(file, chosen) for file in files if (chosen := _possible(patterns, file.content))]
    if not gated:
        return matches
    if hasattr(os, "fork"):
        _in_a_child(patterns, gated, matches)
    else:
        for file, chosen in gated:
            matches.add(file.path, patterns, _matched(patterns, chosen, file.text))
    return matches


def _possible(patterns: Sequence[Pattern], content: bytes) -> tuple[int, ...]:
    """The numbers of the patterns that could match."""
    return tuple(
        number
        for number, pattern in enumerate(patterns)
        if not pattern.words or any(word.encode() in content for word in pattern.words)
    )


Gated = Sequence[tuple[SourceFile, tuple[int, ...]]]


def _in_a_child(patterns: Sequence[Pattern], gated: Gated, matches: Matches) -> None:
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _answer(patterns, gated, reading, writing)
    os.close(writing)
    end = time.monotonic() + MOST_SECONDS
    done = False
    try:
        for file, _ in gated:
            deadline = min(time.monotonic() + SECONDS, end)
            answer = _answered(reading, deadline)
            if answer is None:
                late = time.monotonic() >= deadline
                why = f"took longer than {SECONDS if deadline < end else MOST_SECONDS} s" if late else "died"
                matches.failure = f"the search for the team's patterns {why} at {file.path}: simplify or exclude it"
                return
            matches.add(file.path, patterns, answer)
        done = True
    finally:
        os.close(reading)
        # A child that has said everything ends by itself.
        if not done:
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _answer(patterns: Sequence[Pattern], gated: Gated, reading: int, writing: int) -> None:
    """What the child does; it never returns, as the copy of the parent must not go on as the parent."""
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            for file, chosen in gated:
                written = marshal.dumps(_matched(patterns, chosen, file.text))
                pipe.write(len(written).to_bytes(WIDTH, "big") + written)
                pipe.flush()
    finally:
        os._exit(0)


def _answered(reading: int, deadline: float) -> list[Raw] | None:
    """The next answer of the child; `None` when it is late or gone."""
    head = _read(reading, WIDTH, deadline)
    body = _read(reading, int.from_bytes(head, "big"), deadline) if head else None
    if body is None:
        return None
    answer: list[Raw] = marshal.loads(body)  # noqa: S302  our own child wrote it
    return answer


def _read(reading: int, count: int, deadline: float) -> bytes | None:
    read = b""
    while len(read) < count:
        if not select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
            return None
        piece = os.read(reading, count - len(read))
        if not piece:
            return None
        read += piece
    return read


def _matched(patterns: Sequence[Pattern], chosen: Sequence[int], text: str) -> list[Raw]:
    root = SgRoot(text, "python").root()
    found = {
        (number, span): raw
        for node in root.find_all(configured(combined({number: patterns[number].query for number in chosen})))
        for number in chosen
        if node.get_match(_mark(number)) is not None
        and (raw := _captured(number, patterns[number], node)) is not None
        and (span := raw[1:3])
    }
    return sorted(found.values(), key=lambda raw: raw[:3])


def configured(query: Query) -> Any:
    """A query as `find` and `find_all` take it; their types know no rule that is made at run time."""
    return {"rule": query}


def combined(queries: Mapping[int, Query]) -> Query:
    """One query that matches what any of these does; the mark of each that does is bound."""
    named = {number: _renamed(query, number) for number, query in queries.items()}
    # A node that some rule matches is asked of every rule; the empty regex keeps those that do not match from failing.
    marks = [
        {"any": [{"all": [query, {"pattern": f"$${_mark(number)}"}]}, {"regex": ""}]} for number, query in named.items()
    ]
    return {"all": [{"any": list(named.values())}, *marks]}


def _mark(number: int) -> str:
    return f"MATCHED_{number}"


def _renamed(query: Any, number: int) -> Any:
    """The query with metavariables of its own, so that one rule's `$X` is not another's."""
    if isinstance(query, Mapping):
        return {
            key: value if key in ("kind", "regex", "field", "selector", "strictness") else _renamed(value, number)
            for key, value in query.items()
        }
    if isinstance(query, list):
        return [_renamed(item, number) for item in query]
    if not isinstance(query, str):  # a number or a flag of `nthChild`
        return query

    def rename(found: re.Match[str]) -> str:
        name = found[1] or found[2] or ""
        dollars = found[0].removesuffix(name)
        return found[0] if not name or name.startswith("_") else f"{dollars}{_name(name, number)}"

    return METAVARIABLE.sub(rename, query)


def _name(variable: str, number: int) -> str:
    return f"R{number}_{variable}"


def _captured(number: int, pattern: Pattern, node: SgNode) -> Raw | None:
    """One match; `None` when a constraint does not hold."""
    single = {name: bound for name in pattern.single if (bound := node.get_match(_name(name, number)))}
    for name, constraint in pattern.constraints.items():
        if name not in single or not single[name].matches(**constraint):
            return None
    several = {name: node.get_multiple_matches(_name(name, number)) for name in pattern.several}
    groups = {name: [bound] for name, bound in single.items()} | several
    start, end = _span([node])
    spans = {name: _span(nodes) for name, nodes in groups.items()}
    quotes = {name: _quoted(nodes) for name, nodes in groups.items()}
    return number, start, end, spans, quotes


def _span(nodes: Sequence[SgNode]) -> Span:
    return (nodes[0].range().start.index, nodes[-1].range().end.index) if nodes else (0, 0)


def _quoted(nodes: Sequence[SgNode]) -> str:
    """The code on one line; what stands in quotes may be a secret, and a report is no place for it."""
    return _shortened("".join(_without_strings(nodes)))


def _shortened(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_QUOTE else joined[: LONGEST_QUOTE - 1] + "…"


def _without_strings(nodes: Sequence[SgNode]) -> Iterator[str]:
    length = 0
    previous = None
    for node in nodes:
        begin = node.range().start.index
        if previous is not None and begin > previous:
            yield " "
        previous = node.range().end.index
        text = node.text()
        for content in sorted(node.find_all(kind="string_content"), key=lambda n: -n.range().start.index):
            span = content.range()
            text = text[: span.start.index - begin] + "…" + text[span.end.index - begin :]
        yield text
        length += len(text)
        if length > LONGEST_QUOTE:
            return
