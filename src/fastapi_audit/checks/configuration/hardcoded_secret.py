"""A secret written into the code or a deployment file

Whoever reads the repository, an image or its history has the key. A default is worse than none: when the variable is
missing, nothing fails, and the service signs with a value that stands in the source. With it anybody can issue a token
for any user.

## Use instead
Read it from the environment or a secret store and have no default: `os.environ["SECRET_KEY"]`, or a settings field
`secret_key: SecretStr`. In compose `${SECRET_KEY:?SECRET_KEY is required}`. Replace a secret that was ever committed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import log2

from fastapi_audit.evidence import Call, Class, Expression, Settings, Variable
from fastapi_audit.evidence.deployment import ConfigData, DotEnv, EnvVar, Image, Service, Workload
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-798",
    references=[
        "https://fastapi.tiangolo.com/advanced/settings/",
        "https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html",
    ],
    examples=[
        Bad(
            """
            import hmac
            import os

            from fastapi import FastAPI, HTTPException

            SECRET_KEY = os.environ.get("SECRET_KEY", "change-me")  # finding
            app = FastAPI()

            @app.get("/me")
            def me(user: str, signature: str) -> str:
                expected = hmac.new(SECRET_KEY.encode(), user.encode(), "sha256").hexdigest()
                if not hmac.compare_digest(expected, signature):
                    raise HTTPException(401)
                return user
            """,
            fixed="""
            import hmac
            import os

            from fastapi import FastAPI, HTTPException

            SECRET_KEY = os.environ["SECRET_KEY"]
            app = FastAPI()

            @app.get("/me")
            def me(user: str, signature: str) -> str:
                expected = hmac.new(SECRET_KEY.encode(), user.encode(), "sha256").hexdigest()
                if not hmac.compare_digest(expected, signature):
                    raise HTTPException(401)
                return user
            """,
        ),
        Bad(
            """
            import jwt
            from fastapi import FastAPI
            from pydantic import Field, SecretStr
            from pydantic_settings import BaseSettings

            JWT_SECRET = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"  # finding

            class Settings(BaseSettings):
                secret_key: str = "insecure"  # finding
                admin_password: SecretStr = Field(default=SecretStr("admin"))  # finding
                database_url: str = "postgresql://leads:hunter2@db/leads"  # finding

            settings = Settings()
            app = FastAPI()

            @app.get("/token")
            def token() -> str:
                return jwt.encode({"sub": "1"}, "my-signing-key", algorithm="HS256")  # finding
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                ENV STRIPE_API_KEY=rk_live_a8F3kQ92hLm4Zx71TbVn
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    environment:
                      DATABASE_URL: postgresql://postgres:postgres@db/leads  # finding
                  db:
                    image: postgres:17
                    environment:
                      - POSTGRES_PASSWORD=postgres  # finding
                """,
            }
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from fastapi.security import OAuth2PasswordBearer
            from pydantic import BaseModel, Field
            from pydantic_settings import BaseSettings

            SECRET_NAME = "production/leads/signing-key-2024"
            SECRET_KEY_FILE = "/run/secrets/signing_key"
            API_KEY_HEADER = "X-API-Key"
            API_KEY = "api_key"
            GITHUB_SECRET_KEY = "GITHUB_TOKEN"
            LABEL_SECRET_KEY = "leads.example.label"
            AMPLITUDE_API_KEY = "a8f3c092b14d7e71a0c5f9a8f3c092b1"
            POSTHOG_API_KEY = "phc_a8F3kQ92hLm4Zx71TbVna8F3kQ92hLm4"
            GRANT_PASSWORD = "password"
            ACCESS_TOKEN_EXPIRE_MINUTES = "30"
            NEXT_PAGE_TOKEN = "nextPageToken"
            oauth2 = OAuth2PasswordBearer(tokenUrl="token")

            class Settings(BaseSettings):
                secret_key: str
                jwt_secret: str = Field(min_length=32)
                redis_password: str = ""
                openai_api_key: str = "your-api-key"
                sentry_token: str | None = None
                database_url: str = "postgresql://postgres:postgres@localhost/leads"

            class Login(BaseModel):
                password: str = Field(examples=["Hunter2Hunter2Hunter2"])
                token_type: str = "bearer"

            app = FastAPI()
            key = os.environ["SECRET_KEY"]
            other = os.environ.get("OPENAI_API_KEY", "")
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import model_validator
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                secret_key: str = "replace-me"

                @model_validator(mode="after")
                def refuse_the_reminder(self) -> "Settings":
                    if self.secret_key.startswith("replace"):
                        raise ValueError("set SECRET_KEY")
                    return self

            app = FastAPI()
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                ".env.example": """
                SECRET_KEY=change-me
                """,
                ".env": """
                SECRET_KEY=a8F3kQ92hLm4Zx71TbVna8F3kQ92hLm4
                """,
                "compose.dev.yaml": """
                services:
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_PASSWORD: postgres
                """,
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    environment:
                      SECRET_KEY: ${SECRET_KEY:?is required}
                      DATABASE_URL: postgresql://leads:${POSTGRES_PASSWORD:?is required}@db/leads
                      API_TOKEN: <your token>
                      SECRET_NAME: leads-a8F3kQ92hLm4Zx71TbVn
                  db:
                    image: postgres:17
                    environment:
                      POSTGRES_PASSWORD_FILE: /run/secrets/postgres
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "deploy/config.yaml": """
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: leads}
                data:
                  LOG_LEVEL: info
                  SECRET_KEY: a8F3kQ92hLm4Zx71TbVna8F3kQ92hLm4  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": """
                import os

                import jwt
                from fastapi import FastAPI

                app = FastAPI()
                signing_key: str
                api_key: str = os.environ["API_KEY"]

                class AuthConfig:
                    '''Where tokens come from.'''

                    token_url = "/token"
                    header, password_field = "Authorization", "password"

                def load() -> None:
                    global signing_key
                    signing_key = os.environ["SIGNING_KEY"]

                @app.get("/token")
                def token() -> str:
                    return jwt.encode({"sub": "1"}, os.environ["SECRET_KEY"], algorithm="HS256")
                """,
                "deploy/secret.yaml": """
                apiVersion: v1
                kind: Secret
                metadata: {name: leads}
                data:
                  SECRET_KEY: cmVwbGFjZWQtYnktdGhlLW9wZXJhdG9y
                """,
                "k8s/overlays/dev/api.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: api}
                spec:
                  selector: {matchLabels: {app: api}}
                  template:
                    metadata: {labels: {app: api}}
                    spec:
                      containers:
                        - name: api
                          image: example/leads:1.4
                          env:
                            - {name: SECRET_KEY, value: a8F3kQ92hLm4Zx71TbVna8F3kQ92hLm4}
                """,
            }
        ),
    ],
)

OWN = re.compile(r"(?:^|_)(?:SECRET|SECRET_?KEY|JWT_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY)$")
"""Keys of the service itself: it works with whatever stands there."""
PASSWORD = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE)$")
FOREIGN = re.compile(r"(?:^|_)(?:API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY|TOKEN|CLIENT_SECRET|DSN)$")
"""Keys that somebody else hands out: a word that is none simply does not work."""
NOBODYS = re.compile(
    r"^(?:TEST|MOCK|FAKE|DUMMY|EXAMPLE|SAMPLE)_|(?:^|_)(?:PUBLIC|GRANT|NEXT|PAGE|EOS|BOS|PAD|UNK|STOP)_"
    r"|(?:^|_)(?:AMPLITUDE|POSTHOG|SEGMENT|MIXPANEL|ANALYTICS|TELEMETRY)_"
)
"""Words that are no secret, and keys that every copy of a program carries."""

EMPTY_WORDS = re.compile(
    r"^(?:none|null|nil|true|false|yes|no|on|str|string|optional|required|disabled|off|unset|not[-_ ]?set)$"
)
PLACEHOLDER = re.compile(r"<[^>]*>|\{\{|\$[({]|%\(|\.\.\.|\*{3}|x{4,}|placeholder|todo|fixme|redacted")
TEMPLATE = re.compile(r"your|example|dummy|fake|replace|insert|sample|mock")
ELSEWHERE = re.compile(
    r"^(?:/|\./|~|file:|vault:|op://|arn:|ssm:|projects/|secretmanager|ENC\[|env:|https?://[^@]*$|phc_|pk_)"
)
"""Where a secret is kept, and keys that are made for browsers."""
IDENTIFIER = re.compile(r"[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:[_.:][a-z]+)+")
"""A name for something: of a variable, a label, an entry."""
URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^:/@\s]*:(?P<password>[^@/\s]+)@(?P<host>[^:/?\s]+)")
HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[", "host.docker.internal"})  # noqa: S104  addresses in URLs
VALIDATORS = ("pydantic.field_validator", "pydantic.model_validator", "pydantic.validator", "pydantic.root_validator")
RANDOM = re.compile(r"[\w+/=.-]{16,}")
FEWEST_DIGITS, LEAST_ENTROPY = 3, 3.0


def _judged(name: str, value: str) -> Severity | None:
    """How bad it is that this name has this value; `None` when it is no secret."""
    named = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").upper()
    lowered = value.strip().lower()
    url = URL.match(value)
    if url:
        return None if url["host"] in HERE or _says_nothing(url["password"].lower()) else Severity.HIGH
    if _says_nothing(lowered) or ELSEWHERE.match(value) or NOBODYS.search(named):
        return None
    if not (OWN.search(named) or PASSWORD.search(named) or FOREIGN.search(named)):
        return None
    if _is_random(value):
        return None if TEMPLATE.search(lowered) else Severity.CRITICAL
    used_as_is = OWN.search(named) or PASSWORD.search(named)
    return Severity.HIGH if used_as_is and not FOREIGN.search(named) else None


def _secret(value: str) -> str:
    """What reports must not show: of a URL the password, else the whole value."""
    url = URL.match(value)
    return url["password"] if url else value


def _says_nothing(lowered: str) -> bool:
    return not lowered or bool(EMPTY_WORDS.match(lowered) or PLACEHOLDER.search(lowered))


def _is_random(value: str) -> bool:
    """Whether it looks like something that a generator made."""
    if not RANDOM.fullmatch(value) or sum(c.isdigit() for c in value) < FEWEST_DIGITS or value.isdigit():
        return False
    shares = [value.count(c) / len(value) for c in set(value)]
    return -sum(share * log2(share) for share in shares) >= LEAST_ENTROPY


def _echoes(name: str, value: str) -> bool:
    """Whether the value only spells the name, as constants for fields, headers and variables do."""
    bare_name, bare = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (name, value))
    return bare in bare_name


@rule.check
def services(service: Service) -> Iterator[Finding]:
    if service.production:
        yield from _written(service.environment, f"service `{service.name}`")


@rule.check
def images(image: Image) -> Iterator[Finding]:
    if image.production:
        variables = dict.fromkeys(v for stage in image.stages for v in stage.env)
        yield from _written(variables, "the image, for everyone who can pull it,")


@rule.check
def workloads(workload: Workload) -> Iterator[Finding]:
    if workload.production:
        for container in (*workload.containers, *workload.init_containers):
            yield from _written(container.env, f"container `{container.name}`")


@rule.check
def config_data(data: ConfigData) -> Iterator[Finding]:
    if data.production and not data.encoded:
        yield from _written(data.entries, f"{data.kind} `{data.name}`")


@rule.check
def dotenvs(file: DotEnv) -> Iterator[Finding]:
    if file.production and file.tracked is True and not file.is_template:
        yield from _written(file.variables, "a file that git tracks")


def _written(variables: Iterable[EnvVar], place: str) -> Iterator[Finding]:
    for variable in variables:
        value = variable.literal
        severity = _judged(variable.name, value) if value is not None else None
        if severity is not None:
            yield Finding(
                f"`{variable.name}` stands in {place} in clear: whoever reads the repository has it. Pass it in from "
                f"outside, for example as `${{{variable.name}:?is required}}`, and replace it.",
                variable.location,
                severity=severity,
                confidence=None if severity is Severity.CRITICAL else Confidence.MEDIUM,
                secret=_secret(value or ""),
            )


@rule.check
def settings(cls: Settings) -> Iterator[Finding]:
    for field in cls.fields:
        value = _literal(field.default) if field.default is not None else None
        severity = _judged(field.name, value) if value is not None else None
        if severity is not None and field.default is not None and not _may_be_refused(cls, field.name):
            found = field.default.finding(
                f"`{cls.name}.{field.name}` has a default: when the variable is missing, nothing fails and the service "
                "runs with a value that everybody can read here. Have no default.",
                severity=severity,
            )
            yield replace(found, secret=_secret(value or ""))


def _may_be_refused(cls: Settings, name: str) -> bool:
    """Whether a validator that can raise looks at the field: the default is then a reminder, not a value that is used."""
    validators = (method for method in cls.methods if method.is_decorated(*VALIDATORS))
    named = re.compile(rf"\b{re.escape(name)}\b")
    return any(method.statements_of("raise") and named.search(method.text) for method in validators)


def _literal(expression: Expression) -> str | None:
    """The string that is written here, also inside `Field(...)` and `SecretStr(...)`."""
    if isinstance(expression, Call) and (expression.name or "").startswith("pydantic."):
        inner = expression.argument("default", 0) or expression.argument("secret_value")
        return _literal(inner) if inner is not None else None
    value = expression.constant
    return value if isinstance(value, str) and not expression.is_default else None


@rule.check
def variables(variable: Variable) -> Iterator[Finding]:
    if variable.value is not None:
        yield from _constant(variable.name, variable.value)


@rule.check
def classes(cls: Class) -> Iterator[Finding]:
    if isinstance(cls, Settings) or not re.search(r"config|settings", cls.name, re.IGNORECASE):
        return
    for statement in cls.statements:
        if statement.kind == "assign" and statement.value is not None and len(statement.targets) == 1:
            yield from _constant(statement.targets[0].text, statement.value)


def _constant(name: str, value: Expression) -> Iterator[Finding]:
    text = value.constant
    if value.kind != "constant" or not isinstance(text, str) or _echoes(name, text):
        return
    if IDENTIFIER.fullmatch(text):
        return
    severity = _judged(name, text)
    # A short word may be the name of a field; only the service's own key is used whatever it is.
    if severity is Severity.CRITICAL or (severity and re.search(r"(?i)key$|^jwt_?secret$", name)):
        found = value.finding(
            f"`{name}` is written into the code: whoever reads the repository has it. Read it from the environment, "
            "without a default, and replace it.",
            severity=severity,
        )
        yield replace(found, secret=_secret(text))


@rule.check(of=["os.getenv", "os.environ.get"])
def defaults(call: Call) -> Iterator[Finding]:
    name, default = call.argument("key", 0), call.argument("default", 1)
    if name is None or default is None or default.kind != "constant":
        return
    variable, value = name.constant, default.constant
    if not isinstance(variable, str) or not isinstance(value, str):
        return
    severity = _judged(variable, value)
    if severity is not None and value != variable:
        found = call.finding(
            f"Without `{variable}` in the environment nothing fails: the service runs with a value that everybody can "
            f'read here. Use `os.environ["{variable}"]`.',
            severity=severity,
            fix=Fix("Have no default", (call.replace(f"os.environ[{name.text}]"),)) if _plain(call) else None,
        )
        yield replace(found, secret=_secret(value))


def _plain(call: Call) -> bool:
    """Whether `os` is imported by that name here."""
    return call.callee.text in {"os.getenv", "os.environ.get"}


@rule.check(of=["jwt.encode", "jwt.decode", "jose.jwt.encode", "jose.jwt.decode"])
def signing(call: Call) -> Iterator[Finding]:
    key = call.argument("key", 1)
    if key is not None and key.kind == "constant" and isinstance(key.constant, str) and key.constant:
        found = key.finding(
            "Tokens are signed with a key that is written into the code: whoever reads it can issue one for any user. "
            "Read it from the environment, without a default."
        )
        yield replace(found, secret=key.constant)


@rule.proof
def anybody_signs_for_anybody(bad: Served) -> None:
    signature = bad.run("import hmac; print(hmac.new(b'change-me', b'admin', 'sha256').hexdigest())").strip()

    assert bad.get("/me", params={"user": "admin", "signature": signature}).json() == "admin"
