"""The six figures, from texts as the exporters write them."""

import math
from collections.abc import Mapping

import pytest

from fastapi_audit.evidence.live.figures import Figure, figures, timings
from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.scraping import Reading, read
from fastapi_audit.model import Verdict

EMPTY = read("# TYPE up gauge\nup 1\n")


def histogram(name: str, below: Mapping[str, int], labels: str = "") -> str:
    lines = "".join(f'{name}_bucket{{{labels}le="{edge}"}} {count}\n' for edge, count in below.items())
    return f"# TYPE {name} histogram\n{lines}"


def figure(name: str, *readings: Reading) -> Figure:
    return next(each for each in figures([EMPTY, *readings], Target()) if each.name == name)


@pytest.mark.parametrize(
    ("text", "verdict", "low", "high"),
    [
        # instrumentator 8, whose default edges leave out 0.2 s
        (
            histogram("http_request_duration_highr_seconds", {"0.1": 400, "0.25": 1000, "+Inf": 1000}),
            None,
            100,
            250,
        ),
        (
            histogram("http_request_duration_highr_seconds", {"0.1": 990, "0.25": 1000, "+Inf": 1000}),
            Verdict.PASS,
            0,
            100,
        ),
        (
            histogram("http_request_duration_highr_seconds", {"0.1": 400, "0.25": 800, "+Inf": 1000}),
            Verdict.FAIL,
            250,
            math.inf,
        ),
        # starlette_exporter
        (
            histogram("starlette_request_duration_seconds", {"0.2": 1000, "+Inf": 1000}, 'path="/a",'),
            Verdict.PASS,
            0,
            200,
        ),
        # a bucket whose edge is no number
        (histogram("http_request_duration_seconds", {"many": 7, "0.2": 1000, "+Inf": 1000}), Verdict.PASS, 0, 200),
        # OpenTelemetry
        (
            histogram("http_server_duration_milliseconds", {"100": 0, "250": 1000, "+Inf": 1000}, 'http_target="/a",'),
            None,
            100,
            250,
        ),
        (
            histogram(
                "http_server_request_duration_seconds", {"0.2": 0, "0.5": 1000, "+Inf": 1000}, 'http_route="/a",'
            ),
            Verdict.FAIL,
            200,
            500,
        ),
    ],
)
def test_p95_lies_between_the_edges_of_its_bucket(text: str, verdict: Verdict | None, low: float, high: float) -> None:
    p95 = figure("p95_ms", read(text))

    assert p95.verdict is verdict
    assert [p95.low, p95.high] == pytest.approx([low, high])


def test_few_requests_decide_nothing_even_with_an_edge_at_the_target() -> None:
    p95 = figure("p95_ms", read(histogram("http_request_duration_seconds", {"0.2": 19, "+Inf": 20})))

    assert p95.verdict is Verdict.INCONCLUSIVE


def test_the_histogram_with_an_edge_at_the_target_decides() -> None:
    text = histogram("http_request_duration_highr_seconds", {"0.1": 0, "0.25": 1000, "+Inf": 1000})
    text += histogram("http_request_duration_seconds", {"0.2": 980, "0.5": 990, "+Inf": 990}, 'handler="/a",')

    p95 = figure("p95_ms", read(text))

    assert (p95.verdict, p95.source) == (Verdict.PASS, "http_request_duration_seconds")


def test_requests_to_other_services_and_jobs_are_not_the_requests_that_are_answered() -> None:
    text = histogram("http_client_request_duration_seconds", {"0.2": 5, "+Inf": 9})
    text += histogram("job_request_wait_seconds", {"0.2": 5, "+Inf": 9})

    assert timings([EMPTY, read(text)]) == ()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('# TYPE http_requests counter\nhttp_requests_total{status="2xx"} 9000\n', Verdict.PASS),
        ('# TYPE http_requests counter\nhttp_requests_total{status="2xx"} 900\n', Verdict.INCONCLUSIVE),
        (
            (
                "# TYPE starlette_requests counter\n"
                'starlette_requests_total{status_code="200"} 900\nstarlette_requests_total{status_code="500"} 90\n'
            ),
            Verdict.FAIL,
        ),
        ("# TYPE http_requests counter\nhttp_requests_total 9000\n", None),
    ],
)
def test_errors_are_counted_by_status(text: str, verdict: Verdict | None) -> None:
    assert figure("error_share", read(text)).verdict is verdict


@pytest.mark.parametrize(
    ("text", "used", "verdict"),
    [
        ('database_pool_in_use{{pool="a"}} {}\ndatabase_pool_capacity{{pool="a"}} 10\n', (9, 9), Verdict.FAIL),
        ("database_pool_in_use {}\ndatabase_pool_capacity 10\n", (2, 3), Verdict.PASS),
        ("database_pool_in_use {}\ndatabase_pool_capacity 10\n", (2, 10), Verdict.INCONCLUSIVE),
        ('db_client_connections_usage{{state="used"}} {}\ndb_client_connections_max 5\n', (5, 5), Verdict.FAIL),
        ('db_client_connections_usage{{state="idle"}} {}\ndb_client_connections_max 5\n', (5, 5), None),
        ("database_pool_in_use {}\n", (9, 9), None),
        ("thread_pool_in_use {}\nthread_pool_size 10\n", (9, 9), None),
    ],
)
def test_a_pool_is_full_when_two_scrapes_say_so(text: str, used: tuple[int, int], verdict: Verdict | None) -> None:
    assert figure("pool_share", *(read(text.format(each)) for each in used)).verdict is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (
            (
                "# TYPE redis_keyspace_hits counter\nredis_keyspace_hits_total 999\n"
                "# TYPE redis_keyspace_misses counter\nredis_keyspace_misses_total 1\n"
            ),
            Verdict.PASS,
        ),
        (
            (
                "# TYPE cache_lookups counter\n"
                'cache_lookups_total{outcome="hit"} 10\ncache_lookups_total{outcome="miss"} 190\n'
            ),
            Verdict.FAIL,
        ),
        ('# TYPE cache_lookups counter\ncache_lookups_total{outcome="miss"} 3\n', Verdict.INCONCLUSIVE),
        ("# TYPE cache_entries gauge\ncache_entries 3\n", None),
        ("# TYPE mission counter\nmission_total 300\n", None),
    ],
)
def test_a_cache_is_judged_by_what_hit_during_the_load(text: str, verdict: Verdict | None) -> None:
    assert figure("cache_hit_share", read(text)).verdict is verdict


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        (
            "requests_by_client",
            '# TYPE r counter\nr_total{tenant="a"} 1\n',
            "r_total",
        ),
        ("requests_by_client", '# TYPE r counter\nr_total{path="/a"} 1\n', ""),
        (
            "tokens",
            '# TYPE gen_ai_client_token_usage histogram\ngen_ai_client_token_usage_count{kind="input"} 1\n',
            "gen_ai_client_token_usage_count",
        ),
        ("tokens", "# TYPE model_tokens counter\nmodel_tokens_total 9\n", "model_tokens_total"),
        ("tokens", "# TYPE refresh_tokens_issued counter\nrefresh_tokens_issued_total 9\n", ""),
    ],
)
def test_a_figure_without_a_target_is_there_or_not(name: str, text: str, source: str) -> None:
    found = figure(name, read(text))

    assert (found.source, found.verdict) == (source, Verdict.PASS if source else None)


def test_nothing_exported_is_six_times_not_measurable_with_a_reason() -> None:
    told = list(figures([EMPTY, EMPTY], Target()))

    assert [each.name for each in told] == [
        "p95_ms",
        "error_share",
        "pool_share",
        "cache_hit_share",
        "requests_by_client",
        "tokens",
    ]
    assert all(each.verdict is None and each.reason for each in told)
