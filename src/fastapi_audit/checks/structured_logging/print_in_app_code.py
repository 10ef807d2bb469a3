"""print() in application code

A printed line has no level, no time, no request id and no logger name. It goes to stdout between the access log's
lines, cannot be switched off or searched by field, and a JSON log pipeline drops it or takes it for broken JSON.

## Use instead
`logger = logging.getLogger(__name__)` (or structlog) and `logger.info("lead created", extra={"lead_id": id})`; in an
`except` clause `logger.exception("…")` in place of `traceback.print_exc()`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Function, Module
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.python.org/3/howto/logging.html#when-to-use-logging"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                print("loading leads")  # finding
                return ["ada"]
            """
        ),
        Bad(
            """
            import sys
            import traceback
            from pprint import pprint as show

            from fastapi import FastAPI

            print("starting")  # finding
            app = FastAPI()

            def load(name: str) -> str:
                show({"name": name})  # finding
                return name

            @app.get("/leads")
            def leads() -> list[str]:
                try:
                    return [load("ada")]
                except KeyError:
                    traceback.print_exc()  # finding
                    sys.stderr.write("failed")  # finding
                    return []
            """
        ),
        Good(
            """
            import io
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            class Report:
                def print(self) -> str:
                    return "page"

            def print_summary() -> None:
                print("for the command line only")

            @app.get("/leads")
            def leads() -> str:
                logger.info("loading leads")
                page = io.StringIO()
                print("ada", file=page)
                return Report().print() + page.getvalue()

            if __name__ == "__main__":
                print("starting")
                print_summary()
            """
        ),
    ],
)

PRINTING = frozenset(
    {
        "print", "pprint.pprint", "pprint.pp", "rich.print", "rich.pretty.pprint", "traceback.print_exc",
        "traceback.print_exception", "sys.stdout.write", "sys.stderr.write", "sys.__stdout__.write",
    }
)  # fmt: skip
STREAMS = ("sys.stdout", "sys.stderr")


@rule.check
def functions(function: Function) -> Iterator[Finding]:
    ways = function.ways
    if not ways:
        return
    serving = function.in_request
    for call in _prints(function):
        if serving is None:
            yield _once(call, "at start-up")
        else:
            yield call.finding(_message(call, "while it serves requests"), operation=serving.operation)


@rule.check
def modules(module: Module) -> Iterator[Finding]:
    for call in _prints(module):
        if not any("__name__" in c.text for c in call.conditions):
            yield _once(call, "when it is imported")


def _prints(body: Function | Module) -> Iterator[Call]:
    for call in body.calls:
        if call.name in PRINTING and not _to_a_file(call):
            yield call


def _to_a_file(call: Call) -> bool:
    file = call.argument("file")
    return file is not None and file.name not in STREAMS


def _once(call: Call, when: str) -> Finding:
    """What is printed before the first request is often a banner for the person at the terminal."""
    found = call.finding(_message(call, when), severity=Severity.LOW)
    return replace(found, confidence=Confidence.LOW)


def _message(call: Call, when: str) -> str:
    return (
        f"`{call.callee.text}` writes a line without level, time or request id {when}: nobody can search or filter it. "
        "Use a logger."
    )


@rule.proof
def the_line_says_nothing_but_itself(bad: Served) -> None:
    bad.get("/leads")

    assert "loading leads" in bad.log.splitlines()
