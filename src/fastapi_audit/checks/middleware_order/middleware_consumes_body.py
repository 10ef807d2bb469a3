"""Middleware takes the body away from the routes

A body can be received once. A middleware that reads `request.stream()` leaves an empty one: every route with a body
answers 422. A plain ASGI middleware that reads it and passes the same `receive` on lets the route wait for a message
that never comes: the request hangs.

## Use instead
`await request.body()` in a `BaseHTTPMiddleware`, which keeps the body for the route; in plain ASGI pass on a `receive`
that gives the read messages again.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Middleware
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://starlette.dev/middleware/#reading-the-request-body"],
    examples=[
        Bad(
            """
            from fastapi import Body, FastAPI, Request

            app = FastAPI()

            @app.middleware("http")
            async def count_bytes(request: Request, call_next):
                size = 0
                async for chunk in request.stream():  # finding
                    size += len(chunk)
                return await call_next(request)

            @app.post("/leads")
            async def create(name: str = Body(embed=True)) -> str:
                return name
            """
        ),
        Bad(
            """
            from fastapi import Body, FastAPI, Request

            class Recorder:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] != "http":
                        await self.app(scope, receive, send)
                        return
                    body = await Request(scope, receive).body()  # finding
                    print(len(body))
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Recorder)

            @app.post("/leads")
            async def create(name: str = Body(embed=True)) -> str:
                return name
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse

            class Recorder:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] != "http":
                        await self.app(scope, receive, send)
                        return
                    body = await Request(scope, receive).body()

                    async def again():
                        return {"type": "http.request", "body": body, "more_body": False}

                    await self.app(scope, again, send)

            class Webhooks:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope.get("path") == "/webhook":
                        body = await Request(scope, receive).body()
                        await JSONResponse({"size": len(body)})(scope, receive, send)
                        return
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Recorder)
            app.add_middleware(Webhooks)

            @app.middleware("http")
            async def count_bytes(request: Request, call_next):
                print(len(await request.body()))
                return await call_next(request)

            @app.middleware("http")
            async def proxy(request: Request, call_next):
                if request.url.path == "/upload":
                    async for chunk in request.stream():
                        print(len(chunk))
                    return JSONResponse({})
                return await call_next(request)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request

            class Recorded:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] != "http":
                        await self.app(scope, receive, send)
                        return
                    messages = [await receive()]
                    while messages[-1].get("more_body"):
                        messages.append(await receive())
                    first, again = iter(messages), iter(messages)

                    async def read_first():
                        return next(first)

                    async def replayed():
                        return next(again)

                    print(len(await Request(scope, read_first).body()))
                    await self.app(scope, replayed, send)

            app = FastAPI()
            app.add_middleware(Recorded)
            """
        ),
    ],
)

STREAM = "fastapi.Request.stream"
READS = tuple(f"fastapi.Request.{kind}" for kind in ("body", "json", "form", "stream"))
REQUEST = "fastapi.Request"


@rule.check
def stack(middleware: Middleware) -> Iterator[Finding]:
    for function in middleware.functions:
        onward = [c for c in function.calls if _goes_on(c, function)]
        for read in _reads(function):
            if any(_follows(c, read) for c in onward):
                yield read.finding(
                    f"`{read.text}` takes the body, and the routes find none: those with a body answer 422 or hang. Keep "
                    "what was read for them."
                )
                break


def _reads(function: Function) -> Iterator[Call]:
    """The calls that take the body for good."""
    if function.name != "__call__":
        yield from function.calls_to(STREAM)
        return
    receive = _receive(function)
    for call in function.calls_to(*READS):
        made = call.receiver
        if isinstance(made, Call) and made.name == REQUEST and _takes(made, receive):
            yield call


def _receive(function: Function) -> str:
    """What `receive` is called in `__call__(self, scope, receive, send)`."""
    names = [p.name for p in function.parameters]
    return names[2] if len(names) > 3 else "receive"


def _takes(made: Call, receive: str) -> bool:
    return any(a.written == receive for a in (*made.arguments, *made.keywords.values()))


def _goes_on(call: Call, function: Function) -> bool:
    """Whether it hands the request to the rest of the stack, with the messages as they came."""
    if function.name != "__call__":
        names = [p.name for p in function.parameters]
        return bool(names) and call.callee.written == names[-1]
    return call.callee.text == "self.app" and _takes(call, _receive(function))


def _follows(onward: Call, read: Call) -> bool:
    """Whether the rest of the stack runs after the body was read."""
    outer = [i for i in read.body.statements_of("if") if read.statement in i.walk()]
    ends = any(s.kind in {"return", "raise"} for i in outer for s in i.children)
    return onward.location > read.location and (not ends or onward.statement in outer[-1].walk())


@rule.proof
def a_route_finds_no_body(bad: Served) -> None:
    assert bad.post("/leads", json={"name": "ada"}).status_code == 422
