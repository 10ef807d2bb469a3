"""Long answer that is sent uncompressed

JSON shrinks to a tenth or less. A client that asks for `gzip` and gets 200 KB as they are waits for each of them: a
second more on a phone, and the traffic is paid for. Neither FastAPI nor uvicorn compresses unless told.

## Use instead
`gzip on` in the proxy, or `GZipMiddleware(minimum_size=1000, compresslevel=5)`; better still, shorter pages. If a gateway
that was not part of the probe compresses, ignore this rule.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ReadAnswer
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://fastapi.tiangolo.com/advanced/middleware/#gzipmiddleware"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[dict[str, str]]:
                return [{"name": f"Lead {number}", "email": f"lead-{number}@example.com"} for number in range(3000)]
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            app = FastAPI()
            app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)

            @app.get("/leads")
            async def leads() -> list[dict[str, str]]:
                return [{"name": f"Lead {number}", "email": f"lead-{number}@example.com"} for number in range(3000)]
            """
        ),
        Good(
            """
            import random

            from fastapi import FastAPI, Response

            app = FastAPI()

            @app.get("/metrics")
            async def metrics() -> Response:
                return Response("http_requests_total 1\\n" * 5000, media_type="text/plain")

            @app.get("/page")
            async def page() -> list[dict[str, str]]:
                return [{"name": f"Lead {number}", "email": f"lead-{number}@example.com"} for number in range(50)]

            @app.get("/photo")
            async def photo() -> Response:
                return Response(bytes(100_000), media_type="image/jpeg")

            @app.get("/noise")
            async def noise() -> str:
                return random.Random(1).randbytes(60_000).hex()
            """
        ),
    ],
)


@rule.check
def on_the_wire(answer: ReadAnswer) -> Iterator[Finding]:
    if answer.is_long_and_plain:
        size = answer.first.length
        yield Finding(
            f"`{answer.operation}` sends {size:,} bytes as they are to a client that takes them compressed. Compress in the "
            "proxy or with GZipMiddleware, or answer shorter pages.",
            operation=answer.operation,
            observations=(
                answer.first.observation(
                    f"{size:,} bytes without Content-Encoding; gzip makes them {answer.times_smaller:.0f} times smaller"
                ),
            ),
        )


@rule.proof
def nothing_is_compressed(bad: Served) -> None:
    reply = bad.get("/leads", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in reply.headers
    assert len(reply.content) > 150_000
