"""Page size that the caller may set to anything

`?limit=100000000` is taken as it is: one request reads a whole table into memory and answers with it. `?limit=-1` is
taken too; PostgreSQL refuses it, which is a 500.

## Use instead
`limit: Annotated[int, Query(ge=1, le=100)] = 20`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Holder, LargePage, Parameter, Route, holders
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/query-params-str-validations/"],
    cwe="CWE-770",
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/numbers")
            def numbers(limit: int = 20) -> list[int]:  # finding
                return list(range(limit))
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, Query

            def page(page_size: int = Query(20, ge=1)) -> int:  # finding
                return page_size

            app = FastAPI()

            @app.get("/numbers")
            def numbers(size: int = Depends(page)) -> list[int]:
                return list(range(size))
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import select
            from sqlalchemy.orm import Session

            def get_db() -> Session: ...

            class Lead: ...

            def page(db: Session, size: int):
                if size < 1:
                    return []
                return db.scalars(select(Lead).limit(size)).all()

            app = FastAPI()

            @app.get("/leads")
            def leads(limit: int = 20, db: Session = Depends(get_db)):  # finding
                return page(db, limit)
            """,
            live=False,  # there is no table
        ),
        Good(
            """
            from typing import Annotated, Literal

            from fastapi import FastAPI, HTTPException, Path, Query
            from pydantic import BaseModel, Field

            Limit = Annotated[int, Query(ge=1, le=100)]

            class Body(BaseModel):
                limit: int

            class Page(BaseModel):
                limit: int

                def numbers(self) -> list[int]:
                    return list(range(min(self.limit, 100)))

            def refuse(size: int) -> None:
                if size > 100:
                    raise HTTPException(422)

            app = FastAPI()

            @app.get("/alias")
            def alias(limit: Limit = 20) -> list[int]:
                return list(range(limit))

            @app.get("/default")
            def default(limit: int = Query(20, le=100)) -> list[int]:
                return list(range(limit))

            @app.get("/few")
            def few(limit: Literal[10, 20] = 10) -> list[int]:
                return list(range(limit))

            @app.get("/clamped")
            def clamped(limit: int = 20) -> list[int]:
                limit = min(limit, 100)
                return list(range(limit))

            @app.get("/checked")
            def checked(limit: int = 20) -> list[int]:
                if limit > 100:
                    limit = 100
                return list(range(limit))

            @app.get("/refused")
            def refused(limit: int = 20) -> list[int]:
                refuse(limit)
                return list(range(limit))

            @app.get("/page")
            def page(limit: int = 20) -> list[int]:
                return Page(limit=limit).numbers()

            @app.get("/path/{limit}")
            def path(limit: int) -> int:
                return limit

            @app.post("/body")
            def body(body: Body) -> int:
                return body.limit
            """
        ),
    ],
)

NAMES = frozenset({"limit", "size", "page_size", "per_page", "take", "pagesize", "max_results", "top_k"})
READS = frozenset({"limit", "range", "islice", "fetchmany", "fetch", "head", "top", "first", "sample"})
"""What reads or makes as much as it is told; where none is seen, another service may refuse the number."""
MARKERS = ("fastapi.Query", "fastapi.params.Query", "fastapi.Path", "fastapi.Body", "fastapi.Header", "fastapi.Form")


@rule.check
def free_page_size(route: Route) -> Iterator[Finding]:
    functions = [route.function, *(d.function for d in route.dependencies)]
    for function in functions:
        for parameter in function.parameters if function is not None else ():
            held = holders(parameter) if _free(parameter, route) else []
            if held and not any(h.bounds for h in held):
                yield _finding(parameter, route, held)


@rule.check
def on_the_wire(page: LargePage) -> Iterator[Finding | Refutation | Undecided]:
    if page.is_taken:
        yield Finding(
            f"`{page.name}` of `{page.operation}` has no upper bound: the service answers with as many entries as it is "
            "told. Bound it with `Query(ge=1, le=…)`.",
            operation=page.operation,
            observations=(page.exchange.observation(f"one request got {page.entries:,} entries"),),
        )
    elif page.is_refused:
        yield Refutation(
            f"`{page.operation}` refuses a `{page.name}` of 100,000.",
            page.operation,
            (page.exchange.observation("a page size that no page has is refused"),),
        )
    else:
        yield Undecided(f"asked for 100,000 entries it gave {page.entries:,}, which may be all there are")


def _free(parameter: Parameter, route: Route) -> bool:
    if parameter.name.lower() not in NAMES or parameter.name in route.path_parameters or parameter.is_dependency:
        return False
    annotation = parameter.annotation
    if annotation is None or not any(part.name == "int" for part in annotation.walk()):
        return False
    written = f"{annotation.text} {parameter.default.text if parameter.default is not None else ''}"
    bounded = any(f"{b}=" in written.replace(" ", "") for b in ("le", "lt"))
    return not bounded and not _bounded_by_marker(parameter)


def _bounded_by_marker(parameter: Parameter) -> bool:
    marker = parameter.marker(*MARKERS)
    if marker is None:
        return any(getattr(m, "type_name", "").startswith("annotated_types.") for m in parameter.metadata)
    return marker.argument("le") is not None or marker.argument("lt") is not None


def _finding(parameter: Parameter, route: Route, held: list[Holder]) -> Finding:
    seen = any(h.gives(READS) for h in held)
    return Finding(
        f"`{parameter.name}` of `{route.operation}` has no upper bound: with 100000000 it reads everything at once. "
        "Bound it with `Query(ge=1, le=…)`.",
        parameter.location,
        route.operation,
        confidence=None if seen else Confidence.LOW,
    )


@rule.proof
def any_size_is_taken(bad: Served) -> None:
    assert len(bad.get("/numbers?limit=2000000", timeout=60).content) > 10_000_000
