"""Body together with status 204

An answer with status 204 has no body. FastAPI drops what the handler returns; with a return annotation or response
model it refuses to start: `AssertionError: Status code 204 must not have a response body`.

## Use instead
Return nothing and annotate `-> None`, or answer 200 when there is something to say.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

EMPTY = frozenset({204, 304})
RESPONSES = ("fastapi.Response", "starlette.responses.")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/response-status-code/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.delete("/leads/{number}", status_code=204)
            def delete(number: int):
                return {"deleted": number}  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, status
            from pydantic import BaseModel


            class Deleted(BaseModel):
                number: int


            app = FastAPI()


            @app.delete("/leads/{number}", status_code=status.HTTP_204_NO_CONTENT)  # finding
            def delete(number: int) -> Deleted:
                return Deleted(number=number)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Response, status
            from fastapi.responses import JSONResponse

            app = FastAPI()


            @app.delete("/leads/{number}", status_code=204)
            def delete(number: int) -> None:
                return None


            @app.delete("/users/{number}", status_code=status.HTTP_204_NO_CONTENT)
            def delete_user(number: int):
                if number:
                    return Response(status_code=204)
                return


            @app.delete("/files/{number}", status_code=204, response_class=Response)
            def delete_file(number: int) -> Response:
                return Response(status_code=204)


            @app.delete("/pages/{number}", status_code=200)
            def delete_page(number: int):
                return {"deleted": number}
            """
        ),
    ],
)


@rule.check
def dropped_bodies(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http" or status_of(route) not in EMPTY:
        return
    model = route.response_model
    if model is not None and model.constant is not None and not (model.name or "").startswith(RESPONSES):
        yield route.finding(
            f"`{route.operation}` declares a body together with status {status_of(route)}: FastAPI refuses to start with it. "
            "Annotate `-> None`.",
            severity=Severity.CRITICAL,
        )
        return
    for returned in function.returned_expressions:
        if returned.kind in {"mapping", "collection", "fstring"} or isinstance(
            returned.constant, str | int | dict | list
        ):
            yield returned.finding(
                f"`{route.operation}` answers with status {status_of(route)}, so this body is dropped. Return nothing, or answer 200.",
                operation=route.operation,
            )


def status_of(route: Route) -> int | None:
    written = route.written("status_code")
    name = (written.name or "") if written is not None else ""
    if name.startswith("fastapi.status.HTTP_"):
        return int(name.split("_")[1])
    return route.status_code


@rule.proof
def the_body_is_dropped(bad: Served) -> None:
    """The client gets nothing of it."""
    reply = bad.request("DELETE", "/leads/3")
    assert (reply.status_code, reply.content) == (204, b"")
