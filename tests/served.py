"""A bad example under a real uvicorn: the `Served` that a proof is called with."""

import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from socket import SHUT_RDWR
from threading import Event
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from fastapi_audit.evidence.live.launch import Launch, Server, launched
from fastapi_audit.rule import ENTRY, Example

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""The environment of an example: no proxies, no settings of the machine."""
STAGGER_SECONDS = 0.05
"""Between two requests that are sent together, so that they arrive in their order."""
QUIET = 0.15
"""Seconds without a new line after which a server has printed what it had to."""
RUN_SECONDS = 30
WORKERS_SECONDS = 15
"""Within which all workers are up; they import the application one by one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer, or what came until the connection was closed."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float
    first_byte_seconds: float
    complete: bool

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> object:
        return json.loads(self.content)


@dataclass(slots=True)
class OpenSocket:
    """A WebSocket whose errors are those of the standard library, which is all that rules may import."""

    connection: ClientConnection

    @property
    def code(self) -> int | None:
        return self.connection.close_code

    def send(self, text: str | bytes) -> None:
        try:
            self.connection.send(text)
        except ConnectionClosed as closed:
            raise ConnectionError(str(closed)) from closed

    def receive(self, timeout: float = 5) -> str | bytes:
        try:
            return self.connection.recv(timeout)
        except ConnectionClosed as closed:
            raise ConnectionError(str(closed)) from closed

    def close(self) -> None:
        self.connection.close()

    def drop(self) -> None:
        """Closes the TCP connection without a closing handshake."""
        self.connection.socket.shutdown(SHUT_RDWR)


@dataclass(slots=True)
class ServedExample:
    """Implements `Served`; the server starts when it is first asked for, so that `run` alone needs none."""

    folder: Path
    options: tuple[str, ...] = ()
    closing: ExitStack = field(default_factory=ExitStack)
    running: Server | None = None

    @property
    def server(self) -> Server:
        if self.running is None:
            launch = Launch(f"{Path(ENTRY).stem}:app", self.folder, options=self.options, environment=_environment())
            self.running = self.closing.enter_context(launched(launch))
        return self.running

    @property
    def started(self) -> bool:
        return self.server.started

    @property
    def log(self) -> str:
        """Once nothing was added for a moment: a server prints the traceback after it has sent the answer."""
        printed = self.server.log
        while True:
            time.sleep(QUIET)
            if (now := self.server.log) == printed:
                return printed
            printed = now

    @property
    def peak_memory(self) -> int:
        self._require_started()
        status = Path(f"/proc/{self.server.process.pid}/status").read_text(encoding="utf-8")
        [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kilobytes) * 1024

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Answer:
        return self._exchange(method, path, options, chunks=None)

    def stream_then_disconnect(self, path: str, **options: Any) -> Answer:
        return self._exchange("GET", path, options, chunks=1)

    def together(self, *requests: tuple[str, str]) -> list[Answer]:
        self._require_started()
        before = Event()
        before.set()
        with ExitStack() as clients, ThreadPoolExecutor(len(requests)) as threads:
            answers = []
            # Everything that takes time stands ready before the first one goes, however busy the machine is.
            for method, path in requests:
                client = clients.enter_context(self._client())
                answers.append(threads.submit(_in_turn, client, method, path, before, before := Event()))
            return [answer.result() for answer in answers]

    def each_worker(self) -> Iterator[int]:
        """Waits until all are up."""
        self._require_started()
        asked = int(self.options[self.options.index("--workers") + 1])
        deadline = time.monotonic() + WORKERS_SECONDS
        while not self.server.workers(asked):
            assert time.monotonic() < deadline, f"not every worker came up:\n{self.log}"
            time.sleep(QUIET)
        yield from self.server.each_worker(asked)

    def websocket(self, path: str, headers: Mapping[str, str] | None = None) -> OpenSocket:
        self._require_started()
        url = self.server.url.replace("http", "ws", 1) + path
        try:
            opening = connect(url, additional_headers=headers, proxy=None, open_timeout=5, close_timeout=1)
            return OpenSocket(self.closing.enter_context(opening))
        except InvalidHandshake as refused:
            raise ConnectionRefusedError(str(refused)) from refused

    def run(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-u", "-c", code],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
        return done.stdout.decode(errors="replace")

    def stop(self, timeout: float = 10) -> float:
        self._require_started()
        return self.server.stop(timeout)

    def _exchange(self, method: str, path: str, options: dict[str, Any], chunks: int | None) -> Answer:
        self._require_started()
        with self._client() as client:
            return _answer(client, method, path, options, chunks)

    def _client(self) -> httpx.Client:
        # A connection for each request: one that is reused after a handler crashed may or may not be closed by then.
        return httpx.Client(base_url=self.server.url, trust_env=False, verify=False)  # noqa: S501  plain HTTP on loopback; loading certificates would take longer than the request

    def _require_started(self) -> None:
        assert self.started, f"the example did not start:\n{self.log}"


def _in_turn(client: httpx.Client, method: str, path: str, before: Event, sent: Event) -> Answer:
    """Sends a little after the one before was sent, and says so to the next."""

    def trace(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            sent.set()

    before.wait()
    time.sleep(STAGGER_SECONDS)
    try:
        return _answer(client, method, path, {"extensions": {"trace": trace}}, chunks=None)
    finally:
        sent.set()


def _answer(client: httpx.Client, method: str, path: str, options: dict[str, Any], chunks: int | None) -> Answer:
    """With the errors of the standard library, which is all that rules may import."""
    timeout = options.setdefault("timeout", 10)
    try:
        return _read(client, method, path, options, chunks)
    except httpx.TimeoutException as late:
        message = f"{method} {path}: no answer within {timeout} s"
        raise TimeoutError(message) from late
    except httpx.TransportError as broken:
        message = f"{method} {path}: {broken!r}"
        raise ConnectionError(message) from broken


def _read(client: httpx.Client, method: str, path: str, options: dict[str, Any], chunks: int | None) -> Answer:
    """Reads so many chunks of the answer, all without a number, or what came until the connection broke."""
    begun = time.perf_counter()
    first_byte = math.nan
    content = b""
    complete = False
    with client.stream(method, path, **options) as response:
        try:
            for chunk in islice(response.iter_bytes(), chunks):
                first_byte = first_byte if content else time.perf_counter() - begun
                content += chunk
            complete = chunks is None
        except httpx.RemoteProtocolError:
            pass
        return Answer(
            response.status_code, response.headers, content, time.perf_counter() - begun, first_byte, complete
        )


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ}


@contextmanager
def serve(example: Example, folder: Path, options: tuple[str, ...] = ()) -> Iterator[ServedExample]:
    """The example in a folder of its own; everything it started is gone afterwards."""
    write(example.files, folder)
    with ExitStack() as closing:
        yield ServedExample(folder, options, closing)


def write(files: Mapping[str, str], folder: Path) -> None:
    """Writes path → text below the folder."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
