"""A secret that a rule has found stands in no report, neither in words nor in the source beside them."""

import json
from pathlib import Path

import pytest

from command import command, written
from fastapi_audit.reports import FORMATS

STRONG = "sk-live-a8F3kQ92hLm4Zx71TbVn"
WEAK = "tops3"
SIGNING = "my-signing-key"
IN_URL = "hunter2"
IN_IMAGE = "rk_live_b9G4kR03hLm4Zx71TbVn"
SECRETS = (STRONG, WEAK, SIGNING, IN_URL, IN_IMAGE)

MAIN = f"""\
import os
import time

import jwt
from fastapi import FastAPI
from pydantic_settings import BaseSettings

SECRET_KEY = os.environ.get("SECRET_KEY", "{WEAK}")
LLM_API_KEY = os.environ.get("LLM_API_KEY", "{STRONG}")


class Settings(BaseSettings):
    database_url: str = "postgresql://leads:{IN_URL}@db/leads"


app = FastAPI()


@app.get("/token")
async def token() -> str:
    time.sleep(1); print("{STRONG}")
    return jwt.encode({{"sub": "1"}}, "{SIGNING}", algorithm="HS256")
"""

FILES = {
    "main.py": MAIN,
    "Dockerfile": f'FROM python:3.12-slim\nENV STRIPE_API_KEY={IN_IMAGE}\nCMD ["uvicorn", "main:app"]\n',
    "compose.yaml": "services:\n  db:\n    image: postgres:17\n    environment:\n"
    f"      POSTGRES_PASSWORD: {IN_URL}\n      POSTGRES_USER: leads\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("leaking") / "service", FILES)


def test_no_report_shows_a_secret(service: Path) -> None:
    reports = [f"--report={name}={service.parent}/report.{name}" for name in FORMATS]
    ran = command("scan", "--show-suppressed", "--exit-zero", "--min-confidence=low", *reports, cwd=service)

    assert ran.code == 0, ran.err
    told = {name: (service.parent / f"report.{name}").read_text() for name in FORMATS} | {
        "out": ran.out,
        "err": ran.err,
    }
    leaks = [(name, secret) for name, text in told.items() for secret in SECRETS if secret in text]
    assert leaks == []
    found = json.loads(told["json"])["findings"]
    assert sum(finding["rule"] == "hardcoded-secret" for finding in found) == 6


def test_the_source_beside_a_secret_stays_readable(service: Path) -> None:
    ran = command("scan", "--select", "hardcoded-secret", "--exit-zero", cwd=service)

    assert f'os.environ.get("SECRET_KEY", "{"*" * len(WEAK)}")' in ran.out
    assert f'"postgresql://leads:{"*" * len(IN_URL)}@db/leads"' in ran.out


def test_a_report_made_of_a_scorecard_shows_no_secret(service: Path) -> None:
    command("scan", "--exit-zero", f"--report=json={service.parent}/scan.json", cwd=service)
    ran = command("report", service.parent / "scan.json", "--output-format", "json", "--exit-zero", cwd=service)

    assert "hardcoded-secret" in ran.out
    assert [secret for secret in SECRETS if secret in ran.out] == []


@pytest.mark.parametrize(
    "literal",
    ['"to" "ps3-a8F3kQ92hLm4Zx71"', '"\\x74ops3-a8F3kQ92hLm4Zx71"', '"""tops3-a8F3kQ92hLm4Zx71"""'],
    ids=["joined", "escaped", "three quotes"],
)
def test_a_secret_that_is_written_in_another_way_is_hidden_with_its_whole_literal(tmp_path: Path, literal: str) -> None:
    source = f"from fastapi import FastAPI\n\napp = FastAPI()\nAPI_TOKEN = {literal}\n"
    service = written(tmp_path / "service", {"main.py": source})
    ran = command("scan", "--select", "hardcoded-secret", "--exit-zero", cwd=service)

    assert "hardcoded-secret" in ran.out
    assert "API_TOKEN = **" in ran.out or 'API_TOKEN = """**' in ran.out
    assert "a8F3kQ92" not in ran.out


def test_fixing_still_sees_the_source_as_it_is(tmp_path: Path) -> None:
    service = written(tmp_path / "service", {"main.py": MAIN})
    command("scan", "--fix", "--unsafe-fixes", "--select", "hardcoded-secret", "--exit-zero", cwd=service)

    fixed = (service / "main.py").read_text()
    assert 'SECRET_KEY = os.environ["SECRET_KEY"]' in fixed
    assert SIGNING in fixed
