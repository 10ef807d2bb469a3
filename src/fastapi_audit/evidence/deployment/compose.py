"""Compose files: their services with everything that decides how they run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fastapi_audit.evidence.deployment.command_line import (
    CommandLine,
    EnvVar,
    Healthcheck,
    seconds,
    shell_form,
    words_of,
)
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.image_reference import ImageReference
from fastapi_audit.evidence.deployment.ports import Port, compose_ports
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.variables import fill
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Scalar, Sequence
from fastapi_audit.model import Edit, Location


class ServiceKind(StrEnum):
    """What a service is, judged by its image and its command."""

    API = "api"
    """Runs uvicorn, gunicorn or another Python web server."""
    WORKER = "worker"
    """Celery, arq, rq, dramatiq, taskiq …"""
    MIGRATION = "migration"
    """A job that ends: alembic, a script named migrate."""
    POSTGRES = "postgres"
    MYSQL = "mysql"
    MONGO = "mongo"
    REDIS = "redis"
    BROKER = "broker"
    """RabbitMQ, Kafka, NATS."""
    POOLER = "pooler"
    """PgBouncer and its like."""
    PROXY = "proxy"
    """nginx, Traefik, Caddy, HAProxy, Envoy."""
    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"
    EXPORTER = "exporter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Build:
    """`build:` of a service."""

    context: str
    """Relative to the compose file, as written; `.` without one."""
    dockerfile: str
    """Relative to the context; `Dockerfile` without one."""
    target: str | None
    args: tuple[EnvVar, ...]
    text: Text


@dataclass(frozen=True, slots=True)
class DependsOn:
    """One service that another one waits for."""

    service: str
    condition: str | None
    """`service_started`, `service_healthy`, `service_completed_successfully`; `None` in the short form."""
    text: Text
    """The name, or of the long form the whole entry."""

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a compose file."""

    name: str
    key: Text
    """The name as it stands in the file."""
    body: Mapping = field(repr=False)
    image: ImageReference | None = None
    build: Build | None = None
    command: CommandLine | None = None
    """`command:`; a list or a string, which compose splits into words and runs without a shell."""
    entrypoint: CommandLine | None = None
    environment: tuple[EnvVar, ...] = ()
    env_files: tuple[Text, ...] = ()
    ports: tuple[Port, ...] = ()
    """Published on the host."""
    exposed: tuple[Text, ...] = ()
    """`expose:`, reachable for other services only."""
    volumes: tuple[Text, ...] = ()
    """The short form, or of the long form the source and target as `source:target`."""
    depends_on: tuple[DependsOn, ...] = ()
    healthcheck: Healthcheck | None = None
    secrets: tuple[Text, ...] = ()
    profiles: tuple[str, ...] = ()
    production: bool = True
    """Whether neither file name, profile nor folder says development, test or example."""
    partial: bool = False
    """Whether it only changes a service of another file, or extends an unknown one: a missing key says nothing."""
    keys: frozenset[str] = frozenset()
    """The keys it has, those that related files of production add included."""
    required: frozenset[str] = frozenset()
    """The variables without which compose refuses the whole file, because one place of it asks with `?`."""
    project: str = ""
    """The compose file that is started with it: its own, or the one that includes that."""
    kind: ServiceKind = ServiceKind.OTHER

    @property
    def location(self) -> Location:
        return self.key.location

    @property
    def path(self) -> str:
        """The compose file."""
        return self.key.path

    @property
    def restart(self) -> Text | None:
        """`restart:`, or `deploy.restart_policy.condition`."""
        return self.body.scalar("restart") or self.body.scalar("deploy", "restart_policy", "condition")

    @property
    def replicas(self) -> Text | None:
        """`deploy.replicas` or `scale`."""
        return self.body.scalar("deploy", "replicas") or self.body.scalar("scale")

    @property
    def memory_limit(self) -> Text | None:
        """`deploy.resources.limits.memory` or `mem_limit`."""
        return self.body.scalar("deploy", "resources", "limits", "memory") or self.body.scalar("mem_limit")

    @property
    def cpu_limit(self) -> Text | None:
        """`deploy.resources.limits.cpus` or `cpus`."""
        return self.body.scalar("deploy", "resources", "limits", "cpus") or self.body.scalar("cpus")

    @property
    def update_order(self) -> Text | None:
        """`deploy.update_config.order`: `start-first` or `stop-first`."""
        return self.body.scalar("deploy", "update_config", "order")

    @property
    def user(self) -> Text | None:
        return self.body.scalar("user")

    @property
    def read_only(self) -> bool:
        return self.body.flag("read_only") is True

    @property
    def init(self) -> bool:
        """Whether a small init process runs as PID 1."""
        return self.body.flag("init") is True

    @property
    def privileged(self) -> bool:
        return self.body.flag("privileged") is True

    @property
    def stop_grace_period(self) -> float | None:
        """Seconds between SIGTERM and SIGKILL; `None` for compose's 10."""
        text = self.body.scalar("stop_grace_period")
        return seconds(text.value) if text else None

    @property
    def network_mode(self) -> Text | None:
        return self.body.scalar("network_mode")

    @property
    def is_datastore(self) -> bool:
        """Whether it keeps data that clients outside should not reach."""
        return self.kind in {
            ServiceKind.POSTGRES,
            ServiceKind.MYSQL,
            ServiceKind.MONGO,
            ServiceKind.REDIS,
            ServiceKind.BROKER,
        }

    def variable(self, name: str) -> EnvVar | None:
        """The environment variable of a name; the last one counts."""
        return next((v for v in reversed(self.environment) if v.name == name), None)

    def added(self, key: str, value: str) -> Edit | None:
        """Writes a further `key: value` into the service, in its layout; `None` where that needs a person."""
        return self.body.added(key, value)


def service_of(document: Document, key: Text, body: Mapping) -> Service:
    """The service of a name and a body, what it extends taken over."""
    profiles = tuple(text.value for text in _texts(body.get("profiles")))
    written = body.scalar("image")
    image = (
        ImageReference(written, fill(written.value, {}).value or written.value, "$" not in written.value)
        if (written)
        else None
    )
    build = _build(body)
    own = frozenset(pair.key.value for pair in body.pairs)
    return Service(
        key.value,
        key,
        body,
        image,
        build,
        _command(body.get("command")),
        _command(body.get("entrypoint")),
        tuple(environment(body.get("environment"))),
        tuple(_env_files(body.get("env_file"))),
        tuple(compose_ports(body.get("ports"))),
        tuple(_texts(body.get("expose"))),
        tuple(_volumes(body.get("volumes"))),
        tuple(_dependencies(body.get("depends_on"))),
        _healthcheck(body),
        tuple(_names(body.get("secrets"), "source")),
        profiles,
        production=not is_development(document.path) and not any(is_development(p) for p in profiles),
        partial=image is None and build is None,
        keys=own,
    )


def _texts(node: Node | None) -> Iterator[Text]:
    """The scalars of a list, or the one scalar."""
    for item in node.items if isinstance(node, Sequence) else (node,):
        if isinstance(item, Scalar) and not item.is_null:
            yield item.text


def _names(node: Node | None, key: str) -> Iterator[Text]:
    """The scalars of a list, and of its mappings the value under a key."""
    for item in node.items if isinstance(node, Sequence) else ():
        text = item.scalar(key) if isinstance(item, Mapping) else item.text if isinstance(item, Scalar) else None
        if text:
            yield text


def _env_files(node: Node | None) -> Iterator[Text]:
    yield from _texts(node)
    if isinstance(node, Sequence):
        yield from (text for item in node.items if isinstance(item, Mapping) and (text := item.scalar("path")))


def _build(body: Mapping) -> Build | None:
    node = body.get("build")
    if isinstance(node, Scalar) and not node.is_null:
        return Build(node.value, "Dockerfile", None, (), node.text)
    if not isinstance(node, Mapping):
        return None
    context, dockerfile, target = node.scalar("context"), node.scalar("dockerfile"), node.scalar("target")
    return Build(
        context.value if context else ".",
        dockerfile.value if dockerfile else "Dockerfile",
        target.value if target else None,
        tuple(environment(node.get("args"))),
        node.text,
    )


def _command(node: Node | None) -> CommandLine | None:
    if isinstance(node, Scalar) and not node.is_null:
        return words_of(node.text)
    if isinstance(node, Sequence):
        return CommandLine(node.text, tuple(_texts(node)))
    return None


def environment(node: Node | None) -> Iterator[EnvVar]:
    """Variables written as a mapping or as a list of `NAME=value`."""
    if isinstance(node, Mapping):
        for pair in node.pairs:
            value = pair.value.text if isinstance(pair.value, Scalar) and not pair.value.is_null else None
            yield EnvVar(pair.key.value, value, pair.text)
    elif isinstance(node, Sequence):
        for text in _texts(node):
            name, equals, _ = text.value.partition("=")
            yield EnvVar(name, text.part(len(name) + 1, len(text.value)) if equals else None, text)


def _volumes(node: Node | None) -> Iterator[Text]:
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar):
            yield item.text
        elif isinstance(item, Mapping):
            source, target = item.scalar("source"), item.scalar("target")
            pair = f"{source.value if source else ''}:{target.value if target else ''}"
            yield Text(item.text.document, item.text.start, item.text.end, pair)


def _dependencies(node: Node | None) -> Iterator[DependsOn]:
    if isinstance(node, Mapping):
        for pair in node.pairs:
            condition = pair.value.scalar("condition") if isinstance(pair.value, Mapping) else None
            yield DependsOn(pair.key.value, condition.value if condition else None, pair.text)
    elif isinstance(node, Sequence):
        yield from (DependsOn(text.value, None, text) for text in _texts(node))


def _healthcheck(body: Mapping) -> Healthcheck | None:
    pair = body.pair("healthcheck")
    if pair is None or not isinstance(pair.value, Mapping):
        return None
    found = pair.value
    test = found.get("test")
    off = found.flag("disable") is True
    times = (seconds(text.value) if (text := found.scalar(key)) else None for key in TIMES)
    interval, timeout, start_period = times
    command = None if off else _test(test)
    return Healthcheck(pair.text, command, interval, timeout, start_period, found.number("retries"))


TIMES = ("interval", "timeout", "start_period")


def _test(node: Node | None) -> CommandLine | None:
    """`CMD …`, `CMD-SHELL "…"`, `NONE`, or a string for a shell."""
    if isinstance(node, Scalar) and not node.is_null:
        return shell_form(node.text)
    if not isinstance(node, Sequence):
        return None
    words = tuple(_texts(node))
    if not words or words[0].value == "NONE":
        return None
    if words[0].value == "CMD-SHELL":
        return shell_form(words[1]) if len(words) > 1 else None
    return CommandLine(node.text, words[1:] if words[0].value == "CMD" else words)


IS_COMPOSE = re.compile(r"(?:^|[._-])compose(?:[._-].*)?\.ya?ml$", re.IGNORECASE)
"""The file names of compose files."""
