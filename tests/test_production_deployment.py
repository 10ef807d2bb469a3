"""The deployment of the production app is accepted by the tools it is written for, and serves."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from production_stack import DEPLOY, HOST, Stack, production_stack, rendered_nginx, unverified
from sample_apps import FOLDER, SECRETS
from services import LOOPBACK, program

APP = FOLDER / "production"
EXPORTED_BY_OTHERS = re.compile(r"(redis|pg)_\w+|up")


def accepted(*command: str | Path) -> str:
    """What a checking tool printed when it was content."""
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def compose_check(path: Path) -> list[str | Path]:
    return [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]


def test_compose_file_follows_the_specification() -> None:
    accepted(*compose_check(APP / "compose.yaml"))


def test_the_check_of_compose_files_can_fail(tmp_path: Path) -> None:
    text = (APP / "compose.yaml").read_text().replace("depends_on:", "depend_on:", 1)
    (tmp_path / "compose.yaml").write_text(text)
    with pytest.raises(AssertionError, match="depend_on"):
        accepted(*compose_check(tmp_path / "compose.yaml"))


def test_env_example_names_every_required_variable() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (APP / "compose.yaml").read_text()))
    named = set(re.findall(r"^(\w+)=", (APP / ".env.example").read_text(), re.MULTILINE))
    assert required == named


def test_no_variable_of_the_compose_file_may_be_blank() -> None:
    assert re.findall(r"\$\{\w+\}|\$\w+|\$\{\w+:-", (APP / "compose.yaml").read_text()) == []


@pytest.mark.services
def test_prometheus_accepts_its_files() -> None:
    promtool = program("promtool")
    accepted(promtool, "check", "rules", DEPLOY / "prometheus" / "alerts.yml")
    # The secret that it names exists in the container only.
    accepted(promtool, "check", "config", "--syntax-only", DEPLOY / "prometheus" / "prometheus.yml")


@pytest.mark.services
def test_nginx_accepts_its_file(tmp_path: Path) -> None:
    ports = {"8080": 18080, "8443": 18443, "8081": 18081}
    said = accepted(program("nginx", "/usr/sbin"), "-t", "-c", rendered_nginx(tmp_path, ports, 18000))
    assert "warn" not in said


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("postgres/*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_shell_and_can_be_run(script: Path) -> None:
    accepted("sh", "-n", script)
    assert script.stat().st_mode & 0o111


@pytest.fixture(scope="module")
def stack(postgres: str, redis_server: str) -> Iterator[Stack]:
    with production_stack(postgres, redis_server) as running:
        yield running


@pytest.fixture
def edge(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the internet."""
    headers = {"Host": HOST, "Authorization": f"Bearer {stack.key}"}
    base = f"https://{LOOPBACK}:{stack.https}"
    with httpx.Client(base_url=base, headers=headers, verify=unverified(), trust_env=False, timeout=10) as client:
        yield client


def scrape(stack: Stack) -> str:
    """As Prometheus does, past nginx."""
    headers = {"Authorization": f"Bearer {SECRETS['LEADS_METRICS_TOKEN']}"}
    answer = httpx.get(f"http://{LOOPBACK}:{stack.api}/metrics", headers=headers, trust_env=False)
    assert answer.status_code == 200
    return answer.text


def summarised(edge: httpx.Client, email: str) -> object:
    lead = edge.post("/v1/leads", json={"name": "Tom", "email": email}).json()["id"]
    return edge.post(f"/v1/leads/{lead}/summary").json()


@pytest.mark.services
@pytest.mark.slow
def test_the_stack_keeps_leads(edge: httpx.Client) -> None:
    created = edge.post("/v1/leads", json={"name": "Ann", "email": "ann@example.com"})
    assert created.status_code == 201
    assert edge.get(f"/v1/leads/{created.json()['id']}").json()["name"] == "Ann"
    assert "ann@example.com" in edge.get("/v1/leads/export", params={"format": "jsonl"}).text


@pytest.mark.services
@pytest.mark.slow
def test_the_stack_hides_what_is_not_for_clients(edge: httpx.Client, stack: Stack) -> None:
    for path in ("/metrics", "/health/ready", "/docs", "/openapi.json"):
        assert edge.get(path).status_code == 404, path
    plain = httpx.get(f"http://{LOOPBACK}:{stack.http}/v1/leads", headers={"Host": HOST}, trust_env=False)
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://{HOST}/v1/leads")


@pytest.mark.services
@pytest.mark.slow
def test_workers_share_the_rate_limit(edge: httpx.Client) -> None:
    # A connection each, so that both workers answer.
    codes = Counter(edge.post("/v1/leads/import", files={"file": b""}).status_code for _ in range(14))
    assert codes == {422: 10, 429: 4}


@pytest.mark.services
@pytest.mark.slow
def test_workers_share_the_cache(edge: httpx.Client) -> None:
    edge.get("/v1/statistics")
    assert {edge.get("/v1/statistics").headers["x-fastapi-cache"] for _ in range(8)} == {"HIT"}


@pytest.mark.services
@pytest.mark.slow
def test_workers_share_the_metrics(edge: httpx.Client, stack: Stack) -> None:
    for _ in range(6):
        edge.get("/v1/leads/999999")
    counted = r'http_request_duration_seconds_count\{method="GET",route="/v1/leads/\{lead_id\}",status="404"\} (\S+)'
    assert {float(value) for _ in range(4) for value in re.findall(counted, scrape(stack))} == {6.0}


@pytest.mark.services
@pytest.mark.slow
def test_the_model_summarises_and_its_tokens_are_counted(edge: httpx.Client, stack: Stack) -> None:
    assert summarised(edge, "tom@example.com") == {"summary": "A good lead."}
    assert re.search(r'language_model_tokens_total\{kind="prompt",tenant="\w{12}"\} (7|14)\.0', scrape(stack))


@pytest.mark.services
@pytest.mark.slow
def test_the_worker_delivers_what_was_announced(edge: httpx.Client, stack: Stack) -> None:
    edge.post("/v1/leads", json={"name": "Una", "email": "una@example.com"})
    event = {"kind": "lead.created", "payload": {"tenant": 1, "email": "una@example.com"}}
    deadline = time.monotonic() + 20
    while ("/events", event) not in stack.received:
        assert time.monotonic() < deadline, stack.received
        time.sleep(0.1)


@pytest.mark.services
@pytest.mark.slow
def test_alerts_and_dashboard_ask_for_metrics_that_exist(edge: httpx.Client, stack: Stack) -> None:
    summarised(edge, "tim@example.com")
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "leads.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked.append((DEPLOY / "prometheus" / "alerts.yml").read_text())
    names = {name for text in asked for name in re.findall(r"\b(\w+)(?:\{|\[|\))", text) if "_" in name}
    known = scrape(stack)
    assert {name for name in names if name not in known and not EXPORTED_BY_OTHERS.fullmatch(name)} == set()


@pytest.mark.services
@pytest.mark.slow
def test_agents_reach_their_socket_through_nginx(edge: httpx.Client, stack: Stack) -> None:
    lead = edge.post("/v1/leads", json={"name": "Eve", "email": "eve@example.com"}).json()["id"]
    url = f"wss://{HOST}:{stack.https}/v1/agents/claims"
    authorization = {"Authorization": f"Bearer {stack.key}"}
    with connect(
        url, address=(LOOPBACK, stack.https), ssl=unverified(), additional_headers=authorization, proxy=None
    ) as socket:
        socket.send(json.dumps({"claim": lead}))
        assert json.loads(socket.recv()) == {"lead": lead, "granted": True}


@pytest.mark.services
@pytest.mark.slow
def test_the_stack_logs_json_and_stops_on_sigterm(stack: Stack) -> None:
    """Last in the file: it ends the stack."""
    assert stack.stop_gunicorn() < 10
    time.sleep(0.1)
    lines = [json.loads(line) for line in stack.log.read_text().splitlines()]
    events = Counter(line["event"] for line in lines)
    assert events["Application startup complete."] == 2
    assert events["Application shutdown complete."] == 2
    assert events["unhandled_error"] == 0
