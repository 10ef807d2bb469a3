"""No histogram bucket at the latency target

The checklist's target is P95 below 200 ms. A histogram only knows how many requests stayed below its bucket edges, and
no default has an edge at 0.2 s: measured, a true P95 of 110, 190 or 240 ms all read 242 ms. Whether the target is met
cannot be told from such a histogram.

## Use instead
An edge at the target: `instrument(app, latency_lowr_buckets=(0.1, 0.2, 0.5, 1))`, `Histogram(…, buckets=(…, 0.2, …))`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, ExportedMetrics, Metric, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Refutation, Rule, Served, Severity, Undecided

TARGET = 0.2
INSTRUMENT = "prometheus_fastapi_instrumentator.Instrumentator.instrument"
OF_REQUESTS = re.compile(
    r"request.*(duration|latency|seconds|time)|(duration|latency|response_time).*(request|http|api)|^(http_)?latency"
)
PLACES = frozenset({"path", "route", "endpoint", "handler", "url", "uri", "path_template", "http_route", "resource"})
"""Labels by which a histogram tells the places of an HTTP interface apart; others time a queue, a job, a client."""
BUCKETS = ("buckets", "latency_lowr_buckets", "latency_highr_buckets")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://prometheus.io/docs/practices/histograms/#errors-of-quantile-estimation"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app).expose(app)  # finding


            @app.get("/")
            def root() -> str:
                return "hello"
            """,
            fixed="""
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app, latency_lowr_buckets=(0.1, 0.2, 0.5, 1)).expose(app)


            @app.get("/")
            def root() -> str:
                return "hello"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_client import Histogram

            app = FastAPI()
            SECONDS = Histogram("http_request_duration_seconds", "Duration", ["route"])  # finding
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app, latency_lowr_buckets=(0.1, 0.2, 0.5, 1)).expose(app)


            @app.get("/leads")
            def leads() -> list[str]:
                return ["Ada"]
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import Histogram

            app = FastAPI()
            SECONDS = Histogram("http_request_duration_seconds", "Duration", ["route"], buckets=(0.1, 0.2, 0.5, 1))
            QUEUE = Histogram("queue_wait_seconds", "Waiting")
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import Histogram

            app = FastAPI()
            PENDING = Histogram("request_pending_seconds", "From creation to the first run", ["name"], buckets=(1, 60))
            STORE = Histogram("store_request_latency_seconds", "Latency of the store", ["method"])
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator, metrics

            EDGES = (0.05, 0.1, 0.2, 0.5)
            app = FastAPI()
            Instrumentator().add(metrics.latency(buckets=EDGES)).instrument(app).expose(app)
            """
        ),
    ],
)


@rule.check(of=[INSTRUMENT])
def instrumentators(call: Call, project: Project) -> Iterator[Finding]:
    if not is_measurable(project):
        edit = call.keyword_edit("latency_lowr_buckets", "(0.1, 0.2, 0.5, 1)")
        yield call.finding(
            "The default buckets have no edge at 0.2 s, so nobody can tell whether P95 stays below 200 ms. Add one.",
            fix=Fix("Add an edge at 0.2 s", (edit,), safe=True),
        )


@rule.check
def histograms(metric: Metric, project: Project) -> Iterator[Finding]:
    if is_of_requests(metric) and not is_measurable(project):
        yield metric.call.finding(
            f"`{metric.name}` has no bucket edge at 0.2 s, so nobody can tell whether P95 stays below 200 ms. Add one."
        )


def is_of_requests(metric: Metric) -> bool:
    """Whether it times the requests that this service answers."""
    if metric.kind != "Histogram" or not OF_REQUESTS.search(metric.name):
        return False
    return metric.name.startswith("http_") or not PLACES.isdisjoint(metric.labels)


def is_measurable(project: Project) -> bool:
    """Whether any histogram of the project has an edge at the target, or one whose edges are not known."""
    calls = [m.call for m in project.source.metrics if m.kind == "Histogram" and OF_REQUESTS.search(m.name)]
    calls += project.source.calls_to(INSTRUMENT, "prometheus_fastapi_instrumentator.metrics.*")
    return any(
        edges is ... or (isinstance(edges, list) and (TARGET in edges or ... in edges))
        for call in calls
        for name in BUCKETS
        if (given := call.keywords.get(name)) is not None
        for edges in [given.constant]
    )


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Finding | Refutation | Undecided]:
    if not metrics.timings or metrics.scrape is None:
        yield Undecided(metrics.unreadable or "no histogram of request durations moved during the load")
        return
    target, seen = f"{metrics.target_ms:g} ms", metrics.scrape.observation("what Prometheus reads")
    if deciding := next((each for each in metrics.timings if each.measures(metrics.target_ms)), None):
        yield Refutation(f"`{deciding.name}` has a bucket edge at the target of {target}.", observations=(seen,))
        return
    fullest = metrics.timings[0]
    yield Finding(
        f"`{fullest.name}` has no bucket edge at the target of {target}, so nobody can tell whether P95 stays below it. Add one.",
        observations=(seen,),
    )


@rule.proof(needs=("prometheus-fastapi-instrumentator",))
def no_series_has_an_edge_at_the_target(bad: Served) -> None:
    """Nothing that is scraped tells how many requests stayed below 200 ms."""
    bad.get("/")
    scraped = bad.get("/metrics").text
    assert "http_request_duration_seconds_bucket" in scraped
    assert 'le="0.2"' not in scraped
