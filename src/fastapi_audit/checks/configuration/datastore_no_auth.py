"""A database that asks nobody for a password

`POSTGRES_HOST_AUTH_METHOD=trust` lets everybody who reaches the port in as any user, superuser included. One service that
is taken over, or one port that is published by mistake, then has all data.

## Use instead
`POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?is required}` and the image's default method, scram-sha-256.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import Service
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-306",
    references=["https://www.postgresql.org/docs/current/auth-trust.html"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_HOST_AUTH_METHOD: trust  # finding
                  mysql:
                    image: mysql:9
                    environment:
                      - MYSQL_ALLOW_EMPTY_PASSWORD=yes  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_HOST_AUTH_METHOD: scram-sha-256
                      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?is required}
                  mysql:
                    image: mysql:9
                    environment:
                      MYSQL_ALLOW_EMPTY_PASSWORD: ""
                      MYSQL_ROOT_PASSWORD_FILE: /run/secrets/mysql
                """,
                "compose.test.yaml": """
                services:
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_HOST_AUTH_METHOD: trust
                """,
            }
        ),
    ],
    unproven="It takes a database server; that trust asks for no password is what its manual says.",
)

EMPTY_PASSWORD = frozenset({"MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"})


@rule.check
def services(service: Service) -> Iterator[Finding]:
    for variable in service.environment if service.production else ():
        trusts = variable.name == "POSTGRES_HOST_AUTH_METHOD" and variable.literal == "trust"
        # The images ask only whether the variable holds anything.
        if trusts or (variable.name in EMPTY_PASSWORD and variable.literal):
            yield Finding(
                f"`{variable.name}={variable.literal}`: whoever reaches the port of `{service.name}` is let in without a "
                "password, as the superuser too. Require one.",
                variable.location,
            )
