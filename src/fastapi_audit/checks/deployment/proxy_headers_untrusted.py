"""The server does not believe the proxy in front of it

Uvicorn reads X-Forwarded-For and X-Forwarded-Proto, but from 127.0.0.1 only. A proxy in another container has another
address: every request then seems to come from the proxy and over http. One client that is limited limits all, redirects
lead to `http://…` and lose the body of a POST, and addresses in the log are worthless.

## Use instead
`--forwarded-allow-ips` (or `FORWARDED_ALLOW_IPS`) with the address or network of the proxy, never `*` where clients reach
the server directly.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Program, ServerCommand, ServiceKind
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI, Request

app = FastAPI()

@app.get("/client")
def client(request: Request) -> str:
    return f"{request.url.scheme} {request.client.host if request.client else None}"
"""
NGINX = """
server {
    listen 80;
    location / {
        proxy_pass http://api:8000;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-348",
    references=["https://uvicorn.dev/deployment/#proxies-and-forwarded-headers"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "nginx.conf": NGINX,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0  # finding
                  nginx:
                    image: nginx:1.28
                    ports: ["80:80"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app -k uvicorn_worker.UvicornWorker -b 0.0.0.0:8000  # finding
                  traefik:
                    image: traefik:3.5
                    ports: ["443:443"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "nginx.conf": NGINX,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips 172.30.0.10
                  internal:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0
                  by-variable:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0
                    environment:
                      FORWARDED_ALLOW_IPS: ${PROXY:?the network of the proxy}
                  ignoring:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --no-proxy-headers
                  nginx:
                    image: nginx:1.28
                    ports: ["80:80"]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

                app = FastAPI()
                app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="172.30.0.0/24")
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0
                  caddy:
                    image: caddy:2.10
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    network_mode: host
                    command: uvicorn main:app
                  caddy:
                    image: caddy:2.10
                    network_mode: host
                """,
            }
        ),
    ],
)

READING = frozenset({Program.UVICORN, Program.FASTAPI_RUN, Program.GUNICORN})


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    trusted = command.forwarded_allow_ips
    if not command.production or command.program not in READING or command.speaks_asgi is not True:
        return
    if not trusted.is_default or not trusted.known or command.proxy_headers.is_on is not True or command.uds.value:
        return
    front = _in_front(command, project)
    if front is None or _reads_them_itself(project):
        return
    proxy, certain = front
    yield Finding(
        f"`{proxy}` stands in front, and `{command.program}` believes forwarded headers from 127.0.0.1 only: every client "
        "has the address of the proxy and the scheme http. Name the proxy with `--forwarded-allow-ips`.",
        command.location,
        confidence=None if certain else Confidence.MEDIUM,
    )


def _in_front(command: ServerCommand, project: Project) -> tuple[str, bool] | None:
    """The proxy of the same compose file, and whether it certainly leads to this service."""
    service = command.service
    if service is None or service.network_mode:
        return None
    together = [s for s in project.deployment.production_services if s.project == service.project]
    proxies = [s for s in together if s.kind is ServiceKind.PROXY and not s.network_mode]
    if not proxies:
        return None
    targets = {t.partition(":")[0] for location in project.deployment.proxy_locations for t in location.passes_to}
    if targets:
        return (proxies[0].name, True) if service.name in targets else None
    published = any(port.is_public for port in service.ports)
    return None if published else (proxies[0].name, False)


def _reads_them_itself(project: Project) -> bool:
    """Whether a middleware of the application takes the headers over."""
    names = [m.name.lower() for app in project.source.apps for m in app.middleware]
    return any("proxy" in name or "forwarded" in name for name in names)


@rule.proof
def every_client_is_the_proxy(bad: Served) -> None:
    printed = bad.run(ASKED_FROM_ANOTHER_ADDRESS)

    assert "http 127.0.0.2" in printed
    assert "203.0.113.9" not in printed


ASKED_FROM_ANOTHER_ADDRESS = """
import http.client, socket, subprocess, sys, time
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
words = open("compose.yaml").read().partition("command: ")[2].partition("#")[0].split()
server = subprocess.Popen([sys.executable, "-m", *words[:2], "--port", str(port)])
try:
    for _ in range(100):
        try:
            asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=("127.0.0.2", 0))
            asking.request("GET", "/client", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
            print(asking.getresponse().read().decode())
            break
        except OSError:
            time.sleep(0.1)
finally:
    server.terminate()
    server.wait(10)
"""
