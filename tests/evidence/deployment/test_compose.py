"""Compose files."""

import pytest

from deployed import Reading
from fastapi_audit.evidence.deployment import Service, ServiceKind


def service(reading: Reading, text: str, name: str = "api") -> Service:
    found = next((s for s in reading({"compose.yaml": text}).services if s.name == name), None)
    assert found is not None
    return found


def test_environment_is_read_from_a_mapping_and_from_a_list(reading: Reading) -> None:
    found = service(
        reading,
        """
        services:
          api:
            image: acme/api:1
            environment:
              - SECRET_KEY=${SECRET_KEY}
              - TOKEN=${TOKEN:?give a token}
              - LEVEL=$$x
              - PASSED
        """,
    )
    secret, token, level, passed = found.environment
    (reference,) = secret.references
    assert (reference.name, reference.may_be_blank, reference.required) == ("SECRET_KEY", True, False)
    assert (reference.text.raw, reference.text.location.line, reference.text.location.column) == (
        "${SECRET_KEY}",
        5,
        20,
    )
    assert token.references[0].required
    assert (level.references, level.literal) == ((), "$$x")
    assert (passed.value, passed.literal) == (None, None)


def test_merge_keys_and_anchors_are_followed_and_stand_where_they_are_written(reading: Reading) -> None:
    found = service(
        reading,
        """
        x-common: &common
          restart: unless-stopped
          environment: &environment
            A: "1"
            B: "2"
        services:
          api:
            <<: *common
            image: acme/api:1
            environment:
              <<: *environment
              B: "3"
        """,
    )
    assert found.restart is not None
    assert (found.restart.value, found.restart.location.line) == ("unless-stopped", 2)
    assert {v.name: v.literal for v in found.environment} == {"A": "1", "B": "3"}


@pytest.mark.parametrize(
    ("written", "host", "published", "target", "public"),
    [
        ('"5432:5432"', None, "5432", "5432", True),
        ("127.0.0.1:5432:5432/tcp", "127.0.0.1", "5432", "5432", False),
        ('"[::1]:80:80"', "[::1]", "80", "80", False),
        ('"8000"', None, None, "8000", True),
        ('"${PORT:-9000}:80"', None, "9000", "80", True),
        ('"${BIND}:${PORT}:80"', "$", "$", "80", False),
        ("{target: 80, published: 8080, host_ip: 127.0.0.1}", "127.0.0.1", "8080", "80", False),
    ],
)
def test_a_published_port_is_public_unless_bound_to_the_loopback(
    reading: Reading, *, written: str, host: str | None, published: str | None, target: str, public: bool
) -> None:
    (port,) = service(reading, f"services:\n  api:\n    image: a\n    ports: [{written}]").ports
    assert (port.host_ip, port.published, port.target, port.is_public) == (host, published, target, public)


def test_what_the_service_waits_for_and_how_it_is_limited(reading: Reading) -> None:
    found = service(
        reading,
        """
        services:
          api:
            image: acme/api:1
            depends_on:
              db:
                condition: service_healthy
            healthcheck:
              test: ["CMD-SHELL", "curl -f http://localhost/health || exit 1"]
              interval: 1m30s
            stop_grace_period: 45s
            init: true
            deploy:
              resources:
                limits:
                  memory: 512M
        """,
    )
    assert [(d.service, d.condition) for d in found.depends_on] == [("db", "service_healthy")]
    assert found.healthcheck is not None
    assert (found.healthcheck.interval, found.healthcheck.programs) == (90.0, ("curl", "exit"))
    assert (found.stop_grace_period, found.init, found.memory_limit and found.memory_limit.value) == (
        45.0,
        True,
        "512M",
    )


def test_a_key_is_added_in_the_layout_of_the_service(reading: Reading) -> None:
    text = "services:\n    api:\n        image: acme/api:1  # ours\n        ports: []\n"
    found = service(reading, text)
    edit = found.added("restart", "unless-stopped")
    assert edit is not None
    assert text[: edit.start] + edit.new + text[edit.start :] == (
        "services:\n    api:\n        image: acme/api:1  # ours\n        restart: unless-stopped\n        ports: []\n"
    )


def test_the_kind_of_a_service_follows_from_image_and_command(reading: Reading) -> None:
    deployment = reading(
        {
            "compose.yaml": """
                services:
                  api: {build: ., command: uvicorn app:app}
                  worker: {build: ., command: celery -A app worker}
                  migrate: {build: ., command: alembic upgrade head}
                  db: {image: "pgvector/pgvector:pg16"}
                  cache: {image: "redis:7-alpine"}
                  web: {image: "nginx:1.27"}
                  pg_exporter: {image: "prometheuscommunity/postgres-exporter:v0.15"}
                """
        }
    )
    assert {s.name: s.kind for s in deployment.services} == {
        "api": ServiceKind.API,
        "worker": ServiceKind.WORKER,
        "migrate": ServiceKind.MIGRATION,
        "db": ServiceKind.POSTGRES,
        "cache": ServiceKind.REDIS,
        "web": ServiceKind.PROXY,
        "pg_exporter": ServiceKind.EXPORTER,
    }


def test_a_file_that_only_changes_services_is_partial_and_adds_its_keys(reading: Reading) -> None:
    deployment = reading(
        {
            "compose.yaml": "services:\n  api:\n    image: acme/api:1",
            "compose.prod.yaml": "services:\n  api:\n    restart: always",
            "compose.override.yaml": "services:\n  api:\n    privileged: true",
        }
    )
    by_path = {s.path: s for s in deployment.services}
    base, override, prod = (by_path[f"compose{part}.yaml"] for part in ("", ".override", ".prod"))
    assert (base.partial, override.partial, prod.partial) == (False, True, True)
    assert (base.production, override.production, prod.production) == (True, False, True)
    assert base.keys == {"image", "restart"}


@pytest.mark.parametrize(
    ("written", "value", "is_default"),
    [
        ("-c max_connections=60", 60, False),
        ('["postgres", "-c", "max_connections=${M:-70}"]', 70, False),
        ("", 100, True),
    ],
)
def test_max_connections_of_the_database(reading: Reading, written: str, value: int, *, is_default: bool) -> None:
    text = f"services:\n  db:\n    image: postgres:16\n    command: {written}"
    found = reading({"compose.yaml": text}).max_connections
    assert found is not None
    assert (found.value, found.is_default) == (value, is_default)


def test_the_kind_of_a_service_that_is_built_follows_from_the_base_of_its_image(reading: Reading) -> None:
    deployment = reading(
        {"compose.yaml": "services:\n  edge:\n    build: nginx", "nginx/Dockerfile": "FROM nginx:1.27\nCOPY a /b"}
    )
    (edge,) = deployment.services
    image = deployment.image_of(edge)
    assert image is not None
    assert (edge.kind, image.path) == (ServiceKind.PROXY, "nginx/Dockerfile")


def test_a_service_that_an_overlay_changes_keeps_its_command(reading: Reading) -> None:
    files = {
        "Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "app:app"]',
        "compose.yaml": "services:\n  job:\n    build: .\n    command: python job.py",
        "compose.extra.yaml": "services:\n  job:\n    restart: always",
    }
    assert [command.service for command in reading(files).commands] == [None]


def test_what_one_place_asks_for_is_required_of_the_whole_file(reading: Reading) -> None:
    (found,) = reading(
        {
            "compose.yaml": """
            # ${COMMENT:?only said}
            services:
              db:
                image: postgres:17
                environment:
                  URL: ${A}-${B:-x}
                healthcheck:
                  test: ["CMD", "login", "${A:?is required}", "$${ESCAPED:?no}"]
            """
        }
    ).services
    assert found.required == {"A"}


def test_every_long_form_is_read_and_what_is_none_is_passed_over(reading: Reading) -> None:
    found = service(
        reading,
        """
        services:
          api:
            image: acme/api:1
            env_file: [one.env, {path: two.env, required: false}, {required: true}]
            volumes:
              - data:/data
              - {type: bind, source: ./src, target: /app}
              - {type: tmpfs, target: /tmp}
              - [nonsense]
            secrets: [one, {source: two}, {target: three}]
            ports:
              - {target: 80, published: "8080", host_ip: 127.0.0.1}
              - {published: 81}
              - 1:2:3:4:5
              - ${PORTS}
            environment: [PASSED, [nonsense]]
            deploy:
              resources: {limits: {cpus: "0.5"}}
              update_config: {order: start-first}
            read_only: true
            privileged: yes
        """,
    )
    assert [text.value for text in found.env_files] == ["one.env", "two.env"]
    assert [text.value for text in found.volumes] == ["data:/data", "./src:/app", ":/tmp"]
    assert [text.value for text in found.secrets] == ["one", "two"]
    assert [(port.target, port.published, port.is_public) for port in found.ports] == [("80", "8080", False)]
    assert found.variable("PASSED") is not None
    assert found.variable("OTHER") is None
    assert (found.cpu_limit and found.cpu_limit.value, found.update_order and found.update_order.value) == (
        "0.5",
        "start-first",
    )
    assert (found.read_only, found.privileged) == (True, True)


@pytest.mark.parametrize(
    ("written", "programs"),
    [
        ("test: curl -f http://localhost", ("curl",)),
        ("test: [CMD, /usr/bin/curl, -f]", ("curl",)),
        ("test: [CMD]", ()),
        ("test: [CMD-SHELL]", None),
        ("test: [NONE]", None),
        ("test: []", None),
        ("test: {a: b}", None),
        ("disable: true", None),
    ],
)
def test_a_health_check_names_its_programs_or_is_off(
    reading: Reading, written: str, programs: tuple[str, ...] | None
) -> None:
    check = service(reading, f"services:\n  api:\n    image: a\n    healthcheck:\n      {written}").healthcheck
    assert check is not None
    assert (check.is_off, check.programs) == (programs is None, programs or ())
    assert check.location.line == 4


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'it''s ''a'' b'", "it's 'a' b"),
        ("'over\n      two\n\n      lines'", "over two\nlines"),
        (r'"\x41\u00e9\U0001F600"', "Aé😀"),
        (r'"\uD800\U00999999\UFFFFFFFF"', "���"),
        (r'"tab\tand\\back\"slash"', 'tab\tand\\back"slash'),
        ('"joined \\\n      line"', "joined line"),
        ("plain\n      words", "plain words"),
        (">-\n      folded\n      words", "folded words"),
        ("!!str 5", "5"),
        ("!!str", None),
        ("~", None),
    ],
)
def test_a_scalar_means_what_yaml_says(reading: Reading, written: str, value: str | None) -> None:
    user = service(reading, f"services:\n  api:\n    image: a\n    user: {written}").user
    assert (user and user.value) == value


def test_odd_but_valid_yaml_is_read(reading: Reading) -> None:
    found = service(
        reading,
        """
        %YAML 1.2
        ---
        x-none: &none ~
        services:
          # a comment between keys
          api:
            <<: [*none, {init: true}]
            image: a
            command: [uvicorn, app: app]
            restart: !reset
            environment: {PASSED, LEVEL: info}
            ? user
            : c
            : d
        """,
    )
    assert (found.init, found.restart, found.user and found.user.value) == (True, None, "c")
    assert [(variable.name, variable.literal) for variable in found.environment] == [
        ("PASSED", None),
        ("LEVEL", "info"),
    ]
    assert found.command is not None
    assert found.command.values == ("uvicorn",)


def test_no_key_is_added_where_a_person_has_to_lay_it_out(reading: Reading) -> None:
    flow = service(reading, "services:\n  api: {image: a}")
    assert flow.added("restart", "always") is None


def test_unknown_replicas_make_the_number_of_workers_unknown(reading: Reading) -> None:
    text = "services:\n  api:\n    image: a\n    command: uvicorn app:app --workers 2\n    scale: ${COPIES}"
    (total,) = reading({"compose.yaml": text}).worker_totals
    assert (total.count, total.least, total.unknown) == (None, 2, ("api: the number of replicas",))
    assert total.arithmetic == "api: 2 workers x ? replicas = at least 2"
