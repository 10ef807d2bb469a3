"""A database or broker is published on every address of the host

`ports: ["5432:5432"]` listens on all addresses, and docker writes its firewall rules before those of ufw and firewalld:
the database stands in the internet, and its password is all that protects it. Other services of the same compose file
reach it without any published port.

## Use instead
No `ports:` at all, or the loopback, `"127.0.0.1:5432:5432"`, for a tunnel.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import Port, Service
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    # A compose file for developers is not always told by its name.
    confidence=Confidence.MEDIUM,
    cwe="CWE-668",
    references=["https://docs.docker.com/engine/network/port-publishing/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  db:
                    image: postgres:17
                    ports:
                      - "5432:5432"  # finding
                  redis:
                    image: redis:8
                    ports:
                      - 0.0.0.0:6379:6379  # finding
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  db:
                    image: postgres:17
                    ports:
                      - "127.0.0.1:5432:5432"
                  redis:
                    image: redis:8
                    ports:
                      - "127.0.0.1:6379:6379"
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    ports: ["80:8000"]
                  db:
                    image: postgres:17
                    expose: ["5432"]
                  tunnel:
                    image: postgres:17
                    ports: ["127.0.0.1:5433:5432", "[::1]:5434:5432"]
                  chosen:
                    image: redis:8
                    ports: ["${BIND:-127.0.0.1}:6379:6379"]
                """,
                "compose.override.yaml": """
                services:
                  db:
                    ports: ["5432:5432"]
                """,
            }
        ),
    ],
    unproven="It takes docker and another machine that reaches the published port from outside.",
)


@rule.check
def services(service: Service) -> Iterator[Finding]:
    if not service.production or not service.is_datastore:
        return
    for port in service.ports:
        if port.is_public:
            yield Finding(
                f"Port {port.target} of `{service.name}` is open on every address of the host, past its firewall. The "
                "other services need no published port; for a tunnel bind it to 127.0.0.1.",
                port.location,
                fix=_fix(port),
            )


def _fix(port: Port) -> Fix | None:
    known = port.is_short and port.published and "$" not in port.text.value and port.protocol == "tcp"
    bound = f'"127.0.0.1:{port.published}:{port.target}"'
    return Fix("Bind it to the loopback", (port.text.replaced(bound),)) if known else None
