"""Follows a command line through wrappers, shells and scripts to the web servers that it starts."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from fastapi_audit.evidence.deployment.command_line import CommandLine
from fastapi_audit.evidence.deployment.server_command import Hop
from fastapi_audit.evidence.deployment.server_programs import Program
from fastapi_audit.evidence.deployment.shell import Assignment, Parsed, ShellCommand, ShellScript, parse
from fastapi_audit.evidence.deployment.text import Text

DEEPEST = 12
MOST_STEPS = 500
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
SERVERS = {
    "uvicorn": Program.UVICORN,
    "gunicorn": Program.GUNICORN,
    "gunicorn.app.wsgiapp": Program.GUNICORN,
    "hypercorn": Program.HYPERCORN,
    "granian": Program.GRANIAN,
}
ASKING = frozenset({"--help", "-h", "--version", "--check-config", "--print-config"})
"""With one of these a server says something and ends."""

PYTHON = re.compile(r"^python(?:\d(?:\.\d+)?)?$")
PYTHON_WITH_VALUE = frozenset({"-W", "-X"})
SHELL_WITH_VALUE = re.compile(r"[-+][a-zA-Z]*[oO]|--(?:rcfile|init-file)")

ARRAY = re.compile(r"\$\{(\w+)\[[@*]\]\}")
ENTRYPOINT = re.compile(r"entry-?point[\w.-]*$")
"""The script of a base image: by custom it ends in `exec "$@"`."""

PREFIXES: Mapping[str, tuple[str, frozenset[str], int]] = {
    "tini": ("", frozenset({"-p", "-e"}), 0),
    "tini-static": ("", frozenset({"-p", "-e"}), 0),
    "docker-init": ("", frozenset(), 0),
    "catatonit": ("", frozenset(), 0),
    "dumb-init": ("", frozenset({"-r", "--rewrite"}), 0),
    "env": ("", frozenset({"-u", "-C"}), 0),
    "nohup": ("", frozenset(), 0),
    "time": ("", frozenset(), 0),
    "nice": ("", frozenset({"-n"}), 0),
    "stdbuf": ("", frozenset({"-i", "-o", "-e"}), 0),
    "timeout": ("", frozenset({"-s", "-k"}), 1),
    "sudo": ("", frozenset({"-u", "-g"}), 0),
    "gosu": ("", frozenset(), 1),
    "su-exec": ("", frozenset(), 1),
    "setpriv": ("", frozenset(), 0),
    "runuser": ("", frozenset({"-u"}), 0),
    "s6-setuidgid": ("", frozenset(), 1),
    "xvfb-run": ("", frozenset(), 0),
    "poetry": ("run", frozenset({"-C", "-P"}), 0),
    "pipenv": ("run", frozenset(), 0),
    "pdm": ("run", frozenset({"-p"}), 0),
    "rye": ("run", frozenset(), 0),
    "hatch": ("run", frozenset({"-e"}), 0),
    "pixi": ("run", frozenset({"-e", "--environment"}), 0),
    "uv": (
        "run",
        frozenset(
            {"--with", "--extra", "--group", "--project", "--directory", "--env-file", "--package", "-p", "--python"}
        ),
        0,
    ),
    "uvx": ("", frozenset({"--with", "--from", "-p", "--python"}), 0),
    "conda": ("run", frozenset({"-n", "--name", "-p", "--prefix"}), 0),
    "micromamba": ("run", frozenset({"-n", "--name", "-p", "--prefix"}), 0),
    "coverage": ("run", frozenset({"--rcfile"}), 0),
    "memray": ("run", frozenset({"-o"}), 0),
    "opentelemetry-instrument": (
        "",
        frozenset({"--traces_exporter", "--metrics_exporter", "--logs_exporter", "--service_name"}),
        0,
    ),
    "ddtrace-run": ("", frozenset(), 0),
    "newrelic-admin": ("run-program", frozenset(), 0),
    "doppler": ("run", frozenset({"-p", "-c", "--project", "--config"}), 0),
    "infisical": ("run", frozenset({"--env", "--path", "--projectId"}), 0),
    "op": ("run", frozenset({"--env-file"}), 0),
    "dotenv": ("run", frozenset({"-f", "-e"}), 0),
}
"""Programs that start another one: the word that must follow, their options with a value, and further words to skip."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One web server on a command line, and the way to it."""

    program: Program
    words: tuple[Text, ...]
    text: Text
    wrappers: tuple[str, ...]
    hops: tuple[Hop, ...]
    beforehand: tuple[ShellCommand, ...]
    assignments: tuple[Assignment, ...]
    """Variables that the shells on the way set."""


@dataclass(frozen=True, slots=True)
class Way:
    """How far a command line has been followed."""

    script: Callable[[str], ShellScript | None]
    """Finds a script of the project by the path that the container knows it under."""
    shell: str | None = None
    """What `sh` is in this image."""
    wrappers: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()
    beforehand: tuple[ShellCommand, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    given: tuple[Text, ...] = ()
    """What `"$@"` stands for."""
    arrays: Mapping[str, tuple[Text, ...]] = field(default_factory=dict, repr=False)
    text: Text | None = field(default=None, repr=False)
    depth: int = 0
    steps: Iterator[int] = field(default_factory=lambda: iter(range(MOST_STEPS)), repr=False)
    """Shared by all branches, so that scripts that call each other many times come to an end."""

    def past(self, wrapper: str) -> "Way":
        return replace(self, wrappers=(*self.wrappers, wrapper), depth=self.depth + 1)


def launches(line: CommandLine, way: Way, further: tuple[Text, ...] = ()) -> Iterator[Launch]:
    """The web servers that a command line starts; `further` are the words that the container adds to it."""
    if line.shell:
        yield from _through(line.shell, replace(way, given=further), is_script=False)
    else:
        yield from follow((*line.words, *further), replace(way, text=line.text))


def follow(words: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    """The web servers that these words start when they are run directly."""
    if not words or way.depth > DEEPEST or next(way.steps, None) is None:
        return
    name = words[0].value.rpartition("/")[2]
    rest = words[1:]
    if name in SERVERS or name == "fastapi":
        yield from _server(name, words, way)
    elif PYTHON.match(name):
        yield from _python(rest, way)
    elif name in SHELLS:
        yield from _shell(name, rest, way)
    elif words[0].value in {"$@", "$*", "${@}"}:
        yield from follow(way.given, replace(way, text=None, depth=way.depth + 1))
    elif array := ARRAY.fullmatch(words[0].value):
        yield from follow((*way.arrays.get(array[1], ()), *rest), replace(way, text=None, depth=way.depth + 1))
    elif name in PREFIXES:
        inner = _after(name, rest)
        label = f"{name} {PREFIXES[name][0]}".strip()
        yield from follow(inner, replace(way.past(label), text=way.text))
    else:
        yield from _other(words, way)


def _server(name: str, words: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    if name == "fastapi":
        verb = words[1].value if len(words) > 1 else ""
        if verb not in {"run", "dev"}:
            return
        program = Program.FASTAPI_RUN if verb == "run" else Program.FASTAPI_DEV
        words = (words[0], *words[2:])
    else:
        program = SERVERS[name]
    if any(word.value in ASKING for word in words[1:]):
        return
    text = _stretch(words, way)
    yield Launch(program, words, text, way.wrappers, way.hops, way.beforehand, way.assignments)


def _stretch(words: tuple[Text, ...], way: Way) -> Text:
    """From the server's name to its last word, where they stand in one piece of one file."""
    first = words[0]
    same = [word for word in words if word.path == first.path and word.start >= first.start]
    end = max(word.end for word in same)
    whole = way.text
    if whole and whole.path == first.path and whole.start <= first.start and end <= whole.end and not way.wrappers:
        return whole
    return first.document.span(first.start, end)


def _python(rest: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    """`python -m uvicorn …`; what a module of the project starts is the business of the source model."""
    index = 0
    while index < len(rest) and rest[index].value.startswith("-"):
        value = rest[index].value
        if value == "-m" and index + 1 < len(rest):
            module = rest[index + 1].value
            yield from _module(module, rest[index + 1 :], way)
            return
        index += 2 if value in PYTHON_WITH_VALUE else 1


def _module(module: str, words: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    if module == "debugpy":
        inner = next((i for i, word in enumerate(words) if word.value == "-m"), None)
        yield from (
            _module(words[inner + 1].value, words[inner + 1 :], way.past(module))
            if (inner is not None and inner + 1 < len(words) and words[inner + 1].value in SERVERS)
            else ()
        )
    elif module in SERVERS or module == "fastapi":
        yield from _server(module, words, way)
    elif module in PREFIXES:
        yield from follow(words, way)


def _shell(name: str, rest: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    """`sh -c "…"` and `bash script.sh`."""
    shell = way.shell if name == "sh" else name
    index, runs_text = 0, False
    while index < len(rest) and rest[index].value.startswith(("-", "+")):
        flags = rest[index].value
        runs_text = runs_text or re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", flags) is not None
        index += 2 if SHELL_WITH_VALUE.fullmatch(flags) else 1
    if not runs_text:
        yield from _scripted(rest[index:], way)
    elif index < len(rest):
        inner = replace(way, shell=shell, given=rest[index + 2 :], text=None, depth=way.depth + 1)
        yield from _through(parse(rest[index]), inner, is_script=False)


def _scripted(words: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    script = way.script(words[0].value) if words else None
    if script:
        shell = way.shell if script.shell == "sh" else script.shell
        inner = replace(way, shell=shell, given=words[1:], text=None, depth=way.depth + 1)
        parsed = Parsed(script.commands, script.assignments, arrays=script.arrays)
        yield from _through(parsed, inner, is_script=True)


def _through(parsed: Parsed, way: Way, *, is_script: bool) -> Iterator[Launch]:
    """Every server that the commands of one shell start."""
    before: tuple[ShellCommand, ...] = way.beforehand
    for command in parsed.commands:
        inner = replace(
            way,
            hops=(*way.hops, Hop(way.shell, is_script, command)),
            beforehand=before,
            assignments=(*way.assignments, *parsed.assignments, *command.assignments),
            arrays=parsed.arrays,
            text=command.text if not command.execd and not command.assignments else None,
            depth=way.depth + 1,
        )
        yield from follow(command.words, inner)
        before = (*before, command)


def _after(name: str, rest: tuple[Text, ...]) -> tuple[Text, ...]:
    """The words that a prefix program runs."""
    verb, with_value, skip = PREFIXES[name]
    index, wanted = 0, bool(verb)
    while index < len(rest):
        value = rest[index].value
        if value == "--" and not wanted:
            return rest[index + 1 :]
        if wanted and value == verb:
            wanted = False
        elif value.startswith("-"):
            index += 1 if value in with_value else 0
        elif name == "env" and "=" in value:
            pass
        elif not wanted and skip == 0:
            return rest[index:]
        elif not wanted:
            skip -= 1
        index += 1
    return ()


def _other(words: tuple[Text, ...], way: Way) -> Iterator[Launch]:
    """A script of the project, or an unknown program that is told what to run after `--`."""
    found = list(_scripted(words, way))
    if found:
        yield from found
        return
    index = next((i for i, word in enumerate(words) if word.value == "--"), None)
    if index is not None:
        yield from follow(words[index + 1 :], way.past(words[0].value))
    elif ENTRYPOINT.search(words[0].value):
        yield from follow(words[1:], way.past(words[0].value))
