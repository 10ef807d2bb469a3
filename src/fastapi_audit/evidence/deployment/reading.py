"""Recognises the deployment files of a project and reads each with the reader of its kind."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi_audit.evidence.deployment import dockerfile, git_index, gunicorn, shell
from fastapi_audit.evidence.deployment.compose import IS_COMPOSE, Service
from fastapi_audit.evidence.deployment.compose_joining import ComposeFile, Joining
from fastapi_audit.evidence.deployment.datastores import (
    IS_POSTGRES,
    IS_REDIS,
    PostgresConf,
    RedisConf,
    postgres_conf,
    redis_conf,
)
from fastapi_audit.evidence.deployment.deployment import Deployment, with_kinds
from fastapi_audit.evidence.deployment.dockerfile import Image
from fastapi_audit.evidence.deployment.dotenv import IS_DOTENV, DotEnv, dotenv
from fastapi_audit.evidence.deployment.files import Files, is_development
from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.kubernetes import Autoscaler, ConfigData, Ingress, Workload, manifests
from fastapi_audit.evidence.deployment.linking import Parts, server_commands
from fastapi_audit.evidence.deployment.nginx import Proxy, proxy
from fastapi_audit.evidence.deployment.nginx_directives import Directive, NotNginxError, directives, expand
from fastapi_audit.evidence.deployment.observing import (
    AlertRule,
    Dashboard,
    PrometheusConfig,
    alert_rules,
    dashboards,
    prometheus_configs,
)
from fastapi_audit.evidence.deployment.process import ProcessLine, procfile, supervised, unit
from fastapi_audit.evidence.deployment.remarks import remarks
from fastapi_audit.evidence.deployment.requirements import requirements
from fastapi_audit.evidence.deployment.shell import ShellScript
from fastapi_audit.evidence.deployment.text import Document
from fastapi_audit.evidence.deployment.yaml import Node, NotYamlError, documents
from fastapi_audit.model import Location

MOST_FILES = 3000
TEMPLATE = re.compile(r"^[ \t]*(?:FROM\b.*)?(?:\{\{|\{%|<%)", re.MULTILINE | re.IGNORECASE)
"""A Dockerfile that a tool fills in; `{{` inside of other instructions is a format of docker or Go."""


@dataclass(slots=True)
class _Reader:
    """Collects the nouns while the files are read."""

    files: Files
    tracked: frozenset[str] | None
    images: list[Image] = field(default_factory=list)
    compose_files: dict[str, ComposeFile] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    ingresses: list[Ingress] = field(default_factory=list)
    settings: list[ConfigData] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    processes: list[ProcessLine] = field(default_factory=list)
    scripts: list[ShellScript] = field(default_factory=list)
    configs: list[GunicornConfig] = field(default_factory=list)
    dotenvs: list[DotEnv] = field(default_factory=list)
    prometheus: list[PrometheusConfig] = field(default_factory=list)
    alerts: list[AlertRule] = field(default_factory=list)
    dashboards: list[Dashboard] = field(default_factory=list)
    redis: list[RedisConf] = field(default_factory=list)
    postgres: list[PostgresConf] = field(default_factory=list)
    nginx: dict[str, tuple[Directive, ...] | None] = field(default_factory=dict)
    charts: set[str] = field(default_factory=set)
    count: int = 0

    def file(self, path: str) -> None:
        """Reads one file if its name or content says that it is of the deployment."""
        name = path.rpartition("/")[2]
        for recognised, read_as in KINDS:
            if recognised.search(path if "/" in recognised.pattern else name):
                read_as(self, path)
                return

    def procfile(self, path: str) -> None:
        self.processes.extend(p for d in self.document(path) for p in procfile(d))

    def unit(self, path: str) -> None:
        self.processes.extend(p for d in self.document(path) for p in unit(d))

    def supervised(self, path: str) -> None:
        self.processes.extend(p for d in self.document(path) for p in supervised(d))

    def gunicorn(self, path: str) -> None:
        for document in self.document(path):
            if len(document.text) > gunicorn.LONGEST:
                self.files.skipped(path, f"has more than {gunicorn.LONGEST} characters, so it is not read")
            else:
                self.configs.append(gunicorn.config(document))

    def script(self, path: str) -> None:
        for document in self.document(path):
            why = shell.unbearable(document.text)
            if why:
                self.files.skipped(path, f"{why}, so it is not read")
            else:
                self.scripts.append(shell.script(document, production=not is_development(path)))

    def dotenv(self, path: str) -> None:
        self.dotenvs.extend(dotenv(d, self.tracked) for d in self.document(path))

    def redis_conf(self, path: str) -> None:
        self.redis.extend(redis_conf(d) for d in self.document(path))

    def postgres_conf(self, path: str) -> None:
        self.postgres.extend(postgres_conf(d) for d in self.document(path))

    def json(self, path: str) -> None:
        if self.files.mentions(path, b'"panels"', b'"targets"'):
            self.dashboards.extend(x for d, top in self.nodes(path, "json") for x in dashboards(d, top))

    def proxy(self, path: str) -> None:
        if self.files.mentions(path, b"{", b";"):
            self.directives(path)

    def document(self, path: str) -> Iterator[Document]:
        document = self.files.document(path)
        if document:
            self.count += 1
            yield document

    def image(self, path: str) -> None:
        for document in self.document(path):
            if TEMPLATE.search(document.text):
                self.files.skipped(path, "is a template; only what it renders to could be read, so it is left alone")
                continue
            image = dockerfile.image(document)
            if image:
                self.images.append(image)
            else:
                self.files.skipped(path, "is no Dockerfile in spite of its name: it has no FROM, or no end")

    def nodes(self, path: str, language: str = "yaml") -> Iterator[tuple[Document, tuple[Node, ...]]]:
        for document in self.document(path):
            try:
                yield document, documents(document, language)
            except NotYamlError as error:
                self.left_alone(path, str(error))

    def left_alone(self, path: str, why: str) -> None:
        """One note for each file, but only one for all templates of a Helm chart."""
        chart, found, _ = path.rpartition("/templates/")
        if not found or f"{chart}/Chart.yaml" not in self.files.paths:
            self.files.skipped(path, why)
        elif chart not in self.charts:
            self.charts.add(chart)
            self.files.note("file", f"{chart} is a Helm chart; its templates are left alone", Location(path, 1))

    def compose(self, path: str) -> None:
        for document, top in self.nodes(path):
            self.compose_files[path] = ComposeFile.of(document, top)

    def services(self) -> tuple[Service, ...]:
        """Of all compose files, joined."""
        known = frozenset(self.files.paths)

        def further(path: str) -> ComposeFile | None:
            if path in known:
                self.compose(path)
            return self.compose_files.get(path)

        def note(message: str, place: Location) -> None:
            self.files.note("include", message, place)

        return tuple(Joining(dict(self.compose_files), further, note).services())

    def yaml(self, path: str) -> None:
        if self.files.mentions(path, b"apiVersion:", b"kind:"):
            for document, top in self.nodes(path):
                for manifest in manifests(document, top):
                    self.manifest(manifest)
                self.alerts.extend(alert_rules(document, top))
        elif self.files.mentions(path, b"scrape_configs:"):
            self.prometheus.extend(c for d, top in self.nodes(path) for c in prometheus_configs(d, top))
        elif self.files.mentions(path, b"groups:", b"rules:", b"expr:"):
            self.alerts.extend(r for d, top in self.nodes(path) for r in alert_rules(d, top))

    def directives(self, path: str) -> tuple[Directive, ...] | None:
        """The directives of an nginx file, read once; `None` when it is none."""
        if path not in self.nginx:
            self.nginx[path] = None
            for document in self.document(path):
                try:
                    self.nginx[path] = directives(document)
                except NotNginxError as error:
                    self.files.skipped(path, str(error))
        return self.nginx[path]

    def proxies(self) -> Iterator[Proxy]:
        """One for each nginx file that no other one includes."""
        known = frozenset(self.files.paths)
        expanded = {
            path: expand(top, path, known, self.directives, lambda m, at: self.files.note("include", m, at))
            for path, top in sorted(self.nginx.items())
            if top is not None
        }
        inner = {path for included in expanded.values() for path in included.files}
        for path, included in expanded.items():
            found = proxy(path, included, production=not is_development(path)) if path not in inner else None
            if found:
                yield found

    def manifest(self, manifest: Workload | Ingress | ConfigData | Autoscaler) -> None:
        match manifest:
            case Workload():
                self.workloads.append(manifest)
            case Ingress():
                self.ingresses.append(manifest)
            case ConfigData():
                self.settings.append(manifest)
            case _:
                self.autoscalers.append(manifest)


KINDS: tuple[tuple[re.Pattern[str], Callable[[_Reader, str], None]], ...] = (
    (
        re.compile(
            r"^(?!.*\.(?:dockerignore|md|rst|txt|j2|jinja2?|tmpl|template|ya?ml|json|py|sh)$)"
            r"(?:(?:Dockerfile|Containerfile)(?:[._-].*)?$|.*\.(?:dockerfile|containerfile)$)",
            re.IGNORECASE,
        ),
        _Reader.image,
    ),
    (IS_COMPOSE, _Reader.compose),
    (re.compile(r"\.ya?ml$", re.IGNORECASE), _Reader.yaml),
    (re.compile(r"^Procfile(?:\.|$)"), _Reader.procfile),
    (re.compile(r"\.service$"), _Reader.unit),
    (re.compile(r"^supervisord?[\w.-]*\.(?:conf|ini)$|\.supervisor\.conf$"), _Reader.supervised),
    (gunicorn.IS_CONFIG, _Reader.gunicorn),
    (re.compile(r"\.(?:sh|bash)$|^(?:docker-)?entrypoint$|^(?:start|run|prestart)$"), _Reader.script),
    (IS_DOTENV, _Reader.dotenv),
    (IS_REDIS, _Reader.redis_conf),
    (IS_POSTGRES, _Reader.postgres_conf),
    (re.compile(r"\.json$"), _Reader.json),
    (
        re.compile(
            r"(?:^|/)(?:[^/]*nginx[^/]*/(?:.*/)?[^/]+\.conf|(?:conf\.d|sites-(?:enabled|available)|vhosts?)/[^/]+"
            r"|[^/]*nginx[^/]*\.conf|default\.conf)(?:\.template|\.tmpl)?$"
        ),
        _Reader.proxy,
    ),
)
"""How a file is recognised, by its path where the pattern has a `/` and else by its name; the first one counts."""


def read(root: Path, paths: Sequence[str] | None = None) -> Deployment:
    """Reads every deployment file below the root; runs nothing and follows no link out of the tree.

    `paths` are the files to choose from (POSIX, relative to the root); without them the tree is listed. What cannot
    be read or understood is in `unresolved`, one line each.
    """
    files = Files.below(root) if paths is None else Files(root, tuple(sorted(paths)))
    reader = _Reader(files, git_index.tracked(root))
    for path in files.paths:
        if reader.count >= MOST_FILES:
            files.note("file", f"read the first {MOST_FILES} deployment files only; exclude folders that are none")
            break
        reader.file(path)
    asked = requirements(files)
    most = {a.target: a.maximum for a in reader.autoscalers if a.maximum}
    workloads = tuple(replace(w, most_replicas=most.get(w.name)) for w in reader.workloads)
    listed = _with_related_keys(reader.services())
    parts = Parts(
        tuple(reader.images),
        listed,
        workloads,
        tuple(reader.settings),
        tuple(reader.processes),
        tuple(reader.scripts),
        tuple(reader.configs),
        tuple(reader.dotenvs),
    )
    commands = server_commands(parts)
    kinds = {(s.path, s.name): s for s in with_kinds(listed, commands, parts.images)}
    return Deployment(
        images=parts.images,
        services=tuple(kinds.values()),
        workloads=workloads,
        ingresses=tuple(reader.ingresses),
        config_data=parts.settings,
        autoscalers=tuple(reader.autoscalers),
        processes=parts.processes,
        scripts=parts.scripts,
        gunicorn_configs=parts.configs,
        dotenvs=parts.dotenvs,
        commands=tuple(replace(c, service=kinds[c.service.path, c.service.name]) if c.service else c for c in commands),
        requirements=asked,
        proxies=tuple(reader.proxies()),
        prometheus=tuple(reader.prometheus),
        alerts=tuple(reader.alerts),
        dashboards=tuple(reader.dashboards),
        redis_confs=tuple(reader.redis),
        postgres_confs=tuple(reader.postgres),
        remarks=tuple(r for d in files.documents for r in remarks(d)),
        unresolved=tuple(files.unresolved),
        files=reader.count + asked.files,
        looked_at=files.looked_at,
    )


def _with_related_keys(listed: tuple[Service, ...]) -> tuple[Service, ...]:
    """Each service with the keys that the other files of its folder add to it in production."""
    keys: dict[tuple[str, str], frozenset[str]] = {}
    for service in listed:
        if service.production:
            place = (service.path.rpartition("/")[0], service.name)
            keys[place] = keys.get(place, frozenset()) | service.keys
    return tuple(replace(s, keys=s.keys | keys.get((s.path.rpartition("/")[0], s.name), frozenset())) for s in listed)
