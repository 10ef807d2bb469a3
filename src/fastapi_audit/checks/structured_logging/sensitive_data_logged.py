"""Secret or personal data in the log

Passwords, tokens, cookies and whole header sets go from the log to every system that keeps or shows it, for years, to
people who may not see them. structlog and logging write `"password": "hunter2"` as it is.

## Use instead
Log an id. Keep secrets in `pydantic.SecretStr`, which prints as `**********`, and redact in one processor for all lines.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import UNKNOWN, Call, Expression
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-532",
    references=["https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html#data-to-exclude"],
    examples=[
        Bad(
            """
            import logging

            from fastapi import FastAPI, Request

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.post("/login")
            async def login(request: Request, name: str, password: str) -> str:
                logger.warning("login of %s with %s", name, password)  # finding
                logger.warning(f"headers: {request.headers}")  # finding
                logger.warning("cookies", extra={"all": request.cookies})  # finding
                return name
            """
        ),
        Bad(
            """
            import structlog
            from fastapi import FastAPI
            from pydantic import BaseModel

            class Login(BaseModel):
                name: str
                api_key: str

            logger = structlog.get_logger()
            app = FastAPI()

            @app.post("/login")
            async def login(login: Login) -> str:
                logger.info("login", name=login.name, key=login.api_key)  # finding
                print(login.api_key)  # finding
                return login.name
            """
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI, Request
            from pydantic import BaseModel, SecretStr

            class Login(BaseModel):
                name: str
                password: SecretStr
                token_count: int

            RESET_PASSWORD = "/".join(["", "password", "reset"])
            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.post("/login")
            async def login(request: Request, login: Login, has_password: bool, token: str) -> str:
                logger.info("login of %s with %s", login.name, login.password)
                logger.info("password changed for %s at %s", login.name, RESET_PASSWORD)
                logger.info("tokens: %s, given: %s", login.token_count, has_password)
                logger.info("agent: %s", request.headers.get("user-agent"))
                logger.info("token of %s letters, %s", len(token), bool(token))
                logger.info("token %s…", token[:4])
                logger.info("masked %s", mask(token))
                return login.name

            def mask(text: str) -> str:
                return "*" * len(text)
            """
        ),
    ],
)

LEVELS = ("debug", "info", "warning", "warn", "error", "critical", "exception", "fatal", "log")
OWNERS = ("logging", "logging.Logger", "structlog.BoundLogger", "loguru.logger")
SECRET = re.compile(
    r"^(?:\w+_)?(?:password|passwd|passphrase|secret|secret_key|client_secret|api_?key|access_token|refresh_token"
    r"|auth_token|id_token|private_key|credit_card|card_number|cvv|ssn)$|^(?:token|authorization)$",
    re.IGNORECASE,
)
WHOLE = frozenset({"fastapi.Request.headers", "fastapi.Request.cookies", "fastapi.WebSocket.headers"})
HARMLESS = re.compile(
    r"^(?:has|is|no|num|n|count|hashed|masked|redacted|encrypted|public|mock|fake|dummy|max|min)_", re.IGNORECASE
)


@rule.check(of=[*(f"{owner}.{level}" for owner in OWNERS for level in LEVELS), "print"])
def calls(call: Call) -> Iterator[Finding]:
    shown = next((e for given in _values(call) for e in _shown(given) if _is_secret(e)), None)
    if shown is None:
        return
    found = call.finding(
        f"`{shown.text}` goes to the log as it is, and from there to everyone who can read logs. Log an id, or keep "
        "it in a SecretStr."
    )
    yield replace(found, confidence=Confidence.LOW) if _is_column(shown) else found


def _is_column(shown: Expression) -> bool:
    """`key.token`: what is stored under this name is often the hash of the token."""
    return shown.kind == "attribute" and (shown.written or "").endswith(".token")


def _values(call: Call) -> Iterator[Expression]:
    yield from call.arguments
    for name, value in call.keywords.items():
        if name == "extra":
            yield from (v for _, v in value.items)
        else:
            yield value


def _shown(given: Expression) -> Iterator[Expression]:
    """What of an argument is printed: itself, or what an f-string puts in."""
    if given.kind == "fstring":
        for part in given.interpolated:
            yield from _shown(part)
    elif given.kind in {"name", "attribute"}:
        yield given
    elif given.operator in {"+", "%"}:
        for operand in given.operands:
            yield from _shown(operand)


def _is_secret(given: Expression) -> bool:
    if given.name in WHOLE:
        return True
    last = (given.written or "").rpartition(".")[2]
    # A name in capitals is a constant of the program, such as the path of a route.
    if SECRET.match(last) is None or HARMLESS.match(last) or last.isupper() or given.constant is not UNKNOWN:
        return False
    # Only a text or something unknown can be the secret itself.
    return given.type_name in {None, "str", "bytes"}


@rule.proof
def the_password_is_in_the_log(bad: Served) -> None:
    bad.post("/login?name=ada&password=hunter2")
    bad.stop()

    assert "with hunter2" in bad.log
