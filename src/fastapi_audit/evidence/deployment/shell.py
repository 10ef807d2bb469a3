"""Shell scripts and shell-form commands as simple commands in order, with exact places; nothing is run."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from ast_grep_py import SgNode, SgRoot

from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

DEEPEST = 60
LONGEST = 100_000
"""Characters of one piece of shell; the parser needs some 500 times as much memory for nonsense."""
LONGEST_LINE = 20_000
MOST_PIPES = 2000
"""Pipes and redirections of one piece; for all of them in one line the parser takes quadratic time."""
MOST_COMMANDS = 2000
MOST_WORDS = 5000
BRANCHES = frozenset({"if_statement", "elif_clause", "else_clause", "case_statement", "case_item"})
LOOPS = frozenset({"while_statement", "for_statement", "c_style_for_statement", "do_group"})
GROUPS = frozenset({"compound_statement", "subshell", "program", "list", "redirected_statement", "negated_command"})
REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
SILENT = REDIRECTS | {"comment"}
ESCAPED_IN_QUOTES = '$`"\\\n'
"""Before any other character a backslash between double quotes stands for itself."""
SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?(\w+)")


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value`, exported or not."""

    name: str
    value: Text
    exported: bool


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """One simple command, such as `exec uvicorn app:app --port "$PORT"`."""

    words: tuple[Text, ...]
    """Without a leading `exec`, without quotes; variables are left as written."""
    text: Text
    """The whole command as written, assignments in front of it and `exec` included."""
    assignments: tuple[Assignment, ...] = ()
    """`NAME=value` in front of the command."""
    execd: bool = False
    """Whether it replaces the shell (`exec …`)."""
    piped: bool = False
    background: bool = False
    conditional: bool = False
    """Whether it stands in a branch, a loop, or after `||`."""
    final: bool = False
    """Whether nothing of the script comes after it, on the way that leads to it."""

    @property
    def name(self) -> str:
        """The program without its folder; empty for none."""
        return self.words[0].value.rpartition("/")[2] if self.words else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after the program."""
        return tuple(word.value for word in self.words[1:])

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class ShellScript:
    """A shell script of the project, such as `entrypoint.sh`."""

    path: str
    document: Document = field(repr=False)
    shell: str
    """From the first line: `sh`, `bash`, `ash` …; `sh` without one."""
    commands: tuple[ShellCommand, ...]
    """In order; those of a function stand where it is called."""
    assignments: tuple[Assignment, ...]
    arrays: Mapping[str, tuple[Text, ...]] = field(default_factory=dict, repr=False)
    """`name=(word …)`; a further word `$name` stands for what a branch may add."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @property
    def stops_on_error(self) -> bool:
        """Whether `set -e` is on."""
        return any(
            c.name == "set" and any(a == "errexit" or re.match(r"-[a-z]*e", a) for a in c.arguments)
            for c in self.commands
        )

    @property
    def passes_arguments_on(self) -> ShellCommand | None:
        """The `exec "$@"` (or `"$@"`) that runs whatever command the container was given."""
        return next((c for c in self.commands if c.words and c.words[0].value in {"$@", "$*"}), None)


def script(document: Document, *, production: bool = True) -> ShellScript:
    """Reads a whole shell script."""
    found = SHEBANG.match(document.text)
    walk = parse(document.span(0, len(document.text)))
    name = found[1] if found else "sh"
    return ShellScript(document.path, document, name, walk.commands, walk.assignments, walk.arrays, production)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The commands of a piece of shell, and the variables that it sets for itself."""

    commands: tuple[ShellCommand, ...]
    assignments: tuple[Assignment, ...]
    arrays: Mapping[str, tuple[Text, ...]] = field(default_factory=dict, repr=False)


def unbearable(source: str) -> str:
    """Why a piece of shell is not parsed; empty when it is."""
    if len(source) > LONGEST:
        return f"has more than {LONGEST} characters"
    if max(map(len, source.split("\n"))) > LONGEST_LINE:
        return f"has a line of more than {LONGEST_LINE} characters"
    if source.count("|") + source.count("<") > MOST_PIPES:
        return f"has more than {MOST_PIPES} pipes and redirections"
    return ""


def parse(text: Text) -> Parsed:
    """Reads shell source: a script, or the string of a shell-form command."""
    if unbearable(text.value):
        return Parsed((), ())
    try:
        root = SgRoot(text.value, "bash").root()
    except UnicodeEncodeError:  # half of a surrogate pair, which the JSON of an exec form may hold
        return Parsed((), ())
    walk = _Walk(text)
    walk.find_functions(root)
    commands: list[ShellCommand] = []
    for command in walk.statements(root.children(), _Place(final=True)):
        commands.append(command)
        if len(commands) >= MOST_COMMANDS:
            break
    arrays = {name: tuple(words) for name, words in walk.arrays.items()}
    return Parsed(tuple(commands), tuple(walk.assignments), arrays)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the script a statement stands."""

    final: bool = False
    conditional: bool = False
    piped: bool = False
    background: bool = False
    depth: int = 0
    functions: frozenset[str] = frozenset()

    def inner(
        self,
        *,
        final: bool | None = None,
        conditional: bool | None = None,
        piped: bool | None = None,
        background: bool | None = None,
    ) -> "_Place":
        """The place one level further in; what is not given stays."""
        return replace(
            self,
            depth=self.depth + 1,
            final=self.final if final is None else final,
            conditional=self.conditional if conditional is None else conditional,
            piped=self.piped if piped is None else piped,
            background=self.background if background is None else background,
        )


@dataclass(slots=True)
class _Walk:
    """One pass over the syntax tree of a piece of shell."""

    text: Text
    functions: dict[str, SgNode] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    arrays: dict[str, list[Text]] = field(default_factory=dict)

    def find_functions(self, root: SgNode) -> None:
        found = ((node.field("name"), node.field("body")) for node in root.find_all(kind="function_definition"))
        self.functions = {name.text(): body for name, body in found if name and body}

    def statements(self, nodes: list[SgNode], place: _Place) -> Iterator[ShellCommand]:
        """The commands of a list of statements; only the last one can be final."""
        named = [index for index, node in enumerate(nodes) if node.is_named() and node.kind() not in SILENT]
        for index in named:
            after = nodes[index + 1].kind() if index + 1 < len(nodes) else ""
            last = index == named[-1] and after != "&"
            here = place.inner(final=place.final and last, background=place.background or after == "&")
            yield from self.statement(nodes[index], here)

    def statement(self, node: SgNode, place: _Place) -> Iterator[ShellCommand]:
        kind = node.kind()
        if place.depth > DEEPEST:
            return
        if kind == "command":
            yield from self.command(node, place)
        elif kind in {"variable_assignment", "variable_assignments", "declaration_command"}:
            self.assignments.extend(self.assigned(node))
            self.array(node, conditional=place.conditional)
        elif kind == "list":
            yield from self.chain(node, place)
        elif kind in GROUPS:
            yield from self.statements(node.children(), place)
        elif kind == "pipeline":
            yield from self.statements(node.children(), place.inner(final=False, piped=True))
        elif kind in BRANCHES:
            yield from self.branches(node, place)
        elif kind in LOOPS:
            yield from self.statements(node.children(), place.inner(final=False, conditional=True))

    def chain(self, node: SgNode, place: _Place) -> Iterator[ShellCommand]:
        """`a && b || c`: what stands after `||` runs only sometimes."""
        parts = node.children()
        for index, part in enumerate(parts):
            if not part.is_named():
                continue
            depends = index > 0 and parts[index - 1].kind() == "||"
            last = index == len(parts) - 1
            here = place.inner(final=place.final and last, conditional=place.conditional or depends)
            yield from self.statement(part, here)

    def branches(self, node: SgNode, place: _Place) -> Iterator[ShellCommand]:
        """Each branch may be the last thing that happens."""
        block: list[SgNode] = []
        here = place.inner(conditional=True)
        condition = node.kind() in {"if_statement", "elif_clause"}
        for child in node.children():
            if child.kind() in {"then", "elif_clause", "else_clause", "case_item", "fi", "esac", ";;", ")", "in"}:
                yield from self.statements(block, place.inner(final=False) if condition else here)
                condition, block = False, []
                if child.is_named():
                    yield from self.statement(child, here)
            else:
                block.append(child)
        yield from self.statements(block, here)

    def command(self, node: SgNode, place: _Place) -> Iterator[ShellCommand]:
        words: list[Text] = []
        assignments: list[Assignment] = []
        for child in node.children():
            if child.kind() == "variable_assignment":
                assignments.extend(replace(each, exported=True) for each in self.assigned(child))
            elif child.is_named() and child.kind() not in REDIRECTS:
                words.append(self.word(child))
        execd = bool(words) and words[0].value == "exec"
        given = tuple(words[1:] if execd else words)
        yield ShellCommand(
            given,
            self.stretch(node),
            tuple(assignments),
            execd=execd and bool(given),
            piped=place.piped,
            background=place.background,
            conditional=place.conditional,
            final=place.final,
        )
        if words and words[0].value in self.functions and words[0].value not in place.functions:
            name = words[0].value
            inside = replace(place.inner(), functions=place.functions | {name})
            yield from self.statements(self.functions[name].children(), inside)

    def assigned(self, node: SgNode) -> Iterator[Assignment]:
        """The assignments in `A=1 B=2`, `export A=1` and `A=1 command`; `export A` hands on what `A` was set to."""
        exported = node.kind() == "declaration_command" and node.text().startswith(("export", "declare -x"))
        found = [node] if node.kind() == "variable_assignment" else node.children()
        for child in found:
            name, value = child.field("name"), child.field("value")
            if child.kind() == "variable_assignment" and name and value:
                yield Assignment(name.text(), self.word(value), exported)
            elif child.kind() == "variable_name" and exported:
                set_before = [each for each in self.assignments if each.name == child.text()]
                yield from (replace(each, exported=True) for each in set_before[-1:])

    def array(self, node: SgNode, *, conditional: bool) -> None:
        """`name=(a b)` and `name+=(c d)`; what a branch adds is only known while it runs."""
        for child in [node] if node.kind() == "variable_assignment" else node.children():
            name, value = child.field("name"), child.field("value")
            if child.kind() != "variable_assignment" or not name or not value or value.kind() != "array":
                continue
            words = [self.word(item) for item in value.children() if item.is_named() and item.kind() != "comment"]
            known = self.arrays.setdefault(name.text(), [])
            if conditional and known:
                written = self.stretch(name)
                known.append(Text(written.document, written.start, written.end, f"${name.text()}"))
            elif len(known) < MOST_WORDS:
                known[:] = [*known, *words] if "+=" in child.text()[: len(name.text()) + 2] else words

    def stretch(self, node: SgNode) -> Text:
        span = node.range()
        return self.text.part(span.start.index, span.end.index)

    def word(self, node: SgNode) -> Text:
        written = self.stretch(node)
        value, offsets = unquote(self.text.value[node.range().start.index : node.range().end.index])
        return written if value == written.value else written.quoted(value, offsets)


def unquote(raw: str) -> tuple[str, tuple[int, ...]]:
    """A shell word without quotes and backslashes, and the index in `raw` of each of its characters.

    An escaped dollar keeps its backslash, so that it is told from a variable.
    """
    kept: list[int] = []
    quote, index = "", 0
    while index < len(raw):
        character = raw[index]
        if character == "\\" and quote != "'" and index + 1 < len(raw):
            index += 1
            if raw[index] == "$" or (quote and raw[index] not in ESCAPED_IN_QUOTES):
                kept.append(index - 1)
            if raw[index] != "\n":
                kept.append(index)
        elif character in "'\"" and quote in {"", character}:
            quote = "" if quote else character
        else:
            kept.append(index)
        index += 1
    return "".join(raw[i] for i in kept), tuple(kept)


def split(text: Text) -> tuple[Text, ...]:
    """Splits a command line into words as `shlex` does: quotes and backslashes count, operators do not."""
    parts = (text.part(*span) for span in islice(_word_spans(text.value), MOST_WORDS))
    return tuple(part.quoted(*unquote(part.value)) for part in parts)


def _word_spans(value: str) -> Iterator[tuple[int, int]]:
    start, quote, index = -1, "", 0
    while index < len(value):
        character = value[index]
        if not quote and character.isspace():
            if start >= 0:
                yield start, index
            start = -1
        else:
            start = index if start < 0 else start
            if character == "\\" and quote != "'":
                index += 1
            elif character in "'\"" and quote in {"", character}:
                quote = "" if quote else character
        index += 1
    if start >= 0:
        yield start, min(index, len(value))
