"""Kubernetes manifests: workloads with their containers, and what routes to and scales them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_audit.evidence.deployment.command_line import CommandLine, EnvVar
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.image_reference import ImageReference
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Scalar
from fastapi_audit.model import Edit, Location

POD_TEMPLATE = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "Rollout": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "Pod": ("spec",),
}
JOBS = frozenset({"Job", "CronJob"})


@dataclass(frozen=True, slots=True)
class Probe:
    """A liveness, readiness or startup probe."""

    text: Text
    path: Text | None
    """Of `httpGet`."""
    port: Text | None
    """Of `httpGet` or `tcpSocket`; a number or the name of a container port."""
    command: CommandLine | None
    """Of `exec`."""
    period: int
    """Seconds, here and below, defaults filled in."""
    timeout: int
    initial_delay: int
    failure_threshold: int

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a workload."""

    name: str
    body: Mapping = field(repr=False)
    image: ImageReference | None = None
    command: CommandLine | None = None
    """Replaces the image's `ENTRYPOINT`."""
    args: CommandLine | None = None
    """Replaces the image's `CMD`."""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[str, ...] = ()
    """The names of the config maps and secrets that are taken over whole."""
    ports: tuple[Text, ...] = ()
    """`containerPort`."""
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    pre_stop: Text | None = None
    """The whole `lifecycle.preStop`."""

    @property
    def location(self) -> Location:
        return self.body.location

    @property
    def memory_limit(self) -> Text | None:
        return self.body.scalar("resources", "limits", "memory")

    @property
    def cpu_limit(self) -> Text | None:
        return self.body.scalar("resources", "limits", "cpu")

    @property
    def memory_request(self) -> Text | None:
        return self.body.scalar("resources", "requests", "memory")

    @property
    def run_as_non_root(self) -> bool | None:
        return self.body.flag("securityContext", "runAsNonRoot")

    @property
    def run_as_user(self) -> int | None:
        return self.body.number("securityContext", "runAsUser")

    @property
    def read_only_root(self) -> bool | None:
        return self.body.flag("securityContext", "readOnlyRootFilesystem")

    @property
    def allows_privilege_escalation(self) -> bool | None:
        return self.body.flag("securityContext", "allowPrivilegeEscalation")

    @property
    def privileged(self) -> bool:
        return self.body.flag("securityContext", "privileged") is True

    def added(self, key: str, value: str) -> Edit | None:
        """Writes a further `key: value` into the container, in its layout."""
        return self.body.added(key, value)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout or bare Pod."""

    kind: str
    name: str
    namespace: str | None
    body: Mapping = field(repr=False)
    """The whole manifest."""
    pod: Mapping = field(repr=False)
    """The pod's `spec`."""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    production: bool = True
    most_replicas: int | None = None
    """What a HorizontalPodAutoscaler may raise the replicas to."""

    @property
    def location(self) -> Location:
        return self.body.location

    @property
    def path(self) -> str:
        return self.body.text.path

    @property
    def is_job(self) -> bool:
        """Whether it ends by itself."""
        return self.kind in JOBS

    @property
    def replicas(self) -> Text | None:
        """`spec.replicas`; `None` means 1, or whatever an autoscaler decides."""
        return self.body.scalar("spec", "replicas")

    @property
    def termination_grace_period(self) -> int | None:
        """Seconds between SIGTERM and SIGKILL; `None` for the default of 30."""
        return self.pod.number("terminationGracePeriodSeconds")

    @property
    def run_as_non_root(self) -> bool | None:
        """Of the whole pod; a container's own setting wins."""
        return self.pod.flag("securityContext", "runAsNonRoot")

    @property
    def run_as_user(self) -> int | None:
        return self.pod.number("securityContext", "runAsUser")

    @property
    def host_network(self) -> bool:
        return self.pod.flag("hostNetwork") is True

    @property
    def strategy(self) -> Text | None:
        """`RollingUpdate` or `Recreate`; `None` for the default, RollingUpdate."""
        return self.body.scalar("spec", "strategy", "type")

    @property
    def max_unavailable(self) -> Text | None:
        """`spec.strategy.rollingUpdate.maxUnavailable`; 25 % by default."""
        return self.body.scalar("spec", "strategy", "rollingUpdate", "maxUnavailable")


@dataclass(frozen=True, slots=True)
class Ingress:
    """What lets clients into the cluster: an Ingress, or a Service of type LoadBalancer or NodePort."""

    kind: str
    name: str
    body: Mapping = field(repr=False)
    services: tuple[str, ...]
    """The Services that it leads to."""
    annotations: Mapping | None = field(repr=False)
    production: bool = True

    @property
    def location(self) -> Location:
        return self.body.location


@dataclass(frozen=True, slots=True)
class ConfigData:
    """A kubernetes ConfigMap or Secret that is written out in the project."""

    kind: str
    name: str
    body: Mapping = field(repr=False)
    entries: tuple[EnvVar, ...]
    encoded: bool = False
    """Whether the values are base64 (`data` of a Secret)."""
    production: bool = True

    @property
    def location(self) -> Location:
        return self.body.location


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    target: str
    body: Mapping = field(repr=False)
    minimum: int | None
    maximum: int | None

    @property
    def location(self) -> Location:
        return self.body.location


Manifest = Workload | Ingress | ConfigData | Autoscaler


def manifests(document: Document, top: tuple[Node, ...]) -> Iterator[Manifest]:
    """Every object of a manifest file that is of interest, those in a `List` included."""
    production = not is_development(document.path)
    for root in top:
        if not isinstance(root, Mapping):
            continue
        for body in root.mappings("items") if root.scalar("items") is None and root.sequence("items") else (root,):
            kind = body.scalar("kind")
            if kind and body.scalar("apiVersion"):
                yield from _manifest(kind.value, body, production=production)


def _manifest(kind: str, body: Mapping, *, production: bool) -> Iterator[Manifest]:
    name = body.scalar("metadata", "name") or body.scalar("metadata", "generateName")
    title = name.value if name else ""
    if kind in POD_TEMPLATE:
        pod = body.mapping(*POD_TEMPLATE[kind])
        if pod:
            namespace = body.scalar("metadata", "namespace")
            containers = tuple(_container(item) for item in pod.mappings("containers"))
            first = tuple(_container(item) for item in pod.mappings("initContainers"))
            yield Workload(
                kind, title, namespace.value if namespace else None, body, pod, containers, first, production
            )
    elif kind == "HorizontalPodAutoscaler":
        target = body.scalar("spec", "scaleTargetRef", "name")
        least, most = body.number("spec", "minReplicas"), body.number("spec", "maxReplicas")
        yield Autoscaler(target.value if target else "", body, least, most)
    elif kind in {"Ingress", "Service"}:
        yield from _ingress(kind, title, body, production=production)
    elif kind in {"ConfigMap", "Secret"}:
        for key in ("data", "stringData"):
            entries = tuple(_entries(body.mapping(key)))
            if entries:
                encoded = kind == "Secret" and key == "data"
                yield ConfigData(kind, title, body, entries, encoded, production)


def _ingress(kind: str, name: str, body: Mapping, *, production: bool) -> Iterator[Ingress]:
    annotations = body.mapping("metadata", "annotations")
    if kind == "Service":
        way = body.scalar("spec", "type")
        if way and way.value in {"LoadBalancer", "NodePort"}:
            yield Ingress(way.value, name, body, (name,), annotations, production)
        return
    services = [
        service.value
        for rule in body.mappings("spec", "rules")
        for path in rule.mappings("http", "paths")
        if (service := path.scalar("backend", "service", "name") or path.scalar("backend", "serviceName"))
    ]
    yield Ingress(kind, name, body, tuple(services), annotations, production)


def _entries(node: Mapping | None) -> Iterator[EnvVar]:
    for pair in node.pairs if node else ():
        if isinstance(pair.value, Scalar):
            yield EnvVar(pair.key.value, pair.value.text, pair.text)


def _container(body: Mapping) -> Container:
    name, written = body.scalar("name"), body.scalar("image")
    pre_stop = body.get("lifecycle", "preStop")
    return Container(
        name.value if name else "",
        body,
        ImageReference(written, written.value, certain=True) if written else None,
        _words(body.get("command")),
        _words(body.get("args")),
        tuple(_env(body)),
        tuple(_env_from(body)),
        tuple(text for port in body.mappings("ports") if (text := port.scalar("containerPort"))),
        _probe(body, "livenessProbe"),
        _probe(body, "readinessProbe"),
        _probe(body, "startupProbe"),
        pre_stop.text if pre_stop else None,
    )


def _words(node: Node | None) -> CommandLine | None:
    if node is None or isinstance(node, Mapping):
        return None
    items = (node,) if isinstance(node, Scalar) else node.items
    return CommandLine(node.text, tuple(item.text for item in items if isinstance(item, Scalar)))


def _env(body: Mapping) -> Iterator[EnvVar]:
    for entry in body.mappings("env"):
        name = entry.scalar("name")
        if name:
            secret = entry.get("valueFrom", "secretKeyRef") is not None
            yield EnvVar(name.value, entry.scalar("value"), entry.text, from_secret=secret)


def _env_from(body: Mapping) -> Iterator[str]:
    for entry in body.mappings("envFrom"):
        name = entry.scalar("configMapRef", "name") or entry.scalar("secretRef", "name")
        if name:
            yield name.value


def _probe(body: Mapping, key: str) -> Probe | None:
    pair = body.pair(key)
    node = pair.value if pair else None
    if pair is None or not isinstance(node, Mapping):
        return None
    return Probe(
        pair.text,
        node.scalar("httpGet", "path"),
        node.scalar("httpGet", "port") or node.scalar("tcpSocket", "port"),
        _words(node.get("exec", "command")),
        node.number("periodSeconds") or 10,
        node.number("timeoutSeconds") or 1,
        node.number("initialDelaySeconds") or 0,
        node.number("failureThreshold") or 3,
    )
