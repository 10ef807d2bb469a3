"""What the experiments make of services that answer otherwise than they need."""

import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fastapi_audit.evidence import Limits, Permissions, Probing
from fastapi_audit.evidence.live import Live, probe
from fastapi_audit.evidence.live.conducting import MOST_SUBJECTS, conduct
from fastapi_audit.evidence.live.experiments.bursts import Bursts
from fastapi_audit.evidence.live.experiments.chosen_media_type import ChosenMediaType
from fastapi_audit.evidence.live.experiments.error_answer import ErrorAnswer
from fastapi_audit.evidence.live.experiments.foreign_object import ForeignObject
from fastapi_audit.evidence.live.experiments.large_batch import LargeBatch
from fastapi_audit.evidence.live.experiments.large_page import LargePage
from fastapi_audit.evidence.live.experiments.left_socket import LeftSocket
from fastapi_audit.evidence.live.experiments.opened_socket import OpenedSocket
from fastapi_audit.evidence.live.experiments.oversize_bodies import OversizeBodies
from fastapi_audit.evidence.live.experiments.rejected_secret import RejectedSecret
from fastapi_audit.evidence.live.experiments.request_id import RequestId
from fastapi_audit.evidence.live.experiments.shared_answer import SharedAnswer
from fastapi_audit.evidence.live.experiments.split_limit import SplitLimit
from fastapi_audit.evidence.live.experiments.wait_beside import WaitBeside
from fastapi_audit.evidence.live.probing import Identity, Named
from fastapi_audit.evidence.live.session import Experiment, Session
from raw_server import Answer, always, answering, close, whole

PLAIN: dict[str, Any] = {}
"""An operation of which the description says nothing."""
NOT_FOUND = whole(b"no such page", status="404 Not Found")
REFUSED = always(whole(b"who are you?", status="401 Unauthorized"))
LISTED = always(whole(b'["the same for everybody"]'))
FIRST, SECOND = (Identity((("Authorization", f"Bearer {who}"),)) for who in ("first", "second"))


def taking(schema: Mapping[str, object]) -> dict[str, Any]:
    """An operation with this JSON body."""
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def query(name: str, kind: str) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "query", "required": True, "schema": {"type": kind}}]}


def service(
    operations: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Answer], described: int = 10**6
) -> Answer:
    """Describes the operations so many times, and answers each path as is said."""
    paths: dict[str, dict[str, Any]] = {}
    for key, operation in operations.items():
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method.lower()] = operation
    told = whole(json.dumps({"openapi": "3.1.0", "paths": paths}).encode())
    left = [told] * described

    def answer(connection: socket.socket, request: str) -> None:
        head, _, body = request.partition("\r\n\r\n")
        lengths = [
            int(line.partition(":")[2]) for line in head.lower().split("\r\n") if line.startswith("content-length:")
        ]
        missing = sum(lengths) - len(body)
        while missing > 0 and (part := connection.recv(65_536)):
            missing -= len(part)
        path = request.split()[1].partition("?")[0]
        if path == "/openapi.json" and left:
            connection.sendall(left.pop())
        else:
            answers.get(path, always(NOT_FOUND))(connection, request)

    return answer


def probed(noun: type, answer: Answer, *, named: Mapping[str, Named] | None = None, **limits: float) -> Live:
    bounds = {"max_requests": 700, "rate": 2000.0, "max_time_s": 30, "request_s": 2, **limits}
    with answering(answer) as server:
        probing = Probing(
            url=server.url,
            identity=FIRST,
            second=SECOND,
            permissions=Permissions(mutating=True, intrusive=True),
            limits=Limits(**bounds),  # type: ignore[arg-type]  # whole numbers stay whole
            named=named or {},
        )
        return probe(probing, [noun])


def once() -> Answer:
    """Answers the first request, and no other."""
    left = [LISTED]

    def answer(connection: socket.socket, request: str) -> None:
        (left.pop() if left else close)(connection, request)

    return answer


def late(connection: socket.socket, _request: str) -> None:
    time.sleep(0.2)
    connection.sendall(whole(b"[]"))


UNKNOWN = {"parameters": [{"name": "a", "in": "query", "required": True, "schema": {"pattern": "x"}}]}
HINDERED: dict[str, tuple[type, Answer, str]] = {
    "bursts at nothing": (Bursts, service({}, {}), "no operation"),
    "batches to nothing": (LargeBatch, service({}, {}), "no operation"),
    "bursts that are refused": (Bursts, service({"GET /leads": PLAIN}, {"/leads": REFUSED}), "health checks aside"),
    "a login that is not there": (Bursts, service({"POST /login": PLAIN}, {}), "health checks aside"),
    "no JSON is asked for": (
        OversizeBodies,
        service({"GET /a": PLAIN, "POST /b": taking({"type": "object"})}, {"/b": LISTED}),
        "takes JSON",
    ),
    "sockets of a foreign server": (OpenedSocket, service({"GET /leads": PLAIN}, {}), "no WebSocket is known"),
    "signals to a foreign server": (LeftSocket, service({"GET /leads": PLAIN}, {}), "use --app"),
    "waiting beside a refusal": (WaitBeside, service({"GET /leads": PLAIN}, {"/leads": REFUSED}), "answers well"),
    "a limit that is none": (SplitLimit, service({"GET /leads": PLAIN}, {"/leads": LISTED}), "no limit was met"),
    "arguments that nobody knows": (ChosenMediaType, service({"GET /leads": UNKNOWN}, {}), "name one with valid"),
    "an answer that does not come again": (
        RequestId,
        service({"GET /a": PLAIN}, {"/a": once()}),
        "answered once, and not again",
    ),
    "silence": (
        RequestId,
        service({"GET /a": PLAIN}, dict.fromkeys(("/a", "/", "/openapi.json"), close), 1),
        "/a gave no",
    ),
}


@pytest.mark.parametrize(("noun", "answer", "why"), HINDERED.values(), ids=HINDERED)
def test_what_cannot_be_seen_has_a_reason(noun: type, answer: Answer, why: str) -> None:
    live = probed(noun, answer)

    assert why in live.not_run[noun]
    assert not live.subjects.get(noun)


SECRET = taking({"type": "object", "properties": {"name": {"type": "string"}, "password": {"type": "string"}}})
BATCH = taking({"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}})
BROKEN = {"POST /leads": Named(body="no JSON")}


def to_the_first(body: bytes) -> Answer:
    """The second user is refused."""

    def answer(connection: socket.socket, request: str) -> None:
        (always(whole(body)) if "Bearer first" in request else REFUSED)(connection, request)

    return answer


def to_each(body: bytes) -> Answer:
    """The first user's own, and nothing for the second."""
    return lambda connection, request: connection.sendall(whole(body if "Bearer first" in request else b"[]"))


LEADS = {"GET /leads": PLAIN, "GET /leads/{id}": PLAIN}
KNOWN = {"GET /leads/{id}": Named(path={"id": "1"})}
UNSEEN: dict[str, tuple[type, Answer, Mapping[str, Named]]] = {
    "a type that nobody answers": (
        ChosenMediaType,
        service({"GET /leads": query("name", "string")}, {"/leads": close}),
        {},
    ),
    "an error that nobody answers": (ErrorAnswer, service({"GET /leads": PLAIN}, {"/leads": close}), {}),
    "a page that is refused": (LargePage, service({"GET /leads": query("limit", "integer")}, {"/leads": REFUSED}), {}),
    "a password of any type": (RejectedSecret, service({"POST /leads": SECRET}, {"/leads": LISTED}), {}),
    "a password in what is no JSON": (RejectedSecret, service({"POST /leads": SECRET}, {"/leads": LISTED}), BROKEN),
    "a batch of anything": (LargeBatch, service({"POST /leads": BATCH}, {"/leads": LISTED}), {}),
    "an answer for one": (SharedAnswer, service({"GET /leads": PLAIN}, {"/leads": to_the_first(b"[1]")}), {}),
    "a list for one": (ForeignObject, service(LEADS, {"/leads": to_the_first(b'[{"id": 1}]')}), KNOWN),
    "objects without a name": (
        ForeignObject,
        service(LEADS, {"/leads": to_each(b'[{"id": true}, {"id": []}]')}),
        KNOWN,
    ),
}
ABSENT: dict[str, tuple[type, Answer, Mapping[str, Named]]] = {
    "a batch that is no JSON": (LargeBatch, service({"POST /leads": BATCH}, {"/leads": LISTED}), BROKEN),
    "a body without a batch": (LargeBatch, service({"POST /leads": SECRET}, {"/leads": LISTED}), {}),
    "an answer for all": (SharedAnswer, service({"GET /leads": PLAIN}, {"/leads": LISTED}), {}),
}


@pytest.mark.parametrize(("noun", "answer", "named"), UNSEEN.values(), ids=UNSEEN)
def test_what_is_there_and_is_not_seen_is_not_known(noun: type, answer: Answer, named: Mapping[str, Named]) -> None:
    live = probed(noun, answer, named=named)

    assert live.not_run[noun] == "0 of 1 operations were looked at (1 gave no answer that tells)"
    assert not live.subjects.get(noun)


@pytest.mark.parametrize(("noun", "answer", "named"), ABSENT.values(), ids=ABSENT)
def test_what_is_not_there_is_told_of_no_operation(noun: type, answer: Answer, named: Mapping[str, Named]) -> None:
    live = probed(noun, answer, named=named)

    assert noun not in live.not_run, live.not_run
    assert not live.subjects.get(noun)


def test_a_login_that_takes_a_form_is_tried_with_one() -> None:
    form = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}}
    asked = []

    def answer(connection: socket.socket, request: str) -> None:
        asked.append(request)
        connection.sendall(whole(b"wrong password", status="400 Bad Request"))

    live = probed(Bursts, service({"POST /token": form}, {"/token": answer}))

    [bursts] = live.subjects[Bursts]
    assert isinstance(bursts, Bursts)
    assert [each.unlimited for each in bursts.tried] == [True]
    assert all("content-type: application/x-www-form-urlencoded" in each.lower() for each in asked)
    assert not any("Bearer" in each for each in asked)


@pytest.mark.parametrize("noun", [Bursts, WaitBeside])
def test_an_experiment_ends_with_the_requests_of_the_probe(noun: type) -> None:
    live = probed(noun, service({"GET /leads": PLAIN}, {"/leads": LISTED}), max_requests=8)

    assert "8 requests" in live.not_run[noun]


def test_a_probe_without_a_request_sees_nothing() -> None:
    live = probed(RequestId, service({"GET /leads": PLAIN}, {}), max_requests=0)

    assert not live.subjects.get(RequestId)
    assert RequestId in live.not_run


def test_slow_operations_are_looked_beside_without_a_server_of_our_own() -> None:
    operations = {"GET /slow": PLAIN, "GET /leads": PLAIN, "GET /gone": PLAIN}
    live = probed(WaitBeside, service(operations, {"/slow": late, "/leads": LISTED, "/gone": close}))

    seen = {each.operation: each for each in live.subjects[WaitBeside] if isinstance(each, WaitBeside)}
    assert seen.keys() == {"GET /slow", "GET /leads"}
    assert len(seen["GET /slow"].rounds) == 1
    assert not seen["GET /slow"].watched


@pytest.mark.parametrize(
    ("slow", "why"), [(2, "too little time to look beside slow operations"), (6, "raise --max-time")]
)
def test_slow_operations_for_which_no_time_is_left_are_named(slow: int, why: str) -> None:
    operations = {f"GET /slow/{number}": PLAIN for number in range(slow)}
    live = probed(WaitBeside, service(operations, {path.partition(" ")[2]: late for path in operations}), max_time_s=3)

    assert why in live.not_run[WaitBeside]


class Seen:
    """What an experiment of a test yields."""


async def broken(_session: Session) -> AsyncIterator[Seen]:
    yield Seen()
    message = "a mistake in an experiment"
    raise ZeroDivisionError(message)


async def endless(_session: Session) -> AsyncIterator[Seen]:
    while True:
        yield Seen()


def test_an_experiment_that_fails_costs_nobody_the_others() -> None:
    experiments = [Experiment(Seen, broken), Experiment(RequestId, endless)]
    with answering(service({"GET /leads": PLAIN}, {"/leads": LISTED})) as server:
        live = conduct(Probing(url=server.url), experiments, None)

    assert "a mistake in an experiment" in live.crashed[Seen]
    assert len(live.subjects[RequestId]) == MOST_SUBJECTS
    assert RequestId not in live.not_run


def test_a_probe_need_not_run_in_the_main_thread() -> None:
    answer = service({"GET /leads": PLAIN}, {"/leads": LISTED})

    with ThreadPoolExecutor(1) as threads:
        live = threads.submit(probed, RequestId, answer).result()

    assert live.subjects[RequestId]
