"""Recognises the deployment files of a project and reads each with the reader of its kind."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi_audit.evidence.deployment import dockerfile, git_index, gunicorn, shell
from fastapi_audit.evidence.deployment.compose import IS_COMPOSE, Service, services
from fastapi_audit.evidence.deployment.deployment import Deployment, with_kinds
from fastapi_audit.evidence.deployment.dockerfile import Image
from fastapi_audit.evidence.deployment.dotenv import IS_DOTENV, DotEnv, dotenv
from fastapi_audit.evidence.deployment.files import Files, is_development
from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.kubernetes import Autoscaler, ConfigData, Ingress, Workload, manifests
from fastapi_audit.evidence.deployment.linking import Parts, server_commands
from fastapi_audit.evidence.deployment.process import ProcessLine, procfile, unit
from fastapi_audit.evidence.deployment.remarks import remarks
from fastapi_audit.evidence.deployment.requirements import requirements
from fastapi_audit.evidence.deployment.shell import ShellScript
from fastapi_audit.evidence.deployment.text import Document
from fastapi_audit.evidence.deployment.yaml import Node, NotYamlError, documents

IS_DOCKERFILE = re.compile(r"^(?:Dockerfile|Containerfile)(?:[._-].*)?$|\.(?:dockerfile|containerfile)$", re.IGNORECASE)
NOT_DOCKERFILE = re.compile(r"\.(?:dockerignore|md|rst|txt|j2|jinja2?|tmpl|template|ya?ml|json|py|sh)$", re.IGNORECASE)
IS_SCRIPT = re.compile(r"\.(?:sh|bash)$|^(?:docker-)?entrypoint$|^(?:start|run|prestart)$")
YAML_FILE = re.compile(r"\.ya?ml$", re.IGNORECASE)
MOST_FILES = 3000


@dataclass(slots=True)
class _Reader:
    """Collects the nouns while the files are read."""

    files: Files
    tracked: frozenset[str] | None
    images: list[Image] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    ingresses: list[Ingress] = field(default_factory=list)
    settings: list[ConfigData] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    processes: list[ProcessLine] = field(default_factory=list)
    scripts: list[ShellScript] = field(default_factory=list)
    configs: list[GunicornConfig] = field(default_factory=list)
    dotenvs: list[DotEnv] = field(default_factory=list)
    count: int = 0

    def file(self, path: str) -> None:
        """Reads one file if its name or content says that it is of the deployment."""
        name = path.rpartition("/")[2]
        if IS_DOCKERFILE.search(name) and not NOT_DOCKERFILE.search(name):
            self.image(path)
        elif IS_COMPOSE.search(name):
            self.compose(path)
        elif YAML_FILE.search(name):
            self.yaml(path)
        elif name == "Procfile" or name.startswith("Procfile."):
            self.processes.extend(p for d in self.document(path) for p in procfile(d))
        elif name.endswith(".service"):
            self.processes.extend(p for d in self.document(path) for p in unit(d))
        elif gunicorn.IS_CONFIG.match(name):
            self.configs.extend(gunicorn.config(d) for d in self.document(path))
        elif IS_SCRIPT.search(name):
            self.scripts.extend(shell.script(d, production=not is_development(path)) for d in self.document(path))
        elif IS_DOTENV.match(name):
            self.dotenvs.extend(dotenv(d, self.tracked) for d in self.document(path))

    def document(self, path: str) -> Iterator[Document]:
        document = self.files.document(path)
        if document:
            self.count += 1
            yield document

    def image(self, path: str) -> None:
        for document in self.document(path):
            image = dockerfile.image(document)
            if image:
                self.images.append(image)
            else:
                self.files.skipped(path, "is named like a Dockerfile but has no usable FROM")

    def nodes(self, path: str) -> Iterator[tuple[Document, tuple[Node, ...]]]:
        for document in self.document(path):
            try:
                yield document, documents(document)
            except NotYamlError as error:
                self.files.skipped(path, str(error))

    def compose(self, path: str) -> None:
        for document, top in self.nodes(path):
            self.services.extend(services(document, top))

    def yaml(self, path: str) -> None:
        if self.files.mentions(path, b"apiVersion:", b"kind:"):
            for document, top in self.nodes(path):
                for manifest in manifests(document, top):
                    self.manifest(manifest)

    def manifest(self, manifest: Workload | Ingress | ConfigData | Autoscaler) -> None:
        match manifest:
            case Workload():
                self.workloads.append(manifest)
            case Ingress():
                self.ingresses.append(manifest)
            case ConfigData():
                self.settings.append(manifest)
            case Autoscaler():
                self.autoscalers.append(manifest)


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
    listed = _with_related_keys(tuple(reader.services))
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
    kinds = {(s.path, s.name): s for s in with_kinds(listed, commands)}
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
        remarks=tuple(r for d in files.documents for r in remarks(d)),
        unresolved=tuple(files.unresolved),
        files=reader.count + asked.files,
    )


def _with_related_keys(listed: tuple[Service, ...]) -> tuple[Service, ...]:
    """Each service with the keys that the other files of its folder add to it in production."""
    keys: dict[tuple[str, str], frozenset[str]] = {}
    for service in listed:
        if service.production:
            place = (service.path.rpartition("/")[0], service.name)
            keys[place] = keys.get(place, frozenset()) | service.keys
    return tuple(replace(s, keys=s.keys | keys.get((s.path.rpartition("/")[0], s.name), frozenset())) for s in listed)
