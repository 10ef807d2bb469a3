"""The latency of applications with a known behaviour, against what their servers recorded themselves."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fastapi_audit.evidence.live import Live
from fastapi_audit.evidence.live.experiments.measured_latency import MeasuredLatency
from fastapi_audit.evidence.live.latency import Pace, Planned, Sample, Sampling, histogram, sample
from fastapi_audit.evidence.live.launch import Launch, launched
from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.statistics import quantile
from fastapi_audit.evidence.project import probed
from fastapi_audit.model import Verdict

RECORDING = """
import asyncio, time
from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

app = FastAPI()
record = {}
served = 0


class Record:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        await self.app(scope, receive, send)
        if scope["type"] == "http":
            record.setdefault(scope["path"], []).append((time.perf_counter() - begun) * 1000)


app.add_middleware(Record)


@app.get("/record")
async def recorded() -> dict[str, list[float]]:
    return record


@app.get("/fixed")
async def fixed() -> str:
    await asyncio.sleep(0.03)
    return "ok"


@app.get("/tail")
async def tail() -> str:
    global served
    served += 1
    await asyncio.sleep(0.12 if served % 100 < 6 else 0.02)
    return "ok"


@app.get("/stall")
async def stall() -> str:
    global served
    served += 1
    if served % 150 == 0:
        time.sleep(0.5)
    await asyncio.sleep(0.005)
    return "ok"


@app.get("/failing")
async def failing() -> Response:
    global served
    served += 1
    return Response(status_code=503 if served % 5 == 0 else 404)


@app.get("/endless")
async def endless() -> str:
    await asyncio.sleep(60)
    return "never"
"""

URL = "http://127.0.0.1:{}{}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "main.py").write_text(RECORDING)
    with launched(Launch("main:app", tmp_path, options=("--log-level", "warning"))) as server:
        assert server.started, server.log
        yield server.port


def target(_operation: str | None) -> Target:
    return Target()


def always() -> bool:
    return True


def sampled(port: int, path: str, pace: Pace, permitted: Callable[[], bool] = always) -> Sampling:
    planned = [Planned(f"GET {path}", "GET", URL.format(port, path))]
    return asyncio.run(sample(planned, pace, permitted))


def recorded(port: int, path: str) -> list[float]:
    record: list[float] = httpx.get(URL.format(port, "/record"), trust_env=False).json()[path]
    return sorted(record)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "slowest_ms"), [("/fixed", 30), ("/tail", 120)])
def test_the_95th_percentile_is_never_less_than_the_one_that_the_server_recorded(
    server: int, path: str, slowest_ms: float
) -> None:
    [whole, operation] = sampled(server, path, Pace(rate=100, requests=600, warm_up=0)).rows(target)

    truth = recorded(server, path)
    assert operation.operation == f"GET {path}"
    assert operation.samples == len(truth) == 600
    assert operation.p95_ms == whole.p95_ms
    assert operation.p95_ms >= quantile(truth, 0.95) >= slowest_ms
    assert operation.p50_ms >= quantile(truth, 0.5)


@pytest.mark.slow
def test_an_answer_on_a_kept_connection_does_not_wait_for_an_acknowledgement(server: int) -> None:
    with httpx.Client(trust_env=False) as client:
        seconds = [client.get(URL.format(server, "/fixed")).elapsed.total_seconds() for _ in range(60)]

    # The kernel acknowledges the first segments of a connection at once; later ones it holds back for 40 ms.
    assert quantile(sorted(seconds[30:]), 0.5) < 0.06


@pytest.mark.slow
def test_a_stall_that_a_closed_loop_hides_is_seen(server: int) -> None:
    with httpx.Client(trust_env=False) as client:
        url = URL.format(server, "/stall")
        closed = sorted(client.get(url).elapsed.total_seconds() * 1000 for _ in range(450))
    # Whatever else the machine does: it is the service that stalls.
    [whole, _] = replace(sampled(server, "/stall", Pace(rate=200, requests=900)), late=0.0).rows(target)

    assert closed[-1] > 500
    assert whole.p95_ms > 200
    assert whole.p95_ms > 2 * quantile(closed, 0.95)
    assert whole.p95_verdict is Verdict.FAIL


@pytest.mark.slow
def test_a_server_error_is_an_error_and_a_refusal_is_not(server: int) -> None:
    [whole, _] = sampled(server, "/failing", Pace(rate=200, requests=300, warm_up=0)).rows(target)

    assert whole.errors == 60
    assert whole.error_verdict is Verdict.FAIL


def test_a_server_that_never_answers_ends_in_errors_of_the_time_limit(server: int) -> None:
    begun = time.monotonic()
    sampling = sampled(server, "/endless", Pace(rate=50, requests=20, warm_up=0, timeout_s=0.5))

    assert time.monotonic() - begun < 10
    assert [each.status for each in sampling.samples] == [None] * 20
    assert min(each.seconds for each in sampling.samples) >= 0.5


def test_nothing_is_sent_that_is_not_permitted(server: int) -> None:
    left = iter([True] * 8)
    sampling = sampled(server, "/fixed", Pace(rate=100, requests=100), lambda: next(left, False))

    assert not sampling.complete
    assert len(sampling.samples) == 5
    assert len(recorded(server, "/fixed")) == 8


def loaded(*operations: Callable[[float], float], status: int = 200, alone: float | None = None) -> Sampling:
    """Twenty seconds, fifty requests each, of operations that take what they say of the time."""
    names = [f"GET /{number}" for number in range(len(operations))]
    moments = [number / 50 for number in range(1000)]
    return Sampling(
        tuple(
            Sample(names[number % len(names)], operations[number % len(names)](at), 0.0, status, at)
            for number, at in enumerate(moments)
        ),
        complete=True,
        alone={} if alone is None else dict.fromkeys(names, alone),
    )


def verdicts(sampling: Sampling) -> dict[str | None, Verdict]:
    return {row.operation: row.p95_verdict for row in sampling.rows(lambda _: Target())}


def steady(_: float) -> float:
    return 0.02


def slow(_: float) -> float:
    return 0.3


def one_stall(at: float) -> float:
    return max(0.02, 11.5 - at) if 10 <= at < 11.5 else 0.02


def stalls(at: float) -> float:
    return 0.02 + max(0.0, 0.5 - at % 4)


def slow_tail(at: float) -> float:
    return 0.3 if round(at * 50) % 17 < 2 else 0.02


def test_one_stall_decides_nothing_however_many_requests_waited_for_it() -> None:
    assert set(verdicts(loaded(one_stall, one_stall)).values()) == {Verdict.INCONCLUSIVE}
    assert verdicts(loaded(slow_tail))["GET /0"] is Verdict.FAIL
    assert verdicts(loaded(stalls))["GET /0"] is Verdict.FAIL


def test_what_is_slow_together_is_told_from_what_is_slow_alone() -> None:
    def held_up(*operations: Callable[[float], float]) -> frozenset[str]:
        return loaded(*operations).held_up(lambda _: Target())

    assert held_up(stalls, stalls, stalls) == {"GET /0", "GET /1", "GET /2"}
    assert held_up(steady, slow_tail, steady) == frozenset()
    assert held_up(slow, slow) == frozenset()


def test_what_is_quick_alone_and_slow_under_load_is_slow_together() -> None:
    assert loaded(slow, slow, alone=0.02).held_up(lambda _: Target()) == {"GET /0", "GET /1"}
    assert loaded(slow, slow, alone=0.3).held_up(lambda _: Target()) == frozenset()


def test_a_machine_that_is_late_itself_blames_no_operation_that_is_quick_alone() -> None:
    def judged(alone: float, late: float) -> Verdict:
        return verdicts(replace(loaded(slow, slow, alone=alone), late=late))["GET /0"]

    assert judged(alone=0.02, late=0.05) is Verdict.INCONCLUSIVE
    assert judged(alone=0.02, late=0.002) is judged(alone=0.3, late=0.05) is Verdict.FAIL


def test_what_could_not_be_judged_is_told_beside_the_verdicts() -> None:
    row = next(loaded(slow).rows(lambda _: Target()))
    live = Live("http://127.0.0.1:8000", {MeasuredLatency: (MeasuredLatency(row, unjudged="too busy"),)})

    assert [(each.kind, each.message) for each in probed(live, "leads").unresolved] == [("latency", "too busy")]


def test_one_failure_decides_nothing_however_small_the_target() -> None:
    def judged(*failing: int) -> Verdict:
        samples = tuple(Sample("GET /0", 0.02, 0.0, 503 if each in failing else 200, each / 5) for each in range(50))
        (_, own) = Sampling(samples, complete=True).rows(lambda _: Target())
        return own.error_verdict

    assert judged(20) is judged(20, 21) is Verdict.INCONCLUSIVE
    assert judged(20, 40) is Verdict.FAIL


def test_refusals_pass_no_target() -> None:
    assert set(verdicts(loaded(steady, status=404)).values()) == {Verdict.INCONCLUSIVE}
    assert set(verdicts(loaded(steady)).values()) == {Verdict.PASS}


def test_few_samples_decide_nothing() -> None:
    assert list(Sampling((), complete=True).rows(target)) == []


def test_a_histogram_counts_every_sample_below_its_bound() -> None:
    classes = list(histogram([1.0, 1.0, 1.1, 8.0]))

    assert [bound for bound, count in classes if count] == [1.0, pytest.approx(1.189, abs=0.001), 8.0]
    assert sum(count for _, count in classes) == 4
    assert list(histogram([])) == []


def test_what_a_limit_refuses_passes_no_target_and_is_named() -> None:
    samples = tuple(Sample("GET /0", 0.02, 0.0, 200 if each < 30 else 429, each / 50) for each in range(500))

    (_, own) = Sampling(samples, complete=True).rows(lambda _: Target(errors=0.01))

    lift = "lift the limit of the service for the probe, or set a lower `rate`"
    assert own.p95_verdict is own.error_verdict is Verdict.INCONCLUSIVE
    assert own.p95_reason == f"30 of 500 requests went well, and fewer than 72 bound no P95: {lift}"
    assert own.error_reason == (
        "0 of 30 requests failed, 470 more were refused, which leaves up to 9.5 % possible; 299 without a failure "
        f"would decide: {lift}"
    )


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (None, "no request went well (no answer)"),
        (503, "no request went well (503)"),
        (404, "no request went well (404): give credentials with --header-file, or arguments in the configuration"),
    ],
)
def test_what_never_goes_well_passes_no_target(status: int | None, why: str) -> None:
    samples = tuple(Sample("GET /0", 0.02, 0.0, status, each / 50) for each in range(500))

    (_, own) = Sampling(samples, complete=True).rows(lambda _: Target())

    assert (own.p95_verdict, own.p95_reason) == (Verdict.INCONCLUSIVE, why)


def test_few_requests_and_an_interval_about_the_target_are_told_apart() -> None:
    def told(count: int, target_ms: float) -> str:
        samples = tuple(Sample("GET /0", 0.001 * each, 0.0, 200, each / 5) for each in range(count))
        (_, own) = Sampling(samples, complete=True).rows(lambda _: Target(p95_ms=target_ms))
        return own.p95_reason

    raised = "raise --max-requests and --max-time"
    assert told(60, 200) == f"60 requests went well, and fewer than 72 bound no P95: {raised}"
    assert told(200, 190) == f"the target lies within its 95 % interval: {raised}"
    assert told(200, 500) == ""


def test_a_target_without_any_error_is_never_decided_by_requests() -> None:
    samples = tuple(Sample("GET /0", 0.02, 0.0, 200, each / 50) for each in range(500))

    (_, own) = Sampling(samples, complete=True).rows(lambda _: Target(errors=0.0))

    assert own.error_reason == "0 of 500 requests failed, which leaves up to 0.6 % possible"
