"""The load made by Locust, on a real server, beside the load that the probe makes itself."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fastapi_audit.evidence.live import latency, locust
from fastapi_audit.evidence.live.latency import Pace, Planned, Sampling
from fastapi_audit.evidence.live.launch import Launch, launched
from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.session import NotPossible
from fastapi_audit.model import LatencyRow

SERVED = """
import asyncio
from fastapi import FastAPI, Request, Response

app = FastAPI()
seen = set()


@app.middleware("http")
async def note(request: Request, call_next):
    seen.add((request.method, request.headers.get("x-key", "")))
    return await call_next(request)


@app.get("/work")
async def work() -> str:
    await asyncio.sleep(0.05)
    return "done"


@app.get("/missing")
async def missing() -> Response:
    return Response(status_code=404)


@app.get("/broken")
async def broken() -> Response:
    return Response(status_code=503)


@app.get("/seen")
async def told() -> list[list[str]]:
    return sorted(map(list, seen))
"""
STALLS = """
import asyncio, itertools, time
from fastapi import FastAPI

app = FastAPI()
served = itertools.count()


@app.get("/work")
async def work() -> str:
    if next(served) == 100:
        time.sleep(1)
    return "done"
"""
SECRET = (("X-Key", "correct-horse-battery"),)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "main.py").write_text(SERVED)
    with launched(Launch("main:app", tmp_path, options=("--log-level", "warning"))) as server:
        assert server.started, server.log
        yield server.url


def planned(url: str, *paths: str) -> list[Planned]:
    return [Planned(f"GET {path}", "GET", f"{url}{path}") for path in paths]


def whole(sampling: Sampling) -> LatencyRow:
    return next(sampling.rows(lambda _: Target()))


def of(sampling: Sampling, operation: str) -> LatencyRow:
    return next(row for row in sampling.rows(lambda _: Target()) if row.operation == operation)


def mix(sampling: Sampling) -> Counter[str]:
    return Counter(each.operation for each in sampling.samples)


@pytest.mark.slow
def test_a_stall_is_timed_from_when_each_request_was_meant_to_start(tmp_path: Path) -> None:
    """As the built-in engine does: users that wait for an answer would hardly ask while it lasts."""
    (tmp_path / "main.py").write_text(STALLS)
    with launched(Launch("main:app", tmp_path, options=("--log-level", "warning"))) as server:
        assert server.started, server.log
        pace = Pace(rate=50, requests=300, slots=4)
        sampling = asyncio.run(locust.sample(planned(server.url, "/work"), pace, (), locust.Crew()))

    waited = sum(each.seconds >= 0.25 for each in sampling.samples)
    # Of the fifty that were meant to start within that second; four users alone would be four.
    assert waited >= 25


def test_the_file_is_python_whatever_the_service_calls_its_operations() -> None:
    hostile = Planned('GET /"""\n]; import os; os._exit(1)', "GET", "http://127.0.0.1:1/a?b={c}&d='", (("X", '"""'),))

    text = locust.locustfile([hostile], Pace())

    compile(text, "locustfile.py", "exec")
    assert "\n]; import os" not in text
    assert "/a?b={c}&d='" in text


@pytest.mark.slow
def test_two_workers_measure_what_the_probe_measures(url: str) -> None:
    pace = Pace(rate=40, requests=240)

    both = planned(url, "/work", "/missing")

    sampled = asyncio.run(locust.sample(both, pace, (), locust.Crew(2)))
    asked = asyncio.run(latency.sample(both, pace, lambda: True))

    assert mix(sampled) == mix(asked) == {"GET /work": 120, "GET /missing": 120}
    assert whole(sampled).errors == whole(asked).errors == 0
    theirs, ours = of(sampled, "GET /work"), of(asked, "GET /work")
    # Other work on the machine slows both, and not at the same moment; a quiet one shows less than 15 %.
    assert theirs.p50_ms == pytest.approx(ours.p50_ms, rel=0.5)
    assert min(theirs.p50_ms, ours.p50_ms) >= 50


@pytest.mark.slow
def test_only_a_server_error_is_one_and_credentials_go_by_the_environment(url: str) -> None:
    operations = planned(url, "/missing", "/broken")
    pace = Pace(rate=40, requests=120)

    sampling = asyncio.run(locust.sample(operations, pace, SECRET, locust.Crew()))

    rows = {row.operation: row for row in sampling.rows(lambda _: Target())}
    assert rows["GET /missing"].samples
    assert rows["GET /missing"].errors == 0
    assert rows["GET /broken"].errors == rows["GET /broken"].samples > 0
    assert SECRET[0][1] not in locust.locustfile(operations, pace)
    seen = httpx.get(f"{url}/seen", trust_env=False).json()
    assert ["GET", SECRET[0][1]] in seen
    assert {method for method, _ in seen} == {"GET"}


@pytest.mark.slow
def test_nothing_is_left_when_it_is_interrupted(url: str) -> None:
    async def interrupted() -> None:
        async with asyncio.timeout(8):
            await locust.sample(planned(url, "/work"), Pace(rate=40, requests=4000), (), locust.Crew(2))

    with pytest.raises(TimeoutError):
        asyncio.run(interrupted())

    port = url.rpartition(":")[2]
    left = [each for each in Path("/proc").glob("[0-9]*/cmdline") if _calls(each, port)]
    assert left == []


def _calls(command: Path, port: str) -> bool:
    try:
        words = command.read_bytes().split(b"\0")
    except OSError:
        return False
    return b"locust" in words and any(word.endswith(f":{port}".encode()) for word in words)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.slow
def test_workers_that_are_started_elsewhere_send_their_samples_to_the_master(url: str, tmp_path: Path) -> None:
    """As on other machines: they know the master's address, ask it for the file, and share no folder with it."""
    port = _free_port()
    master = ("--master-host", "127.0.0.1", "--master-port", str(port))
    # The command of the documentation.
    command = [sys.executable, "-m", "locust", "-f", "-", "--worker", *master]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(elsewhere),
        "FASTAPI_AUDIT_HEADERS": '{"X-Key": "elsewhere"}',
    }
    crew = locust.Crew(2, f"127.0.0.1:{port}", patience_s=60)
    workers = [
        subprocess.Popen(command, cwd=elsewhere, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        sampling = asyncio.run(locust.sample(planned(url, "/work"), Pace(rate=40, requests=240), (), crew))
        codes = [worker.wait(30) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

    assert 180 <= len(sampling.samples) <= 260
    assert whole(sampling).errors == 0
    assert whole(sampling).p50_ms >= 50
    assert ["GET", "elsewhere"] in httpx.get(f"{url}/seen", trust_env=False).json()
    assert codes == [0, 0]


@pytest.mark.slow
def test_workers_that_do_not_come_are_named_with_the_place_where_they_were_awaited(url: str) -> None:
    crew = locust.Crew(2, f"127.0.0.1:{_free_port()}", patience_s=3)

    with pytest.raises(NotPossible, match=r"2 workers were awaited at 127\.0\.0\.1:\d+; "):
        asyncio.run(locust.sample(planned(url, "/work"), Pace(rate=40, requests=40), (), crew))
