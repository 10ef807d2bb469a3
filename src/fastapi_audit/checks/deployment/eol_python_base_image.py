"""The image brings a Python that gets no more security fixes

A Python release is mended for five years. After that its holes stay open, and pip quietly installs old frameworks for it:
on Python 3.9 `pip install fastapi` stops at 0.128, on 3.10 at 0.162.

## Use instead
A release that is still supported, such as `python:3.13-slim`, and rebuild when the next patch comes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import Image, ImageReference, Service
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

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


def _judged(reference: ImageReference) -> Iterator[Finding]:
    major, minor = (*(reference.python_version or ()), 0, 0)[:2]
    ended = ENDED.get(minor) if major == 3 else None
    if ended:
        yield Finding(
            f"Python 3.{minor} gets no security fixes since {ended}, and pip installs old frameworks for it without a "
            "word. Move to a supported release.",
            reference.location,
        )
