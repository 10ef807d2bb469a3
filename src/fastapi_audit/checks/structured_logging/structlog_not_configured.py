"""structlog is used but never configured

Without `structlog.configure` every line is coloured console text on stdout, made for a developer's terminal. A log
pipeline cannot parse it, and a line break in a logged value forges a line of its own; JSON would escape it.

## Use instead
Call `structlog.configure(processors=[…, structlog.processors.JSONRenderer()])` once, before the application is made.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-117",
    references=["https://www.structlog.org/en/stable/logging-best-practices.html"],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            logger = structlog.get_logger()  # finding
            app = FastAPI()

            @app.get("/users/{name}")
            def user(name: str) -> str:
                logger.info("reading " + name)
                return name
            """
        ),
        Good(
            {
                "main.py": """
                import structlog
                from fastapi import FastAPI

                logger = structlog.get_logger()
                app = FastAPI()
                """,
                "serve.py": """
                import structlog
                import uvicorn

                structlog.configure(processors=[structlog.processors.JSONRenderer()])
                uvicorn.run("main:app")
                """,
            }
        ),
        Good(
            """
            from structlog.testing import capture_logs
            from fastapi import FastAPI

            app = FastAPI()
            """
        ),
    ],
)

CONFIGURING = ("structlog.configure", "structlog.configure_once", "structlog.stdlib.recreate_defaults")


@rule.check
def project(project: Project) -> Iterator[Finding]:
    used = project.source.calls_to("structlog.get_logger")
    if used and not project.source.calls_anywhere(*CONFIGURING):
        yield used[0].finding(
            "`structlog.configure` is never called, so the log is coloured console text that no pipeline can parse. "
            "Configure a `JSONRenderer` before the application is made."
        )


@rule.proof(needs=("structlog",))
def a_value_forges_a_line(bad: Served) -> None:
    bad.get("/users/ada%0Alevel=critical")

    assert any(line.startswith("level=critical") for line in bad.log.splitlines())
