"""The config file: which one is taken, what it may say, and one clear line for everything else."""

from pathlib import Path

import pytest

from fastapi_audit.cli.probing import Wishes
from fastapi_audit.config import OperationSettings, ProbeSettings, Settings, discover, load
from fastapi_audit.errors import ConfigError
from fastapi_audit.evidence import Target
from fastapi_audit.model import Confidence, Severity

EVERY_KEY = """
select = ["blocking-call"]
ignore = ["7"]
exclude = ["vendored/"]
fail-on = "critical"
fail-under = 80
min-confidence = "low"
auth-dependencies = ["app.auth.current_user"]

[per-file-ignores]
"tests/*" = ["debug-true"]
"""


def written(folder: Path, text: str, name: str = "fastapi-audit.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def complaint(folder: Path, text: str, name: str = "fastapi-audit.toml") -> str:
    file = written(folder, text, name)
    with pytest.raises(ConfigError) as caught:
        load(file)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(file))
    return line.removeprefix(str(file))


def test_every_key_is_read(tmp_path: Path) -> None:
    assert load(written(tmp_path, EVERY_KEY)) == Settings(
        select=("blocking-call",),
        ignore=("7",),
        exclude=("vendored/",),
        fail_on=Severity.CRITICAL,
        fail_under=80,
        min_confidence=Confidence.LOW,
        per_file_ignores={"tests/*": ("debug-true",)},
        auth_dependencies=("app.auth.current_user",),
    )


PROBE = """
[probe]
max-time = 120.0
max-requests = 9000
rate = 20.0
p95 = "150ms"
errors = "0.5%"
openapi = "/api/openapi.json"

[probe.operations."GET /leads/{lead_id}"]
path = { lead_id = 7 }
query = { full = true }
p95 = "50ms"

[probe.operations."POST /leads"]
body = { name = "Ada", tags = [1, 2] }
errors = "0.1%"

[probe.operations."GET /reports"]
skip = true
"""


def test_every_key_of_a_probe_is_read(tmp_path: Path) -> None:
    assert load(written(tmp_path, PROBE)).probe == ProbeSettings(
        max_time=120.0,
        max_requests=9000,
        rate=20.0,
        p95="150ms",
        errors="0.5%",
        openapi="/api/openapi.json",
        operations={
            "GET /leads/{lead_id}": OperationSettings(path={"lead_id": 7}, query={"full": True}, p95="50ms"),
            "POST /leads": OperationSettings(body={"name": "Ada", "tags": [1, 2]}, errors="0.1%"),
            "GET /reports": OperationSettings(skip=True),
        },
    )


def test_what_the_config_says_of_a_probe_becomes_one(tmp_path: Path) -> None:
    settings = load(written(tmp_path, PROBE)).probe

    probing = Wishes(url="http://127.0.0.1:8000", p95_target="100ms", max_time=5).probing(settings)

    lead = probing.named["GET /leads/{lead_id}"]
    assert (lead.path, lead.query) == ({"lead_id": "7"}, {"full": "true"})
    assert probing.named["POST /leads"].body == '{"name": "Ada", "tags": [1, 2]}'
    assert probing.named["GET /reports"].skip
    assert (probing.limits.max_time_s, probing.limits.max_requests, probing.limits.rate) == (5, 9000, 20.0)
    # The flag over the config; what an operation says of itself over both.
    assert probing.target_of(None) == Target(100.0, 0.005)
    assert probing.target_of("GET /leads/{lead_id}") == Target(50.0, 0.005)
    assert probing.target_of("POST /leads") == Target(100.0, 0.001)
    assert probing.schema == "/api/openapi.json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('p95 = "fast"', ": `probe.p95`: write a time as `200ms` or `1.5s`, not `fast`"),
        ('p95 = "0ms"', ": `probe.p95`: write a time as `200ms` or `1.5s`, not `0ms`"),
        ("p95 = 200", ": `probe.p95`: Input should be a valid string, not 200"),
        ('errors = "0.1"', ": `probe.errors`: write a share as `0.1%`, not `0.1`"),
        ('errors = "101%"', ": `probe.errors`: write a share as `0.1%`, not `101%`"),
        ("max-time = 0.0", ": `probe.max-time`: a number above 0, not 0.0"),
        ("rate = nan", ": `probe.rate`: a number above 0, not nan"),
        (
            'openapi = "openapi.json"',
            ": `probe.openapi`: a path of the service, such as /openapi.json, not 'openapi.json'",
        ),
        ('allow-host = "x"', ": `probe.allow-host`: Unexpected keyword argument, not 'x'"),
        (
            '[probe.operations."/leads"]',
            ': `probe.operations."/leads"`: name it by method and path template, such as `GET /users/{id}`',
        ),
        (
            '[probe.operations."GET /leads"]\np95 = "1"',
            ': `probe.operations."GET /leads".p95`: write a time as `200ms` or `1.5s`, not `1`',
        ),
    ],
)
def test_a_wrong_value_of_a_probe_names_the_key(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, f"[probe]\n{text}\n") == expected


def test_pyproject_has_a_table_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, '[tool.fastapi-audit]\nfail-on = "low"\n', "pyproject.toml")

    assert load(file).fail_on is Severity.LOW


def test_a_named_file_of_any_name_is_read_as_settings(tmp_path: Path) -> None:
    assert load(written(tmp_path, 'fail-on = "low"\n', "strict.toml")).fail_on is Severity.LOW


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Settings()


def test_the_closest_file_wins_up_to_the_repository(tmp_path: Path) -> None:
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    written(tmp_path, "")
    outer = written(tmp_path / "repository", "")
    package = tmp_path / "repository" / "services" / "api"
    package.mkdir(parents=True)

    assert discover(package) == outer
    inner = written(package, "[tool.fastapi-audit]\n", "pyproject.toml")
    assert discover(package) == inner


def test_a_pyproject_without_the_table_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    outer = written(tmp_path, "", ".fastapi-audit.toml")
    written(tmp_path / "api", "[project]\nname = 'api'\n", "pyproject.toml")

    assert discover(tmp_path / "api") == outer


def test_nothing_above_the_repository_is_read(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "repository" / ".git").mkdir(parents=True)

    assert discover(tmp_path / "repository") is None


def test_without_a_repository_only_the_folder_itself_is_asked(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "api").mkdir()

    assert discover(tmp_path / "api") is None


def test_an_unknown_key_suggests_the_nearest(tmp_path: Path) -> None:
    assert complaint(tmp_path, "fail_on = 'high'") == ": unknown key `fail_on`; did you mean `fail-on`?"


def test_a_strange_key_lists_the_known_ones(tmp_path: Path) -> None:
    assert complaint(tmp_path, "colour = 'red'").startswith(": unknown key `colour`; known keys: select, ignore, ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fail-on = 'bad'", ": `fail-on`: Input should be 'critical', 'high', 'medium' or 'low', not 'bad'"),
        ("select = 'x'", ": `select`: Input should be a valid array, not 'x'"),
        ("select = [1]", ": `select.0`: Input should be a valid string, not 1"),
        ("fail-under = '80'", ": `fail-under`: Input should be a valid number, not '80'"),
        ("exclude = [2020-01-01]", None),
    ],
)
def test_a_wrong_value_names_the_key(tmp_path: Path, text: str, expected: str | None) -> None:
    if expected is None:
        # A date is no pattern, yet its text is one: it is taken as written.
        assert load(written(tmp_path, text)).exclude == ("2020-01-01",)
    else:
        assert complaint(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select = [\nignore = ]\n", ":2: broken TOML: Invalid value"),
        ("[per-file-ignores", ":1: broken TOML: Expected ']' at the end of a table declaration"),
        ("a = " + "[" * 5000, ":1: broken TOML: nested too deep"),
    ],
)
def test_broken_toml_names_the_line(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, text) == expected


def test_what_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "fastapi-audit.toml"
    file.write_bytes(b"select = []\nignore = ['\xff']\n")

    with pytest.raises(ConfigError, match=r":2: not UTF-8, as TOML must be$"):
        load(file)


def test_a_tool_that_is_no_table_is_refused(tmp_path: Path) -> None:
    assert (
        complaint(tmp_path, "[tool]\nfastapi-audit = 1\n", "pyproject.toml") == ": tool.fastapi-audit must be a table"
    )


def test_a_missing_file_or_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file or directory$"):
        load(tmp_path / "none.toml")
    assert complaint(tmp_path, "[project]", "pyproject.toml").startswith(": no [tool.fastapi-audit] table; ")


def test_a_file_of_megabytes_is_no_config_file(tmp_path: Path) -> None:
    assert "this is no config file" in complaint(tmp_path, "#" * 1_000_001)
