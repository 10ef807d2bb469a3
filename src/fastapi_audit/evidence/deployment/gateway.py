"""Whether something in front of the service limits how often it may be called."""

import re
from collections.abc import Callable, Iterator, Sequence

from fastapi_audit.evidence.deployment.deployment import Deployment

MOST = 400
NAMES = re.compile(r"(?:\.conf|\.conf\.template|\.ya?ml|\.toml|\.tf|\.vcl|\.json|Caddyfile[^/]*)$")
FOLDERS = re.compile(
    r"nginx|traefik|caddy|haproxy|envoy|kong|ingress|gateway|istio|helm|chart|k8s|kube|deploy|infra|compose|terraform"
)
LIMITS = re.compile(
    r"^\s*limit_req\b|nginx\.ingress\.kubernetes\.io/limit-r|traefik[\w.]*\.ratelimit\.|^\s*-?\s*rateLimit:"
    r"|^\s*rate_limit\b|envoy\.filters\.http\.(?:local_)?ratelimit|stick-table .*http_req_rate|name:\s*rate-limiting"
    r"|aws_wafv2_|rate_based_statement|kind:\s*(?:BackendTrafficPolicy|RateLimitPolicy)",
    re.MULTILINE | re.IGNORECASE,
)


def limiting_file(deployment: Deployment, paths: Sequence[str], text: Callable[[str], str | None]) -> str | None:
    """The path of the first file that limits rates at a proxy, ingress or firewall; `None` when none does."""
    return next(_limiting(deployment, paths, text), None)


def _limiting(deployment: Deployment, paths: Sequence[str], text: Callable[[str], str | None]) -> Iterator[str]:
    """What is read as a proxy speaks for itself; of other gateways only their text is known."""
    yield from (location.path for location in deployment.proxy_locations if location.limits_requests)
    read = {proxy.path for proxy in deployment.proxies if proxy.complete}
    chosen = [p for p in paths if p not in read and NAMES.search(p) and FOLDERS.search(p.lower())][:MOST]
    yield from (p for p in chosen if LIMITS.search(text(p) or ""))
