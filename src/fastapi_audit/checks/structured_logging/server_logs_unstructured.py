"""structlog writes JSON, the server and the libraries write plain text

`structlog.configure(… JSONRenderer())` speaks for structlog's own loggers only. uvicorn's access and error lines,
tracebacks of unhandled exceptions among them, and every library that uses `logging` go on writing text between the
JSON lines: the collector cannot parse them, splits tracebacks into lines, and the worst errors are the ones not found.

## Use instead
One handler on the root logger whose formatter is `structlog.stdlib.ProcessorFormatter`, with uvicorn's loggers handed on
to it; or `uvicorn --log-config` with a JSON formatter.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=[
        "https://www.structlog.org/en/stable/standard-library.html#rendering-using-structlog-based-formatters-within-logging"
    ],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(  # finding
                processors=[
                    structlog.contextvars.merge_contextvars,
                    structlog.processors.add_log_level,
                    structlog.processors.dict_tracebacks,
                    structlog.processors.JSONRenderer(),
                ]
            )
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/leads")
            def leads() -> str:
                logger.info("leads read", count=3)
                return "ok"
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                from logs import set_up

                set_up()
                app = FastAPI()
                """,
                "logs.py": """
                import logging

                import structlog

                SHARED = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]

                def set_up() -> None:
                    structlog.configure(
                        processors=[*SHARED, structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
                    )
                    handler = logging.StreamHandler()
                    handler.setFormatter(
                        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer())
                    )
                    logging.getLogger().addHandler(handler)
                """,
            }
        ),
        Good(
            {
                "main.py": """
                import structlog
                from fastapi import FastAPI

                structlog.configure(processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()])
                app = FastAPI()
                """,
                "Procfile": """
                web: uvicorn main:app --host 0.0.0.0 --log-config logging.yaml
                """,
            }
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer()])
            app = FastAPI()
            """
        ),
        Good(
            """
            import logging

            import structlog
            from fastapi import FastAPI

            structlog.configure(processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()])
            logging.getLogger("uvicorn.access").disabled = True
            app = FastAPI()
            """
        ),
    ],
)

RENDERER = "structlog.processors.JSONRenderer"
TAKING_OVER = (
    "structlog.stdlib.ProcessorFormatter", "logging.config.dictConfig", "logging.config.fileConfig",
    "logging.Logger.addHandler", "logging.Handler.setFormatter", "logging.basicConfig", "logging.StreamHandler",
)  # fmt: skip
"""What may give the loggers of others a format of the project's own."""
OTHERS = ("pythonjsonlogger", "json_log_formatter", "logfire", "opentelemetry", "ddtrace", "loguru", "asgi_logger")
SERVERS = ("uvicorn", "gunicorn", "hypercorn")


@rule.check(of=["structlog.configure"])
def configurations(call: Call, project: Project) -> Iterator[Finding]:
    processors = call.argument("processors", 0)
    names = processors.member_names if processors is not None else None
    if names is None or RENDERER not in names or call.conditions or _takes_over(project):
        return
    yield call.finding(
        "Only structlog's own loggers write JSON: the lines of the server and of every library, tracebacks among them, "
        "stay plain text between them. Put `structlog.stdlib.ProcessorFormatter` on the root logger's handler."
    )


def _takes_over(project: Project) -> bool:
    """Whether anything may format what `logging` writes."""
    source = project.source
    if source.calls_anywhere(*TAKING_OVER) or any(m.imports_any(*OTHERS) for m in source.application_modules):
        return True
    named = [c.argument("name", 0) for c in source.calls_anywhere("logging.getLogger")]
    if any(n is not None and str(n.constant).startswith(SERVERS) for n in named):
        return True
    served = source.calls_anywhere("uvicorn.run", "uvicorn.Config", "hypercorn.run")
    words = {w.value for c in project.deployment.commands for w in c.words}
    configured = any(w.startswith(("--log-config", "--logger-class", "--access-logformat")) for w in words)
    return configured or any("log_config" in c.keywords or c.spreads for c in served)


@rule.proof(needs=("structlog",))
def the_lines_of_the_server_are_no_json(bad: Served) -> None:
    bad.get("/leads")
    lines = bad.log.splitlines()

    assert any(line.startswith("{") and "leads read" in line for line in lines)
    assert any("GET /leads" in line and not line.startswith("{") for line in lines)
