"""ETag that never spares an answer

An `ETag` promises that a client which has the answer already gets a short `304 Not Modified`. Here the client names the tag
that it has just got, and the same answer comes again in full: nobody compares `If-None-Match`, as `FileResponse` does not,
or the tag is made anew each time, with `hash()`, which differs from process to process, or a clock.

## Use instead
Compare `If-None-Match` before the work is done and answer 304, with a tag of the content (`hashlib.sha256`) or a version of
the row; `StaticFiles` does so for files. An ETag that nobody compares can be left out.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ReadAnswer
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/Conditional_requests"],
    examples=[
        Bad(
            """
            import hashlib

            from fastapi import FastAPI, Response

            app = FastAPI()

            @app.get("/prices")
            def prices(response: Response) -> list[int]:
                content = list(range(1000))
                response.headers["ETag"] = f'"{hashlib.sha256(repr(content).encode()).hexdigest()}"'
                return content
            """
        ),
        Bad(
            """
            import time

            from fastapi import FastAPI, Request, Response

            app = FastAPI()

            @app.get("/prices")
            def prices(request: Request) -> Response:
                tag = f'W/"{time.time_ns()}"'
                if request.headers.get("if-none-match") == tag:
                    return Response(status_code=304)
                return Response("1.20 " * 1000, headers={"ETag": tag})
            """
        ),
        Good(
            """
            import hashlib
            import time

            from fastapi import FastAPI, Request, Response

            app = FastAPI()

            def answered(request: Request, content: bytes) -> Response:
                tag = f'"{hashlib.sha256(content).hexdigest()}"'
                if request.headers.get("if-none-match") == tag:
                    return Response(status_code=304, headers={"ETag": tag})
                return Response(content, headers={"ETag": tag})

            @app.get("/prices")
            def prices(request: Request) -> Response:
                return answered(request, b"1.20 " * 1000)

            @app.get("/clock")
            def clock(request: Request) -> Response:
                return answered(request, b"%d" % time.time_ns())

            @app.get("/untagged")
            def untagged() -> str:
                return "1.20"
            """
        ),
    ],
)

FEWEST = 1_000
"""Bytes; an answer that is hardly longer than a 304 is not worth sparing."""


@rule.check
def on_the_wire(answer: ReadAnswer) -> Iterator[Finding]:
    if not answer.never_spared or answer.first.length < FEWEST:
        return
    why = "the tag of the same content is another one each time" if answer.tag_changes else "nobody compares it"
    yield Finding(
        f"`{answer.operation}` sends an ETag that never spares an answer: {why}. Compare `If-None-Match` and answer 304, or "
        "leave the tag out.",
        operation=answer.operation,
        observations=(
            answer.again[-1].observation(
                f"asked with the tag of the answer before, the same {answer.first.length:,} bytes came again"
            ),
        ),
    )


@rule.proof
def the_same_comes_again(bad: Served) -> None:
    first = bad.get("/prices")
    again = bad.get("/prices", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert again.headers["etag"] == first.headers["etag"]
    assert len(again.content) > 3000
