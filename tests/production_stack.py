"""The stack of `sample_apps/production` on loopback: nginx, gunicorn with two workers, PostgreSQL and Redis."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import psycopg
import pytest

from sample_apps import FOLDER, Copy, prepared_production
from services import LOOPBACK, program

DEPLOY = FOLDER / "production" / "deploy"
HOST = "api.example.com"
WORKERS = 2
START_SECONDS = 60
STOP_SECONDS = 20
LISTENERS = ("8080", "8443", "8081")
"""What nginx.conf listens on: plain, TLS, its own health check."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the stack answers, and what it has printed."""

    http: int
    https: int
    api: int
    """gunicorn itself, as Prometheus reaches it."""
    key: str
    received: list[tuple[str, object]]
    """Path and body of what the other services were sent."""
    gunicorn: subprocess.Popen[bytes]
    log: Path
    """What gunicorn and its workers print."""

    def stop_gunicorn(self) -> float:
        """Seconds from SIGTERM until the master is gone."""
        started = time.monotonic()
        self.gunicorn.terminate()
        self.gunicorn.wait(STOP_SECONDS)
        return time.monotonic() - started


def rendered_nginx(place: Path, ports: Mapping[str, int], api: int) -> Path:
    """The nginx.conf as shipped, with what belongs to the container replaced: ports, paths and the name of the API."""
    text = (DEPLOY / "nginx" / "nginx.conf").read_text()
    # The order counts: a folder that is put in may lie in /tmp itself.
    swaps = {"/tmp/": f"{place}/", "/etc/nginx/tls/": f"{place}/", "server api:8000;": f"server {LOOPBACK}:{api};"}  # noqa: S108  the text to be replaced
    swaps |= {f"listen {port}": f"listen {LOOPBACK}:{ports[port]}" for port in LISTENERS[:2]}
    swaps |= {f"listen {LOOPBACK}:{LISTENERS[2]}": f"listen {LOOPBACK}:{ports[LISTENERS[2]]}"}
    for old, new in swaps.items():
        assert old in text, f"nginx.conf no longer says {old!r}"
        text = text.replace(old, new)
    certificate(place)
    (place / "nginx.conf").write_text(text)
    return place / "nginx.conf"


def certificate(place: Path) -> None:
    """Self-signed, for a day."""
    names = ["-keyout", f"{place}/privkey.pem", "-out", f"{place}/fullchain.pem", "-subj", f"/CN={HOST}"]
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run(command, check=True, capture_output=True)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held until the last is found, so that no two are the same."""
    listeners = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def running(
    command: list[str], port: int, log: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens; it is gone afterwards."""
    with log.open("wb") as printed:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT
        )
        try:
            wait_for(process, port, log)
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}", pytrace=False)


def wait_for_workers(log: Path) -> None:
    """The master listens long before a worker answers."""
    deadline = time.monotonic() + START_SECONDS
    while log.read_text(errors="replace").count("Application startup complete.") < WORKERS:
        if time.monotonic() > deadline:
            pytest.fail(f"the workers did not start:\n{log.read_text(errors='replace')}", pytrace=False)
        time.sleep(0.1)


@contextmanager
def production_stack(postgres: str, redis: str) -> Iterator[Stack]:
    """Everything, from the migrated database to the edge."""
    nginx = program("nginx", "/usr/sbin")
    with TemporaryDirectory(prefix="fastapi-audit-stack-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # nginx' workers are not root
        api, *edge = free_ports(4)
        config = rendered_nginx(place, dict(zip(LISTENERS, edge, strict=True)), api)
        with other_services() as (url, received):
            copy, key = prepared_production(place, **settings(place, new_database(postgres), redis, url))
            with (
                running(gunicorn(place, api), api, place / "gunicorn.log", copy.folder, copy.environment) as served,
                running([nginx, "-c", str(config), "-g", "daemon off;"], edge[1], place / "nginx.log", place, {}),
                delivering(copy),
            ):
                wait_for_workers(place / "gunicorn.log")
                yield Stack(edge[0], edge[1], api, key, received, served, place / "gunicorn.log")


@contextmanager
def delivering(copy: Copy) -> Iterator[None]:
    """The outbox's worker."""
    process = subprocess.Popen([sys.executable, "-m", "leads.worker"], cwd=copy.folder, env=copy.environment)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0


class OtherServices(BaseHTTPRequestHandler):
    """The language model and the receiver of events."""

    received: list[tuple[str, object]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, body))
        answer = {"choices": [{"message": {"content": "A good lead."}}], "usage": {"prompt_tokens": 7}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nothing; the test says what it expects."""


@contextmanager
def other_services() -> Iterator[tuple[str, list[tuple[str, object]]]]:
    """Their URL, and the path and body of all they were sent."""
    received: list[tuple[str, object]] = []
    with ThreadingHTTPServer((LOOPBACK, 0), type("Recording", (OtherServices,), {"received": received})) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_port}", received
        server.shutdown()


def gunicorn(place: Path, port: int) -> list[str]:
    """The Dockerfile's command, on a port of the test; /dev/shm is Linux only."""
    options = ["--config", "gunicorn.conf.py", "--bind", f"{LOOPBACK}:{port}", "--worker-tmp-dir", str(place)]
    return [sys.executable, "-m", "gunicorn", *options, "leads.main:app"]


def settings(place: Path, database: str, redis: str, others: str) -> dict[str, str]:
    """As compose.yaml sets them."""
    (place / "metrics").mkdir()
    return {
        "FORWARDED_ALLOW_IPS": LOOPBACK,
        "PROMETHEUS_MULTIPROC_DIR": str(place / "metrics"),
        "LEADS_ENVIRONMENT": "production",
        "LEADS_DATABASE_URL": database,
        "LEADS_REDIS_URL": redis,
        "LEADS_MODEL_URL": others,
        "LEADS_WEBHOOK_URL": f"{others}/events",
        "LEADS_ALLOWED_HOSTS": f'["{HOST}", "{LOOPBACK}"]',
    }


def new_database(postgres: str) -> str:
    """The URL, for asyncpg, of an empty database of our own."""
    name = f"leads_{time.monotonic_ns()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres.rpartition("/")[0].replace("postgresql://", "postgresql+asyncpg://") + f"/{name}"


def unverified() -> ssl.SSLContext:
    """The certificate of the test is its own authority."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
