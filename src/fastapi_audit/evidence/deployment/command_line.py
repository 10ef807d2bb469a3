"""What a container is told to run, and with which environment, wherever it is written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.shell import Parsed, parse, split
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import Reference, references
from fastapi_audit.model import Edit, Location

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")
LONGEST_DURATION = 40


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`CMD`, `ENTRYPOINT`, `command:` or `args:` as written."""

    text: Text
    """The whole of it, without the keyword."""
    words: tuple[Text, ...]
    """One for each argument. Of a shell form: split at blanks, operators included; see `shell` for its commands."""
    shell: Parsed | None = None
    """The commands of a Dockerfile's shell form, which `/bin/sh -c` runs; `None` when the words are run directly."""

    @property
    def is_shell_form(self) -> bool:
        """Whether a shell stands between the container and the program."""
        return self.shell is not None

    @property
    def is_list(self) -> bool:
        """Whether each word is an item of a JSON or YAML list, not a part of one string."""
        return self.text.raw.startswith(("[", "-")) and not self.is_shell_form

    def with_item(self, after: Text, *values: str) -> Edit | None:
        """Writes further items of a list after one of its words; `None` for a layout that is not known."""
        if self.text.raw.startswith("["):
            return after.followed_by("".join(f', "{value}"' for value in values))
        line, _ = after.document.place(after.start)
        before = after.document.text[after.document.starts[line - 1] : after.start]
        if not re.fullmatch(r"[ \t]*-[ \t]+", before):
            return None
        return after.next_line("\n".join(f'{before}"{value}"' for value in values))

    @property
    def values(self) -> tuple[str, ...]:
        """The words without quotes."""
        return tuple(word.value for word in self.words)

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class EnvVar:
    """One environment variable that a deployment file sets."""

    name: str
    value: Text | None
    """`None` when it is passed through from whoever starts it, or comes from a secret."""
    text: Text
    """The whole entry as written."""
    from_secret: bool = False
    """Whether the value is taken from a secret store (`secretKeyRef`), not written here."""
    build_time: bool = False
    """Whether it is an `ARG`: known while the image is built, and readable in its history."""

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def references(self) -> tuple[Reference, ...]:
        """The variables of the outside that its value uses."""
        return tuple(references(self.value)) if self.value else ()

    @property
    def literal(self) -> str | None:
        """The value when it is written here in full, without any variable."""
        return None if self.value is None or self.references else self.value.value


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The health check of an image or a compose service."""

    text: Text
    command: CommandLine | None
    """`None` when it is switched off (`NONE`, `disable: true`)."""
    interval: float | None = None
    """Seconds, here and below; `None` for the default."""
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def is_off(self) -> bool:
        """Whether it switches off the check that the image brings."""
        return self.command is None

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that it runs, without their folders, such as `curl`, `wget` or `python`."""
        if self.command is None:
            return ()
        if self.command.shell:
            return tuple(command.name for command in self.command.shell.commands)
        return (self.command.values[0].rpartition("/")[2],) if self.command.words else ()

    @property
    def urls(self) -> tuple[str, ...]:
        """The HTTP addresses in it."""
        whole = " ".join(self.command.values) if self.command else ""
        return tuple(re.findall(r"https?://[^\s'\"\\)|;]+", whole))


def exec_form(text: Text) -> CommandLine | None:
    """A JSON list of strings; `None` when it is none, which Docker then runs as a shell form."""
    try:
        words = json.loads(text.value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    return CommandLine(text, tuple(_strings(text)))


def _strings(text: Text) -> Iterator[Text]:
    for found in STRING.finditer(text.value):
        part = text.part(*found.span())
        inner = found[0][1:-1]
        simple = "\\" not in inner
        value = inner if simple else str(json.loads(found[0]))
        offsets = tuple(range(1, len(inner) + 1)) if simple else (1,) * len(value)
        yield part.quoted(value, offsets)


def shell_form(text: Text) -> CommandLine:
    """A string that a shell runs."""
    return CommandLine(text, split(text), parse(text))


def words_of(text: Text) -> CommandLine:
    """A string that is split into words and run without a shell, as compose and systemd do."""
    return CommandLine(text, split(text))


def seconds(duration: str | None) -> float | None:
    """`1m30s` or `90` in seconds; `None` for what is no duration."""
    if duration is None or len(duration) > LONGEST_DURATION:
        return None
    if re.fullmatch(r"\d+(?:\.\d+)?", duration):
        return float(duration)
    parts = DURATION.findall(duration)
    whole = "".join(f"{number}{unit}" for number, unit in parts) == duration
    return sum(float(number) * SECONDS[unit] for number, unit in parts) if parts and whole else None
