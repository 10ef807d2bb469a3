"""The directives of nginx configuration files, with includes that lie in the project; bounded, no recursion."""

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

MOST_DIRECTIVES = 20_000
DEEPEST = 20
MOST_WORDS = 10_000
TOKEN = re.compile(
    r"\s+|#[^\n]*|(?P<mark>[;{}])|(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<word>(?:\$\{[^}\n]*\}|\\.|[^\s;{}\"'\\])(?:\$\{[^}\n]*\}|\\.|[^\s;{}\\])*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive, such as `proxy_pass http://api;`, or a block."""

    name: str
    arguments: tuple[Text, ...]
    text: Text
    """Without the block."""
    block: tuple["Directive", ...] | None = None

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(argument.value for argument in self.arguments)

    @property
    def location(self) -> Location:
        return self.text.location


class NotNginxError(ValueError):
    """The file cannot be used; the message says why, to be completed with the path."""


def directives(document: Document) -> tuple[Directive, ...]:
    """The directives at the top of a file; raises `NotNginxError` when braces or sizes are not right."""
    stack: list[tuple[Directive | None, list[Directive]]] = [(None, [])]
    words: list[Text] = []
    count = 0
    for token in _tokens(document):
        if token.value not in {";", "{", "}"} or token.raw != token.value:
            words.append(token)
            if len(words) > MOST_WORDS:
                message = f"is not nginx configuration: more than {MOST_WORDS} words in one directive"
                raise NotNginxError(message)
            continue
        count += 1
        if count > MOST_DIRECTIVES or len(stack) > DEEPEST:
            message = f"has more than {MOST_DIRECTIVES} directives or {DEEPEST} levels"
            raise NotNginxError(message)
        if token.value == "}":
            _close(stack, token)
        elif words:
            opened = _directive(words)
            stack.append((opened, [])) if token.value == "{" else stack[-1][1].append(opened)
        words = []
    if len(stack) > 1 or words:
        message = f"is not nginx configuration: a block or directive is not closed by line {len(document.starts)}"
        raise NotNginxError(message)
    return tuple(stack[0][1])


def _close(stack: list[tuple[Directive | None, list[Directive]]], token: Text) -> None:
    opened, inner = stack.pop()
    if opened is None:
        message = f"is not nginx configuration: a block ends at line {token.location.line} that nothing opened"
        raise NotNginxError(message)
    stack[-1][1].append(replace(opened, block=tuple(inner)))


def _directive(words: list[Text]) -> Directive:
    first, last = words[0], words[-1]
    return Directive(first.value, tuple(words[1:]), first.document.span(first.start, last.end))


def _tokens(document: Document) -> Iterator[Text]:
    position = 0
    while position < len(document.text):
        found = TOKEN.match(document.text, position)
        if not found:
            line, _ = document.place(position)
            message = f"is not nginx configuration near line {line}"
            raise NotNginxError(message)
        position = found.end()
        if found["quoted"]:
            inner = found["quoted"][1:-1]
            text = document.span(*found.span())
            yield text.quoted(inner, tuple(range(1, len(inner) + 1)))
        elif found["mark"] or found["word"]:
            yield document.span(*found.span())


@dataclass(frozen=True, slots=True)
class Included:
    """Directives with every include of the project put in its place."""

    directives: tuple[Directive, ...]
    complete: bool
    """Whether every include was found; what the image brings (`mime.types`) is of no interest and does not count."""
    files: frozenset[str]


HARMLESS = frozenset({"mime.types", "fastcgi_params", "uwsgi_params", "scgi_params"})

Parse = Callable[[str], tuple[Directive, ...] | None]
Note = Callable[[str, Location], None]


def expand(top: tuple[Directive, ...], path: str, known: frozenset[str], parse: Parse, note: Note) -> Included:
    """Puts includes in their place; one that leads back to itself is refused with a note."""
    walk = _Expansion(known, parse, note)
    found = tuple(walk.expanded(top, (path,)))
    return Included(found, walk.complete, frozenset(walk.files))


class _Expansion:
    """One expansion, with what it has met."""

    def __init__(self, known: frozenset[str], parse: Parse, note: Note) -> None:
        self.known, self.parse, self.note = known, parse, note
        self.complete, self.count = True, 0
        self.files: set[str] = set()
        self.refused: set[str] = set()
        self.matches: dict[tuple[str, str], list[str]] = {}

    def expanded(self, top: tuple[Directive, ...], chain: tuple[str, ...]) -> Iterator[Directive]:
        for directive in top:
            self.count += 1  # of all branches together: includes of includes multiply
            if self.count > MOST_DIRECTIVES:
                self.complete = False
                return
            if directive.name == "include" and directive.arguments:
                yield from self.included(directive, chain)
            elif directive.block is not None:
                yield replace(directive, block=tuple(self.expanded(directive.block, chain)))
            else:
                yield directive

    def included(self, directive: Directive, chain: tuple[str, ...]) -> Iterator[Directive]:
        pattern = directive.values[0]
        paths = self.matching(pattern, chain[-1])
        if not paths and posixpath.basename(pattern) not in HARMLESS:
            self.complete = False
        for path in paths:
            self.count += 1
            if path in chain:
                self.complete = False
                if path not in self.refused:
                    self.refused.add(path)
                    self.note(f"{path} includes itself, so the include is not followed", directive.location)
                continue
            self.files.add(path)
            top = self.parse(path) if len(chain) < DEEPEST else None
            if top is None:
                self.complete = False
                continue
            yield from self.expanded(top, (*chain, path))

    def matching(self, pattern: str, path: str) -> list[str]:
        """The files of the project that an include means: beside the file, or with the same tail."""
        place = (pattern, posixpath.dirname(path))
        if place not in self.matches:
            self.matches[place] = self.match(*place)
        return self.matches[place]

    def match(self, pattern: str, folder: str) -> list[str]:
        beside = posixpath.normpath(posixpath.join(folder, pattern)) if not pattern.startswith("/") else ""
        tail = "/".join(pattern.strip("/").split("/")[-2:])
        near = [p for p in self.known if beside and fnmatch.fnmatch(p, beside)]
        return sorted(near or [p for p in self.known if fnmatch.fnmatch(p, tail) or fnmatch.fnmatch(p, f"*/{tail}")])
