"""The sample apps are what they say they are: those that run answer, and the audit finds what is wrong with them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sample_apps import FOLDER, SECRETS, client, copied, prepared_production


@dataclass(frozen=True, slots=True)
class Production:
    """The running app, as its client sees it."""

    http: httpx.Client
    key: str

    @property
    def socket(self) -> str:
        return str(self.http.base_url.join("/v1/agents/claims")).replace("http", "ws", 1)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    copy, key = prepared_production(tmp_path_factory.mktemp("apps"))
    with copy.serve("leads.main:app", "--lifespan", "on") as server, client(server.url, key) as http:
        yield Production(http, key)
        assert "Exception in ASGI application" not in server.log
        assert "unhandled_error" not in server.log


def created(production: Production, email: str) -> int:
    answer = production.http.post("/v1/leads", json={"name": "Ann", "email": email})
    assert answer.status_code == 201, answer.text
    lead: int = answer.json()["id"]
    return lead


def test_production_keeps_leads(production: Production) -> None:
    lead = created(production, "kept@example.com")

    changed = production.http.patch(f"/v1/leads/{lead}", json={"stage": "won"})
    assert changed.json()["stage"] == "won"
    assert production.http.delete(f"/v1/leads/{lead}").status_code == 204
    assert production.http.get(f"/v1/leads/{lead}").status_code == 404


def test_production_answers_each_item_of_a_batch(production: Production) -> None:
    created(production, "known@example.com")
    batch = [{"name": "B", "email": "known@example.com"}, {"name": "C", "email": "new@example.com"}]

    items = production.http.post("/v1/leads/bulk", json=batch).json()["items"]

    assert [item["result"] for item in items] == ["duplicate", "created"]


def test_production_takes_a_file_and_gives_one_back(production: Production) -> None:
    file = b"name,email,company\nDan,dan@example.com,=cmd\n"
    assert production.http.post("/v1/leads/import", files={"file": file}).status_code == 201

    csv = production.http.get("/v1/leads/export")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert ",Dan,dan@example.com,'=cmd,new" in csv.text
    assert production.http.get("/v1/leads/export", params={"format": "html"}).status_code == 422


def test_production_caches_per_tenant(production: Production) -> None:
    assert production.http.get("/v1/statistics").status_code == 200
    assert production.http.get("/v1/statistics").headers["x-fastapi-cache"] == "HIT"


def test_production_lets_one_agent_win(production: Production) -> None:
    lead = created(production, "wanted@example.com")
    authorization = {"Authorization": f"Bearer {production.key}"}

    with connect(production.socket, additional_headers=authorization, proxy=None) as socket:
        for granted in ("true", "false"):
            socket.send(f'{{"claim":{lead}}}')
            assert socket.recv() == f'{{"lead":{lead},"granted":{granted}}}'


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_production_refuses_a_socket_without_a_key(production: Production, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(production.socket, additional_headers=headers, proxy=None)
    assert refused.value.response.status_code == 403


def test_production_refuses_a_socket_from_a_foreign_page(production: Production) -> None:
    headers = {"Authorization": f"Bearer {production.key}", "Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as refused:
        connect(production.socket, additional_headers=headers, proxy=None)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/leads"), ("DELETE", "/v1/leads/1"), ("GET", "/v1/leads/export"), ("GET", "/metrics")],
)
def test_production_knows_who_asks(production: Production, method: str, path: str) -> None:
    assert production.http.request(method, path, headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_production_is_alive_and_ready(production: Production, method: str, path: str) -> None:
    assert production.http.request(method, path).status_code == 200


def test_production_measures_at_the_objective(production: Production) -> None:
    assert production.http.get("/v1/leads").status_code in {200, 401}
    scraped = production.http.get("/metrics", headers={"Authorization": f"Bearer {SECRETS['LEADS_METRICS_TOKEN']}"})
    assert 'http_request_duration_seconds_bucket{le="0.2"' in scraped.text
    assert 'database_pool_capacity{pool="primary"}' in scraped.text


def test_production_does_not_echo_what_it_rejects(production: Production) -> None:
    answer = production.http.post("/v1/leads", json={"name": "Ann", "email": "canary-3141"})
    assert answer.status_code == 422
    assert "canary-3141" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_production_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    copy, _key = prepared_production(tmp_path)
    copy = type(copy)(copy.folder, {"LEADS_SECRET_KEY": "too-short-canary"})
    with pytest.raises(AssertionError) as refused:
        copy.run("-c", "import leads.main")
    assert "metrics_token" in str(refused.value)
    assert "too-short-canary" not in str(refused.value)


def test_prototype_starts_and_answers(tmp_path: Path) -> None:
    with copied("prototype", tmp_path).serve("app.main:app") as server, client(server.url) as http:
        login = {"username": "admin@example.com", "password": "admin123"}

        assert http.get("/health").json() == {"status": "healthy"}
        assert "access_token" in http.post("/login", data=login).json()
        assert http.post("/leads/batch", json=[{"name": "A", "email": "a@example.com"}]).json() == {"created": 1}
        assert http.get("/leads/mine").json() == {"user": "anonymous", "leads": []}
        assert http.get("/leads/export").text == "1,Ada Lovelace,ada@example.com\n2,A,a@example.com\n"


SERVED_ROUTES = """
import json
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount
from orders.asgi import app

def served(application, prefix=""):
    for context in iter_route_contexts(application.routes):
        if isinstance(context.original_route, Mount):
            yield from served(context.original_route.app, prefix + context.original_route.path)
        elif hasattr(context.original_route, "dependant"):
            yield sorted(context.methods or ["WEBSOCKET"]), prefix + context.path, context.endpoint.__name__

print(json.dumps(list(served(app))))
"""


def scanned(*arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "fastapi_audit", *arguments, "--output-format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode in {0, 1}, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_layered_serves_the_routes_that_the_scan_sees(tmp_path: Path) -> None:
    served = {
        (*methods, path, name)
        for methods, path, name in json.loads(copied("layered", tmp_path).run("-c", SERVED_ROUTES))
    }
    scan = scanned("routes", str(FOLDER / "layered"))
    assert {
        (*route["methods"], route["path"], route["endpoint"].rpartition(".")[2]) for route in scan["routes"]
    } == served
    assert scan["unresolved"] == []


def test_layered_mounts_diagnostics_under_a_condition() -> None:
    routes = scanned("routes", str(FOLDER / "layered"))["routes"]
    assert {route["path"]: route["condition"] for route in routes if route["condition"]} == {
        "/diagnostics/build": "settings.debug"
    }


def test_layered_takes_orders(tmp_path: Path) -> None:
    copy = copied("layered", tmp_path, ORDERS_PRICES_URL="http://127.0.0.1:9")
    with copy.serve("orders.asgi:app", "--lifespan", "on") as server, client(server.url) as http:
        http.headers["X-API-Key"] = "demo"
        assert http.post("/api/v1/orders", json={"article": "teapot", "quantity": 2}).status_code == 201
        assert [order["article"] for order in http.get("/api/legacy/orders").json()] == ["teapot"]
        assert http.get("/api/v1/articles/featured").json() == {"slug": "featured", "title": "Featured"}
        assert http.get("/admin/status").json() == {"open": True}
        assert http.get("/diagnostics/build").status_code == 200
        assert http.get("/admin/status", headers={"X-API-Key": "wrong"}).status_code == 403
