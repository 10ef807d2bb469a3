"""Joins what the files say of each other: services to their images, commands to scripts, files and environment."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from fastapi_audit.evidence.deployment.command_line import CommandLine
from fastapi_audit.evidence.deployment.compose import Service
from fastapi_audit.evidence.deployment.dockerfile import Image, Stage
from fastapi_audit.evidence.deployment.dotenv import DotEnv
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.kubernetes import ConfigData, Container, Workload
from fastapi_audit.evidence.deployment.launching import Launch, Way, launches
from fastapi_audit.evidence.deployment.process import ProcessLine
from fastapi_audit.evidence.deployment.server_command import Home, ServerCommand, Variable
from fastapi_audit.evidence.deployment.server_programs import DIALECTS, Program, read_arguments
from fastapi_audit.evidence.deployment.settling import Surroundings, settle, settle_call
from fastapi_audit.evidence.deployment.shell import Parsed, ShellScript, split
from fastapi_audit.evidence.deployment.surroundings import assigned, environment_of, nearest
from fastapi_audit.evidence.deployment.text import Text

AUTOMATIC_CONFIG = "gunicorn.conf.py"


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of the deployment, each read for itself."""

    images: tuple[Image, ...] = ()
    services: tuple[Service, ...] = ()
    workloads: tuple[Workload, ...] = ()
    settings: tuple[ConfigData, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    scripts: tuple[ShellScript, ...] = ()
    configs: tuple[GunicornConfig, ...] = ()
    dotenvs: tuple[DotEnv, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who starts a command, and from where."""

    home: Home
    folder: str
    """Where relative paths begin."""
    environment: Mapping[str, Variable]
    production: bool
    shell: str | None = None
    service: Service | None = None
    image: Image | None = None
    stage: Stage | None = None
    workload: Workload | None = None
    container: Container | None = None
    line: CommandLine | None = field(default=None, repr=False)


def server_commands(parts: Parts) -> tuple[ServerCommand, ...]:
    """Every way in which the files start a web server, production and not."""
    linker = _Linker(parts)
    found = [*linker.of_services(), *linker.of_workloads(), *linker.of_processes()]
    covered = {(c.path, c.text.start) for c in found if c.production}
    found.extend(c for c in linker.of_images() if (c.path, c.text.start) not in covered)
    # Beside a container or a process manager, a script that none of them runs is a help for developers.
    alone = not any(command.production for command in found)
    covered = {(c.path, c.text.start) for c in found}
    for command in linker.of_scripts():
        if (command.path, command.text.start) not in covered:
            found.append(replace(command, production=command.production and alone))
            covered.add((command.path, command.text.start))
    return tuple(sorted(found, key=lambda c: (c.path, c.text.start, c.service.path if c.service else "")))


def image_of(service: Service, images: tuple[Image, ...]) -> Image | None:
    """The Dockerfile that a service is built from."""
    if service.build is None:
        return None
    folder = posixpath.dirname(service.build.text.path)
    path = posixpath.normpath(posixpath.join(folder, service.build.context, service.build.dockerfile))
    return next((image for image in images if image.path == path), None)


def python_command(
    call: Text, keywords: Mapping[str, tuple[str | None, Text]], *, production: bool = True
) -> ServerCommand:
    """`uvicorn.run(…)` in the project's Python, as the source model sees it; `app` of the keywords is the target."""
    settings = settle_call({("target" if name == "app" else name): given for name, given in keywords.items()})
    return ServerCommand(Program.UVICORN, Home.PYTHON, call, (call,), settings, production=production)


@dataclass(frozen=True, slots=True)
class _Linker:
    parts: Parts

    def of_services(self) -> Iterator[ServerCommand]:
        for service in self.parts.services:
            base = self.base_of(service)
            build = service.build or (base.build if base else None)
            image = image_of(base or service, self.parts.images) or self.shared_image(base or service)
            stage = image.stage(build.target if build else None) if image else None
            written = service.entrypoint or (base.entrypoint if base else None)
            entry = written or (stage.entrypoint if stage else None)
            from_image = stage.command if stage and not written else None
            command = service.command or (base.command if base else None) or from_image
            shell = stage.shell_name if stage else service.image.shell_name if service.image else None
            named = is_development(stage.name or "") if stage else False
            origin = Origin(
                Home.COMPOSE if service.command or service.entrypoint else Home.DOCKERFILE,
                posixpath.dirname(image.path if image else service.path),
                self.service_environment(base, stage) | self.service_environment(service, None)
                if base
                else self.service_environment(service, stage),
                service.production and not named and not self.is_replaced(service),
                shell,
                service=service,
                image=image,
                stage=stage,
            )
            yield from self.started(entry, command, origin)

    def base_of(self, service: Service) -> Service | None:
        """The service that a further compose file changes: the one of the same name beside it."""
        folder = posixpath.dirname(service.path)
        for other in self.parts.services if service.partial else ():
            if not other.partial and other.name == service.name and posixpath.dirname(other.path) == folder:
                return other
        return None

    def is_replaced(self, service: Service) -> bool:
        """Whether a further compose file of production gives the service another command."""
        return any(
            other.partial and other.production and other.command and self.base_of(other) is service
            for other in self.parts.services
            if other.name == service.name
        )

    def shared_image(self, service: Service) -> Image | None:
        """The Dockerfile of another service of the same file that names the image this one runs."""
        name = service.image.name if service.image else None
        for other in self.parts.services if name else ():
            same = other.project == service.project and other.image is not None and other.image.name == name
            if same and other.build:
                return image_of(other, self.parts.images)
        return None

    def of_images(self) -> Iterator[ServerCommand]:
        for image in self.parts.images:
            stage = image.final
            environment = environment_of(stage.env, {}, certain=False)
            folder = posixpath.dirname(image.path)
            origin = Origin(
                Home.DOCKERFILE, folder, environment, image.production, stage.shell_name, image=image, stage=stage
            )
            yield from self.started(stage.entrypoint, stage.command, origin)

    def of_workloads(self) -> Iterator[ServerCommand]:
        for workload in self.parts.workloads:
            for container in workload.containers:
                image = self.image_named(container)
                stage = image.final if image else None
                entry = container.command or (stage.entrypoint if stage else None)
                command = container.args or (stage.command if stage and not container.command else None)
                origin = Origin(
                    Home.KUBERNETES if container.command or container.args else Home.DOCKERFILE,
                    posixpath.dirname(image.path) if image else "",
                    self.container_environment(container, stage),
                    workload.production,
                    stage.shell_name if stage else container.image.shell_name if container.image else None,
                    image=image,
                    stage=stage,
                    workload=workload,
                    container=container,
                )
                yield from self.started(entry, command, origin)

    def image_named(self, container: Container) -> Image | None:
        """The Dockerfile that a container's image is built from: that of the folder of its name, or the only one."""
        candidates = [image for image in self.parts.images if image.production]
        name = container.image.base_name if container.image else ""
        named = [image for image in candidates if posixpath.dirname(image.path).rpartition("/")[2] == name]
        if len(named) == 1:
            return named[0]
        servers = [image for image in candidates if any(True for _ in self.launches_of(image))]
        jobs = container.command or container.args
        return servers[0] if len(servers) == 1 and len(self.parts.workloads) == 1 and not jobs else None

    def launches_of(self, image: Image) -> Iterator[Launch]:
        way = Way(self.script_finder(posixpath.dirname(image.path)), image.final.shell_name)
        return _launches(image.final.entrypoint, image.final.command, way)

    def of_processes(self) -> Iterator[ServerCommand]:
        for process in self.parts.processes:
            folder = posixpath.dirname(process.path)
            environment = environment_of(process.environment, {}, certain=True)
            origin = Origin(process.home, folder, environment, process.production)
            yield from self.started(None, process.line, origin)

    def of_scripts(self) -> Iterator[ServerCommand]:
        for script in self.parts.scripts:
            way = Way(self.script_finder(posixpath.dirname(script.path)), None)
            origin = Origin(Home.SCRIPT, posixpath.dirname(script.path), {}, script.production)
            for launch in _of_script(script, way):
                yield self.command(launch, origin)

    def started(
        self, entry: CommandLine | None, command: CommandLine | None, origin: Origin
    ) -> Iterator[ServerCommand]:
        way = Way(self.script_finder(origin.folder), origin.shell)
        for launch in _launches(entry, command, way):
            line = next((x for x in (command, entry) if x and _holds(x, launch.words[0])), None)
            yield self.command(launch, origin, line)

    def command(self, launch: Launch, origin: Origin, line: CommandLine | None = None) -> ServerCommand:
        variables, exported = assigned(launch.assignments, origin.environment)
        config, hidden = self.config(launch, origin)
        settled = settle(launch, Surroundings(exported, variables, config, hidden))
        return ServerCommand(
            launch.program,
            origin.home,
            launch.text,
            launch.words,
            settled.settings,
            line,
            launch.wrappers,
            launch.hops,
            launch.beforehand,
            settled.open_ended,
            config,
            exported,
            origin.service,
            origin.image,
            origin.stage,
            origin.workload,
            origin.container,
            origin.production and not is_development(launch.text.path),
        )

    def config(self, launch: Launch, origin: Origin) -> tuple[GunicornConfig | None, bool]:
        """The configuration file that gunicorn reads, and whether one counts that nobody can tell."""
        if launch.program is not Program.GUNICORN:
            return None, False
        given = read_arguments(DIALECTS[launch.program], launch.words[1:]).given.get("config")
        variable = origin.environment.get("GUNICORN_CMD_ARGS")
        if given is None and variable and variable.text:
            given = read_arguments(DIALECTS[launch.program], split(variable.text)).given.get("config")
        if given:
            wanted = given.value.removeprefix("file:")
            if wanted.startswith("python:"):
                wanted = wanted.removeprefix("python:").replace(".", "/") + ".py"
            found = nearest(wanted, tuple(c.path for c in self.parts.configs), origin.folder)
            return next((c for c in self.parts.configs if c.path == found), None), found is None
        automatic = [c for c in self.parts.configs if posixpath.basename(c.path) == AUTOMATIC_CONFIG]
        here = [c for c in automatic if posixpath.dirname(c.path) in {origin.folder, ""}]
        return (here[0], False) if here else (None, bool(automatic))

    def script_finder(self, folder: str) -> Callable[[str], ShellScript | None]:
        """Finds a script by the path that the container knows it under."""
        scripts = {script.path: script for script in self.parts.scripts}
        paths = tuple(scripts)

        @cache
        def find(path: str) -> ShellScript | None:
            found = nearest(path, paths, folder)
            return scripts[found] if found else None

        return find

    def service_environment(self, service: Service, stage: Stage | None) -> dict[str, Variable]:
        folder = posixpath.dirname(service.path)
        outside = self.dotenv(posixpath.join(folder, ".env"))
        known = environment_of(stage.env if stage else (), {}, certain=False)
        for name in service.env_files:
            beside = posixpath.dirname(name.path)
            known |= self.dotenv(posixpath.normpath(posixpath.join(beside, name.value)))
        return known | environment_of(service.environment, outside, certain=True)

    def dotenv(self, path: str) -> dict[str, Variable]:
        found = next((d for d in self.parts.dotenvs if d.path == path), None)
        return environment_of(found.variables, {}, certain=False) if found else {}

    def container_environment(self, container: Container, stage: Stage | None) -> dict[str, Variable]:
        known = environment_of(stage.env if stage else (), {}, certain=False)
        for name in container.env_from:
            for settings in self.parts.settings:
                if settings.name == name and not settings.encoded:
                    known |= environment_of(settings.entries, {}, certain=True)
        return known | environment_of(container.env, {}, certain=True)


def _launches(entry: CommandLine | None, command: CommandLine | None, way: Way) -> Iterator[Launch]:
    """`ENTRYPOINT` and `CMD` together, as docker joins them."""
    if entry is None:
        yield from launches(command, way) if command else ()
    elif entry.is_shell_form or command is None:
        yield from launches(entry, way)
    else:
        yield from launches(entry, way, _as_words(command))


def _as_words(command: CommandLine) -> tuple[Text, ...]:
    """The words of a `CMD`; a shell form is `/bin/sh -c` and the whole string."""
    if not command.is_shell_form:
        return command.words
    text = command.text
    before = [Text(text.document, text.start, text.start, word) for word in ("/bin/sh", "-c")]
    return (*before, text)


def _of_script(script: ShellScript, way: Way) -> Iterator[Launch]:
    parsed = Parsed(script.commands, script.assignments, arrays=script.arrays)
    yield from launches(CommandLine(script.document.span(0, len(script.document.text)), (), parsed), way)


def _holds(line: CommandLine, word: Text) -> bool:
    return line.text.path == word.path and line.text.start <= word.start and word.end <= line.text.end
