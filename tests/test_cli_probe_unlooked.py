"""What a `probe` says of rules whose experiments could look at nothing, or at a part: no pass that rests on nothing."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from command import command, written

REFUSING = """\
from fastapi import Depends, FastAPI, HTTPException, Response


def refuse() -> None:
    raise HTTPException(401)


app = FastAPI(docs_url=None, redoc_url=None, dependencies=[Depends(refuse)])


@app.get("/leads")
async def leads(limit: int = 20) -> list[dict[str, int]]:
    return [{"number": each} for each in range(limit)]


@app.get("/export")
async def export(kind: str = "text/csv") -> Response:
    return Response("a", media_type=kind)


@app.get("/events")
async def events() -> Response:
    return Response("data: 1", media_type="text/event-stream")
"""
QUIET = """\
from fastapi import FastAPI, Response, WebSocket

app = FastAPI()


@app.get("/leads")
async def leads() -> list[dict[str, str]]:
    return [{"name": "Ada"}]


@app.get("/export")
async def export(kind: str = "text/csv") -> Response:
    return Response("a", media_type="text/csv")


@app.get("/private")
async def private() -> Response:
    return Response(status_code=403)


@app.websocket("/feed")
async def feed(socket: WebSocket) -> None:
    await socket.close(1008)
"""
UNLOOKED = {
    "blocking-call", "debug-true", "event-stream-arrives-whole", "etag-never-matches", "health-leaks-details",
    "latency-above-target", "long-answer-uncompressed", "no-metrics", "request-crashes-handler",
    "response-breaks-schema", "session-cookie-readable", "stream-blocking-async-generator", "unbounded-limit-param",
    "unpaginated-list", "user-controlled-media-type", "cache-mostly-misses",
    "pool-usage-above-target", "latency-target-not-measurable", "ratelimit-spoofable-address",
    "ratelimit-without-retry-after", "sensitive-endpoint-unlimited", "error-rate-above-target",
}  # fmt: skip


def probed(cwd: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    ran = command("probe", *arguments, "--output-format", "json", cwd=cwd)
    assert ran.code in (0, 1), ran.err
    return {each["name"]: each for each in json.loads(ran.out)["rules"]}


def started(cwd: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    return probed(cwd, "--app", "main:app", "--python", sys.executable, *arguments)


@pytest.mark.slow
def test_a_service_that_refuses_everything_passes_nothing_that_was_not_seen(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": REFUSING})

    told = started(tmp_path, "--select", ",".join(UNLOOKED - {"no-metrics"}), "--max-time", "40")

    passed = {name for name in UNLOOKED if told[name]["outcome"] in ("pass", "not-applicable")}
    assert passed == set()
    assert all(told[name]["reason"] for name in UNLOOKED)
    assert told["unpaginated-list"]["reason"] == "0 of 3 operations were looked at (3 gave no answer that tells)"


@pytest.mark.slow
def test_a_pass_of_a_part_says_how_much_it_is(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": QUIET})
    rules = ("long-answer-uncompressed", "blocking-call", "user-controlled-media-type")

    told = started(tmp_path, "--select", ",".join(rules))

    part = "2 of 3 operations were looked at (1 gave no answer that tells)"
    known = {name: (told[name]["outcome"], told[name]["reason"]) for name in rules}
    assert known == {rules[0]: ("pass", part), rules[1]: ("pass", part), rules[2]: ("pass", "")}


@pytest.mark.slow
def test_a_socket_that_lets_nobody_in_shows_no_more_than_that(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": QUIET})
    shut = ("websocket-disconnect-unhandled", "websocket-payload-unvalidated", "websocket-broad-except-in-loop")

    told = started(tmp_path, "--select", ",".join((*shut, "websocket-origin-unchecked", "websocket-unauthenticated")))

    assert {told[name]["outcome"] for name in (*shut, "websocket-origin-unchecked")} == {"not-run"}
    assert "no user with a cookie was given" in told["websocket-origin-unchecked"]["reason"]
    assert "it lets nobody stay who says nothing (`WEBSOCKET /feed`)" in told[shut[0]]["reason"]
    assert told["websocket-unauthenticated"]["outcome"] == "pass"


@pytest.mark.slow
def test_without_metrics_no_figure_of_them_is_passed(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": QUIET})
    rules = "pool-usage-above-target,cache-mostly-misses,pool-usage-not-measured,llm-tokens-not-measured"

    told = started(tmp_path, "--select", rules, "--max-requests", "300")

    for name in rules.split(","):
        assert told[name]["outcome"] == "not-run"
        assert told[name]["reason"].startswith("no metrics: /metrics gave 404")


@pytest.mark.slow
def test_a_short_list_decides_nothing_and_one_with_pages_does(tmp_path: Path) -> None:
    paged = QUIET.replace("async def leads()", "async def leads(limit: int = 20)")
    written(tmp_path, {"main.py": QUIET, "paged.py": paged})

    plain = started(tmp_path, "--select", "unpaginated-list")["unpaginated-list"]
    pages = probed(tmp_path, "--app", "paged:app", "--python", sys.executable, "--select", "unpaginated-list")

    assert plain["outcome"] == "not-run"
    assert "a list of fewer than 1,000 entries may be all there are (`GET /leads`)" in plain["reason"]
    assert pages["unpaginated-list"]["outcome"] == "pass"
