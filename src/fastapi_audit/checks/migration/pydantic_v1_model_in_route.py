"""Model of pydantic.v1 in a route

`pydantic.v1` carries old models over, but FastAPI does not take them any more: a route with such a model as body or
response raises `PydanticV1NotSupportedError` while the module is imported, and the service does not start.

## Use instead
`pydantic.BaseModel`; the tool `bump-pydantic` rewrites most of a model.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

OLD = "pydantic.v1.BaseModel"

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    applies_to="fastapi>=0.128",
    references=["https://fastapi.tiangolo.com/how-to/migrate-from-pydantic-v1-to-pydantic-v2/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic.v1 import BaseModel


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.post("/leads")  # finding
            def create(lead: Lead) -> None:
                return None


            @app.get("/leads")  # finding
            def first() -> Lead:
                return Lead(name="ada")
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel
            from pydantic.v1 import BaseModel as OldModel


            class Stored(OldModel):
                name: str


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.post("/leads")
            def create(lead: Lead) -> Lead:
                return Lead(name=Stored(name=lead.name).name)
            """
        ),
    ],
)


@rule.check
def old_models(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http":
        return
    annotations = [p.annotation for p in function.parameters if not p.is_dependency]
    for annotation in (*annotations, route.response_model):
        cls = annotation.defined_class if annotation is not None else None
        if cls is not None and cls.descends_from(OLD):
            yield route.finding(
                f"`{route.operation}` uses `{cls.name}`, a model of `pydantic.v1`, which FastAPI refuses: the service does not start."
            )
            return


@rule.proof
def the_service_does_not_start(bad: Served) -> None:
    """Importing the application raises."""
    assert not bad.started
    assert "PydanticV1NotSupportedError" in bad.log
