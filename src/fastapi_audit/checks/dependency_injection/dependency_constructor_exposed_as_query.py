"""Constructor arguments of a service can be set by any client

`Depends(UserService)` makes FastAPI read the parameters of the constructor, and every plain `str`, `int` or `bool` among
them becomes a query parameter, in the documentation too. `?db_url=sqlite://evil&is_admin=1` really arrived in the
service; of a settings class `?debug=1&secret=x` was taken.

## Use instead
A provider that makes the object from settings: `def get_users() -> UserService: return UserService(settings.db_url)`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Class, Dependency, Parameter, Settings
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-915",
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/classes-as-dependencies/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI

            class UserService:
                def __init__(self, db_url: str = "postgresql://db/users", is_admin: bool = False) -> None:
                    self.db_url = db_url
                    self.is_admin = is_admin

                def where(self) -> str:
                    return self.db_url

            app = FastAPI()

            @app.get("/users")
            def users(service: UserService = Depends()) -> str:  # finding
                return service.where()
            """
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                secret: str = "hunter2"
                debug: bool = False

            SettingsDep = Annotated[Settings, Depends(Settings)]  # finding
            app = FastAPI()

            @app.get("/debug")
            def debug(settings: SettingsDep) -> bool:
                return settings.debug
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header, Query, Request
            from pydantic import BaseModel
            from sqlalchemy.orm import Session

            class Page:
                def __init__(self, skip: int = 0, limit: int = 10) -> None:
                    self.skip = skip
                    self.limit = limit

            class SearchFilter(BaseModel):
                name: str = ""

            def get_db() -> Session: ...

            class UserService:
                def __init__(self, request: Request, db: Session = Depends(get_db), agent: str = Header(default="")) -> None:
                    self.db = db

                def names(self) -> list[str]:
                    return ["ada"]

            class ReportService:
                def __init__(self, page_size: int = Query(default=10)) -> None:
                    self.page_size = page_size

                def read(self) -> int:
                    return self.page_size

            app = FastAPI()

            @app.get("/users")
            def users(
                page: Page = Depends(),
                search: SearchFilter = Depends(),
                service: UserService = Depends(),
                report: ReportService = Depends(ReportService),
            ) -> list[str]:
                return service.names()
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI

            def current_tenant() -> str:
                return "acme"

            class LeadService:
                def __init__(self, tenant=Depends(current_tenant)) -> None:
                    self.tenant = tenant

                def leads(self) -> list[str]:
                    return [self.tenant]

            app = FastAPI()

            @app.get("/leads")
            def leads(service: LeadService = Depends()) -> list[str]:
                return service.leads()
            """
        ),
    ],
)

SERVICE = re.compile(
    r"(?:Service|Repository|Repo|Client|Manager|Store|UseCase|Gateway|Backend|Provider|Database|Storage)$"
)
POWERFUL = re.compile(r"url|dsn|secret|admin|debug|role|path|host|key|token|tenant|user_id|superuser", re.IGNORECASE)
SCALARS = frozenset({"str", "int", "float", "bool", "bytes", "pathlib.Path"})


@rule.check
def dependencies(dependency: Dependency) -> Iterator[Finding]:
    cls, marker = dependency.cls, dependency.call
    if cls is None or marker is None:
        return
    exposed = _fields(cls) if isinstance(cls, Settings) else _parameters(cls)
    if not exposed:
        return
    powerful = [n for n in exposed if POWERFUL.search(n)]
    yield marker.finding(
        f"Any client can set `{(powerful or exposed)[0]}` of `{cls.name}` with a query parameter of that name: FastAPI "
        "reads the constructor. Write a provider function that makes the object.",
        severity=Severity.CRITICAL if powerful or isinstance(cls, Settings) else None,
    )


def _fields(cls: Class) -> list[str]:
    return [f.name for f in cls.all_fields if not f.name.startswith(("_", "model_config"))]


def _parameters(cls: Class) -> list[str]:
    """The plain parameters of the constructor of a service; empty for a class that only holds query parameters."""
    made = cls.method("__init__")
    own = [m for m in cls.methods if not m.name.startswith("__")]
    if made is None or not own or SERVICE.search(cls.name) is None:
        return []
    return [p.name for p in made.parameters[1:] if _is_plain(p)]


def _is_plain(parameter: Parameter) -> bool:
    """Whether FastAPI takes it from the query without having been told to."""
    default = parameter.default
    annotation = parameter.annotation
    if annotation is None or parameter.kind not in {"positional", "keyword"}:
        return False
    if default is not None and default.kind == "call":
        return False
    return annotation.name in SCALARS


@rule.proof
def a_client_chooses_the_database(bad: Served) -> None:
    assert bad.get("/users?db_url=sqlite://evil").json() == "sqlite://evil"
