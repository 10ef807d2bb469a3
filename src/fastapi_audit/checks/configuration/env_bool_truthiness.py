"""The text of an environment variable used as a truth value

Environment variables are strings, and every string but the empty one is true. With `DEBUG=False` or `DEBUG=0` the
condition holds: `FastAPI(debug=os.getenv("DEBUG"))` and `DEBUG=False` answer errors with tracebacks.

## Use instead
A field `debug: bool = False` of a settings class, which understands `false`, `0`, `no` and `off`; or compare:
`os.getenv("DEBUG", "").lower() in {"1", "true", "yes"}`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import UNKNOWN, Call, Expression, Module, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.pydantic.dev/latest/api/standard_library_types/#booleans"],
    examples=[
        Bad(
            """
            import os

            from fastapi import FastAPI

            os.environ["DEBUG"] = "False"
            app = FastAPI(debug=os.getenv("DEBUG"))  # finding

            @app.get("/")
            def read() -> float:
                return 1 / 0
            """,
            fixed="""
            import os

            from fastapi import FastAPI

            os.environ["DEBUG"] = "False"
            app = FastAPI(debug=os.getenv("DEBUG", "").lower() in {"1", "true", "yes", "on"})

            @app.get("/")
            def read() -> float:
                return 1 / 0
            """,
        ),
        Bad(
            """
            import os
            from os import environ

            from fastapi import FastAPI

            TESTING = bool(environ.get("TESTING", False))  # finding
            app = FastAPI()

            if os.environ.get("ENABLE_ADMIN"):  # finding
                app.get("/admin")(lambda: "admin")
            if not os.getenv("METRICS_ENABLED", "false"):  # finding
                print("no metrics")
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                debug: bool = False

            app = FastAPI(debug=Settings().debug)
            verbose = os.getenv("VERBOSE", "0") == "1"
            quiet = bool(int(os.getenv("QUIET", "0")))
            tracing = os.getenv("TRACING_ENABLED", "").lower() in ("1", "true")

            if os.getenv("SENTRY_DSN"):
                print("errors are sent to Sentry")
            if not os.environ.get("DATABASE_URL"):
                raise RuntimeError("DATABASE_URL is required")
            if os.getenv("DEBUG", "").strip() != "":
                print("debug is set to something")
            debugger = os.getenv("DEBUG_HOST") or "localhost"
            if os.getenv("IS_WORKER"):
                print("a worker")

            def is_started_by_hand() -> bool:
                return os.environ.get("IS_WORKER") is None
            """
        ),
    ],
)

SWITCH = re.compile(
    r"^(?:DEBUG|TESTING|RELOAD|PRODUCTION|DEVELOPMENT|VERBOSE|DRY_?RUN)$"
    r"|^(?:ENABLE|DISABLE|USE|IS|SKIP)_|_(?:ENABLED?|DISABLED?|DEBUG|TESTING|RELOAD)$",
    re.IGNORECASE,
)
"""Names whose value is a yes or no; of other variables, being set at all is the question."""
READERS = ("os.getenv", "os.environ.get")


@rule.check
def modules(module: Module, project: Project) -> Iterator[Finding]:
    for body in (module, *module.functions):
        for call in body.calls_to(*READERS):
            if _is_switch(call) and _asks(call) and not _is_mark(call, project):
                found = _finding(call)
                # A plain `if` may mean to ask whether it is set at all, and say so where it is set.
                yield found if call.passed_to is not None else replace(found, confidence=Confidence.MEDIUM)


def _is_switch(call: Call) -> bool:
    name = call.argument("key", 0)
    return name is not None and isinstance(name.constant, str) and bool(SWITCH.search(name.constant))


def _is_mark(call: Call, project: Project) -> bool:
    """Whether other code asks of the same variable only whether it is set."""
    name = _variable(call)
    return any(_variable(c) == name and _is_compared(c) for c in project.source.calls_anywhere(*READERS))


def _variable(call: Call) -> object:
    """The variable of the environment that is read."""
    name = call.argument("key", 0)
    return UNKNOWN if name is None else name.constant


def _is_compared(asked: Call) -> bool:
    """Whether what is read is compared with `None`."""
    return any(
        test.operator in {"is", "is not"} and test.operands[0].node is asked.node and test.operands[-1].constant is None
        for test in asked.body.expressions_of("operation")
    )


def _asks(call: Call) -> bool:
    """Whether only its truth counts: `bool(…)`, `debug=…` of an application, the whole test of an `if`, `not …`."""
    taker = call.passed_to
    if taker is not None:
        debug = taker.argument("debug")
        return taker.name == "bool" or (taker.is_a("fastapi.FastAPI") and debug is not None and debug.node is call.node)
    return any(_tests(condition, call) for condition in _conditions(call))


def _conditions(call: Call) -> Iterator[Expression]:
    """The tests that the call may be part of."""
    return (s.value for s in call.body.statements_of("if") if s.value is not None)


def _tests(condition: Expression, call: Call) -> bool:
    if condition.node is call.node:
        return True
    return condition.operator in {"not", "and", "or"} and any(_tests(o, call) for o in condition.operands)


def _finding(call: Call) -> Finding:
    key = call.argument("key", 0)
    name = f"`{key.constant}`" if key is not None else "it"
    return call.finding(
        f"Every text but the empty one is true: `False` or `0` in {name} switches it on. Use a boolean settings field, or "
        "compare with the words that mean yes.",
        fix=_fix(call),
    )


def _fix(call: Call) -> Fix | None:
    """A comparison, where the name is all that is asked for."""
    if len(call.arguments) != 1 or call.keywords or call.passed_to is None or call.passed_to.name == "bool":
        return None
    compared = f'{call.callee.text}({call.arguments[0].text}, "").lower() in {{"1", "true", "yes", "on"}}'
    return Fix("Compare with the words that mean yes", (call.replace(compared),))


@rule.proof
def false_switches_debugging_on(bad: Served) -> None:
    assert "Traceback" in bad.get("/", headers={"accept": "text/html"}).text
