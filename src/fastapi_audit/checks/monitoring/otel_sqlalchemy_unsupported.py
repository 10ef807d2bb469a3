"""Instrumentation that refuses this SQLAlchemy

`opentelemetry-instrumentation-sqlalchemy` up to 0.66b1 supports SQLAlchemy below 2.1. With a newer one it writes one
line to the log and instruments nothing: there are no spans of queries and no figures of the pool.

## Use instead
Figures of your own from `engine.pool`, or SQLAlchemy 2.0 until the instrumentation follows.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/sqlalchemy/sqlalchemy.html"
    ],
    unproven="the refusal is a line in the log of a package that the examples would have to install",
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

                app = FastAPI()
                SQLAlchemyInstrumentor().instrument()  # finding
                """,
                "requirements.txt": """
                sqlalchemy==2.1.9
                opentelemetry-instrumentation-sqlalchemy==0.66b1
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

                app = FastAPI()
                SQLAlchemyInstrumentor().instrument()  # finding
                """,
                "requirements.txt": """
                sqlalchemy>=2.1,<3
                opentelemetry-instrumentation-sqlalchemy==0.66b1
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

                app = FastAPI()
                SQLAlchemyInstrumentor().instrument()
                """,
                "requirements.txt": """
                sqlalchemy==2.0.44
                opentelemetry-instrumentation-sqlalchemy==0.66b1
                """,
            }
        ),
    ],
)


@rule.check
def refused(project: Project) -> Iterator[Finding]:
    newer = project.uses("opentelemetry-instrumentation-sqlalchemy>=0.67")
    if not project.uses("sqlalchemy>=2.1") or newer:
        return
    version = project.versions.get("sqlalchemy", "2.1 and later")
    for call in project.source.calls_to("opentelemetry.instrumentation.sqlalchemy.SQLAlchemyInstrumentor.instrument"):
        finding = call.finding(
            f"The instrumentation refuses SQLAlchemy {version} with one line in the log, so no query and no "
            "pool is measured. Measure `engine.pool` yourself."
        )
        # A release that is not known may have learned it.
        yield replace(finding, confidence=Confidence.MEDIUM) if newer is None else finding
