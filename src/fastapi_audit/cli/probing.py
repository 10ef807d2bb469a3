"""What the flags and the config say of a probe, as one `Probing`."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_audit.config import OperationSettings, ProbeSettings
from fastapi_audit.errors import UsageError
from fastapi_audit.evidence import (
    BUILT_IN,
    LOCUST,
    Identity,
    Limits,
    Named,
    Permissions,
    Probing,
    Start,
    Target,
    read_identity,
)
from fastapi_audit.quantities import milliseconds, share

LISTEN = re.compile(r"[0-9A-Za-z.-]{1,253}:[1-9]\d{0,4}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The flags of a probe, as given."""

    url: str | None = None
    app: str | None = None
    folder: Path = Path()
    python: Path | None = None
    env_file: Path | None = None
    factory: bool = False
    workers: int = 1
    allow_host: tuple[str, ...] = ()
    mutating: bool = False
    intrusive: bool = False
    max_time: float | None = None
    max_requests: int | None = None
    header_file: Path | None = None
    second_header_file: Path | None = None
    metrics_header_file: Path | None = None
    p95_target: str | None = None
    error_target: str | None = None
    engine: str = BUILT_IN
    locust_workers: int | None = None
    locust_listen: str | None = None

    def probing(self, settings: ProbeSettings) -> Probing:
        """Flags over config over defaults; `UsageError` for what cannot be."""
        self._check()
        limits, target = Limits(), self._target(settings)
        return Probing(
            url=self.url or "",
            start=self._start(),
            identity=read_identity(self.header_file) if self.header_file else Identity(),
            second=read_identity(self.second_header_file) if self.second_header_file else Identity(),
            scraper=read_identity(self.metrics_header_file) if self.metrics_header_file else Identity(),
            permissions=Permissions(self.allow_host, self.mutating, self.intrusive),
            limits=Limits(
                self.max_time or settings.max_time or limits.max_time_s,
                self.max_requests or settings.max_requests or limits.max_requests,
                settings.rate or limits.rate,
            ),
            target=target,
            named=dict(_named(settings, target)),
            schema=settings.openapi,
            metrics=settings.metrics,
            engine=self.engine,
            locust_workers=self.locust_workers or 1,
            locust_listen=self.locust_listen or "",
        )

    def _check(self) -> None:
        if bool(self.url) == bool(self.app):
            message = "give the address of a running service, such as http://127.0.0.1:8000, or --app MODULE:ATTR"
            raise UsageError(message if not self.url else f"{message}, not both")
        if self.engine not in (BUILT_IN, LOCUST):
            message = f"--engine: {BUILT_IN} or {LOCUST}, not {self.engine!r}"
            raise UsageError(message)
        if self.locust_workers and self.engine != LOCUST:
            message = "--locust-workers is for --engine locust"
            raise UsageError(message)
        if self.locust_listen and self.engine != LOCUST:
            message = "--locust-listen is for --engine locust"
            raise UsageError(message)
        if self.locust_listen and not LISTEN.fullmatch(self.locust_listen):
            message = "--locust-listen: write an address of this machine and a port, such as 192.0.2.7:5557"
            raise UsageError(message)
        given = {
            "--python": self.python,
            "--env-file": self.env_file,
            "--factory": self.factory,
            "--workers": self.workers > 1,
        }
        idle = [name for name, value in given.items() if value]
        if self.url and idle:
            message = f"{idle[0]} is for an application that is started here; drop it, or give --app, not an address"
            raise UsageError(message)

    def _start(self) -> Start | None:
        if not self.app:
            return None
        return Start(self.app, self.folder, self.python, self.env_file, self.factory, self.workers)

    def _target(self, settings: ProbeSettings) -> Target:
        p95, errors = self.p95_target or settings.p95, self.error_target or settings.errors
        target = Target()
        return Target(
            _read("--p95-target", milliseconds, p95) if p95 else target.p95_ms,
            _read("--error-target", share, errors) if errors else target.errors,
        )


def _read(flag: str, read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except ValueError as error:
        message = f"{flag}: {error}"
        raise UsageError(message) from None


def _named(settings: ProbeSettings, target: Target) -> Iterator[tuple[str, Named]]:
    for name, operation in settings.operations.items():
        yield (
            name,
            Named(
                {key: _text(value) for key, value in operation.path.items()},
                {key: _text(value) for key, value in operation.query.items()},
                "" if operation.body is None else json.dumps(operation.body),
                _own_target(operation, target),
                operation.skip,
            ),
        )


def _own_target(operation: OperationSettings, target: Target) -> Target | None:
    if operation.p95 is None and operation.errors is None:
        return None
    return Target(
        milliseconds(operation.p95) if operation.p95 else target.p95_ms,
        share(operation.errors) if operation.errors else target.errors,
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
