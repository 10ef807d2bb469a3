"""Path parameter that the handler does not take

A parameter of the path that no function takes is ignored, and a parameter of the handler that is not in the path
becomes a required query parameter: with `/{item_id}` and `def f(id: int)` every call answers 422.

## Use instead
The same name in the path and in the signature of the handler or of one of its dependencies.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, Parameter, Route
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/path-params/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/items/{item_id}")  # finding
            def item(id: int) -> int:
                return id
            """,
            fixed="""
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/items/{id}")
            def item(id: int) -> int:
                return id
            """,
        ),
        Bad(
            """
            from fastapi import APIRouter, FastAPI

            router = APIRouter(prefix="/tenants/{tenant}")


            @router.get("/leads")  # finding
            def leads(limit: int = 10) -> list:
                return []


            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import APIRouter, Depends, FastAPI, Path, Request


            class Paging:
                def __init__(self, page: int) -> None:
                    self.page = page


            def tenant_of(request: Request) -> str:
                return request.path_params["tenant"]


            def item_of(item_id: int) -> int:
                return item_id


            router = APIRouter(prefix="/{tenant}", dependencies=[Depends(tenant_of)])


            @router.get("/items/{item_id}/{page}/{name:path}")
            def item(
                name: str,
                paging: Annotated[Paging, Depends()],
                found: int = Depends(item_of),
                limit: int = 10,
            ) -> int:
                return found


            @router.get("/numbered/{number}")
            def numbered(n: Annotated[int, Path(alias="number")]) -> int:
                return n


            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import HTMLResponse
            from fastapi.templating import Jinja2Templates

            app = FastAPI()
            templates = Jinja2Templates("templates")


            @app.get("/browse")
            @app.get("/browse/{kind}/{name}")
            async def browse(request: Request) -> HTMLResponse:
                return templates.TemplateResponse(request, "base.html")


            @app.get("/ui/{rest:path}")
            def single_page() -> HTMLResponse:
                return HTMLResponse("<div id='root'></div>")
            """
        ),
        Bad(
            """
            from fastapi import FastAPI

            LEAD = "/leads/{lead_id}"
            app = FastAPI()


            @app.get(LEAD)  # finding
            def lead(id: int) -> int:
                return id
            """
        ),
    ],
)


@rule.check
def mismatches(route: Route) -> Iterator[Finding]:
    if route.kind != "http" or route.function is None or not route.path_parameters:
        return
    functions = [route.function, *(d.function for d in route.dependencies)]
    if any(f is None for f in functions):
        return
    known = [f for f in functions if f is not None]
    if any("path_params" in f.file.source(f.node) or any(p.kind == "**" for p in f.parameters) for f in known):
        return
    taken = {name for f in known for p in f.parameters for name in (p.name, alias(p))}
    for missing in [name for name in route.path_parameters if name not in taken]:
        meant = meant_by(route, route.function, missing)
        if meant is None and (is_rest(route, missing) or any(hands_on_request(f) for f in known)):
            continue
        if meant is None:
            message = f"Nothing takes `{{{missing}}}` of `{route.path}`: what callers write there is ignored."
            yield route.finding(message, severity=Severity.LOW)
        else:
            yield route.finding(
                f"`{route.operation}` answers 422 to every call: the path has `{{{missing}}}`, the handler takes `{meant.name}`, "
                "which so becomes a required query parameter. Give both the same name.",
                severity=Severity.HIGH,
                fix=renamed(route, missing, meant.name),
            )


def is_rest(route: Route, name: str) -> bool:
    """`/{rest:path}`: a page that takes every address below it has no use for the rest."""
    return f"{{{name}:path}}" in route.path


def hands_on_request(function: Function) -> bool:
    """Whether another function or a template gets the whole request, and with it the parameters of its path."""
    requests = {p.name for p in function.parameters if p.is_a("fastapi.Request", "starlette.requests.Request")}
    return any(a.text in requests for call in function.calls for a in (*call.arguments, *call.keywords.values()))


def alias(parameter: Parameter) -> str:
    """The name of the path that `Path(alias=…)` takes."""
    marker = parameter.marker("fastapi.Path", "fastapi.params.Path", "fastapi.param_functions.Path")
    given = marker.argument("alias") if marker is not None else None
    return str(getattr(given, "value", parameter.name))


def meant_by(route: Route, function: Function, missing: str) -> Parameter | None:
    """The one required parameter of the handler that the path could have meant."""
    absent = [
        p
        for p in function.parameters
        if p.default is None
        and p.is_a("str", "int", "uuid.UUID")
        and p.name not in route.path_parameters
        and not p.metadata
    ]
    unmet = [n for n in route.path_parameters if function.parameter(n) is None]
    alike = len(absent) == 1 and (absent[0].name in missing or missing in absent[0].name)
    return absent[0] if alike and len(unmet) == 1 else None


def renamed(route: Route, missing: str, name: str) -> Fix | None:
    written = route.written("path", 0)
    if written is None or written.kind != "constant" or f"{{{missing}" not in written.text:
        return None
    return Fix(
        "Name it alike in the path", (written.replace(written.text.replace(f"{{{missing}", f"{{{name}")),), safe=True
    )


@rule.proof
def every_call_is_refused(bad: Served) -> None:
    """The path that is documented answers 422."""
    reply = bad.get("/items/1")
    assert (reply.status_code, '"query"' in reply.text) == (422, True)
