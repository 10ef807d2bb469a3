"""Batch in a request body without an upper bound

A body of type `list[Model]` takes as many items as the client sends. Validation runs on the event loop: 300 000 items
(5 MB) took 2 s, and 100 000 invalid ones turned a request of 1 MB into a 422 of 9.5 MB and 5 s. One client stops the
worker for everyone.

## Use instead
`Annotated[list[Item], Field(max_length=1000)]`, and a limit of the body's size (`FastAPI(max_body_size=…)` from 0.165,
or the proxy's), because a batch that is too long is echoed whole in the 422.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Field, LargeBatch, Model, Parameter, Route, limits_body
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/body-nested-models/"],
    cwe="CWE-770",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            app = FastAPI()

            @app.post("/leads")
            async def create(leads: list[Lead]) -> int:  # finding
                return len(leads)
            """
        ),
        Bad(
            """
            from typing import List

            from fastapi import FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            class Batch(BaseModel):
                leads: List[Lead]  # finding

            app = FastAPI()

            @app.post("/leads")
            async def create(batch: Batch) -> int:
                return len(batch.leads)
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Body, FastAPI
            from pydantic import BaseModel, Field, conlist

            class Lead(BaseModel):
                email: str

            class Batch(BaseModel):
                leads: list[Lead] = Field(max_length=1000)
                more: Annotated[list[Lead], Field(max_length=10)]
                others: conlist(Lead, max_length=10)

            class Answer(BaseModel):
                leads: list[Lead]

            app = FastAPI()

            @app.post("/leads")
            async def create(leads: Annotated[list[Lead], Body(max_length=1000)], batch: Batch) -> Answer:
                return Answer(leads=leads)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            def known() -> list[Lead]:
                return []

            app = FastAPI(max_body_size=100_000)

            @app.post("/leads")
            async def create(leads: list[Lead], known: list[Lead] = Depends(known)) -> int:
                return len(leads)
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Body, FastAPI, Request
            from fastapi.exceptions import RequestValidationError
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            app = FastAPI()

            @app.exception_handler(RequestValidationError)
            async def refused(request: Request, error: RequestValidationError) -> JSONResponse:
                return JSONResponse({"detail": "that is no batch of leads"}, 422)

            @app.post("/leads")
            async def create(leads: Annotated[list[Lead], Body(max_length=1000)]) -> int:
                return len(leads)
            """,
            decided=False,
        ),
    ],
)

LISTS = frozenset(
    {"list", "typing.List", "set", "typing.Set", "typing.Sequence", "collections.abc.Sequence", "frozenset"}
)
BOUNDS = ("max_length", "max_items")
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


@rule.check
def unbounded(route: Route) -> Iterator[Finding]:
    if BODY_METHODS.isdisjoint(route.methods):
        return
    # The lists first: to look for a limit of the body is to follow every dependency.
    found = list(_lists(route))
    if found and not limits_body(route):
        yield from found


@rule.check
def on_the_wire(batch: LargeBatch) -> Iterator[Finding | Refutation | Undecided]:
    if batch.is_read_on:
        yield Finding(
            f"`{batch.operation}` takes any number of items, validated on the event loop: one large request stops the "
            "worker. Bound them with `Field(max_length=…)`.",
            operation=batch.operation,
            # As in the source: a list beside other fields is often one that a form fills.
            severity=Severity.MEDIUM if batch.field else None,
            observations=(batch.exchange.observation(f"of {batch.items:,} items none was refused for being too many"),),
        )
    elif batch.is_too_large:
        yield Refutation(
            f"`{batch.operation}` refuses a batch of {batch.items:,} items for its size.",
            batch.operation,
            (batch.exchange.observation("a batch that nobody means to send is refused"),),
        )
    else:
        yield Undecided(f"{batch.exchange.failure or batch.exchange.status} does not say whether the size was refused")


def _lists(route: Route) -> Iterator[Finding]:
    for parameter in route.function.parameters if route.function is not None else ():
        if parameter.is_dependency or parameter.marker(
            "fastapi.Query", "fastapi.Header", "fastapi.Path", "fastapi.File"
        ):
            continue
        if _unbounded_list(parameter.annotation, parameter.default) and not _bounded(parameter):
            yield _finding(parameter, route)
        elif isinstance(model := parameter.defined_class, Model):
            yield from _fields(model, route)


def _unbounded_list(annotation: Expression | None, default: Expression | None) -> bool:
    """Whether an annotation is a list of models (a list of numbers costs less) and nothing beside it sets a bound."""
    if annotation is None or any(b in e.text for e in (annotation, default) if e is not None for b in BOUNDS):
        return False
    for part in annotation.walk():
        if part.kind == "subscript" and part.name in LISTS:
            return any(isinstance(e.defined_class, Model) for e in part.walk() if e.kind in {"name", "attribute"})
    return False


def _bounded(parameter: Parameter) -> bool:
    return any(b in str(getattr(m, "keywords", "")) for m in parameter.metadata for b in BOUNDS)


def _finding(parameter: Parameter, route: Route) -> Finding:
    message = (
        f"`{parameter.name}` of `{route.operation}` takes any number of items, validated on the event loop: one large "
        "request stops the worker. Bound it with `Field(max_length=…)`."
    )
    return Finding(message, parameter.location, route.operation)


def _fields(model: Model, route: Route) -> Iterator[Finding]:
    for field in model.all_fields:
        if _unbounded_list(field.annotation, field.default):
            yield _field_finding(field, model, route)


def _field_finding(field: Field, model: Model, route: Route) -> Finding:
    message = (
        f"`{model.name}.{field.name}`, in the body of `{route.operation}`, takes any number of items, validated on the "
        "event loop: one large request stops the worker. Bound it with `Field(max_length=…)`."
    )
    # A list beside other fields is often one that a form fills: nobody means to send a batch.
    return Finding(message, field.location, route.operation, severity=Severity.MEDIUM, confidence=Confidence.MEDIUM)


@rule.proof
def a_large_batch_is_taken(bad: Served) -> None:
    small = bad.post("/leads", json=[{"email": "a"}])
    large = bad.post("/leads", json=[{"email": "a"}] * 200_000, timeout=60)
    assert large.status_code == 200
    assert large.json() == 200_000
    assert large.seconds > small.seconds
