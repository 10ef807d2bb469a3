"""5,000 findings in every format: no larger than what takes it allows."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command import command
from fastapi_audit.reports import FORMATS
from pages import ROOT

FINDINGS = 5_000

LARGEST = {"html": 10_000_000, "markdown": 65_536, "sarif": 10_000_000}
"""Bytes: a page that opens at once; a comment; what code scanning takes, packed."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scorecard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a scan of many copies of the prototype writes it."""
    folder = tmp_path_factory.mktemp("large")
    prototype = ROOT / "sample_apps" / "prototype"
    assert command("scan", prototype, "--isolated", "--exit-zero", "--report=json=one.json", cwd=folder).code == 0
    one = json.loads((folder / "one.json").read_text("utf-8"))
    copies = [moved(one, number) for number in range(-(-FINDINGS // len(one["findings"])))]
    many = one | {name: [each for copy in copies for each in copy[name]] for name in ("findings", "routes")}
    many["findings"] = many["findings"][:FINDINGS]
    many["sources"] = {path: known for copy in copies for path, known in copy["sources"].items()}
    (folder / "many.json").write_text(json.dumps(many), "utf-8")
    return folder / "many.json"


def moved(part: Any, number: int) -> Any:
    """The same in a folder of its own."""
    if isinstance(part, list):
        return [moved(each, number) for each in part]
    if not isinstance(part, dict):
        return part
    new = {key: moved(value, number) for key, value in part.items()}
    if "path" in new and ("line" in new or "start" in new):
        new["path"] = f"copy{number}/{new['path']}"
    if "fingerprint" in new and "message" in new:
        new["suppressed"] = None
        new["fingerprint"] = hashlib.blake2b(f"{number} {new['fingerprint']}".encode(), digest_size=16).hexdigest()
    if "sources" in new:
        new["sources"] = {f"copy{number}/{path}": known for path, known in new["sources"].items()}
    return new


@pytest.mark.parametrize("name", FORMATS)
def test_thousands_of_findings_take_little_room(scorecard: Path, name: str) -> None:
    words = [sys.executable, "-m", "fastapi_audit", "report", str(scorecard), "--exit-zero", "--output-format", name]
    told = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout

    size = len(gzip.compress(told)) if name == "sarif" else len(told)
    assert 0 < size < LARGEST.get(name, 20_000_000)
    if name == "sarif":
        assert len(json.loads(told)["runs"][0]["results"]) == FINDINGS
