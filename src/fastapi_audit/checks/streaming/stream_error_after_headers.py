"""HTTPException raised while a stream is sent

The status and the headers leave before the generator runs for the first time. An `HTTPException` that it raises cannot
change them: the server logs `Caught handled exception, but response already started`, the client reads 200 and a body
that breaks off, and dashboards count a success.

## Use instead
Check before the response is returned, and raise there. Once it streams, send an error as a record of its own.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://www.starlette.io/responses/#streamingresponse"],
    cwe="CWE-755",
    examples=[
        Bad(
            """
            from collections.abc import Iterator

            from fastapi import FastAPI, HTTPException
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            def rows(table: str) -> Iterator[str]:
                if table != "leads":
                    raise HTTPException(404, "no such table")  # finding
                yield "a,b"

            @app.get("/export")
            def export(table: str) -> StreamingResponse:
                return StreamingResponse(rows(table))
            """
        ),
        Good(
            """
            from collections.abc import Iterator

            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            def rows(table: str) -> Iterator[str]:
                yield "a,b"
                try:
                    if table == "empty":
                        raise HTTPException(404)
                except HTTPException as error:
                    yield f"error: {error.detail}"

            def session() -> Iterator[int]:
                if app.debug:
                    raise HTTPException(503)
                yield 1

            def lines() -> Iterator[str]:
                raise HTTPException(404)
                yield ""

            @app.get("/export")
            def export(table: str, session: int = Depends(session)) -> StreamingResponse:
                if table != "leads":
                    raise HTTPException(404, "no such table")
                return StreamingResponse(rows(table))

            def parts() -> Iterator[str]:
                raise HTTPException(404)
                yield ""

            def told() -> Iterator[str]:
                try:
                    yield from parts()
                except HTTPException as error:
                    yield f"error: {error.detail}"

            @app.get("/told")
            def tell() -> StreamingResponse:
                return StreamingResponse(told())

            @app.get("/list")
            def listed() -> list[str]:
                return list(lines())
            """
        ),
    ],
)

STREAMS = ("starlette.responses.StreamingResponse", "sse_starlette.EventSourceResponse")
HTTP = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")


@rule.check
def too_late_for_a_status(function: Function) -> Iterator[Finding]:
    # What another generator runs over may be caught there.
    way = next((w for w in function.ways if w.context == "stream" and (w.call is None or w.call.name in STREAMS)), None)
    if way is None or not function.is_generator or any(w.context in {"route", "dependency"} for w in function.ways):
        return
    for statement in function.statements_of("raise"):
        raised = statement.value
        if raised is None or statement.tries or not (raised.is_a(*HTTP) or raised.is_class(*HTTP)):
            continue
        yield statement.finding(
            "The headers of this stream have left with status 200 when its generator raises: the client reads 200 and a "
            "body that breaks off. Check before the response is returned.",
            trace=way.trace(),
            operation=way.operation,
        )


@rule.proof
def the_client_reads_200(bad: Served) -> None:
    reply = bad.get("/export?table=users")
    assert reply.status_code == 200
    assert not reply.complete
    bad.stop()
    assert "response already started" in bad.log
