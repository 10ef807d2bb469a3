"""The lines of a Dockerfile as instructions: continuations, comments, heredocs and the escape directive."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.text import Document, Text

DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*$")
HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_][\w.]*)\1")
FLAG = re.compile(r"--([a-z-]+)(?:=((?:\"[^\"]*\"|[^\s\"])*))?\s+")
WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, such as `CMD ["uvicorn", "app:app"]`."""

    keyword: str
    """In capitals."""
    text: Text
    """All of it, keyword and heredocs included."""
    arguments: Text
    """After keyword and flags, line continuations and comments taken out."""
    flags: tuple[tuple[str, str], ...]
    heredocs: tuple[Text, ...]

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`."""
        return dict(self.flags).get(name)


def instructions(document: Document) -> Iterator[Instruction]:
    """Every instruction in order."""
    escape = _escape(document)
    number = 1
    while number <= len(document.starts):
        kept, last = _joined(document, number, escape)
        source = "".join(document.text[i] for i in kept)
        if not source.strip():  # the end of the file
            return
        bodies, after = _heredocs(document, source, last + 1)
        end = document.line(after - 1).end if bodies else document.line(last).end
        yield _instruction(document, kept, end, bodies)
        number = after


def _escape(document: Document) -> str:
    """The character that continues a line, from the directives at the very top."""
    for number in range(1, len(document.starts) + 1):
        found = DIRECTIVE.match(document.line(number).value.strip())
        if not found:
            break
        if found[1].lower() == "escape":
            return found[2]
    return "\\"


def _joined(document: Document, number: int, escape: str) -> tuple[list[int], int]:
    """The offsets of the next instruction's characters over its continued lines, and the number of its last line."""
    kept: list[int] = []
    while True:
        line = document.line(number)
        stripped = line.value.rstrip()
        comment = stripped.lstrip().startswith("#")
        goes_on = comment or not stripped or stripped.endswith(escape)
        if not comment and stripped:
            length = len(stripped) - 1 if stripped.endswith(escape) else len(line.value)
            kept.extend(range(line.start, line.start + length))
        if not goes_on or number == len(document.starts):
            return kept, number
        number += 1


def _heredocs(document: Document, source: str, number: int) -> tuple[list[Text], int]:
    """The bodies of the heredocs that an instruction opens, and the number of the line after them."""
    if source.split(None, 1)[0].upper() not in WITH_HEREDOCS:
        return [], number
    bodies: list[Text] = []
    for found in HEREDOC.finditer(source):
        first = number
        while number <= len(document.starts) and document.line(number).value.strip() != found[2]:
            number += 1
        if number > len(document.starts):
            return [], first
        start, end = document.starts[first - 1], document.starts[number - 1]
        bodies.append(document.span(start, end))
        number += 1
    return bodies, number


def _instruction(document: Document, kept: list[int], end: int, bodies: list[Text]) -> Instruction:
    value = "".join(document.text[i] for i in kept)
    whole = Text(document, kept[0], kept[-1] + 1, value, tuple(kept))
    begin = len(value) - len(value.lstrip())
    keyword = value.split(None, 1)[0]
    position = begin + len(keyword)
    position += len(value[position:]) - len(value[position:].lstrip())
    flags: list[tuple[str, str]] = []
    while found := FLAG.match(value, position):
        flags.append((found[1], (found[2] or "").strip('"')))
        position = found.end()
    arguments = whole.part(position, len(value.rstrip())) if value.rstrip()[position:] else whole.part(begin, begin)
    text = document.span(kept[begin], max(end, kept[-1] + 1))
    return Instruction(keyword.upper(), text, arguments, tuple(flags), tuple(bodies))
