"""`.env` files: what they set, whether git tracks them, and which are only templates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_audit.evidence.deployment.command_line import EnvVar
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

IS_DOTENV = re.compile(r"^(?:\.env(?:[._-][\w.-]+)?|[\w-]+\.env(?:\.[\w.-]+)?|\.flaskenv)$")
TEMPLATES = frozenset({"example", "sample", "template", "dist", "tmpl", "defaults", "tpl", "j2", "schema"})
LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=[ \t]*(.*)$")


@dataclass(frozen=True, slots=True)
class DotEnv:
    """One `.env` file."""

    path: str
    document: Document = field(repr=False)
    variables: tuple[EnvVar, ...]
    is_template: bool
    """Whether its name says so: `.env.example`, `.env.sample`, `env.template` …"""
    tracked: bool | None
    """Whether git tracks it; `None` when no index of git stands at the project root."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)


def dotenv(document: Document, tracked: frozenset[str] | None) -> DotEnv:
    """Reads one `.env` file."""
    name = document.path.rpartition("/")[2].lower()
    template = any(part in TEMPLATES for part in re.split(r"[._-]", name))
    return DotEnv(
        document.path,
        document,
        tuple(_variables(document)),
        template,
        None if tracked is None else document.path in tracked,
        not is_development(document.path),
    )


def _variables(document: Document) -> Iterator[EnvVar]:
    for number in range(1, len(document.starts) + 1):
        line = document.line(number)
        found = LINE.match(line.value)
        if found:
            yield EnvVar(found[1], _value(line, *found.span(2)), line)


def _value(line: Text, first: int, last: int) -> Text:
    """The value without its quotes, or without the comment behind it."""
    written = line.value[first:last]
    quote = written[:1]
    if quote and quote in "\"'" and quote in written[1:]:
        end = written.index(quote, 1)
        return line.part(first, first + end + 1).quoted(written[1:end], tuple(range(1, end)))
    comment = re.search(r"\s#", written)
    bare = written[: comment.start() if comment else None].rstrip()
    return line.part(first, first + len(bare))
