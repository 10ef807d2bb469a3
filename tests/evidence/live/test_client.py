"""What comes over the wire is bounded, and a failure is told, never raised."""

import asyncio
import gzip
import time
import tracemalloc

import pytest

from fastapi_audit.evidence.live.budget import Budget, BudgetSpent
from fastapi_audit.evidence.live.client import Client, connected, decoded
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.permission import permitted
from fastapi_audit.evidence.live.probing import Identity, Limits, Permissions
from raw_server import Answer, always, answering, close, drip, hang, reset, stream_for_ever, whole


def asked(answer: Answer, method: str = "GET", *, mutating: bool = False, **options: object) -> tuple[Exchange, str]:
    """The exchange, and the request as it arrived."""

    async def ask(url: str) -> Exchange:
        limits = Limits(max_time_s=3, request_s=1)
        async with connected() as http:
            client = Client(permitted(url), Permissions(mutating=mutating), Budget(limits), http, url)
            return await client.exchange(method, "/x", **options)  # type: ignore[arg-type]  # the tests name them

    with answering(answer) as server:
        exchange = asyncio.run(ask(server.url))
        return exchange, "".join(server.requests)


def test_a_whole_answer() -> None:
    exchange, request = asked(always(whole(b'{"a": 1}', "Content-Type: application/json; charset=utf-8\r\n")))

    assert (exchange.status, exchange.json(), exchange.complete, exchange.failure) == (200, {"a": 1}, True, "")
    assert (exchange.ok, exchange.media_type, exchange.header("Content-Length")) == (True, "application/json", "8")
    assert 0 < exchange.first_byte_seconds <= exchange.seconds < 3
    assert request.startswith("GET /x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (hang, "no answer within 1 s"),
        (drip, "no whole answer within 1 s"),
        (close, "no proper HTTP: Server disconnected without sending a response."),
        (stream_for_ever, "cut after 1,000,000 bytes"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "no proper HTTP: peer closed connection"),
        (reset, "the connection was closed before the answer was whole"),
    ],
    ids=["hangs", "drips", "closes", "streams", "breaks off", "resets"],
)
def test_a_failure_is_in_the_exchange(answer: Answer, failure: str) -> None:
    begun = time.monotonic()

    exchange, _ = asked(answer)

    assert exchange.failure.startswith(failure)
    assert not exchange.complete
    assert time.monotonic() - begun < 3


def test_a_header_that_cannot_be_sent_is_a_failure() -> None:
    exchange, request = asked(always(whole(b"{}")), headers=(("X-Note", "two\nlines"),))

    assert exchange.failure.startswith("LocalProtocolError")
    assert request == ""


def test_a_server_that_nobody_has_started() -> None:
    async def ask() -> Exchange:
        async with connected() as http:
            address = permitted("http://127.0.0.1:9")
            return await Client(address, Permissions(), Budget(Limits()), http, "").exchange("GET", "/")

    assert asyncio.run(ask()).failure == "no connection: nothing listens there"


def test_a_kilobyte_that_stands_for_a_gigabyte_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    tracemalloc.start()

    body, complete = decoded(bomb, "gzip", 1_000_000)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(body), complete) == (1_000_000, False)
    assert peak < 10_000_000


def test_an_honest_gzip_is_unpacked() -> None:
    exchange, _ = asked(always(whole(gzip.compress(b"hello"), "Content-Encoding: gzip\r\n")))

    assert (exchange.text, exchange.complete, exchange.length) == ("hello", True, len(gzip.compress(b"hello")))


def test_headers_replace_those_of_the_identity_and_these_the_defaults() -> None:
    identity = Identity((("Accept", "text/html"), ("Authorization", "Bearer one")))

    _, request = asked(always(whole(b"")), identity=identity, headers=(("authorization", "Bearer two"),))

    lines = request.split("\r\n")
    assert "Accept: text/html" in lines
    assert "authorization: Bearer two" in lines
    assert "Bearer one" not in request


def test_a_host_header_may_be_forged() -> None:
    _, request = asked(always(whole(b"")), headers=(("Host", "evil.example"),))

    assert request.lower().count("\r\nhost:") == 1
    assert "evil.example" in request


def test_proxies_of_the_environment_take_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert asked(always(whole(b"")))[0].ok


def test_a_cookie_that_was_set_is_not_sent_back() -> None:
    async def ask(url: str) -> None:
        async with connected() as http:
            client = Client(permitted(url), Permissions(), Budget(Limits()), http, url)
            await client.exchange("GET", "/")
            await client.exchange("GET", "/")

    with answering(always(whole(b"", "Set-Cookie: sid=1; Path=/\r\n"))) as server:
        asyncio.run(ask(server.url))

    assert len(server.requests) == 2
    assert "cookie" not in "".join(server.requests).lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "get "])
def test_a_method_that_changes_something_is_not_sent_without_leave(method: str) -> None:
    with pytest.raises(RuntimeError, match="not marked as mutating"):
        asked(always(whole(b"")), method)


def test_with_leave_it_is_sent() -> None:
    _, request = asked(always(whole(b"")), "POST", mutating=True, content=b"{}")

    assert request.startswith("POST /x ")


def test_a_budget_ends_by_requests() -> None:
    async def spend(budget: Budget) -> None:
        while True:
            await budget.spend()

    budget = Budget(Limits(max_requests=3, rate=1000))

    with pytest.raises(BudgetSpent, match="the limit of 3 requests was reached; raise --max-requests"):
        asyncio.run(spend(budget))
    assert budget.requests == 3


def test_a_budget_keeps_the_pace() -> None:
    async def spend() -> float:
        budget = Budget(Limits(rate=20))
        begun = time.monotonic()
        await asyncio.gather(*(budget.spend() for _ in range(11)))
        return time.monotonic() - begun

    assert asyncio.run(spend()) >= 0.49
