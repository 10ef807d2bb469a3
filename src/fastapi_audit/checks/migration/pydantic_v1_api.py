"""Pydantic 1 leftover

Pydantic 2 keeps some of the old names as deprecated, drops others and silently ignores the rest. Measured on 2.14:
removed names and arguments raise at import, so the service does not start; `class Config` keys such as `orm_mode` and
`allow_population_by_field_name` only warn and have no effect; `.dict()` and its like work until Pydantic 3.

## Use instead
`pydantic_settings.BaseSettings`, `Field(pattern=…)`, `RootModel`, `model_validator`, `ConfigDict` with the new keys,
`model_dump`, `model_validate`. The tool `bump-pydantic` rewrites most of them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Model, Module, Project, Settings
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

REMOVED = {
    "pydantic.BaseSettings": "import it from `pydantic_settings`",
    "pydantic.Required": "use `...`",
    "pydantic.NoneStr": "use `str | None`",
    "pydantic.NoneStrBytes": "use `str | bytes | None`",
    "pydantic.StrBytes": "use `str | bytes`",
    "pydantic.stricturl": "use `pydantic.networks.UrlConstraints`",
    "pydantic.ConstrainedStr": "use `Annotated[str, StringConstraints(…)]`",
    "pydantic.ConstrainedInt": "use `Annotated[int, Field(…)]`",
    "pydantic.ConstrainedFloat": "use `Annotated[float, Field(…)]`",
    "pydantic.ConstrainedList": "use `Annotated[list, Field(…)]`",
    "pydantic.parse_file_as": "use `TypeAdapter`",
    "pydantic.create_model_from_typeddict": "use `TypeAdapter`",
    "pydantic.compiled": "use `pydantic.version`",
}
"""Names whose import raises."""

REMOVED_ARGUMENTS = {
    "pydantic.Field": {"regex": "`pattern`", "const": "a `Literal` type"},
    "pydantic.constr": {"regex": "`pattern`"},
    "pydantic.conlist": {"min_items": "`min_length`", "max_items": "`max_length`", "unique_items": "a `set`"},
}

IGNORED_KEYS = {
    "orm_mode": "from_attributes",
    "allow_population_by_field_name": "populate_by_name",
    "anystr_strip_whitespace": "str_strip_whitespace",
    "anystr_lower": "str_to_lower",
    "anystr_upper": "str_to_upper",
    "min_anystr_length": "str_min_length",
    "max_anystr_length": "str_max_length",
    "schema_extra": "json_schema_extra",
    "validate_all": "validate_default",
    "allow_mutation": "frozen",
    "keep_untouched": "ignored_types",
}
"""Keys of `class Config` that Pydantic 2 does not know, and what they are called now."""

METHODS = {
    "dict": "model_dump",
    "json": "model_dump_json",
    "copy": "model_copy",
    "parse_obj": "model_validate",
    "from_orm": "model_validate",
    "construct": "model_construct",
    "schema": "model_json_schema",
    "parse_raw": "model_validate_json",
    "update_forward_refs": "model_rebuild",
}
PLAIN = frozenset({"dict", "parse_obj", "from_orm", "schema"})
"""Those whose arguments have kept their meaning."""
OWNERS = ("pydantic.BaseModel", "sqlmodel.SQLModel", "pydantic_settings.BaseSettings")
SECOND = (
    "ConfigDict",
    "field_validator",
    "model_validator",
    "RootModel",
    "TypeAdapter",
    "field_serializer",
    "SettingsConfigDict",
)

PLACES = ("Query", "Path", "Header", "Cookie", "Body", "Form")

ASKS = re.compile(r"v1|v2|pydantic|hasattr|model_dump|version", re.IGNORECASE)
"""Code that asks which Pydantic there is knows what it does."""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    applies_to="pydantic>=2",
    references=["https://docs.pydantic.dev/latest/migration/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel, ConfigDict


            class Lead(BaseModel):
                name: str

                class Config:
                    orm_mode = True  # finding


            class Row:
                name = "ada"


            app = FastAPI()


            @app.get("/lead")
            def lead() -> dict:
                return Lead.model_validate(Row()).model_dump()
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseSettings  # finding
            from pydantic import BaseModel, Field, root_validator


            class Settings(BaseSettings):
                name: str = "leads"


            class Lead(BaseModel):
                phone: str = Field(regex="[0-9]+")  # finding

                @root_validator  # finding
                def complete(cls, values):
                    return values


            class Leads(BaseModel):
                __root__: list[Lead]  # finding


            app = FastAPI()
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel, ConfigDict


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.post("/leads")
            def create(lead: Lead) -> dict:
                return lead.dict(exclude_unset=True)  # finding


            @app.post("/raw")
            def raw(data: dict) -> Lead:
                return Lead.parse_obj(data)  # finding
            """,
            fixed="""
            from fastapi import FastAPI
            from pydantic import BaseModel, ConfigDict


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.post("/leads")
            def create(lead: Lead) -> dict:
                return lead.model_dump(exclude_unset=True)


            @app.post("/raw")
            def raw(data: dict) -> Lead:
                return Lead.model_validate(data)
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, Query
            from pydantic import BaseModel, Field, validator
            from pydantic_settings import BaseSettings


            class Settings(BaseSettings):
                database: str = Field("sqlite://", env="LEADS_DATABASE")  # finding
                name: str = Field("leads", description="What it is called")


            class Lead(BaseModel):
                name: str

                @validator("name")  # finding
                def known(cls, value):
                    return value.strip()


            app = FastAPI()


            @app.get("/leads")
            def leads(name: str = Query("", regex="^[a-z]*$")) -> str:  # finding
                return name
            """
        ),
        Good(
            """
            import httpx
            from fastapi import FastAPI, Request
            from pydantic import BaseModel, ConfigDict, Field, model_validator
            from pydantic_settings import BaseSettings

            try:
                from pydantic import parse_file_as
            except ImportError:
                parse_file_as = None


            class Settings(BaseSettings):
                name: str = "leads"


            class Lead(BaseModel):
                model_config = ConfigDict(from_attributes=True)
                phone: str = Field(pattern="[0-9]+")

                @model_validator(mode="after")
                def complete(self):
                    return self


            class Config:
                orm_mode = True


            app = FastAPI()


            @app.post("/leads")
            async def create(request: Request, lead: Lead) -> dict:
                data = {"a": 1}.copy()
                async with httpx.AsyncClient() as client:
                    found = (await client.get("http://leads")).json()
                old = lead.model_dump() if hasattr(lead, "model_dump") else lead.dict()
                try:
                    old = lead.model_dump()
                except AttributeError:
                    old = lead.dict()
                return {**data, **found, **await request.json(), **lead.model_dump(), **old}
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel, ConfigDict


            class Lead(BaseModel):
                name: str

                def dict(self, **options) -> dict:
                    return {"name": self.name}


            app = FastAPI()


            @app.post("/leads")
            def create(lead: Lead) -> dict:
                return lead.dict()
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from pydantic import BaseModel


                class Lead(BaseModel):
                    name: str

                    class Config:
                        title = "A lead"
                        orm_mode = True  # finding


                app = FastAPI()


                @app.post("/leads")
                def create(lead: Lead) -> str:
                    return lead.json(indent=2)  # finding
                """,
                "requirements.txt": """
                pydantic==2.12.0
                """,
            }
        ),
    ],
)


@rule.check
def removed_names(module: Module, project: Project) -> Iterator[Finding]:
    for statement in module.statements_of("import"):
        if statement.tries or statement.conditions or statement.handler is not None:
            continue
        for name in statement.imports:
            if name in REMOVED:
                last = name.rpartition(".")[2]
                message = (
                    f"Pydantic 2 has no `{last}`: this import raises and the service does not start; {REMOVED[name]}."
                )
                yield weighed(statement.finding(message, severity=Severity.CRITICAL), project)


@rule.check(of=REMOVED_ARGUMENTS)
def removed_arguments(call: Call, project: Project) -> Iterator[Finding]:
    for argument, new in REMOVED_ARGUMENTS[call.name or ""].items():
        if argument in call.keywords:
            yield weighed(
                call.finding(
                    f"`{argument}=` raises in Pydantic 2 while the module is imported; use {new}.",
                    severity=Severity.CRITICAL,
                ),
                project,
            )


@rule.check
def removed_forms(model: Model, project: Project) -> Iterator[Finding]:
    if not model.descends_from(*OWNERS):
        return
    for field in model.fields:
        if field.name == "__root__":
            message = "A field `__root__` raises in Pydantic 2 while the module is imported; use `RootModel`."
            yield weighed(Finding(message, field.location, severity=Severity.CRITICAL), project)
    for method in model.methods:
        for decorator in method.decorators:
            keywords = decorator.keywords if isinstance(decorator, Call) else {}
            name = decorator.callee.name if isinstance(decorator, Call) else decorator.name
            if name == "pydantic.root_validator" and keywords.keys().isdisjoint({"pre", "skip_on_failure"}):
                message = (
                    "`@root_validator` without `skip_on_failure=True` raises in Pydantic 2; use `@model_validator`."
                )
                yield weighed(decorator.finding(message, severity=Severity.CRITICAL), project)


@rule.check
def ignored_keys(model: Model, project: Project) -> Iterator[Finding]:
    config = model.inner("Config")
    if config is None or not model.descends_from(*OWNERS):
        return
    for statement in config.statements:
        for target in statement.targets:
            new = IGNORED_KEYS.get(target.text)
            if new is not None:
                yield weighed(
                    statement.finding(
                        f"Pydantic 2 ignores `{target.text}` with a warning, so `{model.name}` behaves as if it were not "
                        f"there; it is called `{new}` now.",
                        severity=Severity.HIGH,
                    ),
                    project,
                )


@rule.check
def ignored_variables(settings: Settings, project: Project) -> Iterator[Finding]:
    if not settings.descends_from("pydantic_settings.BaseSettings"):
        return
    for field in settings.fields:
        default = field.default
        given = default.keywords.get("env") if isinstance(default, Call) and default.name == "pydantic.Field" else None
        if given is not None:
            message = (
                f"`env=` is ignored since Pydantic 2: `{field.name}` keeps its default, whatever {given.text} says. Use "
                "`validation_alias`."
            )
            yield weighed(given.finding(message, severity=Severity.HIGH), project)


@rule.check
def deprecated_validators(model: Model, project: Project) -> Iterator[Finding]:
    for method in model.methods:
        for decorator in method.decorators:
            if isinstance(decorator, Call) and decorator.callee.name == "pydantic.validator":
                message = (
                    "`@validator` is deprecated since Pydantic 2 and will be removed; it is `@field_validator` now."
                )
                yield weighed(decorator.finding(message), project)


@rule.check(of=[f"fastapi.{place}" for place in PLACES])
def deprecated_patterns(call: Call, project: Project) -> Iterator[Finding]:
    if "regex" in call.keywords:
        message = f"`regex=` of `{call.method}` is deprecated and will be removed; it is `pattern=` now."
        yield weighed(call.finding(message), project)


@rule.check(of=[f"{owner}.{method}" for owner in OWNERS for method in METHODS])
def deprecated_methods(call: Call, project: Project) -> Iterator[Finding]:
    new = METHODS.get(call.method)
    receiver = call.receiver
    if (
        new is None
        or receiver is None
        or receiver.text == "super()"
        or any(ASKS.search(c.text) for c in call.conditions)
        or (call.handler is not None and any(other.method == new for other in call.body.calls))
    ):
        return
    fix = None
    if call.method in PLAIN or not (call.arguments or call.keywords):
        fix = Fix(f"Call `{new}`", (call.callee.replace(f"{receiver.text}.{new}"),), safe=True)
    message = f"`{call.method}` of a model is deprecated since Pydantic 2 and will be removed; it is `{new}` now."
    yield weighed(call.finding(message, fix=fix), project)


def weighed(finding: Finding, project: Project) -> Finding:
    """Without a version and without anything of Pydantic 2 in the code, the project may still use Pydantic 1."""
    if project.uses("pydantic>=2") or any(
        name.startswith("pydantic_settings") or name.removeprefix("pydantic.") in SECOND
        for module in project.source.application_modules
        for name in module.imports
    ):
        return finding
    asked = project.deployment.requirements.asks_for("pydantic")
    return replace(finding, confidence=Confidence.MEDIUM if asked else Confidence.LOW)


@rule.proof
def orm_mode_has_no_effect(bad: Served) -> None:
    """The model does not read attributes, although its configuration says so."""
    assert bad.get("/lead").status_code == 500
    bad.stop()
    assert "orm_mode" in bad.log
