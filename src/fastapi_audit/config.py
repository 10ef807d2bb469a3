"""The settings of a run: the nearest config file, checked key by key, under what the command line says."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from fastapi_audit.errors import ConfigError
from fastapi_audit.model import Confidence, Severity
from fastapi_audit.quantities import milliseconds, share

OWN_FILES = ("fastapi-audit.toml", ".fastapi-audit.toml")
TABLE = "fastapi-audit"
VCS = (".git", ".hg", ".svn", ".jj")

LONGEST_WORD = 300
"""Characters of a key or value that a message repeats."""
SIZE_LIMIT = 1_000_000
"""Bytes; a longer config file is not one."""


OPERATION = r"(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE) /\S*"

_STRICT: dict[str, object] = {
    "extra": "forbid",
    "strict": True,
    "alias_generator": lambda name: name.replace("_", "-"),
}
"""Read by pydantic, which is imported only when there is a table to check."""


@dataclass(frozen=True, slots=True)
class OperationSettings:
    """What the user knows of one operation of the service, for a probe."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    path: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameter → a value that works."""
    query: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    body: Any = None
    """A JSON body that works."""
    p95: str | None = None
    """`200ms`."""
    errors: str | None = None
    """`0.1%`."""
    skip: bool = False
    """Whether it must never be called."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How to probe the service. Whom, and how roughly, is said by flags alone: a repository gives no permission."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    max_time: float | None = None
    """Seconds."""
    max_requests: int | None = None
    rate: float | None = None
    """Requests per second, at most."""
    p95: str | None = None
    errors: str | None = None
    openapi: str = "/openapi.json"
    """The path where the service describes itself."""
    metrics: str = "/metrics"
    """The path where Prometheus scrapes it."""
    operations: Mapping[str, OperationSettings] = field(default_factory=dict)
    """`GET /users/{id}` → what is known of it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to audit and when to fail; a key of the config file is a field's name with dashes."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    select: tuple[str, ...] = ()
    """Rule and item names, or item numbers; empty means all."""
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns as in .gitignore."""
    fail_on: Severity = Severity.HIGH
    fail_under: float | None = None
    """The lowest score, 0 to 100, that still passes."""
    min_confidence: Confidence = Confidence.MEDIUM
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pattern as in .gitignore → rule and item names."""
    baseline: str | None = None
    """The file of accepted findings, inside the project; by default `.fastapi-audit-baseline.json`, if it is there."""
    fail_on_new: bool = False
    """Whether any finding that the baseline does not hold fails, however mild."""
    require_reasons: bool = False
    """Whether an ignore comment has to say why."""
    auth_dependencies: tuple[str, ...] = ()
    """Dotted names of further dependencies that authenticate."""
    rules: tuple[str, ...] = ()
    """Folders of the team's own rules in YAML, relative to the config file."""
    probe: ProbeSettings = field(default_factory=ProbeSettings)


KEYS = tuple(entry.name.replace("_", "-") for entry in fields(Settings))


def discover(start: Path) -> Path | None:
    """The nearest file with a config table, from `start` up to the root of its repository."""
    folders = list(_upwards(start.resolve()))
    for directory in folders:
        for name in OWN_FILES:
            if (directory / name).is_file():
                _confine(directory / name, folders[-1])
                return directory / name
        project = directory / "pyproject.toml"
        if not project.is_file():
            continue
        _confine(project, folders[-1])
        if _table(project) is not None:
            return project
    return None


def deciding_files(start: Path) -> Iterator[Path]:
    """All that `discover` looks at, there or not: one that comes or goes may decide otherwise."""
    for directory in _upwards(start.resolve()):
        yield from (directory / name for name in (*OWN_FILES, "pyproject.toml", *VCS))
    yield from (directory / name for directory in start.resolve().parents for name in VCS)


def _confine(file: Path, top: Path) -> None:
    """A link in a repository must not make us read, and tell, what lies elsewhere."""
    if not file.resolve().is_relative_to(top):
        message = f"{file}: is a link that leads out of the project; name the file with --config, or use --isolated"
        raise ConfigError(message)


def load(file: Path) -> Settings:
    """The settings of one config file; `ConfigError` names the file and the key."""
    table = _table(file)
    if table is None:
        message = f"{file}: no [tool.{TABLE}] table; add one, or name another file with --config"
        raise ConfigError(message)
    return _checked(file, table)


def _upwards(start: Path) -> Iterator[Path]:
    """Directories to look in, closest first; without a repository only `start` itself."""
    chain = [start, *start.parents]
    roots = [place for place in chain if any((place / name).exists() for name in VCS)]
    yield from chain[: chain.index(roots[0]) + 1] if roots else [start]


def _table(file: Path) -> dict[str, Any] | None:
    document = _toml(file)
    if file.name in OWN_FILES:
        return document
    tool = document.get("tool")
    table = tool.get(TABLE) if isinstance(tool, dict) else None
    if table is None and file.name != "pyproject.toml" and tool is None:
        return document
    if table is not None and not isinstance(table, dict):
        message = f"{file}: tool.{TABLE} must be a table"
        raise ConfigError(message)
    return table


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            message = f"{file}: larger than {SIZE_LIMIT:,} bytes; this is no config file"
            raise ConfigError(message)
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise ConfigError(message) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{file}:{line}: not UTF-8, as TOML must be"
        raise ConfigError(message) from None
    except tomllib.TOMLDecodeError as error:
        what, _, place = " ".join(str(error).split()).partition(" (at ")
        numbered = re.match(r"line (\d+)", place)
        line = int(numbered[1]) if numbered else max(len(content.splitlines()), 1)
        message = f"{file}:{line}: broken TOML: {what}"
        raise ConfigError(message) from None
    except RecursionError:
        message = f"{file}:1: broken TOML: nested too deep"
        raise ConfigError(message) from None


def _checked(file: Path, table: dict[str, Any]) -> Settings:
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        near = get_close_matches(unknown[0].replace("_", "-"), KEYS, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(KEYS)}"
        message = f"{file}: unknown key `{_shortened(unknown[0])}`; {hint}"
        raise ConfigError(message)
    if not table:
        return Settings()

    import json  # noqa: PLC0415  only when there is something to check

    import pydantic  # noqa: PLC0415  the same: it costs more than the rest of a small scan

    try:
        settings = pydantic.TypeAdapter(Settings).validate_json(json.dumps(table, default=str))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        message = f"{file}: `{_shortened(key)}`: {_shortened(first['msg'])}, not {_shortened(repr(first['input']))}"
        raise ConfigError(message) from None
    _check_probe(file, settings.probe)
    return settings


def _shortened(text: str) -> str:
    """What somebody wrote, as one line has room for it."""
    return text if len(text) <= LONGEST_WORD else f"{text[: LONGEST_WORD - 1]}…"


def _check_probe(file: Path, probe: ProbeSettings) -> None:
    """What only words can say: quantities, and names of operations."""
    for name, path in (("openapi", probe.openapi), ("metrics", probe.metrics)):
        if not path.startswith("/"):
            default = getattr(ProbeSettings(), name)
            message = f"{file}: `probe.{name}`: a path of the service, such as {default}, not {_shortened(repr(path))}"
            raise ConfigError(message)
    for name, value in (("max-time", probe.max_time), ("max-requests", probe.max_requests), ("rate", probe.rate)):
        if value is not None and not 0 < value < math.inf:
            message = f"{file}: `probe.{name}`: a number above 0, not {value}"
            raise ConfigError(message)
    _check_quantities(file, "probe", probe.p95, probe.errors)
    for name, operation in probe.operations.items():
        key = f'probe.operations."{_shortened(name)}"'
        if not re.fullmatch(OPERATION, name):
            message = f"{file}: `{key}`: name it by method and path template, such as `GET /users/{{id}}`"
            raise ConfigError(message)
        _check_quantities(file, key, operation.p95, operation.errors)


def _check_quantities(file: Path, key: str, p95: str | None, errors: str | None) -> None:
    for name, text, read in (("p95", p95, milliseconds), ("errors", errors, share)):
        try:
            if text is not None:
                read(text)
        except ValueError as error:
            message = f"{file}: `{key}.{name}`: {error}"
            raise ConfigError(message) from None


def schema() -> dict[str, Any]:
    """The JSON Schema of a config table, for editors; `config.schema.json` holds it."""
    import pydantic  # noqa: PLC0415  as above

    whole = pydantic.TypeAdapter(Settings).json_schema()
    probe, operation = (whole["$defs"][name]["properties"] for name in ("ProbeSettings", "OperationSettings"))
    whole["properties"]["fail-under"] |= {"minimum": 0, "maximum": 100}
    for name in ("max-time", "max-requests", "rate"):
        probe[name]["exclusiveMinimum"] = 0
    for name in ("openapi", "metrics"):
        probe[name]["pattern"] = "^/"
    probe["operations"]["propertyNames"] = {"pattern": f"^{OPERATION}$"}
    for quantities in (probe, operation):
        quantities["p95"]["pattern"] = r"^\s*(?=.*[1-9])\d+(\.\d+)?\s*(ms|s|m)\s*$"
        quantities["errors"]["pattern"] = r"^\s*0*(100(\.0+)?|\d{1,2}(\.\d+)?)\s*%\s*$"
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **_without_null(whole), "title": f"[tool.{TABLE}]"}


def _without_null(part: Any) -> Any:
    """TOML has no null, so that "or null" and a default of null say nothing; nor do titles that repeat the key."""
    if isinstance(part, list):
        return [_without_null(each) for each in part if each != {"type": "null"}]
    if not isinstance(part, dict):
        return part
    kept = {
        key: _without_null(value)
        for key, value in part.items()
        if (key, value) != ("default", None) and not (key == "title" and isinstance(value, str))
    }
    choices = kept.get("anyOf", ())
    if len(choices) == 1:
        return {key: value for key, value in kept.items() if key != "anyOf"} | choices[0]
    return kept
