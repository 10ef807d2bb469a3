"""One request and what came of it: an answer or a failure, as a rule reads it and as a report shows it."""

import json
import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_audit.evidence.live import redaction
from fastapi_audit.evidence.live.probing import Headers
from fastapi_audit.model import EvidenceKind, Observation

DEFAULT_HEADERS = (("Accept", "*/*"), ("Accept-Encoding", "identity"), ("User-Agent", "fastapi-audit"))
"""Of every request, unless an experiment says otherwise."""
CLOSED = "the connection was closed before the answer was whole"
BODY_SHOWN = 600
"""Characters of a body that a report shows."""
HEADERS_SHOWN = 30
VALUE_SHOWN = 300
CLOCKS = frozenset({"date", "age", "expires", "last-modified"})
"""Headers that differ from run to run; a report without them is the same for the same service."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything is as it went over the wire; only `observation` redacts."""

    method: str
    path: str
    """With its query, below the address of the service."""
    sent: Headers = ()
    content: bytes = b""
    """The body of the request."""
    status: int = 0
    """0 when no answer came."""
    headers: Headers = ()
    """Of the answer, names in lower case."""
    body: bytes = b""
    """Of the answer, decoded, its beginning."""
    length: int = 0
    """Bytes of the body that were read from the wire."""
    complete: bool = False
    """Whether the whole body was read."""
    seconds: float = math.nan
    """From sending to the last byte that was read."""
    first_byte_seconds: float = math.nan
    """From sending to the first byte of the body."""
    failure: str = ""
    """Why there is no whole answer: `no answer within 10 s`."""
    shown_at: str = ""
    """The address that a report shows, without a slash at the end."""
    address: str = field(default="", repr=False)
    """Host and port that were really asked."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    folders: tuple[str, ...] = field(default=(), repr=False)
    """Of this machine, where the server that we started lives; a report names files without them."""

    @property
    def answered(self) -> bool:
        """Whether there is a status."""
        return self.status > 0

    @property
    def closed(self) -> bool:
        """Whether the other side closed the connection before the answer was whole."""
        return self.failure == CLOSED

    @property
    def ok(self) -> bool:
        """Whether the answer is 2xx and whole."""
        return 200 <= self.status < 300 and self.complete  # noqa: PLR2004  the class of a status

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def media_type(self) -> str:
        """`application/json`, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    def header(self, name: str) -> str:
        """All values of a header, joined; empty where there is none."""
        return ", ".join(value for known, value in self.headers if known == name.lower())

    def json(self) -> object:
        """The body as JSON; `None` when it is none or not whole."""
        try:
            return json.loads(self.body) if self.complete else None
        except (ValueError, RecursionError):
            return None

    def observation(self, message: str) -> Observation:
        """The exchange as a report shows it, beside what it proves."""
        return Observation(EvidenceKind.LIVE, message, self._request(), self._response(), self._curl())

    def _request(self) -> str:
        host = () if any(name.lower() == "host" for name, _ in self.sent) else (("Host", self._netloc()),)
        body = f"\n\n{self._clean(self.content.decode(errors='replace'))[:BODY_SHOWN]}" if self.content else ""
        return self._clean(f"{self.method} {self.path} HTTP/1.1") + self._shown((*host, *self.sent)) + body

    def _response(self) -> str:
        if not self.answered:
            return self.failure
        body = self._clean(self.text)
        cut = "" if self.complete and len(body) <= BODY_SHOWN else " …"
        aside = f"\n({self.failure})" if self.failure else ""
        shown = [(name, value) for name, value in self.headers if name not in CLOCKS]
        return f"HTTP/1.1 {self.status}{self._shown(tuple(shown))}\n\n{body[:BODY_SHOWN]}{cut}{aside}".rstrip()

    def _curl(self) -> str:
        """Empty for a body that cannot be shown whole: a part of it would be another request."""
        if len(self.content) > BODY_SHOWN:
            return ""
        words = ["curl", "-i", *(() if self.method == "GET" else ("-X", self.method))]
        for name, value in (each for each in self.sent if each not in DEFAULT_HEADERS):
            words += ["-H", f"{name}: {self._clean(redaction.header(name, value))}"]
        if self.content:
            words += ["--data-binary", self._clean(self.content.decode(errors="replace"))[:BODY_SHOWN]]
        return shlex.join([*words, self._clean(self.shown_at + self.path)])

    def _shown(self, headers: Headers) -> str:
        lines = [f"{name}: {self._clean(redaction.header(name, value))[:VALUE_SHOWN]}" for name, value in headers]
        left_out = len(lines) - HEADERS_SHOWN
        return "".join(f"\n{line}" for line in lines[:HEADERS_SHOWN]) + (f"\n… {left_out} more" if left_out > 0 else "")

    def _netloc(self) -> str:
        return self.shown_at.partition("://")[2].partition("/")[0]

    def _clean(self, content: str) -> str:
        """Without secrets, what a terminal would obey, and the port and folders that differ from run to run."""
        placed = content.replace(self.address, self._netloc()) if self.address else content
        for folder in self.folders:
            placed = placed.replace(f"{folder}/", "")
        return "".join(_printable(redaction.text(placed[: 16 * BODY_SHOWN], self.secrets)))


def _printable(content: str) -> Iterator[str]:
    return (each if each.isprintable() or each == "\n" else " " for each in content)
