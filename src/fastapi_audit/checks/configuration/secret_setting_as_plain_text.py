"""A secret setting that shows its value when it is printed

A field of type `str` stands in clear in `repr(settings)`: in a log line, in a traceback with local values, in an error
tracker. `SecretStr` shows `**********` instead.

## Use instead
`secret_key: SecretStr`, and `.get_secret_value()` where it is used. With a length check, also
`model_config = SettingsConfigDict(hide_input_in_errors=True)`: a value that is too short is otherwise printed in full by
the error at start-up.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Settings
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    cwe="CWE-532",
    references=["https://docs.pydantic.dev/latest/examples/secrets/"],
    examples=[
        Bad(
            """
            import os

            from fastapi import FastAPI
            from pydantic_settings import BaseSettings

            os.environ["SECRET_KEY"] = "a8F3kQ92hLm4Zx71"

            class Settings(BaseSettings):
                secret_key: str  # finding
                smtp_password: str | None = None  # finding

            settings = Settings()
            print(settings)
            app = FastAPI()
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel, Field, SecretStr
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                secret_key: SecretStr = Field(min_length=32)
                smtp_password: SecretStr | None = None
                api_key: str = Field(repr=False)
                secret_name: str = "leads"
                password_min_length: int = 12
                api_key_header: str = "X-API-Key"

            class Login(BaseModel):
                password: str

            app = FastAPI()
            """
        ),
    ],
)

SECRET = re.compile(
    r"(?:^|_)(?:secret|password|passwd|passphrase|(?:secret|api|private|jwt|signing|encryption|access)_?key|auth_token)$",
    re.IGNORECASE,
)
PLAIN = re.compile(r"(?:str|str\s*\|\s*None|None\s*\|\s*str|(?:typing\.)?Optional\[str\])")


@rule.check
def settings(cls: Settings) -> Iterator[Finding]:
    for field in cls.fields:
        if field.annotation is None or not PLAIN.fullmatch(field.annotation.text) or not SECRET.search(field.name):
            continue
        hidden = field.default is not None and "repr=False" in field.default.text.replace(" ", "")
        if not hidden:
            yield Finding(
                f"`{cls.name}.{field.name}` is a `{field.annotation.text}`: whoever prints or logs the settings prints the "
                "secret. Use `SecretStr`.",
                field.location,
            )


@rule.proof(needs=("pydantic-settings",))
def printing_the_settings_prints_the_secret(bad: Served) -> None:
    assert "a8F3kQ92hLm4Zx71" in bad.run("import main")
