"""The schema of the config that editors read says the same as the loader."""

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from fastapi_audit.config import KEYS, load, schema
from fastapi_audit.errors import ConfigError
from pages import ROOT

SHIPPED = json.loads(files("fastapi_audit").joinpath("config.schema.json").read_text("utf-8"))

ACCEPTED = [
    "",
    'select = ["blocking-call", "14"]\nignore = []\nexclude = ["legacy/"]',
    'fail-on = "critical"\nmin-confidence = "low"',
    "fail-under = 80",
    "fail-under = 79.5\nfail-on-new = true\nrequire-reasons = false",
    '[per-file-ignores]\n"internal/*" = ["rate-limiting"]',
    'baseline = "accepted.json"\nrules = ["audit-rules"]\nauth-dependencies = ["a.b"]',
    '[probe]\nmax-time = 30\nmax-requests = 100\nrate = 0.5\np95 = "200ms"\nerrors = "0.1%"\nopenapi = "/o.json"',
    '[probe]\np95 = " 1.5 s "\nerrors = "100%"',
    '[probe.operations."GET /users/{id}"]\npath = {id = 1}\nquery = {q = "x", deep = true}\nbody = {a = [1]}',
    '[probe.operations."POST /users"]\np95 = "0.05s"\nerrors = "050.5 %"',
]
REFUSED = [
    "colour = 'red'",
    "fail_on = 'high'",
    "select = 'x'",
    "select = [1]",
    "fail-on = 'bad'",
    "fail-under = '80'",
    "fail-on-new = 1",
    "per-file-ignores = ['x']",
    "rules = true",
    "[probe]\ncolour = 1",
    "[probe]\nmax-time = 0",
    "[probe]\nmax-requests = -1",
    "[probe]\nmax-requests = 1.5",
    "[probe]\nrate = '5'",
    "[probe]\nopenapi = 'openapi.json'",
    "[probe]\nmetrics = 'metrics'",
    "[probe]\np95 = 200",
    "[probe]\np95 = '200'",
    "[probe]\np95 = '0ms'",
    "[probe]\nerrors = '0.1'",
    "[probe]\nerrors = '100.1%'",
    "[probe.operations.'users']\nskip = true",
    "[probe.operations.'TRACE /users']\nskip = true",
    "[probe.operations.'GET /users']\nwhat = true",
    "[probe.operations.'GET /users']\np95 = 'soon'",
    "[probe.operations.'GET /users']\npath = {id = [1]}",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_loader_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fastapi-audit.toml"
    file.write_text(text)

    load(file)
    assert [error.message for error in Draft202012Validator(SHIPPED).iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_loader_refuses_the_schema_refuses(tmp_path: Path, text: str) -> None:
    file = tmp_path / "fastapi-audit.toml"
    file.write_text(text)

    with pytest.raises(ConfigError):
        load(file)
    assert not Draft202012Validator(SHIPPED).is_valid(tomllib.loads(text))


def test_a_score_beyond_the_scale_is_refused_before_the_command_does() -> None:
    assert not Draft202012Validator(SHIPPED).is_valid({"fail-under": 101})


def test_the_shipped_schema_is_that_of_the_settings() -> None:
    Draft202012Validator.check_schema(SHIPPED)

    assert schema() == SHIPPED, "run `make docs`"
    assert set(SHIPPED["properties"]) == set(KEYS)


def test_every_config_in_the_readme_keeps_to_the_schema() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    tables = [tomllib.loads(block)["tool"]["fastapi-audit"] for block in blocks]

    assert [error.message for table in tables for error in Draft202012Validator(SHIPPED).iter_errors(table)] == []
    assert len({key for table in tables for key in table}) > 5
