"""A key in `.env` that no setting names keeps the service from starting

A settings class that reads `.env` refuses every key there that it has no field for: `Extra inputs are not permitted`. A
`.env` that compose, the database and several services share always has some, so the next variable that somebody adds
for another service stops this one.

## Use instead
`model_config = SettingsConfigDict(env_file=".env", extra="ignore")`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project, Settings
from fastapi_audit.evidence.deployment import DotEnv
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

DOTENV = """
SECRET_KEY=for-this-service
POSTGRES_PASSWORD=for-another-one
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.pydantic.dev/latest/concepts/pydantic_settings/#dotenv-env-support"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from pydantic_settings import BaseSettings, SettingsConfigDict

                class Settings(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env")  # finding

                    secret_key: str

                settings = Settings()
                app = FastAPI()
                """,
                ".env": DOTENV,
            },
            fixed={
                "main.py": """
                from fastapi import FastAPI
                from pydantic_settings import BaseSettings, SettingsConfigDict

                class Settings(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

                    secret_key: str

                settings = Settings()
                app = FastAPI()
                """,
            },
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from pydantic import Field
                from pydantic_settings import BaseSettings, SettingsConfigDict

                class Ignoring(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env", extra="ignore")
                    secret_key: str

                class Complete(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env")
                    secret_key: str
                    postgres_password: str

                class Renamed(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env")
                    secret_key: str
                    password: str = Field(validation_alias="POSTGRES_PASSWORD")

                class Prefixed(BaseSettings):
                    model_config = SettingsConfigDict(env_file=".env", env_prefix="LEADS_")
                    secret_key: str

                class Environment(BaseSettings):
                    secret_key: str

                app = FastAPI()
                """,
                ".env": DOTENV,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic_settings import BaseSettings, SettingsConfigDict

            class Settings(BaseSettings):
                model_config = SettingsConfigDict(env_file=".env")
                secret_key: str

            app = FastAPI()
            """
        ),
    ],
)

CONFIGURATIONS = frozenset({"pydantic_settings.SettingsConfigDict", "pydantic.ConfigDict", "dict"})


@rule.check
def settings(cls: Settings, project: Project) -> Iterator[Finding]:
    config = _configuration(cls)
    if config is None or not cls.all_fields or _tells_otherwise(cls, config):
        return
    written = config.argument("env_file")
    name = written.constant if written is not None else None
    file = next((d for d in project.deployment.dotenvs if isinstance(name, str) and _is(d, name)), None)
    if file is None:
        return
    known = {field.name.lower() for field in cls.all_fields}
    unknown = [v.name for v in file.variables if v.name.lower() not in known and v.literal]
    if unknown:
        yield Finding(
            f"`{file.path}` sets `{unknown[0]}`, for which `{cls.name}` has no field: with that file the service does not "
            'start ("Extra inputs are not permitted"). Set `extra="ignore"`.',
            config.location,
            fix=Fix("Ignore keys of others", (config.keyword_edit("extra", '"ignore"'),)),
            confidence=Confidence.MEDIUM if file.is_template else None,
        )


def _configuration(cls: Settings) -> Call | None:
    for statement in cls.statements:
        if statement.kind == "assign" and [t.text for t in statement.targets] == ["model_config"]:
            value = statement.value
            return value if isinstance(value, Call) and value.name in CONFIGURATIONS else None
    return None


def _tells_otherwise(cls: Settings, config: Call) -> bool:
    """Whether other names than those of the fields are read, or others are let pass."""
    options = ("extra", "env_prefix", "alias_generator", "env_nested_delimiter", "case_sensitive")
    renamed = any("alias" in field.default.text for field in cls.all_fields if field.default is not None)
    annotated = any("alias" in field.annotation.text for field in cls.all_fields if field.annotation is not None)
    bases = [base for base in cls.bases if not base.startswith(("pydantic", "object"))]
    return renamed or annotated or config.has_unknown_arguments or bool(bases) or any(map(config.argument, options))


def _is(file: DotEnv, name: str) -> bool:
    """Whether it is the file at the root that the settings read, or what people copy to it."""
    return file.path == name or (file.is_template and file.path in {f"{name}.example", f"{name}.sample"})


@rule.proof(needs=("pydantic-settings",))
def the_service_does_not_start(bad: Served) -> None:
    assert not bad.started
    assert "Extra inputs are not permitted" in bad.log
