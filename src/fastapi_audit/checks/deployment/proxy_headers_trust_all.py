"""Every client may choose its own address

With `--forwarded-allow-ips '*'` the server takes the first address of X-Forwarded-For, whoever sent it. A client that
reaches the server, or a proxy that only adds to the header, chooses what it is limited, logged and allowed by: asked with
`X-Forwarded-For: 6.6.6.6, 203.0.113.9` the application sees 6.6.6.6.

## Use instead
The address or network of the proxy: the server then takes the last address that the proxy did not add itself. And let
nginx set the header, `proxy_set_header X-Forwarded-For $remote_addr`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import ProxyLocation, ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI, Request

app = FastAPI()

@app.get("/client")
def client(request: Request) -> str | None:
    return request.client.host if request.client else None
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
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips "*"  # finding
                    ports: ["80:8000"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    }
                }
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0
                    environment:
                      FORWARDED_ALLOW_IPS: "*"  # finding
                  nginx:
                    image: nginx:1.28
                    ports: ["80:80"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                        proxy_set_header X-Forwarded-For $remote_addr;
                    }
                }
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips=*
                    expose: ["8000"]
                  ready:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips=10.0.0.0/8
                    ports: ["81:8000"]
                  local:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips=*
                    ports: ["127.0.0.1:82:8000"]
                  socket:
                    build: .
                    command: uvicorn main:app --uds /run/api.sock --forwarded-allow-ips=*
                    ports: ["83:8000"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                        proxy_set_header Host $host;
                    }
                }
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips=*  # finding
                  nginx:
                    image: nginx:1.28
                    ports: ["80:80"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.13-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--forwarded-allow-ips", "*"]
                """,
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    trusted = command.forwarded_allow_ips
    if not command.production or trusted.value != "*" or command.uds.value or command.proxy_headers.is_on is not True:
        return
    way = _way_in(command, project)
    if way:
        yield Finding(
            f"`{command.program}` believes forwarded headers from everybody, and {way}: a client chooses the address that "
            "it is limited, logged and allowed by. Name the address or network of the proxy.",
            trusted.location or command.location,
        )


def _way_in(command: ServerCommand, project: Project) -> str | None:
    """How a header of a client gets through."""
    service = command.service
    if service is None:
        return None
    port = next((p for p in service.ports if p.is_public), None)
    if port:
        return f"its port {port.target} is published"
    for location in project.deployment.proxy_locations:
        if service.name in {target.partition(":")[0] for target in location.passes_to} and _passes_on(location):
            return f"nginx ({location.path}) passes on what the client sent"
    return None


def _passes_on(location: ProxyLocation) -> bool:
    written = location.headers.get("x-forwarded-for")
    if written is None:
        return location.complete
    return "$proxy_add_x_forwarded_for" in written.value or "$http_x_forwarded_for" in written.value


@rule.proof(options=("--forwarded-allow-ips", "*"))
def the_application_sees_what_the_client_wrote(bad: Served) -> None:
    assert bad.get("/client", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.9"}).json() == "6.6.6.6"
