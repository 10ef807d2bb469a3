"""Optional parameter that callers must send

`q: str | None` without `= None` is required: the annotation says which values are allowed, only a default makes the
parameter optional. Callers who leave it out are answered 422.

## Use instead
`q: str | None = None`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Function, Parameter
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

OPTIONAL = re.compile(r"^(typing\.|t\.)?Optional\[|\|\s*None$|^None\s*\|")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/query-params-str-validations/#required-can-be-none"],
    examples=[
        Bad(
            """
            from typing import Optional

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads")
            def leads(q: Optional[str]) -> list:  # finding
                return []
            """,
            fixed="""
            from typing import Optional

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads")
            def leads(q: Optional[str] = None) -> list:
                return []
            """,
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import FastAPI, Query

            app = FastAPI()


            @app.get("/leads")
            def leads(q: Annotated[str | None, Query(max_length=50)], limit: int) -> list:  # finding
                return []
            """
        ),
        Good(
            """
            from typing import Annotated, Optional

            from fastapi import Depends, FastAPI, Header, Query

            app = FastAPI()


            def user() -> Optional[str]:
                return None


            def helper(q: Optional[str]) -> None:
                return None


            @app.get("/leads/{number}")
            def leads(
                number: Optional[int],
                found: Annotated[Optional[str], Depends(user)],
                old: Optional[str] = Depends(user),
                q: Optional[str] = None,
                r: Annotated[str | None, Query(max_length=50)] = None,
                s: str | None = Query(None),
                t: str | None = Header(default=None),
                u: str | None = Query(...),
                *,
                v: list[str | None],
            ) -> list:
                return []
            """
        ),
    ],
)


@rule.check
def required_after_all(function: Function) -> Iterator[Finding]:
    ways = [w for w in function.ways if w.before is None and w.context in {"route", "dependency"}]
    if not ways:
        return
    in_path = {name for w in ways if w.route is not None for name in w.route.path_parameters}
    for parameter in function.parameters:
        if parameter.name in in_path or not is_optional(parameter):
            continue
        yield Finding(
            f"`{parameter.name}` of `{function.name}` may be `None` but has no default, so callers who leave it out get 422. "
            "Add `= None`.",
            parameter.location,
            ways[0].operation,
            fix=defaulted(parameter),
        )


def is_optional(parameter: Parameter) -> bool:
    annotation = parameter.annotation
    if annotation is None or parameter.default is not None or parameter.is_dependency:
        return False
    text = annotation.text
    inner = re.match(r"(?:\w+\.)?Annotated\[(.*?),", text, re.DOTALL)
    return OPTIONAL.search(inner[1] if inner else text) is not None


def defaulted(parameter: Parameter) -> Fix | None:
    """Possible where no required parameter follows."""
    parameters = parameter.function.parameters
    following = parameters[parameters.index(parameter) + 1 :]
    if parameter.annotation is None or any(p.kind == "positional" and p.default is None for p in following):
        return None
    return Fix("Make it optional", (parameter.annotation.insert_after(" = None"),))


@rule.proof
def leaving_it_out_is_refused(bad: Served) -> None:
    """The parameter that looks optional is required."""
    assert bad.get("/leads").status_code == 422
