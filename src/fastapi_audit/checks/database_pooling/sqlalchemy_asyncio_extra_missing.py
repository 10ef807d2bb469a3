"""SQLAlchemy's asyncio part without greenlet

SQLAlchemy 2.1 no longer installs greenlet by itself. Without it the first use of `sqlalchemy.ext.asyncio` raises
`ImportError: … requires that the Python 'greenlet' library is installed`; it works on a developer's machine, where
something else brought greenlet, and fails in the image.

## Use instead
`sqlalchemy[asyncio]` in the requirements.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    applies_to="sqlalchemy>=2.1",
    references=["https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#asyncio-platform-installation-notes"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                engine = create_async_engine("postgresql+asyncpg://localhost/leads")
                app = FastAPI()
                """,
                "requirements.txt": """
                fastapi==0.165.0
                sqlalchemy==2.1.9  # finding
                asyncpg==0.32.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                engine = create_async_engine("postgresql+asyncpg://localhost/leads")
                app = FastAPI()
                """,
                "requirements.txt": """
                fastapi==0.165.0
                sqlalchemy[asyncio]==2.1.9
                asyncpg==0.32.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                engine = create_async_engine("postgresql+asyncpg://localhost/leads")
                app = FastAPI()
                """,
                "requirements.txt": """
                fastapi==0.165.0
                sqlalchemy==2.1.9
                greenlet==3.3.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy import create_engine

                engine = create_engine("postgresql://localhost/leads")
                app = FastAPI()
                """,
                "requirements.txt": """
                fastapi==0.165.0
                sqlalchemy==2.1.9
                """,
            }
        ),
    ],
    unproven="The test environment has greenlet, and a second environment without it would cost minutes to build.",
)


@rule.check
def project(project: Project) -> Iterator[Finding]:
    asked = project.deployment.requirements
    # The version must be known: an older SQLAlchemy brings greenlet along.
    if "sqlalchemy" not in project.versions or asked.asks_for("greenlet") or asked.asks_for("sqlmodel"):
        return
    mentions = [r for r in asked.of("sqlalchemy") if r.production]
    if not mentions or any("asyncio" in r.extras for r in asked.of("sqlalchemy")):
        return
    if not any(m.imports_any("sqlalchemy.ext.asyncio") for m in project.source.application_modules):
        return
    yield Finding(
        "SQLAlchemy 2.1 installs no greenlet, which `sqlalchemy.ext.asyncio` needs: the service fails at its first use. "
        "Ask for `sqlalchemy[asyncio]`.",
        mentions[0].location,
    )
