"""Bare except that swallows cancellation

`except:` catches everything, also `asyncio.CancelledError`, by which a timeout or a shutdown ends a task, and
`SystemExit`. A probe's timeout was swallowed and answered as "database down"; so were a `NameError` and a `TypeError`,
for ever. `except Exception:` lets cancellation through.

## Use instead
The exception that you expect, or `except Exception:` with the error logged.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Handler
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.python.org/3/library/asyncio-task.html#task-cancellation"],
    cwe="CWE-396",
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            async def health() -> str:
                async with asyncio.timeout(0.2):
                    try:
                        await asyncio.sleep(30)
                    except:  # finding
                        return "database down"
                return "ok"
            """,
            fixed="""
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            async def health() -> str:
                async with asyncio.timeout(0.2):
                    try:
                        await asyncio.sleep(30)
                    except Exception:
                        return "database down"
                return "ok"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException

            async def ask_database() -> None: ...

            app = FastAPI()

            @app.get("/health")
            async def health() -> str:
                try:
                    await ask_database()
                except:  # finding
                    raise HTTPException(503, "database down")
                return "ok"
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException

            async def ask_database() -> None: ...

            app = FastAPI()

            @app.get("/health")
            async def health() -> str:
                try:
                    await ask_database()
                except Exception:
                    raise HTTPException(503, "database down")
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import FastAPI

            def undo() -> None: ...

            app = FastAPI()

            @app.get("/")
            async def read() -> str:
                try:
                    return "read"
                except:
                    undo()
                    raise

            @app.get("/known")
            async def known() -> str:
                try:
                    return "known"
                except Exception:
                    return "unknown"
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            try:
                import orjson
            except:
                orjson = None

            app = FastAPI()
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/version")
            def version() -> str:
                try:
                    return open("VERSION").read()
                except:
                    return "unknown"
            """
        ),
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/slow")
            async def slow() -> str:
                try:
                    await asyncio.sleep(60)
                except :  # finding
                    return "stopped"
                return "done"
            """
        ),
    ],
)


@rule.check
def swallows_everything(handler: Handler) -> Iterator[Finding]:
    function = handler.function
    if not handler.is_bare or handler.raises_again or function is None or function.reach is None:
        return
    if not function.is_async:
        return
    yield handler.finding(
        "`except:` swallows the cancellation by which a timeout or a shutdown ends this coroutine, and every bug in the "
        "`try`. Catch what you expect, or `Exception`.",
        fix=_fix(handler),
    )


def _fix(handler: Handler) -> Fix | None:
    """Not safe: what was swallowed on purpose would now get through."""
    if not handler.text.startswith("except:"):
        return None
    at = handler.insert_before("")
    return Fix("Catch `Exception`", (Edit(at.path, at.start, "except:", "except Exception:"),))


@rule.proof
def the_timeout_is_swallowed(bad: Served) -> None:
    assert bad.get("/health").text == '"database down"'
