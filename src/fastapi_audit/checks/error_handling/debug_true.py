"""Debug mode switched on in the code

With `FastAPI(debug=True)` every unhandled error answers with the traceback, source lines and the values of local
variables: 38 kB in which a run of ours found `db password=sk-live-123`. Anyone who can make a route fail reads them.

## Use instead
Leave `debug` out, or take it from a setting whose default is false.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, ErrorAnswer
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/reference/fastapi/"],
    cwe="CWE-489",
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI(debug=True)  # finding

            @app.get("/")
            def read() -> int:
                password = "hunter2"
                return len(password) // 0
            """,
            fixed="""
            from fastapi import FastAPI

            app = FastAPI(debug=False)

            @app.get("/")
            def read() -> int:
                password = "hunter2"
                return len(password) // 0
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                debug: bool = True

            settings = Settings()
            app = FastAPI(debug=settings.debug)  # finding
            """,
            live=False,  # nothing in it breaks
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                debug: bool = False

            settings = Settings()
            app = FastAPI(debug=settings.debug)
            other = FastAPI(debug=os.environ["DEBUG"] == "1")
            plain = FastAPI(title="debug=True")
            """,
            live=False,  # needs a variable
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/")
            def read() -> int:
                password = "hunter2"
                return len(password) // 0
            """
        ),
    ],
)


@rule.check
def switched_on(app: App) -> Iterator[Finding]:
    written = app.written("debug")
    if written is None or written.constant is not True:
        return
    if written.is_default:
        yield written.finding(
            f"`{written.text}` is true unless the environment says otherwise: a deployment that forgets the variable "
            "answers errors with tracebacks and local values. Default to false.",
            severity=Severity.HIGH,
        )
        return
    yield written.finding(
        "`debug=True` answers every unhandled error with the traceback, source lines and local values. Remove it, or "
        "take it from a setting that is false by default.",
        fix=Fix("Switch debug off", (written.replace("False"),), safe=True) if written.text == "True" else None,
    )


@rule.check
def on_the_wire(answer: ErrorAnswer) -> Iterator[Finding | Undecided]:
    if exchange := answer.traceback:
        yield Finding(
            "An error is answered with its traceback: file names, source lines and local values. Switch debug off, and "
            "answer errors with a sentence of your own.",
            observations=(exchange.observation(f"`{answer.operation}` shows the client a traceback"),),
        )
    elif not answer.errors:
        yield Undecided("nothing broke, so that nobody knows what an error shows")


@rule.proof
def the_client_reads_the_source(bad: Served) -> None:
    reply = bad.get("/", headers={"accept": "text/html"})
    assert "ZeroDivisionError" in reply.text
    assert "Traceback" in reply.text
