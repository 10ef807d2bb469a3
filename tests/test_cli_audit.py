"""`audit` and `report`: files and service in one scorecard, at once or merged from separate runs."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from command import Ran, command, written
from fastapi_audit.checks import load
from fastapi_audit.evidence.live import EXPERIMENTS
from fastapi_audit.evidence.live.launch import Launch, Server, launched
from fastapi_audit.evidence.live.session import Phase
from sample_apps import copied

DEBUG = """\
from fastapi import FastAPI

app = FastAPI(debug=True)


@app.get("/share")
async def share(people: int = 0) -> float:
    return 1 / people
"""
OPEN = """\
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

app = FastAPI(openapi_url=None)
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)


@app.get("/")
async def home() -> str:
    return "home"
"""
GATEWAY = """\
import main


async def app(scope, receive, send):
    \"\"\"In front of the service: lets no foreign site in, whatever the service says.\"\"\"

    async def without_cors(message):
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if not name.startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    await main.app(scope, receive, without_cors)
"""
UNLIMITED = """\
from fastapi import FastAPI

app = FastAPI()


@app.post("/leads")
def add(name: str) -> str:
    return name


@app.get("/people")
def people() -> list[str]:
    return ["ada"]


@app.get("/orders")
def orders() -> list[str]:
    return ["tea"]
"""
LIMITING = """\
import main

served = 0


async def app(scope, receive, send):
    \"\"\"In front of the service: serves fifty requests, whatever the service says.\"\"\"
    global served
    served += scope["type"] == "http"
    if served <= 50:
        await main.app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"60")]})
    await send({"type": "http.response.body", "body": b""})
"""
BLOCKING = """\
import time

from fastapi import FastAPI

app = FastAPI()


def totals() -> None:
    with open(__file__) as file:
        file.read()
    time.sleep(
        0.4
    )


@app.get("/helper")
async def helper() -> None:
    totals()


@app.get("/in-a-thread")
def in_a_thread() -> None:
    time.sleep(0.4)


@app.get("/quick")
async def quick() -> str:
    return "quick"
"""


UNLIMITED = """\
from fastapi import FastAPI

app = FastAPI()


@app.post("/orders")
async def order(name: str) -> str:
    return name


@app.get("/people")
async def people() -> list[str]:
    return ["ada"]


@app.get("/drinks")
async def drinks() -> list[str]:
    return ["tea"]
"""
LIMITER = """\
import main

asked = 0


async def app(scope, receive, send):
    \"\"\"In front of the service: after twenty requests nobody is served.\"\"\"
    global asked
    asked += scope["type"] == "http"
    if asked <= 20:
        await main.app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"60")]})
    await send({"type": "http.response.body", "body": b"slow down"})
"""


@contextmanager
def served(folder: Path, application: str = "main:app") -> Iterator[Server]:
    with launched(Launch(application, folder)) as server:
        assert server.started, server.log
        yield server


def audit(*arguments: str | Path, cwd: Path) -> Ran:
    return command("audit", *arguments, cwd=cwd)


def document(ran: Ran) -> dict[str, Any]:
    assert ran.out, ran.err
    read: dict[str, Any] = json.loads(ran.out)
    return read


def only(found: dict[str, Any], rule: str) -> dict[str, Any]:
    (finding,) = [each for each in found["findings"] if each["rule"] == rule]
    assert isinstance(finding, dict)
    return finding


def test_a_traceback_on_the_wire_confirms_what_the_source_says(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": DEBUG})

    app = ("--app", "main:app", "--python", sys.executable)
    ran = audit(*app, "--select", "debug-true", "--output-format", "json", cwd=tmp_path)

    finding = only(document(ran), "debug-true")
    assert (finding["status"], finding["evidence"]) == ("confirmed", ["source", "live"])
    assert (finding["location"]["path"], finding["location"]["line"]) == ("main.py", 3)
    assert "Traceback (most recent call last)" in finding["observations"][0]["response"]
    assert str(tmp_path) not in ran.out
    assert finding["observations"][0]["reproduction"].startswith("curl -i ")


def test_a_limit_at_the_gateway_refutes_that_there_is_none(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": UNLIMITED, "gateway.py": LIMITING})
    asked = ("--select", "unlimited-service", "--min-confidence", "low", "--output-format", "json")

    confirmed = audit("--app", "main:app", "--python", sys.executable, *asked, cwd=tmp_path)
    with served(tmp_path, "gateway:app") as server:
        refuted = audit("--url", server.url, "--intrusive", *asked, cwd=tmp_path)

    assert only(document(confirmed), "unlimited-service")["status"] == "confirmed"
    finding = only(document(refuted), "unlimited-service")
    assert finding["status"] == "refuted"
    assert finding["points"] == 0
    assert finding["observations"][0]["response"].startswith("HTTP/1.1 429")


def test_the_line_that_blocks_the_loop_is_seen_inside_the_running_service(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": BLOCKING})
    asked = ("--select", "blocking-call", "--output-format", "json")

    ran = audit("--app", "main:app", "--python", sys.executable, *asked, cwd=tmp_path)

    found = [each for each in document(ran)["findings"] if each["status"] == "confirmed"]
    assert [(each["operation"], each["location"]["line"], each["evidence"]) for each in found] == [
        ("GET /helper", 11, ["source", "live"])
    ]
    assert "the event loop stood in `totals` at main.py:11" in found[0]["observations"][0]["message"]


def test_a_gateway_refutes_what_the_source_says(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": OPEN, "gateway.py": GATEWAY})
    source = command("scan", "--output-format", "json", cwd=tmp_path)

    with served(tmp_path, "gateway:app") as server:
        ran = audit("--url", server.url, "--select", "middleware-order", "--output-format", "json", cwd=tmp_path)

    before, after = (only(document(each), "cors-wildcard-with-credentials") for each in (source, ran))
    assert (before["status"], after["status"]) == ("suspected", "refuted")
    assert before["points"] > 0
    assert after["points"] == 0
    assert after["observations"][0]["message"] == "The running service lets no foreign site act as the user."


def test_a_refuted_finding_does_not_fail_the_run_and_is_counted(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": OPEN, "gateway.py": GATEWAY})
    selected = ("--select", "cors-wildcard-with-credentials", "--fail-on", "low")

    with served(tmp_path, "gateway:app") as server:
        ran = audit("--url", server.url, *selected, cwd=tmp_path)

    assert command("scan", *selected, cwd=tmp_path).code == 1
    assert ran.code == 0, ran.out
    assert "Refuted by the running service: 1." in ran.out


def test_a_limiter_at_the_gateway_refutes_that_nothing_limits_the_rate(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": UNLIMITED, "gateway.py": LIMITER})

    with served(tmp_path, "gateway:app") as server:
        arguments = ("--url", server.url, "--intrusive", "--select", "unlimited-service")
        ran = audit(*arguments, "--output-format", "json", cwd=tmp_path)

    finding = only(document(ran), "unlimited-service")
    assert (finding["status"], finding["points"]) == ("refuted", 0)
    assert "429" in json.dumps(finding["observations"])


@pytest.mark.slow
def test_a_scan_and_a_probe_merged_are_the_audit(tmp_path: Path) -> None:
    copy = copied("prototype", tmp_path)
    # What is measured or drawn by lot differs between two probes.
    steady = [rule.name for rule in load() if all(EXPERIMENTS[noun].phase is Phase.LOOK for noun in rule.nouns)]
    selected = ("--select", ",".join(steady))
    command("scan", *selected, "--report", "json=scan.json", cwd=copy.folder)
    with served(copy.folder, "app.main:app") as first:
        command("probe", first.url, *selected, "--report", "json=probe.json", cwd=copy.folder)
    # A new server: this one answers another time what it has answered once.
    with served(copy.folder, "app.main:app") as second:
        whole = document(audit("--url", second.url, *selected, "--output-format", "json", cwd=copy.folder))

    joint = document(command("report", "scan.json", "probe.json", "--output-format", "json", cwd=copy.folder))

    assert {"source", "live"} <= {kind for finding in whole["findings"] for kind in finding["evidence"]}
    for part in ("findings", "rules", "items", "score", "raw", "grade", "coverage", "caps", "routes", "middleware"):
        assert comparable(joint[part], first) == comparable(whole[part], second), part


def comparable(part: object, server: Server) -> object:
    """Without the port, and without tracebacks, which name objects by their address."""
    text = json.dumps(part).replace(f":{server.port}", "")
    return json.loads(re.sub(r'"response": "(?:[^"\\]|\\.)*"', '"response": ""', text))


@pytest.mark.slow
def test_a_scorecard_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    copy = copied("prototype", tmp_path)
    written_first = command("scan", "--output-format", "json", cwd=copy.folder).out
    (copy.folder / "scan.json").write_text(written_first, encoding="utf-8")

    again = command("report", "scan.json", "--output-format", "json", cwd=copy.folder)

    assert json.loads(again.out) == json.loads(written_first)
    assert again.code == 1


def test_a_service_that_does_not_start_costs_the_files_nothing(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": DEBUG + "\nraise RuntimeError\n"})

    ran = audit("--app", "main:app", "--python", sys.executable, "--output-format", "json", cwd=tmp_path)

    found = document(ran)
    assert ran.code == 3
    assert only(found, "debug-true")["status"] == "suspected"
    assert found["evidence"]["live"]["status"] == "unavailable"
    assert "did not start" in found["evidence"]["live"]["reason"]


class TestReport:
    @pytest.mark.parametrize("output_format", ["text", "concise", "sarif", "html", "markdown", "junit", "gitlab"])
    def test_every_format_is_rendered_without_the_files(self, output_format: str, tmp_path: Path) -> None:
        written(tmp_path / "project", {"main.py": DEBUG})
        command("scan", "project", "--report", "json=scan.json", cwd=tmp_path)

        ran = command("report", "scan.json", "--output-format", output_format, cwd=tmp_path)

        assert ran.code == 1, ran.err
        assert "debug-true" in ran.out

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("", "no JSON"),
            ("[" * 100_000, "no JSON"),
            ("{}", "`schema_version`: Field required"),
            ('{"schema_version": "2"}', "made by another version"),
            ("[]", "no scorecard of fastapi-audit"),
            ('{"schema_version": "1", "rules": "all"}', "`project`: Field required"),
        ],
    )
    def test_what_is_no_scorecard_is_named(self, content: str, complaint: str, tmp_path: Path) -> None:
        written(tmp_path, {"scan.json": content})

        ran = command("report", "scan.json", cwd=tmp_path)

        assert ran.code == 2
        assert ran.err.startswith("error: scan.json: ")
        assert complaint in ran.err
        assert ran.err.count("\n") == 1

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        ran = command("report", "scan.json", cwd=tmp_path)

        assert (ran.code, ran.err) == (2, "error: scan.json: cannot be read: No such file or directory\n")

    @pytest.mark.parametrize("path", ["../../../../etc/passwd", "/etc/passwd", "main.py\x1b[2J"])
    def test_a_hostile_scorecard_reads_no_file_and_paints_no_terminal(self, path: str, tmp_path: Path) -> None:
        written(tmp_path / "project", {"main.py": DEBUG})
        command("scan", "project", "--report", "json=scan.json", cwd=tmp_path)
        text = (tmp_path / "scan.json").read_text().replace('"main.py"', json.dumps(path))
        (tmp_path / "scan.json").write_text(text)

        for output_format in ("text", "html", "sarif"):
            ran = command("report", "scan.json", "--output-format", output_format, cwd=tmp_path)

            assert ran.code == 1, ran.err
            assert "root:" not in ran.out
            assert "\x1b[2J" not in ran.out
