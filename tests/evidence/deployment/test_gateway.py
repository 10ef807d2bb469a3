"""What in front of the service limits how often it may be called."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from fastapi_audit.evidence import Gathering, gather

ZONE = "limit_req_zone $binary_remote_addr zone=address:10m rate=20r/s;"


def gateway(folder: Path, files: Mapping[str, str]) -> str | None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text), encoding="utf-8")
    return gather(Gathering(folder, use_cache=False)).gateway_limit


def nginx(location: str, elsewhere: str = "") -> str:
    return f"http {{ {ZONE} server {{ {elsewhere} location / {{ {location} proxy_pass http://api:8000; }} }} }}\n"


def test_nginx_limits_where_it_passes_requests_on(tmp_path: Path) -> None:
    assert gateway(tmp_path, {"deploy/nginx.conf": nginx("limit_req zone=address burst=40;")}) == "deploy/nginx.conf"


def test_a_limit_is_inherited_by_the_locations_of_a_server(tmp_path: Path) -> None:
    conf = nginx("", elsewhere="limit_req zone=address;")

    assert gateway(tmp_path, {"deploy/nginx.conf": conf}) == "deploy/nginx.conf"


def test_a_zone_that_no_location_uses_limits_nothing(tmp_path: Path) -> None:
    assert gateway(tmp_path, {"deploy/nginx.conf": nginx("")}) is None


def test_a_limit_on_static_files_does_not_reach_the_service(tmp_path: Path) -> None:
    conf = nginx("", elsewhere="location /static/ { limit_req zone=address; root /srv; }")

    assert gateway(tmp_path, {"deploy/nginx.conf": conf}) is None


def test_a_limit_that_is_commented_out_limits_nothing(tmp_path: Path) -> None:
    conf = nginx("").replace("location /", "\n# limit_req zone=address;\nlocation /")

    assert gateway(tmp_path, {"deploy/nginx.conf": conf}) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "k8s/ingress.yaml",
            """
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata:
              name: api
              annotations:
                nginx.ingress.kubernetes.io/limit-rps: "5"
            """,
        ),
        ("traefik/dynamic.yml", "http:\n  middlewares:\n    slow:\n      rateLimit:\n        average: 100\n"),
        (
            "docker-compose.yml",
            'services:\n  api:\n    labels:\n      - "traefik.http.middlewares.slow.ratelimit.average=100"\n',
        ),
        ("deploy/Caddyfile", "example.com {\n  rate_limit {\n    zone a {\n    }\n  }\n  reverse_proxy api:8000\n}\n"),
        ("kong/kong.yml", "plugins:\n  - name: rate-limiting\n"),
        ("infra/waf.tf", 'resource "aws_wafv2_web_acl" "main" {\n}\n'),
    ],
)
def test_other_gateways_are_known_by_their_text(tmp_path: Path, path: str, text: str) -> None:
    assert gateway(tmp_path, {path: text}) == path


@pytest.mark.parametrize("path", ["docs/notes.yml", "deploy/nginx.md", "app/settings.json"])
def test_a_limit_in_any_other_file_is_none(tmp_path: Path, path: str) -> None:
    assert gateway(tmp_path, {path: "rateLimit: 5\nrate_limit: 5\n"}) is None
