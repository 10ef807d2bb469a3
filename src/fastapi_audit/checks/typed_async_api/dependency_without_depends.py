"""Dependency given as a plain default

`session=get_session` without `Depends` hands the function object itself to the handler. Nothing fails at start-up; the
first use of the value does.

## Use instead
`session: Annotated[Session, Depends(get_session)]`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            def get_names() -> list[str]:
                return ["ada"]


            @app.get("/names")
            def names(found=get_names) -> str:  # finding
                return str(found)
            """,
            fixed="""
            from fastapi import Depends
            from fastapi import FastAPI

            app = FastAPI()


            def get_names() -> list[str]:
                return ["ada"]


            @app.get("/names")
            def names(found=Depends(get_names)) -> str:
                return str(found)
            """,
        ),
        Good(
            """
            from enum import Enum

            from fastapi import Depends, FastAPI

            app = FastAPI()


            class Order(str, Enum):
                up = "up"


            def get_names(key=len) -> list[str]:
                return sorted(["ada"], key=key)


            def helper(make=get_names) -> list[str]:
                return make()


            @app.get("/names")
            def names(order: Order = Order.up, found: list[str] = Depends(lambda: helper())) -> list[str]:
                return found
            """
        ),
    ],
)


@rule.check
def plain_defaults(function: Function) -> Iterator[Finding]:
    way = next(
        (w for w in function.ways if w.before is None and w.context in {"route", "dependency", "websocket"}), None
    )
    if way is None:
        return
    for parameter in function.parameters:
        default = parameter.default
        if default is None or default.kind == "lambda" or default.defined_function is None or parameter.is_dependency:
            continue
        imported = function.module.import_edit("from fastapi import Depends")
        edit = default.replace(f"Depends({default.text})")
        yield default.finding(
            f"`{parameter.name}` of `{function.name}` is the function `{default.text}` itself, because FastAPI calls only what "
            "stands in `Depends(…)`.",
            fix=Fix("Wrap it in Depends", (edit,) if imported is None else (edit, imported)),
            operation=way.operation,
        )


@rule.proof
def the_handler_gets_the_function(bad: Served) -> None:
    """The answer shows a function object."""
    assert bad.get("/names").text.startswith('"<function get_names')
