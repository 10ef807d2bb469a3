"""Prometheus asks at a place where nobody answers

The target of a scrape job names the wrong port, a path that the application does not have, or `localhost`, which inside
of a container is Prometheus itself. Every scrape fails, `up` is 0, and no figure of the service is ever kept.

## Use instead
The name of the compose service, the port that the server listens on, and the path of its metrics:
`metrics_path: /metrics`, `targets: ["api:8000"]`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import PrometheusConfig, ScrapeJob, ServerCommand, Service, ServiceKind, Text
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI
from prometheus_client import make_asgi_app

app = FastAPI()
app.mount("/internal/metrics", make_asgi_app())
"""
COMPOSE = """
services:
  api:
    image: leads:1.0
    command: uvicorn main:app --host 0.0.0.0 --port 8000
  prometheus:
    image: prom/prometheus:v3.6.0
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config"],
    unproven="It takes a Prometheus beside the service in a network of containers; a wrong port is refused anywhere.",
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": COMPOSE,
                "prometheus.yml": """
                scrape_configs:
                  - job_name: port
                    metrics_path: /internal/metrics
                    static_configs:
                      - targets: ["api:8080"]  # finding
                  - job_name: path
                    static_configs:
                      - targets: ["api:8000"]  # finding
                  - job_name: itself
                    metrics_path: /internal/metrics
                    static_configs:
                      - targets: [localhost:8000]  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": COMPOSE,
                "prometheus.yml": """
                scrape_configs:
                  - job_name: api
                    metrics_path: /internal/metrics
                    static_configs:
                      - targets: ["api:8000", "redis-exporter:9121"]
                  - job_name: prometheus
                    static_configs:
                      - targets: [localhost:9090]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_client import start_http_server

                start_http_server(8080)
                app = FastAPI()
                """,
                "compose.yaml": COMPOSE,
                "prometheus.yml": """
                scrape_configs:
                  - job_name: api
                    static_configs:
                      - targets: ["api:8080"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    command: uvicorn main:app --port ${PORT:-8000}
                  prometheus:
                    image: prom/prometheus:v3.6.0
                    network_mode: host
                """,
                "prometheus.yml": """
                scrape_configs:
                  - job_name: api
                    metrics_path: /internal/metrics
                    static_configs:
                      - targets: ["api:9000", "localhost:8000"]
                """,
                "tests/prometheus.yml": """
                scrape_configs:
                  - job_name: api
                    static_configs:
                      - targets: ["api:8000"]
                """,
            }
        ),
    ],
)

OTHER_PORTS = (
    "prometheus_client.start_http_server",
    "prometheus_client.start_wsgi_server",
    "prometheus_client.exposition.*",
    "uvicorn.run",
    "uvicorn.Config",
)
"""Calls that listen on a port that no command line tells."""
OWN = frozenset({"localhost", "127.0.0.1"})


@rule.check
def targets(config: PrometheusConfig, project: Project) -> Iterator[Finding]:
    if not config.production or project.source.calls_to(*OTHER_PORTS):
        return
    for job in config.jobs:
        for target in job.targets:
            wrong = _wrong(job, target, project)
            if wrong:
                yield Finding(f"No scrape of `{target.value}` succeeds: {wrong}.", target.location)


def _wrong(job: ScrapeJob, target: Text, project: Project) -> str | None:
    host, _, port = target.value.partition(":")
    commands = [c for c in project.deployment.production_commands if c.service is not None]
    if host in OWN:
        return _itself(port, commands, project)
    asked = [c for c in commands if c.service is not None and c.service.name == host]
    ports = {c.port.value for c in asked if c.port.known and c.port.certain and not c.uds.value}
    if not asked or len(ports) != len({c.port.value for c in asked}):
        return None
    if (port or "80") not in ports:
        further = {str(p) for c in asked if c.service for p in _further(c.service)}
        listening = ", ".join(sorted(str(one) for one in ports))
        return None if port in further else f"the server of `{host}` listens on {listening}"
    return _path(job.metrics_path, asked, project)


def _further(service: Service) -> Iterator[str]:
    """The ports that something else of the service may listen on."""
    yield from (str(port.target) for port in service.ports)
    yield from (text.value.partition("/")[0] for text in service.exposed)


def _itself(port: str, commands: list[ServerCommand], project: Project) -> str | None:
    """Whether Prometheus asks its own container for the port of the server."""
    own = [s for s in project.deployment.services if s.kind is ServiceKind.PROMETHEUS]
    servers = [c.service.name for c in commands if c.service and c.port.known and c.port.value == port]
    if not own or not servers or any(s.network_mode or s.partial for s in own):
        return None
    return f"inside of the container that is Prometheus itself; name the service, `{servers[0]}:{port}`"


def _path(path: str, asked: list[ServerCommand], project: Project) -> str | None:
    """Whether the application has its metrics elsewhere."""
    source = project.source
    routes = [route for app in source.apps for route in app.all_routes]
    routes += [route for app in source.apps for route in app.routes if route.kind == "mount"]
    # What is mounted may be unknown; where it is mounted is not.
    hidden = any(one.kind != "mount" for one in source.unresolved)
    if hidden or any(c.root_path.value for c in asked) or any(r.matches(path) for r in routes):
        return None
    elsewhere = [r.full_path for r in routes if r.full_path.rstrip("/").endswith("metrics")]
    mounts = [f"{r.full_path.rstrip('/')}/" for r in routes if r.kind == "mount"]
    below = any(f"{path.rstrip('/')}/".startswith(mount) for mount in mounts)
    return f"it asks for `{path}`, and the metrics are at `{elsewhere[0]}`" if elsewhere and not below else None
