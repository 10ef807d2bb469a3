"""Everything that the deployment files say, joined, and what follows from it for the whole service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fastapi_audit.evidence.deployment.compose import Service, ServiceKind
from fastapi_audit.evidence.deployment.datastores import PostgresConf, RedisConf
from fastapi_audit.evidence.deployment.dockerfile import Image
from fastapi_audit.evidence.deployment.dotenv import DotEnv
from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.kubernetes import Autoscaler, ConfigData, Ingress, Workload
from fastapi_audit.evidence.deployment.linking import image_of
from fastapi_audit.evidence.deployment.nginx import Proxy, ProxyLocation
from fastapi_audit.evidence.deployment.observing import AlertRule, Dashboard, PrometheusConfig
from fastapi_audit.evidence.deployment.process import ProcessLine
from fastapi_audit.evidence.deployment.remarks import Remark
from fastapi_audit.evidence.deployment.requirements import Requirements
from fastapi_audit.evidence.deployment.server_command import ServerCommand
from fastapi_audit.evidence.deployment.shell import ShellScript
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import fill
from fastapi_audit.model import Location, Unresolved

MAX_CONNECTIONS = re.compile(r"max_connections\s*=\s*'?(\d{1,7})")
POSTGRES_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class WorkerTotal:
    """How many server processes one way of deploying starts."""

    name: str
    """The file, or the folder of the manifests."""
    count: int | None
    """`None` when a part is unknown."""
    least: int
    """What is certain: unknown parts count as one."""
    arithmetic: str
    """`api: 4 workers x 2 replicas = 8`."""
    unknown: tuple[str, ...]
    """What would have to be known."""
    commands: tuple[ServerCommand, ...]


@dataclass(frozen=True, slots=True)
class MaxConnections:
    """How many connections the PostgreSQL of this deployment accepts."""

    value: int
    is_default: bool
    text: Text | None
    """Where it is set; the service of the database for a default."""

    @property
    def location(self) -> Location | None:
        return self.text.location if self.text else None


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment of the project; the one subject that sees all files together."""

    images: tuple[Image, ...] = ()
    services: tuple[Service, ...] = ()
    workloads: tuple[Workload, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    config_data: tuple[ConfigData, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    scripts: tuple[ShellScript, ...] = ()
    gunicorn_configs: tuple[GunicornConfig, ...] = ()
    dotenvs: tuple[DotEnv, ...] = ()
    commands: tuple[ServerCommand, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    prometheus: tuple[PrometheusConfig, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    redis_confs: tuple[RedisConf, ...] = ()
    postgres_confs: tuple[PostgresConf, ...] = ()
    requirements: Requirements = field(default_factory=Requirements)
    remarks: tuple[Remark, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    files: int = 0
    """How many deployment files were read."""
    looked_at: tuple[str, ...] = ()
    """Every path that was opened or was to be, also what only another file names, such as an ignored `.env`."""

    @property
    def versions(self) -> dict[str, str]:
        """Exact versions by distribution, where the files agree on one."""
        return self.requirements.versions

    @property
    def production_commands(self) -> tuple[ServerCommand, ...]:
        """The commands that run in production."""
        return tuple(command for command in self.commands if command.production)

    @property
    def production_services(self) -> tuple[Service, ...]:
        return tuple(service for service in self.services if service.production)

    @property
    def is_deployed(self) -> bool:
        """Whether any file says how the service runs in production."""
        return bool(self.production_commands or self.workloads or self.production_services)

    def beside(self, service: Service, name: str) -> Service | None:
        """The service of a name that is started with another one: of its file, or of one that is included."""
        found = [s for s in self.services if s.name == name and s.project == service.project]
        return next((s for s in found if s.path == service.path), found[0] if found else None)

    def commands_of(self, service: Service) -> tuple[ServerCommand, ...]:
        """The web servers that a service starts."""
        place = (service.path, service.name)
        return tuple(c for c in self.commands if c.service and (c.service.path, c.service.name) == place)

    def image_of(self, service: Service) -> Image | None:
        """The Dockerfile that a service is built from."""
        return image_of(service, self.images)

    @property
    def worker_totals(self) -> tuple[WorkerTotal, ...]:
        """One for each way of deploying: compose, kubernetes, a Dockerfile alone, Procfile … They are not added up."""
        groups: dict[str, list[ServerCommand]] = {}
        for command in self.production_commands:
            groups.setdefault(_way(command), []).append(command)
        return tuple(_total(name, commands) for name, commands in groups.items())

    @property
    def workers_total(self) -> WorkerTotal | None:
        """The way of deploying that certainly starts the most processes."""
        return max(self.worker_totals, key=lambda total: total.count or total.least, default=None)

    @property
    def max_connections(self) -> MaxConnections | None:
        """Of the PostgreSQL that is deployed here; `None` when there is none."""
        found = list(self._max_connections())
        return min(found, key=lambda m: (m.is_default, m.value), default=None)

    def _max_connections(self) -> Iterator[MaxConnections]:
        for service in self.production_services:
            if service.kind is ServiceKind.POSTGRES:
                words = service.command.words if service.command else ()
                whole = " ".join(word.value for word in words)
                match = MAX_CONNECTIONS.search(fill(whole, {}).value or whole)
                text = next((w for w in words if "max_connections" in w.value), service.key)
                yield MaxConnections(int(match[1]) if match else POSTGRES_DEFAULT, match is None, text)
        for workload in self.workloads:
            for container in workload.containers if workload.production else ():
                if container.image and POSTGRES_IMAGE.search(container.image.base_name):
                    lines = (container.command, container.args)
                    words = tuple(word for line in lines if line for word in line.words)
                    match = MAX_CONNECTIONS.search(" ".join(word.value for word in words))
                    text = next((w for w in words if "max_connections" in w.value), container.body.text)
                    yield MaxConnections(int(match[1]) if match else POSTGRES_DEFAULT, match is None, text)
        for conf in self.postgres_confs:
            number = conf.number("max_connections")
            if conf.production and number is not None:
                yield MaxConnections(number, is_default=False, text=conf.settings["max_connections"])

    @property
    def proxy_locations(self) -> tuple[ProxyLocation, ...]:
        """Every location of every proxy that passes requests on, in production."""
        return tuple(location for proxy in self.proxies if proxy.production for location in proxy.passing)

    @property
    def behind_proxy(self) -> tuple[Service | Ingress | Proxy, ...]:
        """What stands in front of the service in production: proxies in compose, ingresses, nginx files alone."""
        services = tuple(s for s in self.production_services if s.kind is ServiceKind.PROXY)
        ingresses = tuple(i for i in self.ingresses if i.production)
        alone = () if services else tuple(p for p in self.proxies if p.production and p.passing)
        return (*services, *ingresses, *alone)


def _way(command: ServerCommand) -> str:
    if command.service:
        return command.service.project
    if command.workload:
        return command.workload.path.rpartition("/")[0] or "kubernetes"
    return command.path


def _total(name: str, commands: list[ServerCommand]) -> WorkerTotal:
    terms: list[str] = []
    unknown: list[str] = []
    count, least = 0, 0
    for command in _at_once(commands):
        label = _label(command)
        processes, replicas = command.processes, _replicas(command)
        if processes is None:
            unknown.append(f"{label}: the number of workers")
        if replicas is None:
            unknown.append(f"{label}: the number of replicas")
        count += (processes or 1) * (replicas or 1)
        least += (processes or 1) * (replicas or 1)
        shown = f"{processes if processes is not None else '?'} workers"
        terms.append(f"{label}: {shown} x {replicas if replicas is not None else '?'} replicas")
    arithmetic = f"{' + '.join(terms)} = {count if not unknown else f'at least {least}'}"
    return WorkerTotal(name, None if unknown else count, least, arithmetic, tuple(unknown), tuple(commands))


def _at_once(commands: list[ServerCommand]) -> Iterator[ServerCommand]:
    """Of the branches of one script only the one that starts the most: they do not run together."""
    branches: dict[tuple[str, str], list[ServerCommand]] = {}
    # One place that two ways of a script lead to is one server.
    distinct = {(_label(command), command.path, command.text.start): command for command in commands}
    for command in distinct.values():
        if command.is_conditional:
            branches.setdefault((_label(command), command.path), []).append(command)
        else:
            yield command
    for alternatives in branches.values():
        unknown = [command for command in alternatives if command.processes is None]
        yield unknown[0] if unknown else max(alternatives, key=lambda command: command.processes or 0)


def _label(command: ServerCommand) -> str:
    if command.service:
        return command.service.name
    return command.workload.name if command.workload else command.program.value


def _replicas(command: ServerCommand) -> int | None:
    """How many copies run; `None` when a variable or an autoscaler without upper bound decides."""
    if command.workload and command.workload.most_replicas:
        return command.workload.most_replicas
    owner = command.service or command.workload
    text = owner.replicas if owner else None
    if text is None:
        return 1
    value = fill(text.value, {}).value or ""
    return int(value) if re.fullmatch(r"\d{1,6}", value) else None


def with_kinds(
    services: tuple[Service, ...], commands: tuple[ServerCommand, ...], images: tuple[Image, ...]
) -> tuple[Service, ...]:
    """The services with their kind, now that it is known which ones start a web server."""
    servers = {(c.service.path, c.service.name) for c in commands if c.service}
    return tuple(
        replace(s, kind=ServiceKind.API if (s.path, s.name) in servers else _kind(s, image_of(s, images)))
        for s in services
    )


POSTGRES_IMAGE = re.compile(r"^(?:postgres|postgis|postgresql|timescaledb(?:-ha)?|pgvector|supabase-postgres)$")
IMAGES: tuple[tuple[str, ServiceKind], ...] = (
    (r"exporter", ServiceKind.EXPORTER),
    (r"pgbouncer|pgpool|pgcat|odyssey", ServiceKind.POOLER),
    (POSTGRES_IMAGE.pattern, ServiceKind.POSTGRES),
    (r"^(?:mysql|mariadb|percona)$", ServiceKind.MYSQL),
    (r"^(?:mongo|mongodb|mongodb-community-server)$", ServiceKind.MONGO),
    (r"^(?:redis|valkey|keydb|dragonfly|redis-stack|redis-stack-server)$", ServiceKind.REDIS),
    (r"^(?:rabbitmq|kafka|cp-kafka|nats|redpanda|activemq)$", ServiceKind.BROKER),
    (r"^(?:nginx|traefik|caddy|haproxy|envoy|nginx-proxy|nginx-unprivileged|openresty|httpd)$", ServiceKind.PROXY),
    (r"^prometheus$", ServiceKind.PROMETHEUS),
    (r"^grafana(?:-oss|-enterprise)?$", ServiceKind.GRAFANA),
)
PROXY_NAME = re.compile(r"^(?:nginx|traefik|caddy|haproxy|envoy)$")
WORKERS = re.compile(r"\b(?:celery|arq|rq|dramatiq|taskiq|saq|huey|procrastinate|rqworker|faststream)\b")
MIGRATIONS = re.compile(r"\b(?:alembic|aerich|yoyo|flyway|liquibase|migrate|migrations?|prestart)\b")


def _kind(service: Service, image: Image | None) -> ServiceKind:
    reference = image.final.base if image else None if service.build else service.image
    base = reference.base_name.lower() if reference else ""
    if image and image.final.command and image.final.command.words:
        # What the base image brings does not run when the Dockerfile says what does.
        program = image.final.command.values[0].rpartition("/")[2]
        base = program if program in base or base in program else ""
    if PROXY_NAME.search(service.name) and not base.startswith("python"):
        return ServiceKind.PROXY
    for pattern, kind in IMAGES:
        if base and re.search(pattern, base):
            return kind
    lines = (service.entrypoint, service.command)
    words = " ".join(word for line in lines if line for word in line.values)
    if WORKERS.search(words) or re.search(r"(?:^|[-_])workers?(?:$|[-_])", service.name):
        return ServiceKind.WORKER
    if MIGRATIONS.search(words) or MIGRATIONS.search(service.name):
        return ServiceKind.MIGRATION
    return ServiceKind.OTHER
