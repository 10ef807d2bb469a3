"""Procfiles, systemd units and supervisord programs: the processes that a platform or an init system keeps running."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.command_line import CommandLine, EnvVar, seconds, shell_form, words_of
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.server_command import Home
from fastapi_audit.evidence.deployment.shell import split
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

PROCFILE_LINE = re.compile(r"^([\w-]+):\s*(\S.*)$")
SECTION = re.compile(r"^\s*\[([^\]]+)\]")
UNIT_LINE = re.compile(r"^\s*(\w+)\s*=\s*(.*)$")


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One line of a Procfile, the service of a systemd unit, or a program of supervisord."""

    home: Home
    name: str
    """`web`, `worker`, or the name of the unit."""
    line: CommandLine
    text: Text
    environment: tuple[EnvVar, ...] = ()
    user: Text | None = None
    """`User=` of a unit."""
    restart: Text | None = None
    """`Restart=` of a unit."""
    stop_timeout: float | None = None
    """`TimeoutStopSec=` of a unit, in seconds; `None` for its default of 90."""
    environment_file: Text | None = None
    production: bool = True

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def path(self) -> str:
        return self.text.path


def procfile(document: Document) -> Iterator[ProcessLine]:
    """The processes of a Procfile; a shell runs each."""
    for number in range(1, len(document.starts) + 1):
        line = document.line(number)
        found = PROCFILE_LINE.match(line.value)
        if found:
            command = shell_form(line.part(*found.span(2)))
            yield ProcessLine(Home.PROCFILE, found[1], command, line, production=not is_development(document.path))


def unit(document: Document) -> Iterator[ProcessLine]:
    """The process of a systemd unit, which is run without a shell."""
    keys = dict(_keys(document))
    start = keys.get("ExecStart")
    if start is None:
        return
    begin = len(start.value) - len(start.value.lstrip("@-:+!"))
    stop = keys.get("TimeoutStopSec")
    yield ProcessLine(
        Home.SYSTEMD,
        document.path.rpartition("/")[2].removesuffix(".service"),
        words_of(start.part(begin, len(start.value))),
        start,
        tuple(variable for key, text in _keys(document) if key == "Environment" for variable in _variables(text)),
        keys.get("User"),
        keys.get("Restart"),
        seconds(stop.value) if stop else None,
        keys.get("EnvironmentFile"),
        not is_development(document.path),
    )


def supervised(document: Document) -> Iterator[ProcessLine]:
    """The programs of a supervisord configuration, which are run without a shell."""
    name = ""
    for number in range(1, len(document.starts) + 1):
        line = document.line(number)
        section = SECTION.match(line.value)
        found = UNIT_LINE.match(line.value)
        if section:
            name = section[1].partition("program:")[2]
        elif found and name and found[1] == "command":
            command = words_of(line.part(*found.span(2)))
            production = not is_development(document.path)
            yield ProcessLine(Home.SUPERVISOR, name, command, line, production=production)


def _keys(document: Document) -> Iterator[tuple[str, Text]]:
    number = 1
    while number <= len(document.starts):
        line = document.line(number)
        found = UNIT_LINE.match(line.value)
        kept = list(range(line.start + found.start(2), line.end)) if found else []
        while line.value.rstrip().endswith("\\") and number < len(document.starts):
            del kept[-1:]
            number += 1
            line = document.line(number)
            kept.extend(range(line.start, line.end))
        if found and kept:
            value = "".join(document.text[i] for i in kept)
            yield found[1], Text(document, kept[0], kept[-1] + 1, value, tuple(kept))
        number += 1


def _variables(text: Text) -> Iterator[EnvVar]:
    for word in split(text):
        name, equals, _ = word.value.partition("=")
        if equals:
            yield EnvVar(name, word.part(len(name) + 1, len(word.value)), word)
