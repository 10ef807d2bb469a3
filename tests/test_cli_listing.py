"""`routes`, `rules` and `explain`: the tables, their JSON, and nothing that the project could forge."""

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from command import command, written
from fastapi_audit.checks import load

SCHEMA: dict[str, Any] = json.loads(files("fastapi_audit.reports").joinpath("schema/scorecard-1.json").read_text())

SERVICE = '''\
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import HTTPBearer

app = FastAPI()
app.add_middleware(GZipMiddleware)
app.add_middleware(CORSMiddleware, allow_origins=["*"])
router = APIRouter(prefix="/users")
bearer = HTTPBearer()


def session():
    yield 1


@router.get("/{name}", dependencies=[Depends(bearer)])
async def user(name: str, connection: int = Depends(session)) -> str:
    return name


@app.post("/a|b<script>`")
def odd() -> None:
    """A path that Markdown and HTML would read."""


@app.websocket("/feed")
async def feed(socket: WebSocket) -> None:
    await socket.accept()


app.include_router(router)
'''


def part(name: str, document: object) -> None:
    jsonschema.validate(document, {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return written(tmp_path / "service", {"main.py": SERVICE})


def test_the_route_table_says_what_runs_where_and_what_guards_it(service: Path) -> None:
    ran = command("routes", cwd=service)

    rows = [re.split(r" {2,}", line) for line in ran.out.split("\n")]

    assert ran.code == 0
    assert ["GET", "/users/{name}", "event loop", "HTTPBearer", "HTTPBearer, session", "user", "main.py:17:1"] in rows
    assert ["POST", "/a|b<script>`", "thread", "-", "-", "odd", "main.py:22:1"] in rows
    assert ["WEBSOCKET", "/feed", "event loop", "-", "-", "feed", "main.py:27:1"] in rows


def test_middleware_is_told_from_the_outside_in(service: Path) -> None:
    out = command("routes", cwd=service).out

    assert out.index("CORSMiddleware") < out.index("GZipMiddleware")


def test_what_is_not_resolved_is_counted_below_the_table(service: Path) -> None:
    with (service / "main.py").open("a") as file:
        file.write("\nimport importlib\n\napp.include_router(importlib.import_module(input()).router)\n")

    ran = command("routes", cwd=service)

    assert ran.out.splitlines()[-1] == "not resolved: 1 (`--output-format json` lists them)"


def test_routes_as_json_keep_the_contract(service: Path) -> None:
    told = json.loads(command("routes", "--output-format", "json", cwd=service).out)

    part("routes", told)
    assert {(tuple(route["methods"]), route["path"], route["kind"]) for route in told["routes"]} >= {
        (("GET",), "/users/{name}", "http"),
        (("POST",), "/a|b<script>`", "http"),
    }
    assert [row["class"].rpartition(".")[2] for row in told["middleware"]] == ["CORSMiddleware", "GZipMiddleware"]


def test_routes_as_markdown_are_read_as_text(service: Path) -> None:
    out = command("routes", "--output-format", "markdown", cwd=service).out

    (row,) = [line for line in out.split("\n") if "script" in line]
    assert "`/a\\|b<script>'`" in row
    assert row.replace("\\|", "").count("|") == out.split("\n")[0].count("|")


PLUGGED = (
    SERVICE
    + """
import os

for name in os.environ.get("PLUGINS", "").split():
    app.add_api_route("/plugins/" + name, odd)
if not os.environ.get("PLUGINS"):
    app.get("/no-plugins")(odd)
"""
)


def test_routes_that_only_one_side_knows_are_marked(tmp_path: Path) -> None:
    files = {"main.py": PLUGGED, "settings.env": "PLUGINS=mail"}
    service = written(tmp_path / "service", files)
    options = ("--app", "main:app", "--python", sys.executable, "--env-file", "settings.env")

    rows = [re.split(r" {2,}", line)[:3] for line in command("routes", *options, cwd=service).out.split("\n")]
    told = json.loads(command("routes", *options, "--output-format", "json", cwd=service).out)

    assert ["both", "GET", "/users/{name}"] in rows
    assert ["both", "WEBSOCKET", "/feed"] in rows
    assert ["app only", "GET", "/plugins/mail"] in rows
    assert [row[0] for row in rows if row[2:] and row[2].startswith("/no-plugins")] == ["source only"]
    part("routes", told)
    assert {tuple(route["evidence"]) for route in told["routes"]} == {("source", "app"), ("app",), ("source",)}


def test_an_application_that_cannot_be_imported_is_said_in_one_line(tmp_path: Path) -> None:
    service = written(tmp_path / "service", {"main.py": SERVICE + "\nimport sys\nsys.exit(5)\n"})

    ran = command("routes", "--app", "main:app", "--python", sys.executable, cwd=service)

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.rstrip().split("\n")[-1] == (
        "error: `main:app` could not be asked: it called sys.exit(5) while importing main"
    )


def test_rules_list_every_rule_under_its_item(tmp_path: Path) -> None:
    text = command("rules", cwd=tmp_path).out
    told = json.loads(command("rules", "--output-format", "json", cwd=tmp_path).out)

    part("rules", told)
    assert [entry["name"] for entry in told["rules"]] == [rule.name for rule in load()]
    assert all(f"    {entry['name']} " in text for entry in told["rules"])
    assert text.rstrip().endswith(f"{len(told['rules'])} rules; `fastapi-audit explain RULE` tells more")


def test_explain_prints_the_page_of_a_rule(tmp_path: Path) -> None:
    rule = load()[0]
    text = command("explain", rule.name, cwd=tmp_path)
    told = json.loads(command("explain", rule.name, "--output-format", "json", cwd=tmp_path).out)

    assert text.code == 0
    assert text.out.startswith(f"# {rule.name}\n")
    assert rule.title in text.out
    assert told["markdown"] == text.out
    assert told["name"] == rule.name
