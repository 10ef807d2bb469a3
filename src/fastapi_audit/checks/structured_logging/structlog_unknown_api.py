"""Method that structlog loggers do not have

`logger.context(…)`, `logger.contextualize(…)` and `logger.with_fields(…)` belong to other libraries. On a structlog
logger they raise `AttributeError: 'BoundLoggerFilteringAtNotset' object has no attribute 'context'`, which answers
the request with a 500.

## Use instead
`with structlog.contextvars.bound_contextvars(user_id=…):` for a block, `logger = logger.bind(user_id=…)` for a logger,
`structlog.contextvars.bind_contextvars(…)` for the rest of the request.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://www.structlog.org/en/stable/contextvars.html"],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                with logger.context(user_id=user_id, action="read"):  # finding
                    logger.info("reading")
                return user_id
            """,
            fixed="""
            import structlog
            from fastapi import FastAPI

            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                with structlog.contextvars.bound_contextvars(user_id=user_id, action="read"):
                    logger.info("reading")
                return user_id
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from structlog import get_logger

            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                log = get_logger().bind(path="/users")
                log.with_fields(user_id=user_id).info("reading")  # finding
                return user_id
            """
        ),
        Good(
            """
            import logging

            import structlog
            from fastapi import FastAPI
            from loguru import logger as loguru_logger

            logger: structlog.stdlib.BoundLogger = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            async def user(user_id: int) -> int:
                with structlog.contextvars.bound_contextvars(user_id=user_id):
                    logger.bind(path="/users").info("reading")
                    await logger.ainfo("reading")
                    logger.msg("read", level=logging.INFO)
                    logger.log(logging.INFO, "read")
                with loguru_logger.contextualize(user_id=user_id):
                    loguru_logger.info("read")
                return user_id
            """
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            class ContextLogger(structlog.stdlib.BoundLogger):
                def context(self, **values):
                    return structlog.contextvars.bound_contextvars(**values)

            structlog.configure(wrapper_class=ContextLogger)
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                with logger.context(user_id=1):
                    return 1
            """
        ),
    ],
)

KNOWN = frozenset(
    [
        "bind",
        "new",
        "unbind",
        "try_unbind",
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "err",
        "critical",
        "fatal",
        "exception",
        "failure",
        "msg",
        "log",
        "adebug",
        "ainfo",
        "awarning",
        "awarn",
        "aerror",
        "acritical",
        "afatal",
        "aexception",
        "amsg",
        "alog",
        "is_enabled_for",
        "get_effective_level",
        "isEnabledFor",
        "getEffectiveLevel",
        "setLevel",
        "addHandler",
        "removeHandler",
        "hasHandlers",
        "callHandlers",
        "handle",
        "findCaller",
        "makeRecord",
        "getChild",
        "fdebug",
        "notset",
    ]
)
WITH_VALUES = frozenset({"context", "contextualize"})


@rule.check(of=["structlog.BoundLogger.*"])
def calls(call: Call, project: Project) -> Iterator[Finding]:
    if call.method in KNOWN or call.method.startswith("_") or _has_its_own_class(project):
        return
    yield call.finding(
        f"structlog loggers have no method `{call.method}`: this line raises AttributeError. Use "
        "`structlog.contextvars.bound_contextvars(…)` for a block or `bind(…)` for a logger.",
        fix=_fix(call),
    )


def _has_its_own_class(project: Project) -> bool:
    """Whether the project's loggers are of a class of its own, or of one that is not known."""
    configured = [
        *project.source.calls_anywhere("structlog.configure", "structlog.configure_once"),
        *project.source.calls_anywhere("structlog.wrap_logger"),
    ]
    given = [c.argument("wrapper_class") for c in configured]
    return any(g is not None and not (g.name or "").startswith("structlog.") for g in given) or any(
        c.has_unknown_arguments for c in configured
    )


def _fix(call: Call) -> Fix | None:
    if call.method not in WITH_VALUES or not call.entered or call.arguments:
        return None
    module = call.body.source.module_of(call.file)
    needed = module.import_edit("import structlog")
    edits = (call.callee.replace("structlog.contextvars.bound_contextvars"), *([needed] if needed else []))
    return Fix("Bind the values for the block", edits, safe=True)


@rule.proof(needs=("structlog",))
def the_request_fails(bad: Served) -> None:
    assert bad.get("/users/1").status_code == 500
    bad.stop()
    assert "has no attribute 'context'" in bad.log
