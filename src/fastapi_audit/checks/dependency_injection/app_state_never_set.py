"""Request reads an attribute of app.state that nobody sets

`request.app.state.pool` raises `AttributeError: 'State' object has no attribute 'pool'` when nothing ever set it: a typing
mistake, a start-up handler that was deleted, a value that the lifespan yields, which is `request.state`, not
`app.state`. The request is a 500, and only when this line is reached.

## Use instead
Set it in the `lifespan` of the same application, or yield it there and read `request.state.pool`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=[
        "https://www.starlette.io/applications/#storing-state-on-the-app-instance",
        "https://www.starlette.io/lifespan/",
    ],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI, Request

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield {"pool": ["connection"]}

            app = FastAPI(lifespan=lifespan)

            @app.get("/connections")
            def connections(request: Request) -> int:
                return len(request.app.state.pool)  # finding
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI, Request

            def prepare(application: FastAPI) -> None:
                application.state.prices = {"tea": 3}
                setattr(application.state, "orders", [])

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                app.state.pool = ["connection"]
                yield {"clients": []}

            app = FastAPI(lifespan=lifespan)
            prepare(app)

            @app.get("/connections")
            def connections(request: Request) -> int:
                cached = getattr(request.app.state, "cached", None) or []
                known = len(request.app.state.pool) + len(request.app.state.prices) + len(request.app.state.orders)
                return known + len(request.state.clients) + len(cached)

            @app.get("/maybe")
            def maybe(request: Request) -> int:
                if hasattr(request.app.state, "limit"):
                    return request.app.state.limit
                try:
                    return request.app.state.other
                except AttributeError:
                    return 0
            """
        ),
    ],
)

READ = re.compile(r"^(?:\w+\.)*app\.state\.(\w+)$")


@rule.check
def project(project: Project) -> Iterator[Finding]:
    for name, place in _reads(project):
        # Set as an attribute, or named in a string, wherever that is.
        known = re.compile(rf"\.{name}\s*(?::[^=\n]+)?=(?!=)|[\"']{name}[\"']\s*[,)]|\bas\s+\S*\.state\.{name}\b")
        if not any(known.search(text) for text in project.python_texts(name)):
            yield place.finding(
                f"Nothing ever sets `app.state.{name}`: this line raises AttributeError, a 500. Set it in the lifespan, or "
                f"read `request.state.{name}` if the lifespan yields it."
            )


def _reads(project: Project) -> Iterator[tuple[str, Expression]]:
    """The first place that reads each attribute while a request is served."""
    seen = set()
    for function in project.source.functions:
        if not function.attributes_named("state") or function.in_request is None:
            continue
        for expression in function.expressions_of("attribute"):
            found = READ.match(expression.written or "")
            if found is not None and found[1] not in seen and not found[1].startswith("_") and not expression.tries:
                seen.add(found[1])
                yield found[1], expression


@rule.proof
def the_request_fails(bad: Served) -> None:
    assert bad.get("/connections").status_code == 500
    bad.stop()
    assert "has no attribute 'pool'" in bad.log
