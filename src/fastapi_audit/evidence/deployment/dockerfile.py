"""Dockerfiles: stages, what ends up in the final image, and what it runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fastapi_audit.evidence.deployment.command_line import (
    CommandLine,
    EnvVar,
    Healthcheck,
    exec_form,
    seconds,
    shell_form,
)
from fastapi_audit.evidence.deployment.dockerfile_lines import Instruction, instructions
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.image_reference import ImageReference
from fastapi_audit.evidence.deployment.shell import ShellCommand, parse, split
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.variables import fill
from fastapi_audit.model import Location

MOST_INSTRUCTIONS = 2000
ROOT_USERS = frozenset({"root", "0"})
INSTALLERS = {
    "apt-get": "install",
    "apt": "install",
    "apk": "add",
    "yum": "install",
    "dnf": "install",
    "microdnf": "install",
    "zypper": "install",
}
STAGE_NAME = re.compile(r"(\S++)\s++as\s++(\S++)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Copy:
    """One `COPY` or `ADD`."""

    sources: tuple[Text, ...]
    target: Text
    stage: str | None
    """`--from=`: the stage or image that it copies out of."""
    text: Text


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM … ` and what follows it; facts of the stage it builds upon are included."""

    index: int
    name: str | None
    text: Text
    """The `FROM` line."""
    base: ImageReference
    """The image it begins from; of a stage upon a stage: that one's."""
    parent: "Stage | None" = None
    """The earlier stage that it builds upon."""
    env: tuple[EnvVar, ...] = ()
    """`ENV` and `ARG`, in order."""
    user: Text | None = None
    """The last `USER`."""
    workdir: Text | None = None
    exposed: tuple[Text, ...] = ()
    """The ports, such as `8000` or `8000/tcp`."""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] | None = None
    """The words of the last `SHELL`."""
    command: CommandLine | None = None
    """The last `CMD`."""
    entrypoint: CommandLine | None = None
    """The last `ENTRYPOINT`."""
    runs: tuple[ShellCommand, ...] = ()
    """The simple commands of every `RUN`."""
    copies: tuple[Copy, ...] = ()
    last: Text | None = None
    """The last instruction; new ones are written after it."""

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def runs_as_root(self) -> bool | None:
        """Whether the process is root; `None` when a variable or the base image decides."""
        if self.user is None:
            return None if "nonroot" in self.base.name or self.base.unknown else True
        name = self.user.value.partition(":")[0]
        return None if "$" in name else name in ROOT_USERS

    @property
    def python_version(self) -> tuple[int, ...] | None:
        """Of the base image, `(3, 12)`."""
        return self.base.python_version

    @property
    def system_packages(self) -> frozenset[str]:
        """What apt, apk, yum and dnf install, without versions."""
        return frozenset(re.split(r"[=<>~]", name)[0] for name in _installed(self.runs))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the container starts with, as far as they are written here."""
        known: dict[str, str] = {}
        for variable in self.env:
            filled = fill(variable.value.value, known) if variable.value else None
            if filled and filled.value is not None:
                known[variable.name] = filled.value
        kept = (variable.name for variable in self.env if not variable.build_time)
        return {name: known[name] for name in kept if name in known}

    @property
    def shell_name(self) -> str | None:
        """The shell of a shell form: `dash`, `ash` or `bash`; `None` when the base image does not tell."""
        return self.shell[0].rpartition("/")[2] if self.shell else self.base.shell_name


@dataclass(frozen=True, slots=True)
class Image:
    """A Dockerfile."""

    path: str
    document: Document = field(repr=False)
    stages: tuple[Stage, ...]
    production: bool = True
    """Whether its name and folder do not say development, test or example."""

    @property
    def location(self) -> Location:
        return self.final.location

    @property
    def final(self) -> Stage:
        """What the image holds when no other target is asked for."""
        return self.stages[-1]

    def stage(self, name: str | None) -> Stage:
        """The stage of a build target; the final one when there is none of that name."""
        return next((stage for stage in self.stages if name is not None and stage.name == name), self.final)


def image(document: Document) -> Image | None:
    """Reads a Dockerfile; `None` when it has no `FROM`, or more instructions than anybody writes."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    build: _Build | None = None
    for number, instruction in enumerate(instructions(document)):
        if number > MOST_INSTRUCTIONS:
            return None
        if instruction.keyword == "FROM":
            if build:
                stages.append(build.stage)
            build = _Build(_begun(instruction, stages, arguments))
        elif build:
            build.add(instruction)
        elif instruction.keyword == "ARG":
            arguments.update((v.name, v.value.value) for v in _arguments(instruction) if v.value)
    if build is None:
        return None
    return Image(document.path, document, (*stages, build.stage), not is_development(document.path))


def _begun(instruction: Instruction, stages: list[Stage], arguments: dict[str, str]) -> Stage:
    """The stage that a `FROM` opens."""
    text = instruction.arguments
    named = STAGE_NAME.fullmatch(text.value)
    name = named[2].lower() if named else None
    reference = text.part(0, named.end(1) if named else len(text.value.rstrip()))
    parent = next((s for s in reversed(stages) if s.name == reference.value.lower()), None)
    if parent:
        return replace(
            parent, index=len(stages), name=name, text=instruction.text, parent=parent, last=instruction.text
        )
    filled = fill(reference.value, arguments)
    base = ImageReference(reference, filled.value or reference.value, "$" not in reference.value)
    return Stage(len(stages), name, instruction.text, base, last=instruction.text)


@dataclass(slots=True)
class _Build:
    """Collects the instructions of one stage."""

    stage: Stage
    has_command: bool = False

    def add(self, instruction: Instruction) -> None:
        self.stage = replace(self.process(instruction), last=instruction.text)

    def process(self, instruction: Instruction) -> Stage:
        """What decides the process of the container; the rest in `content`."""
        stage, arguments = self.stage, instruction.arguments
        match instruction.keyword:
            case "CMD":
                self.has_command = True
                return replace(stage, command=_command(arguments))
            case "ENTRYPOINT":
                # Docker drops the CMD of the base image when an ENTRYPOINT is set.
                command = stage.command if self.has_command else None
                return replace(stage, entrypoint=_command(arguments), command=command)
            case "HEALTHCHECK":
                return replace(stage, healthcheck=_healthcheck(instruction))
            case "SHELL":
                given = exec_form(arguments)
                return replace(stage, shell=given.values if given else stage.shell)
        return self.content(instruction)

    def content(self, instruction: Instruction) -> Stage:
        stage = self.stage
        match instruction.keyword:
            case "USER" | "WORKDIR" as keyword:
                user = instruction.arguments if keyword == "USER" else stage.user
                return replace(stage, user=user, workdir=stage.workdir if keyword == "USER" else instruction.arguments)
            case "ENV" | "ARG" as keyword:
                added = _variables(instruction) if keyword == "ENV" else _arguments(instruction)
                return replace(stage, env=(*stage.env, *added))
            case "EXPOSE":
                return replace(stage, exposed=(*stage.exposed, *split(instruction.arguments)))
            case "RUN":
                return replace(stage, runs=(*stage.runs, *_run(instruction)))
            case "COPY" | "ADD":
                return replace(stage, copies=(*stage.copies, *_copy(instruction)))
        return stage


def _command(arguments: Text) -> CommandLine:
    return exec_form(arguments) or shell_form(arguments)


def _run(instruction: Instruction) -> Iterator[ShellCommand]:
    if instruction.heredocs:
        for body in instruction.heredocs:
            yield from parse(body).commands
        return
    given = exec_form(instruction.arguments)
    if given:
        yield ShellCommand(given.words, instruction.arguments)
    else:
        yield from parse(instruction.arguments).commands


def _installed(runs: tuple[ShellCommand, ...]) -> Iterator[str]:
    for command in runs:
        verb = INSTALLERS.get(command.name)
        if verb and verb in command.arguments:
            after = command.arguments[command.arguments.index(verb) + 1 :]
            yield from (word for word in after if not word.startswith("-"))


def _variables(instruction: Instruction) -> Iterator[EnvVar]:
    """`ENV A=1 B=2`, or the old `ENV A 1`."""
    words = split(instruction.arguments)
    if words and "=" not in words[0].value:
        name = words[0].value
        rest = instruction.arguments.value[len(words[0].raw) :]
        start = len(instruction.arguments.value) - len(rest.lstrip())
        value = instruction.arguments.part(start, len(instruction.arguments.value))
        yield EnvVar(name, value, instruction.arguments)
        return
    yield from (_assignment(word, build_time=False) for word in words if "=" in word.value)


def _arguments(instruction: Instruction) -> Iterator[EnvVar]:
    for word in split(instruction.arguments):
        yield _assignment(word, build_time=True)


def _assignment(word: Text, *, build_time: bool) -> EnvVar:
    name, equals, value = word.value.partition("=")
    text = word.part(len(name) + 1, len(name) + 1 + len(value)) if equals else None
    return EnvVar(name, text, word, build_time=build_time)


def _copy(instruction: Instruction) -> Iterator[Copy]:
    listed = exec_form(instruction.arguments)
    words = listed.words if listed else split(instruction.arguments)
    if len(words) > 1:
        stage = instruction.flag("from")
        yield Copy(words[:-1], words[-1], stage, instruction.text)


def _healthcheck(instruction: Instruction) -> Healthcheck:
    arguments = instruction.arguments
    word = arguments.value.split(None, 1)[0].upper() if arguments.value.strip() else ""
    command = None
    if word == "CMD":
        skip = len(arguments.value) - len(arguments.value[3:].lstrip())
        command = _command(arguments.part(skip, len(arguments.value)))
    retries = instruction.flag("retries") or ""
    return Healthcheck(
        instruction.text,
        command,
        seconds(instruction.flag("interval")),
        seconds(instruction.flag("timeout")),
        seconds(instruction.flag("start-period")),
        int(retries) if retries.isdigit() else None,
    )
