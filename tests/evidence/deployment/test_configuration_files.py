"""gunicorn.conf.py, .env, Prometheus, Grafana, Redis and PostgreSQL configuration, ignore comments."""

import shutil
import subprocess
from pathlib import Path

from deployed import Reading
from fastapi_audit.evidence import deployment


def test_gunicorn_configuration_is_read_as_facts_and_never_run(reading: Reading) -> None:
    text = """
        import multiprocessing, os
        raise SystemExit("this file was run")
        workers = multiprocessing.cpu_count() * 2 + 1
        threads = int(os.getenv("THREADS", "4"))
        timeout = 60 * 2
        bind = ["0.0.0.0:80", "unix:/run/api.sock"]
        preload_app = True
        keepalive = compute()
        if os.getenv("DEBUG"):
            reload = True
        def child_exit(server, worker):
            pass
        """
    (config,) = reading({"gunicorn.conf.py": text}).gunicorn_configs
    assert {name: value.value for name, value in config.values.items()} == {
        "workers": None,
        "threads": "4",
        "timeout": "120",
        "bind": "0.0.0.0:80,unix:/run/api.sock",
        "preload_app": "true",
        "keepalive": None,
        "reload": None,
    }
    assert config.values["workers"].counts_processors
    assert (config.values["threads"].variable, config.values["timeout"].location.line) == ("THREADS", 5)
    assert config.hooks == {"child_exit"}


def test_an_environment_file_tells_values_and_whether_it_is_only_a_template(reading: Reading) -> None:
    files = {
        ".env": "# ours\nexport SECRET_KEY=\"abc # def\"\nPORT=80 # comment\nEMPTY=\nURL='a=b'",
        ".env.example": "SECRET_KEY=changeme",
    }
    real, template = reading(files).dotenvs
    assert {v.name: v.literal for v in real.variables} == {
        "SECRET_KEY": "abc # def",
        "PORT": "80",
        "EMPTY": "",
        "URL": "a=b",
    }
    assert (real.is_template, template.is_template) == (False, True)
    assert (real.tracked, real.variables[0].location.line) == (None, 2)


def test_whether_git_tracks_a_file_is_read_from_its_index(tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    for name in (".env", "kept.env", "deep/folder/with/a/long/name/.env.prod"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("A=1\n")
    subprocess.run([git, "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run([git, "add", "-f", "kept.env", "deep"], cwd=tmp_path, check=True)
    tracked = {d.path: d.tracked for d in deployment.read(tmp_path).dotenvs}
    assert tracked == {".env": False, "kept.env": True, "deep/folder/with/a/long/name/.env.prod": True}
    subprocess.run([git, "update-index", "--index-version", "4"], cwd=tmp_path, check=True)
    assert {d.path: d.tracked for d in deployment.read(tmp_path).dotenvs} == tracked


def test_monitoring_files_are_read(reading: Reading) -> None:
    files = {
        "prometheus/prometheus.yml": """
            global: {scrape_interval: 15s}
            rule_files: [alerts.yml]
            scrape_configs:
              - job_name: api
                metrics_path: /internal/metrics
                static_configs: [{targets: ["api:8000"]}]
            """,
        "prometheus/alerts.yml": """
            groups:
              - name: slo
                rules:
                  - alert: Slow
                    expr: |
                      histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 0.2
                    for: 5m
                    labels: {severity: page}
            """,
        "grafana/api.json": '{"title": "API", "panels": [{"panels": [{"targets": [{"expr": "up"}]}]}]}',
    }
    found = reading(files)
    (job,) = found.prometheus[0].jobs
    assert (job.name, [t.value for t in job.targets], job.metrics_path) == ("api", ["api:8000"], "/internal/metrics")
    (rule,) = found.alerts
    assert (rule.name, rule.wait, rule.severity, rule.is_alert) == ("Slow", 300.0, "page", True)
    assert rule.expression.value.startswith("histogram_quantile(0.95")
    (dashboard,) = found.dashboards
    assert (dashboard.title, [e.value for e in dashboard.expressions]) == ("API", ["up"])


def test_redis_and_postgres_settings_are_read(reading: Reading) -> None:
    files = {
        "redis/redis.conf": '# cache\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\nrequirepass "secret"',
        "postgres/postgresql.conf": "max_connections = 250  # for all\nlisten_addresses = '*'",
    }
    found = reading(files)
    (redis,) = found.redis_confs
    assert (redis.is_bounded, redis.eviction, redis.has_password) == (True, "allkeys-lru", True)
    assert redis.settings["requirepass"].value == "secret"
    (postgres,) = found.postgres_confs
    assert (postgres.number("max_connections"), postgres.settings["listen_addresses"].value) == (250, "*")
    assert found.max_connections is not None
    assert found.max_connections.value == 250


def test_ignore_comments_are_found_in_deployment_files(reading: Reading) -> None:
    text = """
        services:
          api:
            image: acme/api:latest  # fastapi-audit: ignore[image-latest-tag] built in CI
            # fastapi-audit: ignore
            privileged: true
        """
    first, second = reading({"compose.yaml": text}).remarks
    assert (first.line, first.rules, first.reason, first.alone) == (3, ("image-latest-tag",), "built in CI", False)
    assert (second.line, second.rules, second.alone) == (4, (), True)


def test_what_monitoring_files_leave_out_is_passed_over(reading: Reading) -> None:
    files = {
        "prometheus.yml": """
            scrape_configs:
              - static_configs: [{targets: ["api:8000", [nonsense]]}]
                scrape_interval: "30"
              - dns_sd_configs: [{names: [api]}]
            """,
        "rules.yml": "groups: [{rules: [{expr: up}, {alert: Down}, {record: a, expr: up, for: soon}]}]",
        "panels.json": '{"panels": [1, {"targets": [{"refId": "A"}]}], "rows": []}',
        "other.json": '{"a": {"panels": [], "targets": []}}',
        "list.json": '["panels", "targets", {"panels": [{"targets": []}]}]',
    }
    found = reading(files)
    one, two = found.prometheus[0].jobs
    assert (one.name, [t.value for t in one.targets], one.interval, one.discovers) == ("", ["api:8000"], 30.0, False)
    assert (two.discovers, two.interval, two.location.line) == (True, None, 4)
    assert [(rule.name, rule.is_alert, rule.wait) for rule in found.alerts] == [("a", False, None)]
    assert [(d.path, d.expressions, d.location.line) for d in found.dashboards] == [("panels.json", (), 1)]


def test_every_configuration_file_tells_where_it_stands(reading: Reading) -> None:
    files = {".env": "A=b", "gunicorn.conf.py": "workers = 2", "redis.conf": "port 1", "postgresql.conf": "port = 1"}
    found = reading(files | {"start.sh": 'set -o errexit\nexec "$@"'})
    places = [found.dotenvs[0].location, found.gunicorn_configs[0].location, found.redis_confs[0].location]
    places += [found.postgres_confs[0].location, found.scripts[0].location]
    assert [(place.path, place.line) for place in places] == [(path, 1) for path in (*files, "start.sh")]
    (script,) = found.scripts
    assert script.stops_on_error
    assert script.passes_arguments_on is not None
    assert script.passes_arguments_on.location.line == 2
