"""Writes a small project and reads its deployment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from fastapi_audit.evidence import deployment
from fastapi_audit.evidence.deployment import Deployment

Reading = Callable[[Mapping[str, str]], Deployment]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    def read(files: Mapping[str, str]) -> Deployment:
        for path, text in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text).lstrip("\n").rstrip() + "\n", encoding="utf-8")
        return deployment.read(tmp_path)

    return read
