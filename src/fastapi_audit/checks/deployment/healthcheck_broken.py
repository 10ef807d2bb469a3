"""The health check of the container asks the wrong way

A check whose program is not in the image fails for ever: slim images have neither curl nor wget, and a container that is
always unhealthy is never sent a request, or restarted again and again. A check that asks for a path the application does
not have fails too, and `curl` without `-f` never fails: it ends with 0 on 404 and 500.

## Use instead
What the image has anyway: `HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=3)"]`.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Healthcheck, ServerCommand, Stage
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health() -> str:
    return "ok"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  never-fails:
                    build: .
                    healthcheck:  # finding
                      test: ["CMD", "curl", "-s", "http://localhost:8000/health"]
                  no-such-path:
                    build: .
                    healthcheck:  # finding
                      test: curl -f http://localhost:8000/healthz
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12
                # finding
                HEALTHCHECK CMD wget --spider http://localhost:8000/health
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                RUN apt-get update && apt-get install -y --no-install-recommends curl
                HEALTHCHECK CMD curl -fsS http://localhost:8000/health
                CMD ["uvicorn", "main:app"]
                """,
                "alpine/Dockerfile": """
                FROM python:3.12-alpine
                HEALTHCHECK CMD wget --spider -q http://localhost:8000/health
                CMD ["uvicorn", "main:app"]
                """,
                "plain/Dockerfile": """
                FROM python:3.12-slim
                HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/health')"]
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    healthcheck:
                      test: curl http://localhost:8000/health | grep ok
                  db:
                    image: postgres:17
                    healthcheck:
                      test: ["CMD", "curl", "http://localhost:5432/nothing"]
                  port:
                    build: .
                    healthcheck:
                      test: ["CMD", "curl", "--fail", "http://localhost:9090/-/ready"]
                """,
            }
        ),
    ],
    unproven="It takes a container whose image lacks the program; the answers themselves are FastAPI's usual ones.",
)

FETCHERS = ("curl", "wget")
FAILING = re.compile(r"(?:^|\s)(?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?)(?:\s|$)")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104  addresses in checks; nothing listens
BUILT_IN = frozenset({"/docs", "/redoc", "/openapi.json"})


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    own = command.service.healthcheck if command.service else None
    check = own or (command.stage.healthcheck if command.stage else None)
    if not command.production or check is None or check.is_off:
        return
    wrong = _missing(check, command.stage) or _wrong_question(check, command, project)
    if wrong:
        yield Finding(wrong, check.location, confidence=None if _missing(check, command.stage) else Confidence.MEDIUM)


def _missing(check: Healthcheck, stage: Stage | None) -> str | None:
    """The program that the image certainly has not."""
    program = next((p for p in check.programs if p in FETCHERS), None)
    if stage is None or program is None or program in stage.system_packages:
        return None
    base = stage.base
    absent = base.is_distroless or (base.base_name == "python" and base.is_slim)
    absent = absent or (base.base_name == "python" and base.is_alpine and program == "curl")
    brought = any(program in word.value for copy in stage.copies for word in (*copy.sources, copy.target))
    if not absent or brought or any(program in " ".join(run.arguments) for run in stage.runs):
        return None
    return (
        f"`{base.name}` has no `{program}`: the check fails for ever, and the container is never healthy. Ask with Python "
        "instead, or install it."
    )


def _wrong_question(check: Healthcheck, command: ServerCommand, project: Project) -> str | None:
    """What is asked for, or how, does not tell whether the service is well."""
    whole = " ".join(check.command.values) if check.command else ""
    if not check.urls or "|" in whole.replace("||", ""):
        return None
    parts = urlsplit(check.urls[0])
    if parts.hostname not in LOOPBACK or not _is_port_of(parts.netloc, command):
        return None
    if "curl" in check.programs and not FAILING.search(whole):
        return "`curl` without `-f` ends with 0 whatever the answer is, so this check never fails. Add `-f`."
    return _wrong_path(parts.path or "/", whole, command, project)


def _is_port_of(netloc: str, command: ServerCommand) -> bool:
    return command.port.value is not None and (netloc.rpartition(":")[2] or "80") == command.port.value


def _wrong_path(path: str, whole: str, command: ServerCommand, project: Project) -> str | None:
    routes = project.source.routes
    if "$" in path or path in BUILT_IN or not routes or project.source.unresolved or command.root_path.value:
        return None
    found = [route for route in routes if re.fullmatch(_pattern(route.full_path), path)]
    mounted = any(app.is_mounted or app.handed_to for app in project.source.apps)
    if not found:
        return (
            None
            if mounted
            else f"The application has no `{path}`: the check gets 404 and the container is never healthy."
        )
    spider = "wget" in whole and "--spider" in whole
    gnu = command.stage is not None and command.stage.base.shell_name == "dash"
    if spider and gnu and not any("HEAD" in route.methods or route.kind == "mount" for route in found):
        return f"`wget --spider` sends HEAD, which `{path}` answers with 405: the container is never healthy. Drop `--spider`."
    return None


def _pattern(path: str) -> str:
    """A route's path as a pattern; any text for a parameter."""
    return "".join(".+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))
