"""Which paths an orchestrator asks for."""

import pytest

from fastapi_audit.evidence.source.probing import probe_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/health", "health"),
        ("/api/v1/health-check/", "health"),
        ("/health/liveliness", "liveness"),
        ("/livez", "liveness"),
        ("/api/v2/ready", "readiness"),
        ("/orders/ready", None),
        ("/streams/live", None),
        ("/health/{service}", None),
        ("/healthcare", None),
    ],
)
def test_the_path_tells_the_probe(path: str, kind: str | None) -> None:
    assert probe_of(path) == kind
