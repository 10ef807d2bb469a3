"""Provider in dependencies=[…] whose result nobody gets

`dependencies=[Depends(X)]` calls X for each request and throws away what it gives. That is right for a guard that
raises; of a session or a service it means: a connection is opened, or an object made, for nothing, and its constructor
parameters appear in the documentation of every route.

## Use instead
Take it as a parameter of the handler that needs it, `db: Session = Depends(get_db)`, and delete it from the list.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Dependency, Function, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-in-path-operation-decorators/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI

            made = []

            class LeadService:
                def __init__(self, region: str = "eu") -> None:
                    made.append(region)

                def names(self) -> list[str]:
                    return ["ada"]

            app = FastAPI(dependencies=[Depends(LeadService)])  # finding

            @app.get("/made")
            def count() -> int:
                return len(made)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException, Request

            class LeadService:
                def names(self) -> list[str]:
                    return ["ada"]

            class RequireRole:
                def __init__(self, request: Request) -> None:
                    if "role" not in request.headers:
                        raise HTTPException(403)

                def name(self) -> str:
                    return "role"

            def get_db():
                yield {"open": True}

            def measure():
                yield

            def remember(request: Request):
                request.state.db = {"open": True}
                yield request.state.db

            app = FastAPI(dependencies=[Depends(get_db), Depends(RequireRole), Depends(measure), Depends(remember)])

            @app.get("/leads", dependencies=[Depends(LeadService)])
            def leads(db: dict[str, bool] = Depends(get_db)) -> list[str]:
                return ["ada"]

            @app.get("/people")
            def people(service: LeadService = Depends()) -> list[str]:
                return service.names()
            """
        ),
    ],
)


@rule.check
def dependencies(dependency: Dependency, project: Project) -> Iterator[Finding]:
    marker = dependency.call
    if dependency.level == "parameter" or marker is None or dependency.is_security:
        return
    what = _gives(dependency)
    if what is None or any(d.level == "parameter" and d.name == dependency.name for d in project.source.dependencies):
        return
    yield marker.finding(
        f"`{dependency.name.rpartition('.')[2]}` gives {what} for every request, and nobody gets it. Take it as a parameter "
        "where it is needed, and delete it here."
    )


def _gives(dependency: Dependency) -> str | None:
    """What is made for nothing, in words; `None` for what may be a guard."""
    cls, function = dependency.cls, dependency.function
    if function is not None and (_guards(function) or _remembers(function)):
        return None
    if cls is not None:
        methods = [m for m in cls.methods if not m.name.startswith("__")]
        return f"a new `{cls.name}`" if cls.is_whole and methods else None
    if function is not None and function.is_generator:
        return "a database session" if any(_is_session(function) for _ in function.yields) else None
    return None


def _is_session(function: Function) -> bool:
    return any(e.is_a(*SESSIONS) for y in function.yields for e in y.walk())


def _guards(function: Function) -> bool:
    return bool(function.statements_of("raise")) or any(p.is_a("fastapi.Request", "starlette.requests.HTTPConnection")
                                                        for p in function.parameters)  # fmt: skip


def _remembers(function: Function) -> bool:
    """Whether it leaves something behind for others to find."""
    return any(".state." in t.text for s in function.statements_of("assign") for t in s.targets) or any(
        c.method == "set" for c in function.calls
    )


@rule.proof
def one_is_made_for_each_request(bad: Served) -> None:
    assert [bad.get("/made").json() for _ in range(3)] == [1, 2, 3]
