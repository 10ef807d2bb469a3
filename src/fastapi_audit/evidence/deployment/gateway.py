"""Whether something in front of the service limits how often it may be called."""

import re
from collections.abc import Callable, Sequence

MOST = 400
NAMES = re.compile(r"(?:\.conf|\.conf\.template|\.ya?ml|\.toml|\.tf|\.vcl|\.json|Caddyfile[^/]*)$")
FOLDERS = re.compile(
    r"nginx|traefik|caddy|haproxy|envoy|kong|ingress|gateway|istio|helm|chart|k8s|kube|deploy|infra|compose|terraform"
)
LIMITS = re.compile(
    r"^\s*limit_req\b|^\s*limit_req_zone\b|nginx\.ingress\.kubernetes\.io/limit-r|traefik[\w.]*\.ratelimit\.|^\s*-?\s*rateLimit:"
    r"|^\s*rate_limit\b|envoy\.filters\.http\.(?:local_)?ratelimit|stick-table .*http_req_rate|name:\s*rate-limiting"
    r"|aws_wafv2_|rate_based_statement|kind:\s*(?:BackendTrafficPolicy|RateLimitPolicy)",
    re.MULTILINE | re.IGNORECASE,
)


def limiting_file(paths: Sequence[str], text: Callable[[str], str | None]) -> str | None:
    """The path of the first file that limits rates at a proxy, ingress or firewall; `None` when none does."""
    chosen = [p for p in paths if NAMES.search(p) and FOLDERS.search(p.lower())][:MOST]
    return next((p for p in chosen if LIMITS.search(text(p) or "")), None)
