"""One model of how a web server is started, whichever server it is and wherever it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fastapi_audit.evidence.deployment.command_line import CommandLine
from fastapi_audit.evidence.deployment.compose import Service
from fastapi_audit.evidence.deployment.dockerfile import Image, Stage
from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.kubernetes import Container, Workload
from fastapi_audit.evidence.deployment.server_programs import Program
from fastapi_audit.evidence.deployment.shell import ShellCommand
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.model import Edit, Location

TRUTHS = frozenset({"1", "true", "yes", "on", "t", "y"})
BIND = re.compile(r"^(?:(?P<host>\[[^\]]*\]|[^:]*):)?(?P<port>\d+)$")
ASGI_WORKERS = re.compile(r"uvicorn|asgi", re.IGNORECASE)
WSGI_WORKERS = re.compile(r"^(?:sync|gthread|gevent|gevent_wsgi|gevent_pywsgi|eventlet|tornado|gunicorn\.workers\..*)$")


class DecidedBy(StrEnum):
    """What had the last word on a setting, strongest first."""

    CLI = "command line"
    GUNICORN_CMD_ARGS = "GUNICORN_CMD_ARGS"
    CONFIG_FILE = "configuration file"
    ENVIRONMENT = "environment"
    DEFAULT = "default"
    UNKNOWN = "unknown"


class Home(StrEnum):
    """Where a command is written or started from."""

    DOCKERFILE = "Dockerfile"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    PROCFILE = "Procfile"
    SYSTEMD = "systemd"
    SUPERVISOR = "supervisord"
    SCRIPT = "shell script"
    PYTHON = "Python"


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, and what decided it."""

    name: str
    value: str | None
    """`None` when it is not set and has no default, or is not known."""
    decided_by: DecidedBy
    text: Text | None = None
    """Where the value is written; `None` for a default."""
    option: Text | None = None
    """The option word on the command line, such as `--workers`."""
    known: bool = True
    """Whether the files tell; `False` for a variable without default, a missing configuration file, `"$@"`."""
    certain: bool = True
    """Whether it is written out; `False` when it is the default of a variable that the environment may set."""

    @property
    def number(self) -> int | None:
        """As a whole number; `None` when it is none."""
        found = re.fullmatch(r"\s*(\d{1,9})(?:\.0*)?\s*s?", self.value or "")
        return int(found[1]) if found else None

    @property
    def is_on(self) -> bool | None:
        """As a switch; `None` when unknown."""
        if not self.known:
            return None
        return (self.value or "").lower() in TRUTHS

    @property
    def is_default(self) -> bool:
        """Whether nobody set it."""
        return self.decided_by is DecidedBy.DEFAULT

    @property
    def location(self) -> Location | None:
        """Where it was decided."""
        return self.text.location if self.text else None


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable as the server sees it."""

    name: str
    value: str | None
    """`None` when it is set to something that the files do not tell."""
    certain: bool = True
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One shell between the container and the server."""

    shell: str | None
    """`dash`, `ash`, `bash`, `sh` …; `None` when the base image does not tell."""
    is_script: bool
    """A script file, not a string after `-c`; a shell never replaces itself at the end of a script."""
    command: ShellCommand
    """The command of this shell that leads to the server."""

    @property
    def passes_signals(self) -> bool | None:
        """Whether SIGTERM to this shell reaches the server; `None` when the shell is not known."""
        if self.command.execd:
            return True
        if self.is_script or self.command.piped or self.command.background or not self.command.final:
            return False
        if self.shell == "dash":
            return False
        return True if self.shell in {"bash", "ash"} else None


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """One way in which the files start a web server. The same command that several services run is several of these."""

    program: Program
    home: Home
    text: Text
    """The simple command, from the server's name on; insert `exec ` before it with `text.preceded_by("exec ")`."""
    words: tuple[Text, ...]
    """Server name and arguments, each with its place."""
    settings: Mapping[str, Setting]
    line: CommandLine | None = None
    """The whole `CMD`, `command:` … that it was found in, when that is in the same file."""
    wrappers: tuple[str, ...] = ()
    """What stands in front of it: `tini`, `poetry run`, `opentelemetry-instrument` …"""
    hops: tuple[Hop, ...] = ()
    """The shells that it is started through, outermost first."""
    beforehand: tuple[ShellCommand, ...] = ()
    """What the same shells run before the server, such as `alembic upgrade head`."""
    open_ended: bool = False
    """Whether a variable or `"$@"` may bring further options."""
    config: GunicornConfig | None = None
    environment: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    """What the container starts with, as far as it is written in the project."""
    service: Service | None = field(default=None, repr=False)
    image: Image | None = field(default=None, repr=False)
    stage: Stage | None = field(default=None, repr=False)
    workload: Workload | None = field(default=None, repr=False)
    container: Container | None = field(default=None, repr=False)
    production: bool = True

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def path(self) -> str:
        """The file that it is written in."""
        return self.text.path

    def setting(self, name: str) -> Setting:
        """Any setting; one that nobody set and that has no default has the value `None`."""
        decided = DecidedBy.UNKNOWN if self.open_ended else DecidedBy.DEFAULT
        return self.settings.get(name) or Setting(name, None, decided, known=not self.open_ended)

    @property
    def target(self) -> Setting:
        """The application: `app.main:app`; of `fastapi run` a file; its value is `None` when it is found by search."""
        return self.setting("target")

    @property
    def workers(self) -> Setting:
        """The processes as configured; see `processes` for what really runs."""
        return self.setting("workers")

    @property
    def processes(self) -> int | None:
        """How many processes serve: one under reload, else the workers; `None` when unknown."""
        if self.reload.is_on and self.program is not Program.GUNICORN:
            return 1
        return self.workers.number if self.workers.known else None

    @property
    def worker_class(self) -> Setting:
        """Of gunicorn and hypercorn."""
        return self.setting("worker_class")

    @property
    def speaks_asgi(self) -> bool | None:
        """Whether it can run an ASGI application; `None` when unknown."""
        if self.program is Program.GUNICORN:
            name = self.worker_class.value or ""
            if ASGI_WORKERS.search(name):
                return True
            return False if self.worker_class.known and WSGI_WORKERS.match(name) else None
        if self.program is Program.GRANIAN:
            interface = self.setting("interface")
            return (interface.value or "").startswith("asgi") if interface.known else None
        return True

    @property
    def reload(self) -> Setting:
        return self.setting("reload")

    @property
    def host(self) -> Setting:
        return self.setting("host")

    @property
    def port(self) -> Setting:
        return self.setting("port")

    @property
    def uds(self) -> Setting:
        """The unix socket, if it listens on one."""
        return self.setting("uds")

    @property
    def proxy_headers(self) -> Setting:
        """Whether X-Forwarded-* is looked at at all; on by default."""
        return self.setting("proxy_headers")

    @property
    def forwarded_allow_ips(self) -> Setting:
        """From whom X-Forwarded-* is believed; `127.0.0.1,::1` by default."""
        return self.setting("forwarded_allow_ips")

    @property
    def graceful_timeout(self) -> Setting:
        """Seconds for open requests after SIGTERM; of uvicorn `None` by default, which is for ever."""
        return self.setting("graceful_timeout")

    @property
    def keep_alive(self) -> Setting:
        """Seconds that an idle connection is kept."""
        return self.setting("keep_alive")

    @property
    def worker_timeout(self) -> Setting:
        """Seconds after which gunicorn kills a silent worker."""
        return self.setting("worker_timeout")

    @property
    def root_path(self) -> Setting:
        return self.setting("root_path")

    @property
    def factory(self) -> Setting:
        """Whether the target is a function that builds the application."""
        return self.setting("factory")

    @property
    def is_shell_form(self) -> bool:
        """Whether a shell stands between the container and the server."""
        return bool(self.hops)

    @property
    def receives_signals(self) -> bool | None:
        """Whether SIGTERM to PID 1 reaches the server; `None` when a shell on the way is not known."""
        answers = [hop.passes_signals for hop in self.hops]
        return False if False in answers else None if None in answers else True

    @property
    def only_by_optimisation(self) -> bool:
        """Whether signals arrive only because bash or ash replaces itself at the end of `-c`."""
        return self.receives_signals is True and any(not hop.command.execd for hop in self.hops)

    @property
    def is_conditional(self) -> bool:
        """Whether it stands in a branch of a shell and so runs only sometimes: `if [ "$RELOAD" = true ]`."""
        return any(hop.command.conditional for hop in self.hops)

    @property
    def is_container(self) -> bool:
        """Whether it is the main process of a container."""
        return self.home in {Home.DOCKERFILE, Home.COMPOSE, Home.KUBERNETES}

    def variable(self, name: str) -> Variable | None:
        """An environment variable that the server is started with."""
        return self.environment.get(name)

    def with_option(self, option: str, value: str) -> Edit | None:
        """Writes `option value` after the last word, in the form of its line; `None` where that needs a person."""
        last, line = self.words[-1], self.line
        if len(self.words) == 1 or last.path != self.path:
            return None
        if line is not None and line.is_list and last in line.words:
            return line.with_item(last, option, value)
        # What an image's `CMD` adds to its `ENTRYPOINT` stands elsewhere.
        here = line is None or (line.text.start <= last.start and last.end <= line.text.end)
        return last.followed_by(f" {option} {value}") if here else None
