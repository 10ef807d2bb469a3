"""Request body taken without await

In Flask `request.json` is the data. In FastAPI `request.json()`, `form()` and `body()` are coroutines: without `await`
the handler works with a coroutine object, and the first access to it fails or its text goes into the answer.

## Use instead
`await request.json()` in an `async def` handler, or better a Pydantic model as a parameter.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://www.starlette.io/requests/#body"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request

            app = FastAPI()


            @app.post("/leads")
            async def create(request: Request) -> str:
                data = request.json()  # finding
                return str(data)
            """,
            fixed="""
            from fastapi import FastAPI, Request

            app = FastAPI()


            @app.post("/leads")
            async def create(request: Request) -> str:
                data = await request.json()
                return str(data)
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, Request

            app = FastAPI()


            @app.post("/leads")
            def create(request: Request) -> str:
                return request.form()["name"]  # finding
            """
        ),
        Good(
            """
            import asyncio

            import anyio.from_thread
            from fastapi import FastAPI, Request

            app = FastAPI()


            def body_of(request: Request):
                return request.body()


            @app.post("/leads")
            async def create(request: Request) -> dict:
                size = len(await body_of(request))
                reading = asyncio.create_task(request.json())
                return {**await reading, **await asyncio.wait_for(request.json(), 1), "size": size}


            @app.post("/plain")
            def plain(request: Request) -> bytes:
                return anyio.from_thread.run(request.body)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request

            app = FastAPI()


            @app.post("/leads")
            async def create(request: Request) -> dict:
                pending = request.json()
                print("reading", request.url.path)
                return await pending
            """
        ),
    ],
)


@rule.check(of=["fastapi.Request.json", "fastapi.Request.form", "fastapi.Request.body"])
def not_awaited(call: Call) -> Iterator[Finding]:
    if call.awaited or call.returned or (call.passed_to is not None and call.passed_to.name != "str") or call.entered:
        return
    function = call.function
    if function is None or used_later(call):
        return
    is_async = function.is_async and not call.in_comprehension
    wrapped = call.assigned_to is None and not call.discarded
    edit = call.replace(f"(await {call.text})") if wrapped else call.insert_before("await ")
    yield call.finding(
        f"`{call.text}` is a coroutine, not the data: without `await` the body is never read"
        + ("." if is_async else f", and `{function.name}` is no `async def`."),
        fix=Fix("Await the body", (edit,), safe=True) if is_async else None,
        operation=function.reach.operation if function.reach else None,
    )


def used_later(call: Call) -> bool:
    """Whether the variable that takes the coroutine is awaited."""
    name = call.assigned_to
    return name is not None and any(
        e.text == name and (e.awaited or (e.passed_to is not None and (e.passed_to.name or "").startswith("asyncio.")))
        for e in call.body.expressions
    )


@rule.proof
def the_handler_gets_a_coroutine(bad: Served) -> None:
    """The answer names the coroutine object."""
    assert "coroutine object" in bad.post("/leads", json={"name": "ada"}).text
