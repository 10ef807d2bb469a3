"""`probe` as a user runs it: against services that behave, and against those that do not."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import KEPT, Ran, command, written
from processes import alive, wait_until
from raw_server import (
    OPENAPI,
    Answer,
    always,
    answering,
    close,
    drip,
    endless_headers,
    hang,
    stream_for_ever,
    whole,
)

SECONDS = 6
"""For a whole probe of a service that does not behave."""
QUICK = "cors-wildcard-with-credentials,debug-true,docs-exposed"
"""Rules that ask little of a service."""
SLACK = 15
"""Beside it, for the interpreter and the imports on a busy machine."""

BAD = """\
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware

app = FastAPI(debug=True)
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)


@app.get("/echo")
async def echo(request: Request) -> dict[str, str]:
    return dict(request.headers)


@app.get("/broken")
async def broken() -> int:
    return 1 // 0


@app.post("/leads")
async def add() -> None: ...


@app.delete("/leads/{lead_id}")
async def remove(lead_id: int) -> None: ...


@app.get("/logout")
async def logout() -> None: ...
"""
LOGGING = """

@app.middleware("http")
async def log(request, call_next):
    with open("methods.log", "a") as file:
        file.write(f"{request.method} {request.url.path}\\n")
    return await call_next(request)
"""
CLEAN = """\
from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/")
async def home() -> str:
    return "home"
"""
HANGS = """\
    import asyncio, os, pathlib

    pathlib.Path("pid").write_text(str(os.getpid()))
    await asyncio.sleep(60)
    return ""
"""
INTERRUPTIBLE = """\
import signal
from fastapi_audit.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits that it is ignored
main()
"""
MEASURED = """\
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.middleware("http")
async def note(request: Request, call_next):
    with Path("seen.log").open("a") as file:
        file.write(f"{request.url.path} {request.headers.get('authorization')}\\n")
    return await call_next(request)


@app.get("/leads")
async def leads() -> list[int]:
    return []


@app.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> PlainTextResponse:
    if request.headers.get("authorization") != "Bearer scraped-4711":
        return PlainTextResponse("no", 403)
    return PlainTextResponse("http_requests_total 1\\n")
"""
MOUNTED = """\
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI(openapi_url=None)
api = FastAPI()


@api.get("/leads")
async def leads() -> list[int]:
    return []


app.mount("/api", api)


@app.get("/{path:path}", include_in_schema=False)
async def page(path: str) -> HTMLResponse:
    return HTMLResponse("<html></html>")
"""
WATCHED = """\
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"):
        with open(os.environ["SOCKET_LOG"], "a") as log:
            log.write(f"{event} {arguments[1:] if event == 'socket.connect' else arguments}\\n")

sys.addaudithook(watch)
"""


def probe(*arguments: str | Path, cwd: Path) -> Ran:
    return command("probe", *arguments, cwd=cwd)


def probe_app(cwd: Path, *arguments: str | Path) -> Ran:
    return probe("--app", "main:app", "--python", sys.executable, *arguments, cwd=cwd)


def findings(ran: Ran) -> set[str]:
    return {finding["rule"] for finding in json.loads(ran.out)["findings"]}


class TestStarted:
    def test_what_is_seen_is_found_and_ends_with_1(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": BAD})

        ran = probe_app(tmp_path, "--select", QUICK, "--output-format", "json")

        assert ran.code == 1
        assert {"cors-wildcard-with-credentials", "debug-true"} <= findings(ran)
        assert ran.err == ""

    def test_a_service_without_findings_ends_with_0(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": CLEAN})

        ran = probe_app(tmp_path, "--select", "docs-exposed,cors-wildcard-with-credentials")

        assert (ran.code, ran.err) == (0, "")

    def test_a_description_below_a_prefix_is_read(self, tmp_path: Path) -> None:
        below = CLEAN.replace("openapi_url=None", 'openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None')
        written(tmp_path, {"main.py": below})

        ran = probe_app(tmp_path, "--select", "docs-exposed", "--output-format", "json")

        assert findings(ran) == {"docs-exposed"}

    @pytest.mark.parametrize("own", ["openapi_url=None", ""])
    def test_a_mounted_api_is_found_behind_a_page_that_answers_for_every_path(self, own: str, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": MOUNTED.replace("openapi_url=None", own)})

        ran = probe_app(tmp_path, "--select", "debug-true,error-rate-above-target", "--output-format", "json")

        report = json.loads(ran.out)
        assert report["evidence"]["live"]["operations"] == 1
        assert {each["operation"] for each in report["latencies"]} == {None, "GET /api/leads"}
        assert {each["errors"] for each in report["latencies"]} == {0}

    def test_a_crash_at_start_is_one_line_below_its_own_last(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": "raise RuntimeError('no database')\n"})

        ran = probe_app(tmp_path)

        assert ran.code == 3
        assert "RuntimeError: no database" in ran.err
        assert ran.last_line == (
            "error: `main:app` did not start: it ended with exit code 1; the lines above are its last"
        )

    def test_a_slow_start_is_waited_for(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": "import time\ntime.sleep(3)\n" + CLEAN})

        assert probe_app(tmp_path, "--select", "docs-exposed").code == 0

    def test_a_start_that_uses_up_the_time_is_one_line_that_says_so(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": "import time\nprint('migrating')\ntime.sleep(300)\n" + CLEAN})

        begun = time.monotonic()
        ran = probe_app(tmp_path, "--max-time", str(SECONDS))

        assert time.monotonic() - begun < SECONDS + SLACK
        assert ran.code == 3
        assert "migrating" in ran.err
        assert ran.last_line == (
            f"error: `main:app` did not start: it listened to nothing for {SECONDS} s, all that --max-time "
            "gives the probe; the lines above are its last"
        )

    def test_a_slow_start_is_part_of_the_time_and_named_where_the_rest_did_not_suffice(self, tmp_path: Path) -> None:
        slow = CLEAN.replace("import FastAPI", "import FastAPI\nimport time", 1) + "\ntime.sleep(8)\n"
        written(tmp_path, {"main.py": slow})

        ran = probe_app(tmp_path, "--max-time", "20")

        assert ran.code in (0, 1), ran.err
        assert re.search(r"the limit of 20 s was reached, \d+ s of which the start took; raise --max-time", ran.err)

    def test_an_interpreter_without_uvicorn_is_named(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": CLEAN})
        bare = tmp_path / "bare"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)

        ran = probe("--app", "main:app", "--python", bare / "bin/python", cwd=tmp_path)

        assert ran.code == 3
        assert "uvicorn is not installed in" in ran.last_line

    def test_a_factory_and_workers(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": CLEAN + "\n\ndef make() -> FastAPI:\n    return app\n"})
        arguments = ("--python", sys.executable, "--select", "docs-exposed", "--workers", "2")

        assert probe("--app", "main:make", "--factory", *arguments, cwd=tmp_path).code == 0
        assert probe("--app", "main:make()", *arguments, cwd=tmp_path).code == 0


MISBEHAVING: dict[str, Answer] = {
    "streams for ever": stream_for_ever,
    "drips": drip,
    "answers 5 MB": always(whole(b"x" * 5_000_000)),
    "answers HTML to everything": always(whole(b"<html>hello</html>", "Content-Type: text/html\r\n")),
    "has no description": always(whole(b"", status="404 Not Found")),
    "has a broken description": always(whole(OPENAPI[:-20])),
    "has a description of another kind": always(whole(b'{"paths": {"/x": {"get": {"parameters": {"a": 1}}}}}')),
    "has a huge description": always(whole(b'{"paths": {' + b" " * 12_000_000 + b"}}")),
    "has a deep description": always(whole(b'{"paths": ' + b"[" * 100_000)),
    "sends a gzip bomb": always(whole(gzip.compress(bytes(200_000_000)), "Content-Encoding: gzip\r\n")),
    "sends no gzip": always(whole(b"no gzip", "Content-Encoding: gzip\r\n")),
    "redirects elsewhere": always(whole(b"", "Location: http://10.255.255.1/\r\n", "307 Temporary Redirect")),
}
SILENT: dict[str, Answer] = {
    "hangs": hang,
    "closes early": close,
    "sends endless headers": endless_headers,
    "speaks no HTTP": always(b"220 ready\r\n"),
}


class TestMisbehaving:
    @pytest.mark.parametrize("answer", MISBEHAVING.values(), ids=MISBEHAVING)
    def test_a_service_that_misbehaves_is_judged_in_time(self, answer: Answer, tmp_path: Path) -> None:
        with answering(answer) as server:
            begun = time.monotonic()
            ran = probe(server.url, "--max-time", str(SECONDS), "--output-format", "json", cwd=tmp_path)

        assert time.monotonic() - begun < SECONDS + SLACK
        assert ran.code in (0, 1), ran.err
        assert all(line.startswith("warning: ") for line in ran.err.splitlines()), ran.err
        assert not findings(ran) & {"docs-exposed", "debug-true", "cors-wildcard-with-credentials"}
        assert server.methods <= {"GET", "HEAD", "OPTIONS"}

    @pytest.mark.parametrize("answer", SILENT.values(), ids=SILENT)
    def test_a_service_that_does_not_answer_is_one_line(self, answer: Answer, tmp_path: Path) -> None:
        with answering(answer) as server:
            begun = time.monotonic()
            ran = probe(server.url, "--max-time", str(SECONDS), cwd=tmp_path)

        assert time.monotonic() - begun < SECONDS + SLACK
        assert (ran.code, ran.out) == (3, "")
        assert ran.err.count("\n") == 1
        assert ran.err.startswith(f"error: {server.url} gives no answer: ")

    def test_nobody_listens(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]

        ran = probe(f"http://127.0.0.1:{port}", cwd=tmp_path)

        assert ran.code == 3
        assert ran.err == f"error: http://127.0.0.1:{port} gives no answer: no connection: nothing listens there\n"

    def test_what_was_not_looked_at_is_not_passed(self, tmp_path: Path) -> None:
        with answering(always(whole(b"<html>hello</html>", status="500 Oops"))) as server:
            ran = probe(server.url, "--max-requests", "1", "--output-format", "json", cwd=tmp_path)

        outcomes = {rule["outcome"] for rule in json.loads(ran.out)["rules"]}
        assert outcomes == {"not-run"}
        assert "the limit of 1 requests was reached; raise --max-requests" in ran.err


class TestPermission:
    @pytest.fixture
    def watched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Every connection and name lookup of the command is written down."""
        written(tmp_path / "watch", {"sitecustomize.py": WATCHED})
        paths = [str(tmp_path / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
        return tmp_path / "sockets.log"

    def run(self, url: str, log: Path) -> Ran:
        return command("probe", url, "--max-time", "4", cwd=log.parent, env={"SOCKET_LOG": str(log)})

    @pytest.mark.parametrize("host", ["staging.example", "10.255.255.1", "127.1", "[::ffff:8.8.8.8]"])
    def test_another_machine_is_refused_before_any_packet(self, host: str, watched: Path) -> None:
        ran = self.run(f"http://{host}:8000", watched)

        assert ran.code == 2
        assert "is not this machine, so nothing was sent" in ran.err
        assert not watched.exists(), watched.read_text()

    def test_the_watch_sees_what_a_permitted_probe_sends(self, watched: Path) -> None:
        with answering(always(whole(b"{}"))) as server:
            self.run(server.url, watched)

        assert f"('127.0.0.1', {server.port})" in watched.read_text()

    def test_a_redirect_is_not_followed_to_another_machine(self, watched: Path) -> None:
        elsewhere = whole(b"", "Location: http://10.255.255.1/\r\n", "307 Temporary Redirect")
        with answering(always(elsewhere)) as server:
            self.run(server.url, watched)

        assert server.requests
        assert "10.255.255.1" not in watched.read_text()
        assert str(server.port) in watched.read_text()

    def test_nothing_but_get_and_options_is_sent(self, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": BAD + LOGGING})

        assert probe_app(tmp_path, "--max-time", "25").code == 1

        sent = (tmp_path / "methods.log").read_text().splitlines()
        assert {line.partition(" ")[0] for line in sent} == {"GET", "OPTIONS"}
        assert "GET /echo" in sent
        assert not [line for line in sent if "logout" in line]


class TestSecrets:
    @pytest.mark.parametrize("output_format", ["text", "concise", "json", "sarif", "html", "markdown", "junit"])
    def test_credentials_are_sent_and_never_shown(self, output_format: str, tmp_path: Path) -> None:
        written(tmp_path, {"main.py": BAD, "headers": "Authorization: Bearer ${TOKEN}\nX-Tenant: acme-4711\n"})
        arguments = ("--app", "main:app", "--python", sys.executable, "--header-file", "headers")

        ran = command(
            "probe",
            *arguments,
            "--select",
            QUICK,
            "--output-format",
            output_format,
            cwd=tmp_path,
            env={"TOKEN": "s3cr3t-of-ada"},
        )

        assert ran.code == 1, ran.err
        assert "s3cr3t-of-ada" not in ran.out + ran.err
        assert "acme-4711" not in ran.out + ran.err
        if output_format == "json":
            assert "[redacted]" in ran.out

    @pytest.mark.parametrize("given", [True, False])
    def test_metrics_are_read_with_a_token_that_goes_nowhere_else(self, given: bool, tmp_path: Path) -> None:  # noqa: FBT001
        headers = {"headers": "Authorization: Bearer ada\n", "scraper": "Authorization: Bearer scraped-4711\n"}
        written(tmp_path, {"main.py": MEASURED, **headers})
        files = ("--header-file", "headers", *(("--metrics-header-file", "scraper") if given else ()))

        ran = probe_app(tmp_path, *files, "--select", "monitoring", "--max-time", "30", "--output-format", "json")

        reasons = {each["reason"] for each in json.loads(ran.out)["figures"]}
        assert any("/metrics answers 403: its credentials" in each for each in reasons) is not given
        seen = set((tmp_path / "seen.log").read_text().splitlines())
        assert ("/metrics Bearer scraped-4711" in seen) is given
        assert {each for each in seen if "scraped" in each} <= {"/metrics Bearer scraped-4711"}
        assert "/leads Bearer ada" in seen
        assert "scraped-4711" not in ran.out + ran.err

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [("no header\n", "headers:1: not a header"), ("# a\nX: ${NO_SUCH}\n", "headers:2: `NO_SUCH` is not in")],
    )
    def test_a_broken_header_file_is_named_without_its_content(
        self, content: str, complaint: str, tmp_path: Path
    ) -> None:
        written(tmp_path, {"headers": content})

        ran = probe("http://127.0.0.1:1", "--header-file", "headers", cwd=tmp_path)

        assert ran.code == 2
        assert complaint in ran.err


class TestInterrupted:
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_at_once_and_tells_what_it_has(self, sent: signal.Signals, tmp_path: Path) -> None:
        with answering(_describe_then_hang) as server:
            arguments = ["probe", server.url, "--output-format", "json"]
            process = subprocess.Popen(
                [sys.executable, "-c", INTERRUPTIBLE, *arguments],
                cwd=tmp_path,
                env={name: os.environ[name] for name in KEPT if name in os.environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            wait_until(lambda: len(server.requests) > 1)
            process.send_signal(sent)
            begun = time.monotonic()
            out, err = process.communicate(timeout=30)

        # A request that hangs is given up after ten.
        assert time.monotonic() - begun < 9
        assert process.returncode == 3
        assert err == "warning: the probe was interrupted; what was not looked at is not run\n"
        live = json.loads(out)["evidence"]["live"]
        assert (live["status"], live["reason"]) == ("collected", "the probe was interrupted")

    def test_the_server_that_was_started_is_gone(self, tmp_path: Path) -> None:
        hanging = CLEAN.replace('    return "home"', HANGS)
        written(tmp_path, {"main.py": hanging})
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTIBLE, "probe", "--app", "main:app", "--python", sys.executable],
            cwd=tmp_path,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = tmp_path / "pid"
        # It is there before it is written.
        wait_until(lambda: told.exists() and told.read_text())
        pid = int(told.read_text())

        process.send_signal(signal.SIGTERM)
        process.wait(30)

        wait_until(lambda: not alive(pid))


def _describe_then_hang(connection: socket.socket, request: str) -> None:
    if "/openapi.json" in request.partition("\r\n")[0]:
        connection.sendall(whole(OPENAPI))
    else:
        hang(connection, request)


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            ([], "give the address of a running service"),
            (["http://127.0.0.1:1", "--python", sys.executable], "--python is for an application that is started here"),
            (["http://127.0.0.1:1", "--p95-target", "fast"], "--p95-target: write a time as `200ms`"),
            (["http://127.0.0.1:1", "--error-target", "0.1"], "--error-target: write a share as `0.1%`"),
            (["http://127.0.0.1:1", "--select", "nothing-such"], "no rule or item named `nothing-such`"),
            (["http://127.0.0.1:1", "--locust-listen", "127.0.0.1:5557"], "--locust-listen is for --engine locust"),
            (
                ["http://127.0.0.1:1", "--engine", "locust", "--locust-listen", "5557"],
                "--locust-listen: write an address of this machine and a port",
            ),
            (["--app", "main"], "`main` is no application"),
            (["http://ada:pw@127.0.0.1:1"], "the address holds a user or a password"),
            (["127.0.0.1:8000"], "write it as http://127.0.0.1:8000"),
        ],
    )
    def test_what_cannot_be_is_one_line_and_2(self, arguments: list[str], complaint: str, tmp_path: Path) -> None:
        ran = probe(*arguments, cwd=tmp_path)

        assert ran.code == 2
        assert complaint in ran.err
        assert ran.err.count("\n") == 1
