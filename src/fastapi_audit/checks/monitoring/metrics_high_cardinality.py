"""Metric label with unbounded values

Every new value of a label makes a new time series, which lives as long as the process and is sent with every scrape:
measured, 5000 different ids in a path give 5000 series and a scrape of 400 kB. A label taken from what callers send
lets anybody fill the memory of the service and of Prometheus; an API key as a label is also a leaked secret. The SDK of
OpenTelemetry stops at 2000: measured, whatever comes later is merged into one series, and the metric says nothing more.
Two exporters do the same when they are told to: `PrometheusMiddleware(group_paths=False)` labels with the path itself,
`Instrumentator(should_group_untemplated=False)` with every path that no route has.

## Use instead
The path template (`request.scope["route"].path` after `call_next`), the status, a tenant from a closed list.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Expression, Middleware
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

RECORDING = [
    f"{maker}.{record}"
    for meter in ("get_meter()", "get_meter_provider().get_meter()")
    for maker, record in (
        (f"{meter}.create_counter()", "add"),
        (f"{meter}.create_up_down_counter()", "add"),
        (f"{meter}.create_histogram()", "record"),
        (f"{meter}.create_gauge()", "set"),
    )
] + ["Counter.add", "UpDownCounter.add", "Histogram.record"]
FREE = re.compile(r"\.(url|headers|query_params|cookies|client)\b")

METRICS = ("Counter", "Gauge", "Histogram", "Summary")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://prometheus.io/docs/practices/naming/#labels"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request, Response
            from prometheus_client import Counter, generate_latest

            app = FastAPI()
            REQUESTS = Counter("requests", "Requests", ["path"])


            @app.middleware("http")
            async def count(request: Request, call_next):
                REQUESTS.labels(path=request.url.path).inc()  # finding
                return await call_next(request)


            @app.get("/items/{number}")
            async def item(number: int) -> int:
                return number


            @app.get("/metrics")
            async def metrics() -> Response:
                return Response(generate_latest())
            """
        ),
        Bad(
            {
                "main.py": """
                from uuid import UUID

                from fastapi import FastAPI

                from metrics import count

                app = FastAPI()


                @app.get("/users/{user_id}")
                async def user(user_id: UUID) -> None:
                    count("user", user_id)
                """,
                "metrics.py": """
                from prometheus_client import Counter

                READS = Counter("reads", "Reads", ["kind", "id"])


                def count(kind: str, id) -> None:
                    READS.labels(kind, str(id)).inc()  # finding
                """,
            }
        ),
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_client import Counter

            app = FastAPI()
            ERRORS = Counter("errors", "Errors", ["error"])


            @app.get("/")
            def root() -> None:
                try:
                    open("/data/file")
                except OSError as error:
                    ERRORS.labels(str(error)).inc()  # finding
                    raise
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from opentelemetry import metrics

            app = FastAPI()
            requests = metrics.get_meter("leads").create_counter("requests")


            @app.middleware("http")
            async def count(request: Request, call_next):
                requests.add(1, {"path": request.url.path, "method": request.method})  # finding
                return await call_next(request)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator
            from starlette_exporter import PrometheusMiddleware

            app = FastAPI()
            app.add_middleware(PrometheusMiddleware, group_paths=False)  # finding
            Instrumentator(should_group_untemplated=False).instrument(app)  # finding
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from opentelemetry import metrics
            from prometheus_fastapi_instrumentator import Instrumentator
            from starlette_exporter import PrometheusMiddleware

            app = FastAPI()
            app.add_middleware(PrometheusMiddleware, app_name="leads")
            Instrumentator(should_group_untemplated=False, should_ignore_untemplated=True).instrument(app)
            meter = metrics.get_meter("leads")
            requests = meter.create_counter("requests")
            seconds = meter.create_histogram("seconds")


            @app.middleware("http")
            async def count(request: Request, call_next):
                response = await call_next(request)
                requests.add(1, {"path": request.scope["route"].path, "status": response.status_code})
                seconds.record(len(request.url.path))
                return response
            """
        ),
        Good(
            """
            from enum import Enum

            from fastapi import FastAPI, Request
            from prometheus_client import Counter

            app = FastAPI()
            REQUESTS = Counter("requests", "Requests", ["path", "method", "status", "kind"])
            ERRORS = Counter("errors", "Errors", ["error"])


            class Kind(str, Enum):
                lead = "lead"


            @app.middleware("http")
            async def count(request: Request, call_next):
                response = await call_next(request)
                route = request.scope["route"]
                REQUESTS.labels(route.path, request.method, response.status_code, "any").inc()
                return response


            @app.get("/items/{kind}")
            async def item(kind: Kind, urgent: bool = False) -> None:
                REQUESTS.labels("/items", "GET", str(urgent), kind.value).inc()
                try:
                    open("/data/file")
                except OSError as error:
                    ERRORS.labels(type(error).__name__).inc()
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_client import Counter

            app = FastAPI()
            REQUESTS = Counter("requests", "Requests", ["city"])


            @app.get("/weather/{city}")
            def weather(city: str) -> str:
                REQUESTS.labels(city).inc()  # finding
                return "sunny"
            """
        ),
    ],
)


@rule.check(of=[f"prometheus_client.{metric}.labels" for metric in METRICS])
def labels(call: Call) -> Iterator[Finding]:
    for label in (*call.arguments, *call.keywords.values()):
        what = unbounded(label)
        if what is not None:
            finding = call.finding(
                f"The label value `{label.text}` is {what}, so the number of time series has no bound. Label with the path "
                "template or a closed list of values."
            )
            yield replace(finding, confidence=_confidence(label, call))
            return


@rule.check(of=[f"opentelemetry.metrics.{made}" for made in RECORDING])
def attributes(call: Call) -> Iterator[Finding]:
    given = call.argument("attributes", 1)
    for _, label in given.items if given is not None else ():
        what = unbounded(label)
        if what is not None:
            finding = call.finding(
                f"The attribute `{label.text}` is {what}: after 2000 values everything else is merged into one series. Use the "
                "path template or a closed list of values.",
                severity=Severity.MEDIUM,
            )
            yield replace(finding, confidence=_confidence(label, call))
            return


@rule.check
def ungrouped(middleware: Middleware) -> Iterator[Finding]:
    if middleware.is_a("starlette_exporter.PrometheusMiddleware") and middleware.constant("group_paths") is False:
        yield middleware.finding(
            "`group_paths=False` labels each request with its path, ids included: every id is a time series of its own. Leave it out."
        )


@rule.check(of=["prometheus_fastapi_instrumentator.Instrumentator"])
def untemplated(call: Call) -> Iterator[Finding]:
    options = call.keywords
    ignored = options.get("should_ignore_untemplated")
    grouped = options.get("should_group_untemplated")
    if grouped is None or grouped.constant is not False or (ignored is not None and ignored.constant is not False):
        return
    yield call.finding(
        "`should_group_untemplated=False` makes a time series of every path that anybody asks for, also of those that no route has. "
        "Leave it out."
    )


def _confidence(label: Expression, user: Expression) -> Confidence:
    """A name that a caller sends may have been looked up before it gets here; a path, a header, an id or an error is free."""
    origin = next(iter(label.origins), None)
    if origin is None or not origin.is_text or FREE.search(origin.what) is not None:
        return Confidence.HIGH
    return Confidence.LOW if origin.is_used_besides(user) else Confidence.MEDIUM


def unbounded(label: Expression) -> str | None:
    origin = next(iter(label.origins), None)
    if origin is not None:
        return f"what the caller sends (`{origin.what}` of `{origin.function.name}`)"
    caught = label.handler.variable if label.handler is not None else None
    texts = [c for c in label.calls if c.name in {"str", "repr"}]
    if caught is not None and (
        any(c.arguments and c.arguments[0].text == caught for c in texts) or label.text == caught
    ):
        return "the text of an exception"
    return None


@rule.proof(needs=("prometheus-client",))
def each_path_is_a_series(bad: Served) -> None:
    """Fifty paths of one route are fifty series."""
    for number in range(50):
        bad.get(f"/items/{number}")
    assert bad.get("/metrics").text.count('requests_total{path="/items/') == 50
