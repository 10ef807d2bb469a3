"""What to probe, as whom, and how far to go: everything that the flags and the config say of a probe."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi_audit.errors import UsageError

HEADER_FILE_LIMIT = 65_536
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")

BUILT_IN, LOCUST = "built-in", "locust"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The headers that say who asks; nobody when there are none."""

    headers: Headers = field(default=(), repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no report may show: the values, and the credentials within them."""
        values = [value for _, value in self.headers]
        return tuple(dict.fromkeys([*values, *(value.partition(" ")[2] for value in values if " " in value)]))


NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class Start:
    """The application to start, for a probe that starts its own."""

    application: str
    """`module:attribute`, or `module:factory()`."""
    folder: Path
    python: Path | None = None
    """The interpreter that has the application's dependencies; the project's `.venv` when not given."""
    env_file: Path | None = None
    factory: bool = False
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the user has allowed beyond looking at a service of this machine."""

    hosts: tuple[str, ...] = ()
    """Names or addresses of other machines."""
    mutating: bool = False
    """Whether methods other than GET, HEAD and OPTIONS may be sent."""
    intrusive: bool = False
    """Whether bursts, oversize bodies and slow clients may be sent to a service that we did not start."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a probe ends, whatever it was doing."""

    max_time_s: float = 60.0
    max_requests: int = 5_000
    rate: float = 100.0
    """Requests per second, at most."""
    request_s: float = 10.0
    """For one request."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of an operation."""

    p95_ms: float = 200.0
    errors: float = 0.001
    """A share, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the user knows of one operation: arguments that work, and what is asked of it."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    """The text of a JSON body, for operations that take one."""
    target: Target | None = None
    skip: bool = False
    """Whether it must never be called."""


@dataclass(frozen=True, slots=True)
class Probing:
    """One probe; exactly one of `url` and `start` is given."""

    url: str = ""
    start: Start | None = None
    identity: Identity = NOBODY
    second: Identity = NOBODY
    """Another user of the same service."""
    scraper: Identity = NOBODY
    """Who reads the metrics; the user when nobody else does."""
    permissions: Permissions = field(default_factory=Permissions)
    limits: Limits = field(default_factory=Limits)
    target: Target = field(default_factory=Target)
    named: Mapping[str, Named] = field(default_factory=dict)
    """`GET /users/{id}` → what the user knows of it."""
    schema: str = "/openapi.json"
    """Where the service describes itself."""
    metrics: str = "/metrics"
    """Where Prometheus scrapes it."""
    sockets: tuple[str, ...] | None = None
    """Paths of its WebSockets, `/feed/{id}`; the application is asked for them when they are not given."""
    engine: str = BUILT_IN
    """What makes the measured load: `built-in` or `locust`."""
    locust_workers: int = 1
    """Processes of Locust."""
    locust_listen: str = ""
    """`HOST:PORT` where its master waits for workers of other machines; all are started here when not given."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no report may show."""
        return (*self.identity.secrets, *self.second.secrets, *self.scraper.secrets)

    def target_of(self, operation: str | None) -> Target:
        """What is asked of an operation, or of the whole service."""
        named = self.named.get(operation) if operation else None
        return named.target if named and named.target else self.target


def read_identity(path: Path) -> Identity:
    """`Name: value` lines, `${VARIABLE}` from the environment; errors name the line and never its content."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(HEADER_FILE_LIMIT + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise UsageError(message) from error
    if len(text) > HEADER_FILE_LIMIT:
        message = f"{path}: larger than {HEADER_FILE_LIMIT:,} characters; this is no file of headers"
        raise UsageError(message)
    lines = enumerate(text.splitlines(), 1)
    return Identity(tuple(_header(path, number, line) for number, line in lines if line.strip()[:1] not in ("", "#")))


def _header(path: Path, number: int, line: str) -> tuple[str, str]:
    found = HEADER.fullmatch(line.strip())
    if found is None or not found[2].isprintable():
        message = f"{path}:{number}: not a header; write `Name: value`, one a line"
        raise UsageError(message)
    missing = [name for name in VARIABLE.findall(found[2]) if name not in os.environ]
    if missing:
        message = f"{path}:{number}: `{missing[0]}` is not in the environment"
        raise UsageError(message)
    value = VARIABLE.sub(lambda name: os.environ[name[1]], found[2])
    if not value.isascii() or not value.isprintable():
        message = f"{path}:{number}: the value of `{found[1]}` has characters that no header can hold"
        raise UsageError(message)
    return found[1], value
