"""What the path of a route says of the probe that asks for it."""

import re

_AROUND = re.compile(r"api|v\d+|_?health\w*|probes?|internal|system|status|kube|k8s|monitor\w*|-|_", re.IGNORECASE)
"""What stands before `live` or `ready` when they speak of the service and not of a stream or an order."""

_KINDS = (
    ("liveness", re.compile(r"(is[-_]?)?(livez?|liveness|liveliness|alive)", re.IGNORECASE)),
    ("readiness", re.compile(r"(is[-_]?)?(readyz?|readiness)", re.IGNORECASE)),
    ("health", re.compile(r"_{0,2}health(z|y)?|health[-_]?checks?|heartbeat", re.IGNORECASE)),
)


def probe_of(path: str) -> str | None:
    """`liveness`, `readiness`, or `health` where the path says no more; `None` for every other path."""
    if "{" in path:
        return None
    *before, last = path.strip("/").split("/")
    for kind, pattern in _KINDS:
        if pattern.fullmatch(last) and (kind == "health" or all(_AROUND.fullmatch(b) for b in before)):
            return kind
    return None
