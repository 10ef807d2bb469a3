"""A missing secret silently becomes the empty string

Compose fills `${SECRET_KEY}` with nothing when the variable is not set; it prints `The SECRET_KEY variable is not set.
Defaulting to a blank string.` and starts. A settings field of type `str` accepts the empty string, and python-jose signs
with the empty key, so that anybody can forge a token.

## Use instead
`${SECRET_KEY:?SECRET_KEY is required}`: compose then refuses to start when it is not set or empty.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence.deployment import EnvVar, Reference, Service
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-1188",
    references=["https://docs.docker.com/reference/compose-file/interpolation/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    environment:
                      - SECRET_KEY=${SECRET_KEY}  # finding
                      - DEBUG=${DEBUG}
                      - DATABASE_URL=postgresql://leads:${DB_PASSWORD}@db/leads  # finding
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_PASSWORD: "$DB_PASSWORD"  # finding
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  api:
                    build: .
                    environment:
                      - SECRET_KEY=${SECRET_KEY:?SECRET_KEY is required}
                      - DEBUG=${DEBUG}
                      - DATABASE_URL=postgresql://leads:${DB_PASSWORD:?DB_PASSWORD is required}@db/leads
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_PASSWORD: "${DB_PASSWORD:?DB_PASSWORD is required}"
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
                    env_file: .env
                    environment:
                      SECRET_KEY: ${SECRET_KEY:?is required}
                      SECRET_KEY_FILE: ${SECRET_KEY_FILE}
                      TOKEN_URL: ${TOKEN_URL}
                      ANTHROPIC_API_KEY: ${ANTHROPIC_API_KEY}
                      PUBLIC_API_KEY_NAME: ${PUBLIC_API_KEY_NAME}
                      PASSWORD_HINT: "$$PASSWORD"
                      SENTRY_DSN: ${SENTRY_DSN:-}
                      OPENAI_API_KEY: ${OPENAI_API_KEY:-}
                      SMTP_PASSWORD: ${SMTP_PASSWORD}
                      JWT_KEY: ${SECRET_KEY}
                """,
                "compose.dev.yaml": """
                services:
                  api:
                    environment:
                      SECRET_KEY: ${SECRET_KEY}
                """,
            }
        ),
    ],
    unproven="It takes docker compose, which is not there when the examples are served.",
)

OWN = re.compile(r"(?:^|_)(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|(?:SECRET|JWT|SIGNING|ENCRYPTION)_?KEY)$", re.IGNORECASE)
FOREIGN = re.compile(
    r"(?:^|_)(?:(?:API|PRIVATE|ACCESS|AUTH)_?KEY|CLIENT_SECRET|TOKEN|(?:SMTP|E?MAIL|IMAP|PROXY)_PASSWORD)$",
    re.IGNORECASE,
)
"""Keys of somebody else's service: without one, that service refuses, and many are optional."""


@rule.check
def services(service: Service) -> Iterator[Finding]:
    if service.production:
        for variable in service.environment:
            for reference in variable.references:
                # Compose fills in the whole file or none of it: asked for once, it cannot be missing elsewhere.
                asked = reference.operator or reference.name in service.required
                if not asked and _is_secret(variable, reference):
                    yield _finding(variable, reference)


def _is_secret(variable: EnvVar, reference: Reference) -> bool:
    whole = variable.value is not None and variable.value.value == f"${{{reference.name}}}"
    names = (reference.name, variable.name) if whole else (reference.name,)
    return any(OWN.search(name) and not FOREIGN.search(name) for name in names)


def _what(variable: EnvVar, name: str) -> str:
    whole = variable.value is not None and variable.value.value in {f"${name}", f"${{{name}}}"}
    return f"an empty `{variable.name}`" if whole else f"a `{variable.name}` in which it is empty"


def _finding(variable: EnvVar, reference: Reference) -> Finding:
    name = reference.name
    return Finding(
        f"When `{name}` is not set, compose warns once and starts with {_what(variable, name)}. "
        f"`${{{name}:?{name} is required}}` refuses to start instead.",
        variable.location,
        fix=Fix(f"Require {name}", (reference.text.replaced(f"${{{name}:?{name} is required}}"),), safe=True),
    )
