"""The sample apps, started for real from a copy, so that a run leaves nothing in the tree."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from fastapi_audit.evidence.live.launch import Launch, Server, launched

FOLDER = Path(__file__).parent.parent / "sample_apps"
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""The environment of an app: no proxies, no settings of the machine."""
COMMAND_SECONDS = 60
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".ruff_cache", "*.db", ".env")

SECRETS = {"LEADS_SECRET_KEY": "s" * 40, "LEADS_METRICS_TOKEN": "m" * 40}
"""What `production` does not start without."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A sample app in a folder of its own, and the environment to run it in."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **self.settings}

    def run(self, *arguments: str) -> str:
        """What `python …` printed in the folder of the app."""
        command = [sys.executable, *arguments]
        run = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
        assert run.returncode == 0, run.stderr.decode(errors="replace")
        return run.stdout.decode().strip()

    @contextmanager
    def serve(self, application: str, *options: str) -> Iterator[Server]:
        """The app under uvicorn; a failed start shows its log."""
        with launched(Launch(application, self.folder, options=options, environment=self.environment)) as server:
            assert server.started, server.log
            yield server


def copied(name: str, place: Path, **settings: str) -> Copy:
    """The sample app of that name."""
    return Copy(shutil.copytree(FOLDER / name, place / name, ignore=LEFT_BEHIND), settings)


def prepared_production(place: Path, **settings: str) -> tuple[Copy, str]:
    """`production` with its tables, and an API key."""
    copy = copied("production", place, **SECRETS, **settings)
    copy.run("-m", "alembic", "upgrade", "head")
    return copy, copy.run("-m", "leads.issue_key", "Acme")


def client(url: str, key: str = "") -> httpx.Client:
    """Asks without regard to the proxies of the machine."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False)
