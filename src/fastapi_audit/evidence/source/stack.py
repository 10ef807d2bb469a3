"""What a middleware is for, and so where in the stack it belongs."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.code import Call, Expression, Function

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.composition import Middleware

ROLES = ("proxy", "observing", "cors", "host", "session", "refusing", "other", "compressing")
"""Outermost first. `refusing` answers some requests itself with an error, `observing` logs, measures or names them."""

_KNOWN = {
    "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware": "proxy",
    "starlette.middleware.cors.CORSMiddleware": "cors",
    "starlette.middleware.trustedhost.TrustedHostMiddleware": "host",
    "starlette.middleware.httpsredirect.HTTPSRedirectMiddleware": "host",
    "starlette.middleware.sessions.SessionMiddleware": "session",
    "starlette.middleware.authentication.AuthenticationMiddleware": "refusing",
    "slowapi.middleware.SlowAPIMiddleware": "refusing",
    "slowapi.middleware.SlowAPIASGIMiddleware": "refusing",
    "starlette.middleware.gzip.GZipMiddleware": "compressing",
    "brotli_asgi.BrotliMiddleware": "compressing",
    "asgi_correlation_id.CorrelationIdMiddleware": "observing",
    "asgi_correlation_id.middleware.CorrelationIdMiddleware": "observing",
    "starlette_context.middleware.RawContextMiddleware": "observing",
    "starlette_context.middleware.ContextMiddleware": "observing",
    "starlette_prometheus.PrometheusMiddleware": "observing",
    "starlette_exporter.PrometheusMiddleware": "observing",
    "prometheus_fastapi_instrumentator.middleware.PrometheusInstrumentatorMiddleware": "observing",
    "opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware": "observing",
    "sentry_sdk.integrations.asgi.SentryAsgiMiddleware": "observing",
}
_OBSERVING = re.compile(
    r"(?<![a-z])(access_?)?log(ging|ger|s)?(?![a-z])|logging|request_?id|correlation|metrics|telemetry|timing|prometheus"
    r"|process_time|trac(e|ing)(?![a-z])",
    re.IGNORECASE,
)
_STATUS = re.compile(r"\.HTTP_(\d{3})_\w+$")
LOWEST_ERROR = 400


def role_of(middleware: "Middleware") -> str:
    """One of `ROLES`."""
    known = next((role for name, role in _KNOWN.items() if middleware.is_a(name)), None)
    if known is not None:
        return known
    if any(refusals(function) for function in middleware.functions):
        return "refusing"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", middleware.name.rpartition(".")[2])
    return "observing" if _OBSERVING.search(words) and middleware.functions else "other"


def refusals(function: Function) -> frozenset[int]:
    """The error statuses that a middleware answers with itself; not those for what failed further inside."""
    made = {status_of(c) or 0 for c in function.calls if not _answers_failure(c)}
    through = {s for c in function.calls if c.returned and c.target is not None for s in _only_errors(c.target)}
    return frozenset(status for status in made | through if status >= LOWEST_ERROR)


def _only_errors(function: Function) -> set[int]:
    given = [(status_of(g) or 0) if isinstance(g, Call) else 0 for g in function.returned_expressions]
    return set(given) if min(given, default=0) >= LOWEST_ERROR else set()


def _answers_failure(call: Call) -> bool:
    """Whether it stands in an `except` around the rest of the stack."""
    handler = call.handler
    if handler is None:
        return False
    attempt = next((s for s in call.body.statements_of("try") if handler in s.handlers), None)
    inside = [c for child in (attempt.children if attempt else []) for c in child.calls]
    return any(c.method in {"call_next", "app"} for c in inside)


def status_of(response: Call) -> int | None:
    """The status that a call of a response class is given; 200 without one, `None` for anything else."""
    if not response.method.endswith("Response"):
        return None
    given = response.argument("status_code", 1)
    if given is None:
        return 200
    return next(_statuses(given), None)


def _statuses(given: Expression) -> Iterator[int]:
    if isinstance(given.constant, int):
        yield given.constant
    named = _STATUS.search(given.name or "")
    if named is not None:
        yield int(named[1])
