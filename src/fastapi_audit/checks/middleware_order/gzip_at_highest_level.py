"""GZip at the highest level on the event loop

`GZipMiddleware` compresses at level 9 unless told otherwise, on the event loop for answers below 128 KiB: 100 KB of JSON
took 11.7 ms, in which nobody else was served, and 1.8 ms at level 5 for nearly the same size.

## Use instead
`compresslevel=5`, or compress in the proxy.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://starlette.dev/middleware/#gzipmiddleware"],
    unproven="The claim is a ratio of CPU times, which depends on the machine; nothing in an answer shows it.",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            app = FastAPI()
            app.add_middleware(GZipMiddleware, minimum_size=1000)  # finding
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            app = FastAPI()
            app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware
            from otherwhere import OPTIONS

            app = FastAPI()
            app.add_middleware(GZipMiddleware, compresslevel=5)

            other = FastAPI()
            other.add_middleware(GZipMiddleware, **OPTIONS)
            """
        ),
    ],
)

CHEAP = 6
"""From the level above on, the time doubles and the size hardly shrinks."""


@rule.check
def gzip(middleware: Middleware) -> Iterator[Finding]:
    if not middleware.is_a("starlette.middleware.gzip.GZipMiddleware") or middleware.defined_class is not None:
        return
    level = middleware.constant("compresslevel")
    call = middleware.call
    costly = (
        level > CHEAP if isinstance(level, int) else level is None and not call.spreads and len(call.arguments) == 1
    )
    if costly:
        yield middleware.finding(
            "GZip at level 9 holds up the event loop six times as long as level 5, for nearly the same size. Pass "
            "`compresslevel=5`.",
            fix=Fix("Compress at level 5", (call.keyword_edit("compresslevel", "5"),), safe=True),
        )
