"""What a `probe` says of targets that it cannot decide: never a pass, and why, in every format."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from command import Ran, command, written

SERVICE = """\
from fastapi import APIRouter, FastAPI, HTTPException

app = FastAPI()


def answer() -> str:
    return "done"


for number in range(24):
    app.get(f"/a{number:02}")(answer)
leads = APIRouter(prefix="/leads", tags=["leads"])
leads.get("/all")(answer)
leads.post("/all")(answer)
app.include_router(leads)


@app.get("/unknown/{name}")
async def unknown(name: int) -> str:
    raise HTTPException(404)


@app.get("/z")
async def last() -> str:
    return "done"
"""
NAMED = """\
[tool.fastapi-audit.probe.operations."GET /z"]
p95 = "300ms"
"""
FEW = """\
from fastapi import FastAPI, HTTPException

app = FastAPI()


@app.get("/leads")
async def leads() -> list[str]:
    return ["Ada"]


@app.get("/companies")
async def companies() -> list[str]:
    return ["Analytical Engines"]
"""
MISSING = """\


@app.get("/leads/{lead}")
async def lead(lead: int) -> str:
    raise HTTPException(404)
"""
BROKEN = """\


@app.get("/report")
async def report() -> str:
    raise RuntimeError("not written yet")
"""
TARGETS = "latency-above-target,error-rate-above-target"


def probe(cwd: Path, *arguments: str | Path) -> Ran:
    ran = command("probe", "--app", "main:app", "--python", sys.executable, *arguments, cwd=cwd)
    assert ran.code == 0, ran.out + ran.err
    return ran


def rules(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in told["rules"]}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = written(tmp_path_factory.mktemp("many"), {"main.py": SERVICE, "pyproject.toml": NAMED})
    formats = ("json", "html", "markdown", "junit", "sarif")
    asked = [word for each in formats for word in ("--report", f"{each}={folder / each}")]
    ran = probe(folder, "--select", TARGETS, *asked)
    return {"terminal": ran.out, **{each: (folder / each).read_text() for each in formats}}


@pytest.mark.slow
class TestManyOperations:
    def test_what_the_user_named_comes_first_and_every_router_has_its_turn(self, reports: dict[str, str]) -> None:
        told = json.loads(reports["json"])

        measured = {row["operation"] for row in told["latencies"]} - {None}
        assert len(measured) == 20
        assert {"GET /z", "GET /leads/all", "GET /a00"} <= measured
        assert "GET /a23" not in measured

    def test_how_many_were_measured_is_counted(self, reports: dict[str, str]) -> None:
        figures = json.loads(reports["json"])["measurements"]

        assert (figures["operations"], figures["operations_measured"], figures["operations_not_callable"]) == (
            28,
            20,
            1,
        )

    @pytest.mark.parametrize("output_format", ["terminal", "json", "html", "markdown", "junit", "sarif"])
    def test_every_report_says_how_many_of_how_many(self, output_format: str, reports: dict[str, str]) -> None:
        words = re.sub(r"\s+", " ", reports[output_format]).replace("\\", "")

        assert "20 of 28 operations were measured (1 may not be called or have no known arguments, 7 found" in words

    @pytest.mark.parametrize("output_format", ["terminal", "json", "html", "markdown", "junit", "sarif"])
    def test_every_report_says_why_nothing_is_decided(self, output_format: str, reports: dict[str, str]) -> None:
        words = re.sub(r"\s+", " ", reports[output_format]).replace("\\", "")

        assert "50 requests went well, and fewer than 72 bound no P95: raise --max-requests and --max-time" in words

    def test_nothing_has_passed(self, reports: dict[str, str]) -> None:
        told = json.loads(reports["json"])

        assert {rules(told)[name]["outcome"] for name in TARGETS.split(",")} == {"not-run"}
        assert {each["outcome"] for each in told["items"]} == {"not-run"}
        assert told["score"] is None
        assert '<skipped message="0 of 20 operations were conclusive' in reports["junit"]
        assert "Looked at and not decided, so not passed" in reports["terminal"]


@pytest.mark.slow
def test_a_target_passes_where_every_operation_is_decided_and_says_on_how_many(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": FEW})

    ran = probe(tmp_path, "--select", TARGETS, "--error-target", "10%", "--p95-target", "5s", "--output-format", "json")

    told = rules(json.loads(ran.out))
    for name in TARGETS.split(","):
        assert (told[name]["outcome"], told[name]["reason"]) == ("pass", "2 of 2 operations were measured")


@pytest.mark.slow
def test_one_operation_that_refuses_or_never_works_leaves_no_pass_and_is_named(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": FEW + MISSING + BROKEN})

    ran = probe(tmp_path, "--select", TARGETS, "--error-target", "10%", "--p95-target", "5s", "--output-format", "json")

    told = rules(json.loads(ran.out))
    remedy = "give credentials with --header-file, or arguments in the configuration (`GET /leads/{lead}`)"
    for name in TARGETS.split(","):
        assert told[name]["outcome"] == "not-run"
        assert told[name]["reason"].startswith("2 of 4 operations were conclusive: no request went well (404")
        assert remedy in told[name]["reason"]
        assert told[name]["reason"].endswith("; 4 of 4 operations were measured")
    assert "no request went well (500" in told["latency-above-target"]["reason"]
    assert "which is no matter of a rate (`GET /report`)" in told["error-rate-above-target"]["reason"]


@pytest.mark.slow
def test_an_error_rate_of_a_thousandth_is_not_passed_on_a_few_hundred_requests(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": FEW})

    ran = probe(tmp_path, "--select", TARGETS, "--max-requests", "1000", "--output-format", "json")

    told = rules(json.loads(ran.out))["error-rate-above-target"]
    assert told["outcome"] == "not-run"
    assert told["reason"] == (
        "0 of 2 operations were conclusive: 0 of 100 requests failed, which leaves up to 3 % possible; 2,995 without a "
        "failure would decide: raise --max-requests and --max-time (`GET /companies`, `GET /leads`); 2 of 2 operations "
        "were measured"
    )


@pytest.mark.slow
def test_without_requests_for_the_load_nothing_is_judged(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": FEW})

    ran = probe(tmp_path, "--select", TARGETS, "--max-requests", "4", "--output-format", "json")

    for name in TARGETS.split(","):
        assert rules(json.loads(ran.out))[name]["outcome"] == "not-run"
