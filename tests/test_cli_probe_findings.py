"""What a whole `probe` of an application that it starts finds, by the operations and the lines that it names."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from command import Ran, command, written
from sample_apps import copied, prepared_production

CRASHING = """\
from typing import Annotated

from fastapi import Depends, FastAPI

app = FastAPI()


def opened(url: str) -> str:
    return {"ada": "a lead"}[url]


@app.get("/info")
async def info(source: Annotated[str, Depends(opened)]) -> str:
    return source


@app.get("/tiles/{z}")
async def tiles(z: int, source: Annotated[str, Depends(opened)]) -> str:
    return source


@app.get("/share")
async def share(people: int) -> float:
    return 100 / people
"""


def probe(cwd: Path, *arguments: str | Path, app: str = "main:app") -> Ran:
    started = ("--app", app, "--python", sys.executable)
    return command("probe", *started, *arguments, "--output-format", "json", cwd=cwd)


def findings(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code in (0, 1), ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return found


@pytest.mark.slow
def test_crashes_at_one_line_are_one_finding_with_one_reproduction(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": CRASHING})

    found = {
        each["location"]["line"]: each for each in findings(probe(tmp_path, "--select", "request-crashes-handler"))
    }

    opened, share = found[9], found[24]
    assert len(found) == 2
    assert [opened["operation"], *opened["also"]] == ["GET /info", "GET /tiles/{z}"]
    assert [share["operation"], *share["also"]] == ["GET /share"]
    assert opened["observations"][0]["message"] == "it answered 500: `KeyError` in `opened`"
    assert opened["observations"][0]["reproduction"].startswith("curl -i 'http://127.0.0.1:8000/info?url=")
    assert share["observations"][0]["message"] == "it answered 500: `ZeroDivisionError` in `share`"


@pytest.mark.slow
def test_the_prototype_blocks_its_event_loop_at_a_line_that_the_probe_names(tmp_path: Path) -> None:
    copy = copied("prototype", tmp_path)
    slept = copy.folder.joinpath("app/crm.py").read_text().splitlines().index("                time.sleep(0.2)") + 1

    # Beside the rules that take most of the time: what blocks was left out when it came after them.
    selected = "blocking-call,request-crashes-handler,latency-above-target"
    found = findings(probe(copy.folder, "--select", selected, "--max-time", "40", app="app.main:app"))

    (blocking,) = [each for each in found if each["rule"] == "blocking-call"]
    assert (blocking["operation"], blocking["status"]) == ("GET /leads/{lead_id}/enrich", "confirmed")
    assert (blocking["location"]["path"], blocking["location"]["line"]) == ("app/crm.py", slept)
    crashed = {each["operation"] for each in found if each["rule"] == "request-crashes-handler"}
    assert {"GET /features", "GET /leads/company", "GET /leads/search"} <= crashed


MANY = """\
from fastapi import FastAPI

app = FastAPI()


def answer() -> str:
    return "done"


for number in range(41):
    app.get(f"/leads/{number}")(answer)
"""


DELETED = """\
import time

from fastapi import FastAPI, HTTPException

app = FastAPI()
leads = {1}


@app.get("/health")
async def health() -> str:
    return "well"


@app.delete("/leads/{lead}")
async def delete(lead: int) -> None:
    leads.discard(lead)


@app.get("/leads/{lead}/report")
async def report(lead: int) -> str:
    if lead not in leads:
        raise HTTPException(404)
    time.sleep(0.3)
    return "done"
"""


@pytest.mark.slow
def test_what_may_be_deleted_is_looked_at_before(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": DELETED})

    ran = probe(tmp_path, "--select", "blocking-call", "--mutating")

    assert [each["operation"] for each in findings(ran)] == ["GET /leads/{lead}/report"]


def test_operations_beyond_those_that_were_looked_beside_are_named_and_no_pass(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": MANY})

    ran = probe(tmp_path, "--select", "blocking-call")

    (rule,) = [each for each in json.loads(ran.out)["rules"] if each["name"] == "blocking-call"]
    assert (rule["outcome"], rule["reason"]) == (
        "not-run",
        "beside 40 of 41 operations it was seen whether others wait",
    )


MUTABLE = """\
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Share(BaseModel):
    people: int


@app.get("/health")
async def health() -> str:
    return "ok"


@app.post("/shares")
async def create(share: Share) -> float:
    with Path("created.log").open("a") as file:
        file.write("created\\n")
    return 100 / share.people
"""


COUNTED = "import sqlite3; print(sqlite3.connect('leads.db').execute('SELECT count(*) FROM leads').fetchone()[0])"


@pytest.mark.slow
def test_what_changes_something_is_sent_only_when_it_is_allowed(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": MUTABLE})
    selected = ("--select", "request-crashes-handler", "--max-time", "40")

    assert findings(probe(tmp_path, *selected)) == []
    assert not (tmp_path / "created.log").exists()

    (found,) = findings(probe(tmp_path, *selected, "--mutating"))
    assert (found["operation"], found["location"]["line"]) == (
        "POST /shares",
        MUTABLE.splitlines().index("    return 100 / share.people") + 1,
    )
    assert "--data-binary" in found["observations"][0]["reproduction"]
    assert (tmp_path / "created.log").exists()


@pytest.mark.slow
def test_production_passes_when_it_may_be_changed(tmp_path: Path) -> None:
    copy, key = prepared_production(tmp_path)
    settings = "".join(f"{name}={value}\n" for name, value in copy.settings.items())
    written(copy.folder, {"probe.env": settings, "headers": f"Authorization: Bearer {key}\n"})
    given = ("--env-file", "probe.env", "--header-file", "headers", "--mutating", "--max-time", "45")
    # Targets of time are for a machine that does nothing else.
    selected = "declared-auth-not-enforced,error-handling,response-breaks-schema"

    ran = probe(copy.folder, *given, "--select", selected, app="leads.main:app")

    assert findings(ran) == [], ran.out
    outcomes = {rule["name"]: rule["outcome"] for rule in json.loads(ran.out)["rules"]}
    assert outcomes["request-crashes-handler"] == "pass"
    assert int(copy.run("-c", COUNTED)) > 0
