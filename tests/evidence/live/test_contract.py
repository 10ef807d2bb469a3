"""Schemathesis against services that keep their own document, and services that do not."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fastapi_audit.evidence.live.contract import (
    IGNORED_AUTH,
    SCHEMA_BROKEN,
    SERVER_ERROR,
    Contract,
    Question,
    Unmeant,
    examine,
)
from fastapi_audit.evidence.live.launch import Launch, Server, launched

SERVICE = """
from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

app = FastAPI()
key = APIKeyHeader(name="X-API-Key", auto_error=False)
seen = set()


class Item(BaseModel):
    id: int
    name: str


@app.middleware("http")
async def log(request: Request, call_next):
    seen.add(request.method)
    return await call_next(request)


@app.get("/seen", include_in_schema=False)
async def methods() -> list[str]:
    return sorted(seen)


@app.get("/items/{item_id}", response_model=Item)
async def item(item_id: int):
    return JSONResponse({"id": item_id})


@app.get("/divide")
async def divide(by: int) -> int:
    return 100 // by


@app.get("/open")
async def unguarded(presented: str | None = Security(key)) -> str:
    return "secret"


@app.get("/guarded")
async def guarded(presented: str | None = Security(key)) -> Response:
    return JSONResponse("secret" if presented == "s3cr3t-token" else "no", 200 if presented == "s3cr3t-token" else 401)


@app.get("/good/{item_id}")
async def good(item_id: int) -> Item:
    return Item(id=item_id, name="an item")


@app.get("/names/{name}")
async def taken(name: str) -> str:
    raise HTTPException(422, "it is taken")


class Refusal(BaseModel):
    code: int


@app.get("/described/{name}", responses={422: {"model": Refusal}})
async def described(name: str) -> str:
    raise HTTPException(422, "it is taken")


@app.post("/items")
async def create(item: Item) -> Item:
    if item.id < 0:
        raise ValueError
    return item
"""


SECONDS = 25
"""All of it is used; in eight, a busy machine had not come round to every operation."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "main.py").write_text(SERVICE)
    with launched(Launch("main:app", folder, options=("--log-level", "warning"))) as server:
        assert server.started, server.log
        yield server


def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    return found


@pytest.fixture(scope="module")
def contract(server: Server) -> Contract:
    question = Question(document(server), server.url, (("X-API-Key", "s3cr3t-token"),), seconds=SECONDS)
    return asyncio.run(examine(question))


def broken(contract: Contract) -> dict[str, set[str]]:
    return {each.operation: {promise.check for promise in each.broken} for each in contract.operations}


@pytest.mark.slow
def test_every_broken_promise_is_told_of_its_operation_and_nothing_else(contract: Contract) -> None:
    assert contract.reason == ""
    assert broken(contract) == {
        "GET /described/{name}": {SCHEMA_BROKEN},
        "GET /divide": {SERVER_ERROR},
        "GET /good/{item_id}": set(),
        "GET /guarded": set(),
        "GET /items/{item_id}": {SCHEMA_BROKEN},
        # FastAPI describes its own refusals; an author who raises 422 has promised nothing.
        "GET /names/{name}": set(),
        "GET /open": {IGNORED_AUTH},
    }


def test_null_breaks_no_promise_where_no_schema_can_allow_it() -> None:
    """As Pydantic 1 describes every optional field."""
    answered = {"response": {"status_code": 200}}
    null, number = {"message": 'null is not of type "string"\n'}, {"message": '1 is not of type "string"\n'}

    assert Unmeant(refusals=False, never_null=True).covers(null, answered)
    assert not Unmeant(refusals=False, never_null=True).covers(number, answered)
    assert not Unmeant(refusals=False, never_null=False).covers(null, answered)


@pytest.mark.slow
def test_only_get_is_sent(contract: Contract, server: Server) -> None:
    assert contract.requests > 20
    assert httpx.get(f"{server.url}/seen", trust_env=False).json() == ["GET"]


@pytest.mark.slow
def test_an_exchange_shows_the_defect_and_no_secret(contract: Contract, server: Server) -> None:
    [divide] = [each for each in contract.operations if each.operation == "GET /divide"]
    promise = divide.failing(SERVER_ERROR)

    assert promise is not None
    assert promise.observation.request.startswith(f"GET {server.url}/divide?by=0")
    assert promise.observation.response.startswith("500\n")
    assert "Internal Server Error" in promise.observation.response
    assert promise.observation.reproduction.startswith("curl --request GET")
    assert "s3cr3t-token" not in repr(contract)


def test_a_document_that_refers_to_another_host_is_not_followed(server: Server) -> None:
    hostile = {"paths": {"/": {"get": {"responses": {"200": {"$ref": "http://192.0.2.1/schema.json"}}}}}}
    contract = asyncio.run(examine(Question(hostile, server.url)))

    assert contract.operations == ()
    assert "http://192.0.2.1/schema.json" in contract.reason


def test_a_document_that_is_none_says_so(server: Server) -> None:
    contract = asyncio.run(examine(Question({"openapi": "3.1.0"}, server.url, seconds=2)))

    assert contract.operations == ()
    assert contract.reason


@pytest.mark.slow
def test_a_cancelled_run_ends_at_once_with_all_its_processes(server: Server) -> None:
    async def interrupted() -> float:
        task = asyncio.create_task(examine(Question(document(server), server.url, seconds=60)))
        await asyncio.sleep(3)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    assert asyncio.run(interrupted()) < 10


def test_headers_stand_in_a_file_and_not_on_the_command_line() -> None:
    from fastapi_audit.evidence.live.contract import _command, _configuration  # noqa: PLC0415

    question = Question({}, "http://127.0.0.1:1", (("Authorization", 'Bearer "quoted"'),))

    assert "quoted" not in json.dumps(_command(question))
    assert '"Authorization" = "Bearer \\"quoted\\""' in _configuration(question)


def test_the_reports_folder_is_gone_afterwards(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    asyncio.run(examine(Question({"openapi": "3.1.0"}, server.url, seconds=1)))

    assert list(tmp_path.iterdir()) == []
