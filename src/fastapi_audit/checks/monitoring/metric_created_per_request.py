"""Metric created while a request runs

A Prometheus metric registers itself under its name. Creating it again raises `ValueError: Duplicated timeseries`, so
the first request succeeds and every later one answers 500.

## Use instead
One metric at module level; give its labels in the handler.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Metric
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

ONCE = ("functools.lru_cache", "functools.cache")
CONTEXTS = frozenset(
    {"route", "dependency", "middleware", "websocket", "exception-handler", "stream", "background-task"}
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://prometheus.github.io/client_python/collector/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_client import Counter

            app = FastAPI()


            def count(name: str) -> None:
                Counter("leads_total", "Leads", ["name"]).labels(name).inc()  # finding


            @app.post("/leads")
            def create() -> None:
                count("lead")
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import REGISTRY, Counter

            app = FastAPI()


            def counter(name: str) -> Counter:
                known = REGISTRY._names_to_collectors.get(name)
                if known is not None:
                    return known
                return Counter(name, "Made once")


            @app.get("/")
            def read() -> int:
                counter("reads_total").inc()
                return 1
            """
        ),
        Good(
            """
            from functools import cache

            from fastapi import FastAPI
            from prometheus_client import CollectorRegistry, Counter, Gauge

            LEADS = Counter("leads_total", "Leads", ["name"])
            app = FastAPI()
            gauge = None


            @cache
            def errors() -> Counter:
                return Counter("errors_total", "Errors")


            @app.post("/leads")
            def create() -> None:
                global gauge
                if gauge is None:
                    gauge = Gauge("size", "Size")
                LEADS.labels("lead").inc()
                errors().inc()
                Counter("batch", "Batch", registry=CollectorRegistry()).inc()
            """
        ),
    ],
)


@rule.check
def created_again(metric: Metric) -> Iterator[Finding]:
    call, function = metric.call, metric.call.function
    if function is None or metric.kind.startswith("create_") or "registry" in call.keywords:
        return
    way = next((w for w in function.ways if w.context in CONTEXTS), None)
    if way is None or call.conditions or call.tries or any(f.is_decorated(*ONCE) for f in way.chain):
        return
    if any(s.location < call.location and s.conditions for s in function.statements_of("return")):
        return  # what is there already was given back before
    yield call.finding(
        f"`{metric.name or call.text}` is created by every request ({way.arrow()}): the second one raises `Duplicated "
        "timeseries`. Create it once, at module level.",
        trace=way.trace(call),
        operation=way.operation,
    )


@rule.proof(needs=("prometheus-client",))
def the_second_request_fails(bad: Served) -> None:
    """Only the first request succeeds."""
    assert [bad.post("/leads").status_code for _ in range(3)] == [200, 500, 500]
