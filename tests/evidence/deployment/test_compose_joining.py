"""What compose files take over from each other."""

from pathlib import Path

import pytest

from deployed import Reading
from fastapi_audit.evidence import deployment
from fastapi_audit.evidence.deployment import Deployment, Service

COMMON = """
services:
  server:
    build: { context: ../app }
    command: uvicorn main:app
    restart: always
    environment:
      - A=1
      - B=1
    ports: ["80:80"]
    healthcheck: { test: "true", retries: 3 }
"""


def named(found: Deployment, name: str) -> Service:
    (service,) = (s for s in found.services if s.name == name)
    return service


def test_a_service_takes_over_what_it_extends(reading: Reading) -> None:
    found = reading(
        {
            "base/common.yaml": COMMON,
            "app/Dockerfile": "FROM python:3.13-slim\nUSER 10001\n",
            "compose.yaml": """
            services:
              middle:
                extends: { file: base/common.yaml, service: server }
                environment: { B: 2 }
              api:
                extends: middle
                ports: ["81:81"]
                healthcheck: { retries: 5 }
            """,
        }
    )
    api = named(found, "api")
    assert {v.name: v.literal for v in api.environment} == {"A": "1", "B": "2"}
    assert [port.published for port in api.ports] == ["80", "81"]
    assert (api.partial, api.restart and api.restart.value) == (False, "always")
    assert api.healthcheck is not None
    assert (api.healthcheck.retries, api.healthcheck.is_off) == (5, False)
    image = found.image_of(api)
    assert image is not None
    assert image.path == "app/Dockerfile"
    assert {c.service.name for c in found.commands if c.service} == {"api", "middle"}
    assert api.location.path == "compose.yaml"
    assert found.unresolved == ()


def test_a_file_that_is_only_extended_starts_nothing(reading: Reading) -> None:
    found = reading({"common.yaml": COMMON, "compose.yaml": "services:\n  a: {image: b}\n"})
    assert [s.name for s in found.services] == ["a"]


def test_included_files_are_started_together(reading: Reading) -> None:
    found = reading(
        {
            "compose.yaml": """
            include:
              - infra/data.yaml
              - path: [edge.yaml]
            services:
              api: { image: a, depends_on: [db] }
            """,
            "infra/data.yaml": "services:\n  db: { image: postgres:17 }\n",
            "edge.yaml": "services:\n  nginx: { image: nginx:1.28 }\n",
            "other/compose.yaml": "services:\n  db: { image: postgres:16 }\n",
        }
    )
    assert {s.path: s.project for s in found.services} == {
        "compose.yaml": "compose.yaml",
        "edge.yaml": "compose.yaml",
        "infra/data.yaml": "compose.yaml",
        "other/compose.yaml": "other/compose.yaml",
    }
    database = found.beside(named(found, "api"), "db")
    assert database is not None
    assert database.path == "infra/data.yaml"


def test_a_file_that_two_include_is_started_with_neither(reading: Reading) -> None:
    found = reading(
        {
            "a.compose.yaml": "include: [shared.yaml]\n",
            "b.compose.yaml": "include: [shared.yaml]\n",
            "shared.yaml": "services:\n  db: { image: postgres:17 }\n",
        }
    )
    assert named(found, "db").project == "shared.yaml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include: [gone.yaml]", "compose.yaml includes `gone.yaml`, which is not in the project"),
        ("include: [../outside.yaml]", "compose.yaml includes `../outside.yaml`, which is not in the project"),
        ("include: ['oci://registry/a']", "compose.yaml includes `oci://registry/a`, which is not in the project"),
        ("include: [compose.yaml]", "compose.yaml includes itself, so compose refuses it"),
        ("services: {a: {extends: gone}}", "compose.yaml extends `gone`, which is not in the project"),
        ("services: {a: {extends: a}}", "compose.yaml has services that extend each other in a circle"),
        (
            "services: {a: {extends: b}, b: {extends: {service: a, file: compose.yaml}}}",
            "compose.yaml has services that extend each other in a circle",
        ),
    ],
)
def test_what_cannot_be_followed_is_said_once(reading: Reading, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path.parent / "outside.yaml").write_text("services: {b: {image: c}}")
    found = reading({"compose.yaml": text})
    assert [note.message for note in found.unresolved] == [said]
    assert all(s.partial for s in found.services)


@pytest.mark.timeout(60)
def test_files_that_all_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    every = ", ".join(f"{number}.compose.yaml" for number in range(30))
    for number in range(30):
        (tmp_path / f"{number}.compose.yaml").write_text(f"include: [{every}]\nservices: {{a: {{image: b}}}}\n")
    found = deployment.read(tmp_path)
    assert len(found.services) == 30
    assert len(found.unresolved) == 30


@pytest.mark.timeout(60)
def test_many_services_that_extend_a_large_one_are_bounded(tmp_path: Path) -> None:
    large = "services:\n  big:\n    environment:\n" + "".join(f"      - A{n}=b\n" for n in range(3000))
    small = "".join(f"  s{n}: {{extends: big}}\n" for n in range(1500))
    (tmp_path / "compose.yaml").write_text(large + small)
    found = deployment.read(tmp_path)
    assert [note.message for note in found.unresolved] == ["compose.yaml extends too much to follow it"]
    assert len(found.services) == 1501


def test_more_includes_than_anybody_writes_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("include:\n" + "  - db.yaml\n" * 1001 + "services: {a: {image: b}}\n")
    (tmp_path / "db.yaml").write_text("services: {db: {image: postgres:17}}\n")
    found = deployment.read(tmp_path)
    assert [note.message for note in found.unresolved] == [
        "compose files include more than 1000 others, the rest is left out"
    ]
    assert sorted(s.name for s in found.services) == ["a", "db"]


def test_a_broken_file_that_others_include_is_read_and_named_once(reading: Reading) -> None:
    found = reading({"compose.yaml": "include: [broken.compose.yaml]", "broken.compose.yaml": "a: ["})
    assert [note.message.partition(" ")[0] for note in found.unresolved] == ["broken.compose.yaml", "compose.yaml"]
