"""Content type or file name taken from the request

With `media_type=f"text/{format}"` the caller decides how browsers read the answer: `?format=html` turns stored data
into a page of your own origin, scripts included. `?format=csv%0d%0a…` makes the server drop the connection without an
answer, and a character outside latin-1 is a 500.

## Use instead
`format: Literal["csv", "plain"]` and a table from it to the media type; for file names `urllib.parse.quote` in
`filename*=UTF-8''…`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, ChosenMediaType, Expression
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/custom-response/"],
    cwe="CWE-79",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            @app.get("/export")
            async def export(format: str = "csv") -> StreamingResponse:
                return StreamingResponse(iter(["<script>alert(1)</script>"]), media_type=f"text/{format}")  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request, Response

            app = FastAPI()

            def download(name: str) -> Response:
                return Response("a,b", headers={"Content-Disposition": "attachment; filename=" + name})  # finding

            @app.get("/export/{name}")
            async def export(name: str) -> Response:
                return download(name)
            """,
            live=False,  # a name may be the caller's, if it is quoted
        ),
        Good(
            """
            from enum import StrEnum
            from typing import Annotated, Literal
            from urllib.parse import quote

            from fastapi import FastAPI, Query, Response

            class Kind(StrEnum):
                CSV = "csv"

            TYPES = {"csv": "text/csv", "json": "application/json"}

            app = FastAPI()

            @app.get("/literal")
            async def literal(format: Literal["csv", "plain"] = "csv") -> Response:
                return Response("a,b", media_type=f"text/{format}")

            @app.get("/enum")
            async def enum(kind: Kind = Kind.CSV) -> Response:
                return Response("a,b", media_type=f"text/{kind}")

            @app.get("/pattern")
            async def pattern(format: Annotated[str, Query(pattern="^(csv|plain)$")] = "csv") -> Response:
                return Response("a,b", media_type=f"text/{format}")

            @app.get("/mapped")
            async def mapped(format: str) -> Response:
                return Response("a,b", media_type=TYPES[format])

            @app.get("/named/{number}")
            async def named(number: int, name: str) -> Response:
                quoted = quote(name)
                headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quoted}"}
                return Response("a,b", headers={"Content-Disposition": f"attachment; filename={number}.csv"} or headers)
            """
        ),
    ],
)

RESPONSES = [
    "fastapi.Response",
    *(
        f"starlette.responses.{name}"
        for name in ("StreamingResponse", "HTMLResponse", "PlainTextResponse", "JSONResponse", "FileResponse")
    ),
]
HEADERS = frozenset({"content-type", "content-disposition"})


@rule.check(of=RESPONSES)
def from_the_request(call: Call) -> Iterator[Finding]:
    reach = call.function.reach if call.function is not None else None
    operation = reach.operation if reach is not None else None
    for what, value in _described(call):
        origin = next((o for o in value.origins if o.is_text), None)
        if origin is None:
            continue
        if what.lower().startswith("content-disposition"):
            found = value.finding(
                f"The {what} of this answer is made of `{origin.what}`, which the caller writes: a quote changes the name "
                "under which the file is saved, a character outside latin-1 is a 500. Quote it in `filename*=UTF-8''…`.",
                severity=Severity.MEDIUM,
                trace=origin.steps,
                operation=operation,
            )
            # What the text names was often looked up before, and is then one of a few.
            looked_up = origin.is_used_besides(call)
            yield replace(found, confidence=Confidence.LOW if looked_up else Confidence.MEDIUM)
        else:
            yield value.finding(
                f"The {what} of this answer is made of `{origin.what}`, which the caller writes: it decides how browsers "
                "read the body. Choose from a fixed table.",
                trace=origin.steps,
                operation=operation,
            )


@rule.check
def on_the_wire(chosen: ChosenMediaType) -> Iterator[Finding | Undecided]:
    if chosen.decides:
        yield Finding(
            f"`{chosen.name}` of `{chosen.operation}` is the content type of its answer: the caller decides how browsers "
            "read the body. Choose from a fixed table.",
            operation=chosen.operation,
            observations=(chosen.exchange.observation(f"the content type is what `{chosen.name}` says"),),
        )
    elif not chosen.is_told:
        yield Undecided("an invented value was neither taken nor refused for what it is")


def _described(call: Call) -> Iterator[tuple[str, Expression]]:
    media_type = call.argument("media_type")
    if media_type is not None:
        yield "content type", media_type
    headers = call.argument("headers")
    for name, value in headers.items if headers is not None else ():
        constant = name.constant if name is not None else None
        if isinstance(constant, str) and constant.lower() in HEADERS:
            yield f"{constant} header", value


@rule.proof
def the_caller_makes_it_a_page(bad: Served) -> None:
    reply = bad.get("/export", params={"format": "html"})
    assert reply.headers["content-type"].startswith("text/html")
    assert "<script>" in reply.text
