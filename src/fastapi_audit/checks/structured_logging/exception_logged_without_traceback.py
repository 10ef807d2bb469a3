"""Exception logged without its traceback

`except Exception as error: logger.error(f"failed: {error}")` keeps the words and throws the traceback away: of a
`KeyError` only `'id'` is left, and nobody can tell which line, which call, which data.

## Use instead
`logger.exception("failed")`, or `exc_info=True`; or let the exception rise to a handler that logs it once.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Handler
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://docs.python.org/3/library/logging.html#logging.Logger.exception"],
    examples=[
        Bad(
            """
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                try:
                    return [{}["name"]]
                except Exception as error:
                    logger.error(f"loading failed: {error}")  # finding
                    return []
            """,
            fixed="""
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                try:
                    return [{}["name"]]
                except Exception as error:
                    logger.exception(f"loading failed: {error}")
                    return []
            """,
        ),
        Good(
            """
            import logging
            import traceback

            from fastapi import FastAPI, HTTPException

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                try:
                    return ["ada"]
                except KeyError as error:
                    logger.error("no such lead: %s", error)
                except ValueError:
                    logger.error("failed")
                    raise
                except OSError as error:
                    logger.error("failed", exc_info=error)
                except Exception as error:
                    logger.error("failed: %s", error)
                    raise HTTPException(502) from error
                return []

            @app.get("/people")
            def people() -> list[str]:
                try:
                    return ["ada"]
                except Exception:
                    logger.error("failed\\n%s", traceback.format_exc())
                    logger.warning("trying again later")
                    return []

            failed = []

            def remember(name: str, error: Exception) -> None:
                failed.append((name, error))

            @app.get("/orders")
            def orders() -> list[str]:
                try:
                    return ["tea"]
                except Exception as error:
                    remember("orders", error)
                    logger.error("failed: %s", error)
                    return []
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from loguru import logger

            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                try:
                    return ["ada"]
                except Exception as error:
                    logger.opt(exception=error).error("failed")
                    return []
            """
        ),
        Bad(
            """
            import logging

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            def leads() -> str:
                try:
                    return open("leads.csv").read()
                except Exception as error:
                    logging.critical("leads cannot be read: %s", error)  # finding
                    return "none"
            """
        ),
    ],
)

LOGGERS = ("logging.Logger", "structlog.BoundLogger", "loguru.logger", "logging")
METHODS = frozenset({"error", "critical", "fatal"})
TRACED = ("traceback.", "sentry_sdk.")


@rule.check
def handlers(handler: Handler) -> Iterator[Finding]:
    function = handler.function
    if not handler.is_broad or handler.raises or function is None or function.in_request is None:
        return
    calls = handler.calls
    if any(_keeps_traceback(c) or _hands_on(c, handler.variable) for c in calls):
        return
    logged = next((c for c in calls if c.method in METHODS and (c.name or "").rpartition(".")[0] in LOGGERS), None)
    if logged is None:
        return
    yield logged.finding(
        f"`{logged.callee.text}` in `except {', '.join(handler.types)}` loses the traceback: nobody can tell where it "
        "came from. Use `exception(…)` or `exc_info=True`.",
        fix=_fix(logged),
    )


def _keeps_traceback(call: Call) -> bool:
    if call.method in {
        "exception",
        "opt",
        "aexception",
        "capture_exception",
        "record_exception",
        "print_exc",
        "format_exc",
    }:
        return True
    return "exc_info" in call.keywords or (call.name or "").startswith(TRACED)


def _hands_on(call: Call, exception: str | None) -> bool:
    """Whether somebody else gets the exception itself, with its traceback."""
    given = [*call.arguments, *call.keywords.values()]
    if exception is None or not call.discarded or not any(g.written == exception for g in given):
        return False
    return call.target is not None or call.method in {"set_exception", "put", "put_nowait", "append"}


def _fix(call: Call) -> Fix | None:
    receiver = call.receiver
    if call.method != "error" or receiver is None:
        return None
    return Fix("Log the traceback too", (call.callee.replace(f"{receiver.text}.exception"),))


@rule.proof
def the_log_does_not_say_where(bad: Served) -> None:
    bad.get("/leads")
    bad.stop()

    assert "loading failed: 'name'" in bad.log
    assert "Traceback" not in bad.log
