"""Damaged projects of every kind: a scan says what it could not read, and never crashes, hangs or points astray."""

from hypothesis import given
from hypothesis import strategies as st

from mutations import FRAGMENTS, SERVICE, Files, damaged_projects, deployments, fuzzed, projects
from scanned import scan


@fuzzed
@given(files=damaged_projects(projects))
def test_damaged_projects(files: Files) -> None:
    scan(files)


@fuzzed
@given(files=damaged_projects(deployments))
def test_damaged_deployment_files(files: Files) -> None:
    scan(files)


NAMES = (
    "Dockerfile", "compose.yaml", "compose.override.yml", "nginx.conf", "default.conf.template", "gunicorn.conf.py",
    "Procfile", "requirements.txt", "requirements.in", "pyproject.toml", "poetry.lock", "uv.lock", "Pipfile",
    "Pipfile.lock", "setup.py", "setup.cfg", ".env", ".env.production", "start.sh", "entrypoint.sh", "api.service",
    "supervisord.conf", "prometheus.yml", "alerts.yml", "dashboard.json", "redis.conf", "postgresql.conf",
    "k8s/deployment.yaml", "Chart.yaml", "values.yaml", ".python-version", "runtime.txt", "environment.yml",
    ".dockerignore", ".gitignore", ".git/index", "alembic.ini", "alembic/versions/a.py", "logging.yaml", "main.py",
    "x.dist-info/METADATA", ".github/workflows/a.yml", "traefik.yml", "Caddyfile", "fly.toml", "railway.json",
)  # fmt: skip

contents = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=40).map(b"".join)


@fuzzed
@given(files=st.dictionaries(st.sampled_from(NAMES), contents, min_size=1, max_size=4))
def test_nonsense_in_files_that_are_read(files: Files) -> None:
    scan({"service.py": SERVICE, **files})
