"""Whether a server works on for clients that have left is looked at on one process, however many there are."""

import sys
from pathlib import Path

import pytest

from fastapi_audit.evidence import Limits, Probing, Start
from fastapi_audit.evidence.live import probe
from fastapi_audit.evidence.live.experiments.left_socket import LeftSocket

ECHO = """
from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts how busy a process is")


@pytest.mark.slow
def test_a_service_of_several_workers_is_looked_at_in_one(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(ECHO)
    start = Start("main:app", tmp_path, Path(sys.executable), workers=2)

    live = probe(Probing(start=start), [LeftSocket])

    (left,) = live.subjects[LeftSocket]
    assert isinstance(left, LeftSocket)
    assert left.operation == "WEBSOCKET /echo"
    assert not left.serves_the_gone


def test_without_the_time_for_another_server_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(ECHO)
    start = Start("main:app", tmp_path, Path(sys.executable))

    live = probe(Probing(start=start, limits=Limits(max_time_s=14)), [LeftSocket])

    assert live.not_run[LeftSocket].startswith("too little time is left to start another server")
    assert not live.subjects.get(LeftSocket)
