"""Application logs go nowhere because nobody configures logging

uvicorn configures its own loggers only. The root logger stays at WARNING and without a handler: every
`logger.info(…)` of the application vanishes, and warnings come out as bare text, without time, level or name.

## Use instead
`logging.config.dictConfig(…)` (or `basicConfig(level=logging.INFO)`) before the application is made, or uvicorn's
`--log-config`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.python.org/3/howto/logging.html#what-happens-if-no-configuration-is-provided"],
    examples=[
        Bad(
            """
            import logging

            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                logger.info("leads were read")  # finding
                return ["ada"]
            """
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI

            logging.basicConfig(level=logging.INFO)
            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> list[str]:
                logger.info("leads were read")
                return ["ada"]
            """
        ),
        Good(
            {
                "main.py": """
                import logging

                from fastapi import FastAPI

                logger = logging.getLogger("uvicorn.error")
                audit = logging.getLogger(__name__)
                app = FastAPI()

                @app.get("/leads")
                def leads() -> list[str]:
                    logger.info("leads were read")
                    audit.info("leads were read")
                    return ["ada"]
                """,
                "serve.py": """
                import uvicorn

                uvicorn.run("main:app", log_config="logging.json")
                """,
            }
        ),
        Good(
            {
                "main.py": """
                import logging

                from fastapi import FastAPI

                audit = logging.getLogger(__name__)
                app = FastAPI()

                @app.get("/leads")
                def leads() -> list[str]:
                    audit.info("leads were read")
                    return ["ada"]
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--log-config", "logging.json"]
                """,
            }
        ),
        Good(
            """
            import logging

            import uvicorn
            from fastapi import FastAPI

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.get("/leads")
            def leads() -> str:
                logger.info("leads read")
                return "ok"

            if __name__ == "__main__":
                uvicorn.run(app, log_config="logging.yaml")
            """
        ),
    ],
)

USED = ("logging.Logger.info", "logging.Logger.debug", "logging.info", "logging.debug")
CONFIGURING = (
    "logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig", "logging.Logger.addHandler",
    "logging.Logger.setLevel", "logging.setLoggerClass", "coloredlogs.install", "rich.logging.RichHandler",
    "logging.StreamHandler", "logging.handlers.QueueListener",
)  # fmt: skip
# Libraries that configure logging themselves, or take it over.
OTHERS = ("loguru", "logfire", "structlog", "ddtrace", "opentelemetry", "azure.monitor.opentelemetry",
          "google.cloud.logging", "json_log_formatter", "pythonjsonlogger", "picologging", "aws_lambda_powertools",
          "watchtower", "asgi_logger", "eliot")  # fmt: skip
OWN_LOGGERS = ("uvicorn", "gunicorn", "hypercorn")


@rule.check
def project(project: Project) -> Iterator[Finding]:
    source = project.source
    used = [c for c in source.calls_to(*USED) if c.function is not None and c.function.in_request]
    if not used or any(m.imports_any(*OTHERS) for m in source.application_modules) or _logs_through_server(project):
        return
    if source.calls_anywhere(*CONFIGURING) or _configured_by_command(project):
        return
    served = source.calls_anywhere("uvicorn.run", "uvicorn.Config", "hypercorn.run")
    if any("log_config" in c.keywords or c.spreads for c in served):
        return
    yield used[0].finding(
        f"Nothing configures logging, so this line and {len(used) - 1} more like it are never written: the root logger "
        "stays at WARNING. Call `logging.config.dictConfig` before the application is made."
    )


def _logs_through_server(project: Project) -> bool:
    """Whether the project takes the server's own loggers, which are configured."""
    named = [c.argument("name", 0) for c in project.source.calls_to("logging.getLogger")]
    return any(n is not None and str(n.constant).startswith(OWN_LOGGERS) for n in named)


def _configured_by_command(project: Project) -> bool:
    words = {w.value for c in project.deployment.commands for w in c.words}
    return any(w.startswith(("--log-config", "--logger-class", "--log-file")) for w in words) or bool(
        project.deployment.gunicorn_configs
    )


@rule.proof
def the_line_is_never_written(bad: Served) -> None:
    bad.get("/leads")
    bad.stop()

    assert "leads were read" not in bad.log
