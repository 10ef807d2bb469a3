"""The image brings a Python that gets no more security fixes

A Python release is mended for five years. After that its holes stay open, and pip quietly installs old frameworks for it:
on Python 3.9 `pip install fastapi` stops at 0.128, on 3.10 at 0.162.

## Use instead
A release that is still supported, such as `python:3.13-slim`, and rebuild when the next patch comes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Image, ImageReference, PythonRequirement, Service
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-1104",
    references=["https://devguide.python.org/versions/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                # finding
                FROM python:3.9-slim-bookworm
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                ARG PYTHON=3.10
                # finding
                FROM python:${PYTHON}-slim
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "pyproject.toml": """
                [project]
                name = "leads"
                requires-python = ">=3.8,<3.11"  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "pyproject.toml": """
                [project]
                name = "leads"
                requires-python = ">=3.9,<3.14"
                """,
                ".python-version": """
                3.10
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.8 AS docs
                RUN make docs

                FROM python:3.11-slim
                COPY --from=docs /site /site
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    image: python:3.13.9-slim
                    command: uvicorn main:app
                  cache:
                    image: redis:3.2
                """,
                "tests/Dockerfile": """
                FROM python:3.8
                """,
            }
        ),
    ],
    unproven="Whether a release is still mended is a decision of its maintainers; nothing that runs shows it.",
)

ENDED = {6: "2021-12", 7: "2023-06", 8: "2024-10", 9: "2025-10", 10: "2026-10"}
"""The end of each minor release of Python 3, by the release calendar."""


@rule.check
def images(image: Image) -> Iterator[Finding]:
    if image.production:
        yield from _judged(image.final.base)


@rule.check
def services(service: Service) -> Iterator[Finding]:
    if service.production and service.image and not service.build:
        yield from _judged(service.image)


@rule.check
def requirements(asked: PythonRequirement, project: Project) -> Iterator[Finding]:
    ended = ENDED.get(asked.newest_minor or 0)
    # What a version file says is only for developers where an image brings the Python.
    bound = asked.text.path.endswith(".toml") or not any(image.production for image in project.deployment.images)
    if ended and bound:
        yield Finding(
            f"The project asks for Python 3.{asked.newest_minor} or older, which gets no security fixes since {ended}. Move "
            "to a supported release, and let newer ones in.",
            asked.location,
            confidence=Confidence.MEDIUM,
        )


def _judged(reference: ImageReference) -> Iterator[Finding]:
    major, minor = (*(reference.python_version or ()), 0, 0)[:2]
    ended = ENDED.get(minor) if major == 3 else None
    if ended:
        yield Finding(
            f"Python 3.{minor} gets no security fixes since {ended}, and pip installs old frameworks for it without a "
            "word. Move to a supported release.",
            reference.location,
        )
