"""The servers of the tests are real, run without root, and are never missed in silence."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

HERE = Path(__file__).parent


@pytest.mark.services
def test_postgres_answers_and_is_not_root(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT pg_backend_pid(), current_setting('server_encoding')").fetchone()
        assert row is not None
        assert row[1] == "UTF8"
        assert Path(f"/proc/{row[0]}").stat().st_uid != 0


@pytest.mark.services
def test_redis_answers_on_loopback_and_is_not_root(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server) as client:
        client.set("greeting", "hello")
        assert client.get("greeting") == b"hello"
        process = client.info("server")["process_id"]
        assert Path(f"/proc/{process}").stat().st_uid != 0
    assert urlsplit(redis_server).hostname == "127.0.0.1"


@pytest.mark.parametrize("missing", ["program('no-such-server')", "browser()"])
@pytest.mark.parametrize(("ci", "summary"), [("true", "1 failed"), ("", "1 skipped")])
def test_a_missing_server_fails_in_ci_and_is_skipped_elsewhere(
    tmp_path: Path, missing: str, ci: str, summary: str
) -> None:
    (tmp_path / "test_it.py").write_text(f"from services import *\ndef test_it(): {missing}\n")
    environment = {**os.environ, "CI": ci, "PATH": str(tmp_path), "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", str(tmp_path)]

    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert summary in run.stdout
    assert "is not installed; PACKAGES in `.ci/run` names what the tests need" in run.stdout
