"""A server that answers as no framework would: raw bytes on a loopback socket, one thread for each connection."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, str], None]
"""Called with the connection and the request line and headers."""

OPENAPI = b'{"openapi": "3.1.0", "paths": {"/items": {"get": {"responses": {"200": {"description": "ok"}}}}}}'


@dataclass(slots=True)
class RawServer:
    """Where it listens, and what it was asked."""

    port: int
    requests: list[str] = field(default_factory=list)
    """Request lines and headers, in the order of their arrival."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def methods(self) -> set[str]:
        return {request.partition(" ")[0] for request in self.requests}


@contextmanager
def answering(answer: Answer) -> Iterator[RawServer]:
    """Serves until the end of the block; connections that are still open are closed then."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = RawServer(listener.getsockname()[1])
        ended = threading.Event()
        threading.Thread(target=_accept, args=(listener, answer, server, ended), daemon=True).start()
        try:
            yield server
        finally:
            ended.set()


def _accept(listener: socket.socket, answer: Answer, server: RawServer, ended: threading.Event) -> None:
    with suppress(OSError):
        while not ended.is_set():
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, answer, server), daemon=True).start()


def _serve(connection: socket.socket, answer: Answer, server: RawServer) -> None:
    with connection, suppress(OSError):
        connection.settimeout(30)
        request = b""
        while b"\r\n\r\n" not in request and (part := connection.recv(65_536)):
            request += part
        if request:
            server.requests.append(request.decode("latin-1"))
            answer(connection, server.requests[-1])


def whole(body: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    """An answer as it should be."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def always(answer: bytes) -> Answer:
    """The same to everything."""
    return lambda connection, _request: connection.sendall(answer)


def hang(connection: socket.socket, _request: str) -> None:
    """Says nothing until the other side leaves."""
    connection.recv(1)


def close(_connection: socket.socket, _request: str) -> None:
    """Leaves without a word."""


def reset(connection: socket.socket, _request: str) -> None:
    """Breaks off so that the other side is told of an error."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stream_for_ever(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def drip(connection: socket.socket, _request: str) -> None:
    """A byte every fifth of a second: no read ever waits long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.2)


def endless_headers(connection: socket.socket, _request: str) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000_000):
        connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
