"""nginx hands on whatever address the client claims to have

nginx passes the headers of a client on as they are. Where a location does not set X-Forwarded-For and the server believes
nginx, the client writes its own address: with a bare `proxy_pass` a request with `X-Forwarded-For: 6.6.6.6` came from
6.6.6.6 for the application. Limits for each address, allow lists and logs are then worth nothing.

## Use instead
`proxy_set_header X-Forwarded-For $remote_addr;` together with `X-Forwarded-Proto $scheme` and `Host $host`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import ProxyLocation, ServerCommand
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""
TRUSTING = """
services:
  api:
    build: .
    command: uvicorn main:app --host 0.0.0.0 --forwarded-allow-ips 172.30.0.10
  nginx:
    image: nginx:1.28
    ports: ["80:80"]
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-348",
    references=["https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": TRUSTING,
                "nginx.conf": """
                server {
                    # finding
                    location / {
                        proxy_pass http://api:8000;
                    }
                }
                """,
            },
            fixed={
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                        proxy_set_header X-Forwarded-For $remote_addr;
                    }
                }
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": TRUSTING,
                "nginx.conf": """
                server {
                    proxy_set_header X-Forwarded-For $remote_addr;
                    location / {
                        proxy_pass http://api:8000;
                    }
                    location /files/ {
                        proxy_pass http://files:9000;
                    }
                }
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
                    command: uvicorn main:app --host 0.0.0.0
                  nginx:
                    image: nginx:1.28
                """,
                "nginx.conf": """
                server {
                    location / {
                        proxy_pass http://api:8000;
                    }
                }
                """,
            }
        ),
    ],
    unproven="It takes an nginx between client and server, which is not there when the examples are served.",
)


@rule.check
def locations(location: ProxyLocation, project: Project) -> Iterator[Finding]:
    if not location.complete or "x-forwarded-for" in location.headers:
        return
    hosts = {target.partition(":")[0] for target in location.passes_to}
    command = next((c for c in project.deployment.production_commands if _believes(c, hosts)), None)
    if command is None:
        return
    own = not location.headers or any(d.name == "proxy_set_header" for d in location.levels[-1])
    edit = location.added("proxy_set_header X-Forwarded-For $remote_addr;") if own else None
    yield Finding(
        f"`location {location.pattern}` passes the client's own X-Forwarded-For on, and `{command.program}` believes "
        f"nginx ({command.forwarded_allow_ips.value}): clients choose their address. Set it to `$remote_addr`.",
        location.location,
        fix=Fix("Set the address of the client", (edit,), safe=True) if edit else None,
    )


def _believes(command: ServerCommand, hosts: set[str]) -> bool:
    """Whether the server takes forwarded headers from this nginx."""
    trusted = command.forwarded_allow_ips
    named = command.service is not None and command.service.name in hosts
    explicit = not trusted.is_default and trusted.value not in {None, ""}
    return named and explicit and command.proxy_headers.is_on is True and command.speaks_asgi is True
