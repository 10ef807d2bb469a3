"""The only HTTP client of the probe: bounded in time and size, a connection for each request, failures are data."""

import asyncio
import math
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy

import httpx

from fastapi_audit.evidence.live.budget import Budget
from fastapi_audit.evidence.live.exchange import CLOSED, DEFAULT_HEADERS, Exchange
from fastapi_audit.evidence.live.permission import SAFE_METHODS, Address
from fastapi_audit.evidence.live.probing import NOBODY, Headers, Identity, Permissions

BODY_LIMIT = 1_000_000
"""Bytes of an answer that are read, and that are kept after decoding."""
STATUS_LIMIT = 999


@dataclass(slots=True)
class Client:
    """Sends what is permitted, as long as the budget lasts."""

    address: Address
    permissions: Permissions
    budget: Budget
    http: httpx.AsyncClient
    shown_at: str
    """The address that reports show."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    folders: tuple[str, ...] = ()
    """Of this machine, which reports leave out."""

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        content: bytes = b"",
        identity: Identity = NOBODY,
        body_limit: int = BODY_LIMIT,
        timeout_s: float | None = None,
    ) -> Exchange:
        """One request and what came of it; raises `BudgetSpent` when there is none left to send.

        Headers replace those of the identity, and these the defaults. Redirects are not followed.
        """
        if method not in SAFE_METHODS and not self.permissions.mutating:
            message = f"an experiment that is not marked as mutating sends {method}"
            raise RuntimeError(message)
        await self.budget.spend()
        sent = _merged(DEFAULT_HEADERS, identity.headers, headers)
        told = Exchange(method, path, sent, content, shown_at=self.shown_at, secrets=self.secrets, folders=self.folders)
        seconds = min(timeout_s or self.budget.limits.request_s, self.budget.seconds_left)
        return await self._send(told, body_limit, seconds)

    async def _send(self, told: Exchange, body_limit: int, seconds: float) -> Exchange:
        reading = _Reading(body_limit)
        failure = ""
        try:
            # The timeouts of httpx are for single reads: a server that sends a byte a second would never meet them.
            async with asyncio.timeout(seconds):
                await reading.read(self.http, self.address, told)
        except (TimeoutError, httpx.TimeoutException):
            failure = f"no {'whole ' if reading.status else ''}answer within {seconds:.3g} s"
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
            failure = reason_of(error)
        return reading.exchange(told, self.address, failure)


@dataclass(slots=True)
class _Reading:
    """What has come so far, so that a time limit does not lose it."""

    limit: int
    begun: float = field(default_factory=time.perf_counter)
    status: int = 0
    headers: Headers = ()
    parts: list[bytes] = field(default_factory=list)
    length: int = 0
    complete: bool = False
    first_byte: float = math.nan

    async def read(self, http: httpx.AsyncClient, address: Address, told: Exchange) -> None:
        request = http.build_request(
            told.method, address.url + told.path, headers=list(told.sent), content=told.content or None
        )
        self.begun = time.perf_counter()
        answer = await http.send(request, stream=True)
        try:
            self.status = min(answer.status_code, STATUS_LIMIT)
            self.headers = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers.raw
            )
            async for part in answer.aiter_raw():
                if not self.parts:
                    self.first_byte = time.perf_counter() - self.begun
                self.length += len(part)
                self.parts.append(part)
                if self.length > self.limit:
                    return
            self.complete = True
        finally:
            await answer.aclose()

    def exchange(self, told: Exchange, address: Address, failure: str) -> Exchange:
        body, whole = decoded(b"".join(self.parts), dict(self.headers).get("content-encoding", ""), self.limit)
        cut = self.status and not self.complete and not failure
        return replace(
            told,
            status=self.status,
            headers=self.headers,
            body=body,
            length=self.length,
            complete=self.complete and whole,
            seconds=time.perf_counter() - self.begun,
            first_byte_seconds=self.first_byte,
            failure=f"cut after {self.limit:,} bytes" if cut else failure,
            address=address.authority,
        )


def decoded(raw: bytes, encoding: str, limit: int) -> tuple[bytes, bool]:
    """The body, and whether it is whole: a kilobyte may stand for a gigabyte, so no more than the limit is unpacked."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return raw[:limit], len(raw) <= limit
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        body = unpacking.decompress(raw, limit)
    except zlib.error:
        return raw[:limit], False
    return body, unpacking.eof


def _merged(*groups: Sequence[tuple[str, str]]) -> Headers:
    """Later groups replace headers of earlier ones; one group may send a header twice."""
    merged: list[tuple[str, str]] = []
    for group in groups:
        replaced = {name.lower() for name, _ in group}
        merged = [(name, value) for name, value in merged if name.lower() not in replaced] + list(group)
    return tuple(merged)


def reason_of(error: Exception) -> str:
    """Why no answer came, in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate cannot be verified: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    match error:
        case httpx.ConnectError():
            return "no connection: nothing listens there"
        case httpx.RemoteProtocolError():
            return f"no proper HTTP: {' '.join(str(error).split())[:200]}"
        case httpx.ReadError() | httpx.WriteError():
            return CLOSED
        case _:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


@asynccontextmanager
async def connected(*, kept: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """Neither proxies nor credentials of the environment, certificates verified, each connection used once.

    With `kept` all requests go over one connection, and so to one process of the server, one after the other.
    """
    # A connection on which a handler crashed may or may not be closed: the next request on it proves nothing.
    limits = httpx.Limits(max_keepalive_connections=1 if kept else 0, max_connections=1 if kept else None)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, limits=limits, timeout=None) as http:  # noqa: S113  every request is under a limit of its own
        # No cookie of one experiment reaches another.
        http.cookies.jar.set_policy(_NoCookies())
        yield http


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: object, request: object) -> bool:  # noqa: ARG002  the signature is the library's
        return False
