"""A served example is a real server: it starts, answers, misbehaves and is gone afterwards."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastapi_audit.evidence.live.launch import Launch, launched
from fastapi_audit.rule import Bad, Served
from processes import alive, wait_until
from served import ServedExample, serve

EXAMPLE = Bad("""
    import asyncio
    import os
    import time

    from fastapi import FastAPI, Response, WebSocket
    from fastapi.responses import StreamingResponse

    app = FastAPI()
    left = []

    @app.get("/")
    async def environment():
        return dict(os.environ)

    @app.post("/echo")
    async def echo(body: dict):
        print("echoing", body)
        return body

    @app.post("/number/{number}")
    async def number(number: int):
        print("number", number)

    @app.get("/die")
    async def die():
        os._exit(1)

    @app.get("/heavy")
    async def heavy():
        return len(bytearray(50_000_000))

    @app.get("/slow")
    async def slow():
        time.sleep(0.4)

    @app.get("/away")
    async def away():
        return Response(status_code=307, headers={"Location": "/"})

    @app.get("/breaks")
    async def breaks():
        async def body():
            yield b"first"
            await asyncio.sleep(0.1)
            raise RuntimeError("broken off")
        return StreamingResponse(body())

    @app.get("/endless")
    async def endless():
        async def body():
            try:
                while True:
                    yield b"tick"
                    await asyncio.sleep(0.01)
            finally:
                left.append("endless")
        return StreamingResponse(body())

    @app.get("/left")
    async def who_left():
        return left

    @app.websocket("/greet")
    async def greet(socket: WebSocket):
        await socket.accept()
        await socket.send_text("hello " + await socket.receive_text())
        await socket.close(4001)
""")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedExample]:
    with serve(EXAMPLE, tmp_path_factory.mktemp("example")) as example:
        yield example


def test_it_implements_what_a_proof_is_promised(served: ServedExample) -> None:
    promised: Served = served
    assert promised.started


def test_a_request_is_answered_and_what_the_server_prints_is_in_the_log(served: ServedExample) -> None:
    reply = served.post("/echo", json={"a": 1})

    assert reply.status_code == 200
    assert reply.headers["content-TYPE"] == "application/json"
    assert reply.json() == {"a": 1}
    assert reply.complete
    assert 0 < reply.first_byte_seconds <= reply.seconds
    assert "echoing {'a': 1}" in served.log


def test_the_environment_of_the_machine_does_not_reach_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("WEB_CONCURRENCY", "3")

    with serve(EXAMPLE, tmp_path) as example:
        environment = example.get("/").json()

    assert isinstance(environment, dict)
    assert "PATH" in environment
    assert not {"HTTP_PROXY", "WEB_CONCURRENCY"} & set(environment)


def test_a_redirect_is_not_followed(served: ServedExample) -> None:
    assert served.get("/away").status_code == 307


def test_requests_sent_together_wait_for_each_other_where_the_example_blocks(served: ServedExample) -> None:
    slow, beside = served.together(("GET", "/slow"), ("GET", "/left"))

    assert slow.seconds >= 0.4
    assert beside.seconds >= 0.2


def test_requests_sent_together_arrive_in_their_order(served: ServedExample) -> None:
    served.together(*[("POST", f"/number/{number}") for number in range(12)])

    assert [int(line.split()[-1]) for line in served.log.splitlines() if line.startswith("number")] == [*range(12)]


def test_a_server_that_dies_ends_all_requests_that_were_sent_together(tmp_path: Path) -> None:
    with serve(EXAMPLE, tmp_path) as example, pytest.raises(ConnectionError, match="/die"):
        example.together(("GET", "/die"), ("GET", "/left"))


def test_a_late_answer_is_a_timeout_error(served: ServedExample) -> None:
    with pytest.raises(TimeoutError, match=r"GET /slow: no answer within 0\.1 s"):
        served.get("/slow", timeout=0.1)


def test_a_body_that_breaks_off_is_not_complete(served: ServedExample) -> None:
    reply = served.get("/breaks")

    assert (reply.status_code, reply.text, reply.complete) == (200, "first", False)


def test_leaving_a_stream_is_seen_by_the_server(served: ServedExample) -> None:
    reply = served.stream_then_disconnect("/endless")

    assert reply.text.startswith("tick")
    assert not reply.complete
    assert served.get("/left").json() == ["endless"]


def test_a_websocket_speaks_and_gives_its_close_code(served: ServedExample) -> None:
    socket = served.websocket("/greet")
    socket.send("you")

    assert socket.receive() == "hello you"
    with pytest.raises(ConnectionError, match="4001"):
        socket.receive()
    assert socket.code == 4001


def test_a_silent_websocket_is_a_timeout_error(served: ServedExample) -> None:
    socket = served.websocket("/greet")

    with pytest.raises(TimeoutError):
        socket.receive(timeout=0.05)
    socket.drop()


def test_a_refused_handshake_is_an_oserror(served: ServedExample) -> None:
    with pytest.raises(OSError, match="403"):
        served.websocket("/nowhere")


def test_the_memory_of_the_server_is_known(served: ServedExample) -> None:
    before = served.peak_memory

    assert served.get("/heavy").json() == 50_000_000
    assert served.peak_memory - before > 30_000_000


def test_code_runs_beside_the_example_without_starting_it(tmp_path: Path) -> None:
    with serve(EXAMPLE, tmp_path) as example:
        printed = example.run("from main import app; print(len(app.routes) > 5); raise SystemExit('over')")
        assert example.running is None

    assert printed.split() == ["True", "over"]


def test_an_example_that_cannot_be_imported_did_not_start(tmp_path: Path) -> None:
    with serve(Bad("import no_such_module"), tmp_path) as example:
        assert not example.started
        assert "No module named 'no_such_module'" in example.log
        with pytest.raises(AssertionError, match="did not start"):
            example.get("/")


def test_stopping_takes_as_long_as_the_requests_in_flight(tmp_path: Path) -> None:
    with serve(EXAMPLE, tmp_path) as example:
        example.get("/left")
        assert example.stop() < 5
        with pytest.raises(ConnectionError):
            example.get("/left")


def test_a_server_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = Bad("""
        import asyncio
        from contextlib import asynccontextmanager

        from fastapi import FastAPI

        @asynccontextmanager
        async def lifespan(app):
            yield
            await asyncio.sleep(60)

        app = FastAPI(lifespan=lifespan)
    """)
    with serve(deaf, tmp_path) as example:
        assert example.stop(timeout=0.3) == math.inf


PROCESS_ID = Bad("""
    import os
    from fastapi import FastAPI
    app = FastAPI()

    @app.get("/")
    def pid():
        return os.getpid()
""")


def test_workers_are_options_and_none_outlives_the_proof(tmp_path: Path) -> None:
    with serve(PROCESS_ID, tmp_path, options=("--workers", "2")) as example:
        worker = example.get("/").json()
        assert isinstance(worker, int)
        assert worker != example.server.process.pid

    wait_until(lambda: not alive(worker))


def test_each_worker_answers_in_its_turn(tmp_path: Path) -> None:
    with serve(PROCESS_ID, tmp_path, options=("--workers", "3")) as example:
        answered = [(worker, example.get("/").json()) for worker in example.each_worker() for _ in range(3)]
        assert len({worker for worker, _ in answered}) == 3
        assert all(worker == named for worker, named in answered)


def test_patience_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")

    with launched(Launch("main:app", tmp_path, patience=0.5)) as server:
        assert not server.started
        assert server.process.poll() is None

    assert server.process.returncode == -9
