"""Log call that raises

A standard logger takes `exc_info`, `stack_info`, `stacklevel` and `extra`, nothing else: `logger.info("x", user_id=1)`
raises `TypeError`, a call without a message too, and `extra` with a name that a log record already has, such as
`name`, `module`, `args` or `filename`, raises `KeyError: "Attempt to overwrite 'name' in LogRecord"`. The line that
should have explained an error becomes one.

## Use instead
`logger.info("user read", extra={"user_id": 1})`, with names of your own; or structlog, which takes keywords.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://docs.python.org/3/library/logging.html#logging.Logger.debug"],
    examples=[
        Bad(
            """
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                logger.warning("reading", user_id=user_id)  # finding
                return user_id
            """
        ),
        Bad(
            """
            import logging
            from logging import getLogger

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/users/{name}")
            def user(name: str) -> str:
                log = getLogger("users")
                log.warning("reading", extra={"name": name})  # finding
                log.error(extra={"user": name})  # finding
                logging.info("read", user=name)  # finding
                return name
            """
        ),
        Good(
            """
            import logging

            import structlog
            from fastapi import FastAPI
            from loguru import logger as loguru_logger

            logger = logging.getLogger(__name__)
            events = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                logger.warning("reading %s", user_id, extra={"user_id": user_id}, stacklevel=2, exc_info=False)
                logger.log(logging.INFO, msg="read", extra={"user_name": "ada"})
                logger.error(msg="read")
                options = {"extra": {}}
                logger.error("read", **options)
                events.info("reading", user_id=user_id)
                loguru_logger.info("reading", user_id=user_id)
                return user_id
            """
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI

            class FieldLogger(logging.Logger):
                def info(self, message, **fields):
                    super().info(message, extra={"fields": fields})

            logging.setLoggerClass(FieldLogger)
            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                logger.info("reading", user_id=1)
                return 1
            """
        ),
    ],
)

METHODS = ("debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "log")
ACCEPTED = frozenset({"msg", "exc_info", "stack_info", "stacklevel", "extra", "level"})
RESERVED = frozenset(
    [
        "name",
        "msg",
        "args",
        "levelname",
        "levelno",
        "pathname",
        "filename",
        "module",
        "exc_info",
        "exc_text",
        "stack_info",
        "lineno",
        "funcName",
        "created",
        "msecs",
        "relativeCreated",
        "thread",
        "threadName",
        "process",
        "processName",
        "taskName",
        "message",
        "asctime",
    ]
)


@rule.check(of=[f"{owner}.{method}" for owner in ("logging", "logging.Logger") for method in METHODS])
def calls(call: Call, project: Project) -> Iterator[Finding]:
    why = _unknown_keyword(call) or _reserved_name(call) or _no_message(call)
    if why is not None and not project.source.calls_anywhere("logging.setLoggerClass"):
        yield call.finding(
            f"This log call raises {why}, so the request fails where it should have been logged. Pass a message, and "
            "values as `extra={…}` under names of your own."
        )


def _unknown_keyword(call: Call) -> str | None:
    unknown = sorted(call.keywords.keys() - ACCEPTED)
    return f"TypeError: a standard logger takes no `{unknown[0]}`" if unknown else None


def _reserved_name(call: Call) -> str | None:
    extra = call.argument("extra")
    keys = [k.constant for k, _ in extra.items if k is not None] if extra is not None else []
    taken = [k for k in keys if k in RESERVED]
    # A level below the one that is set never builds the record, so that these two may sleep for years.
    return f"KeyError: `{taken[0]}` belongs to the log record" if taken else None


def _no_message(call: Call) -> str | None:
    needed = 2 if call.method == "log" else 1
    given = len(call.arguments) + sum(k in {"msg", "level"} for k in call.keywords)
    return "TypeError: the message is missing" if given < needed and not call.spreads else None


@rule.proof
def the_request_fails(bad: Served) -> None:
    assert bad.get("/users/1").status_code == 500
    bad.stop()
    assert "unexpected keyword argument 'user_id'" in bad.log
