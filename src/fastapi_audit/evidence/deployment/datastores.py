"""`redis.conf` and `postgresql.conf`: the settings that decide limits, eviction and access."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.model import Location

IS_REDIS = re.compile(r"^(?:redis|valkey|keydb)[\w.-]*\.conf$")
IS_POSTGRES = re.compile(r"^postgres(?:ql)?[\w.-]*\.conf$")
REDIS_LINE = re.compile(r"\s*([a-z][\w-]*)\s+(\S.*)", re.IGNORECASE)
POSTGRES_LINE = re.compile(r"\s*([a-z_]\w*+)(?:\s*+=\s*+|\s++)('(?:[^']|'')*+'|[^\s#]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RedisConf:
    """A `redis.conf`."""

    path: str
    document: Document = field(repr=False)
    settings: Mapping[str, Text]
    """By lower-case name; the last one counts. A setting that is not here has Redis's default."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @property
    def has_password(self) -> bool:
        """Whether `requirepass`, `user` or `aclfile` asks clients who they are."""
        return any(name in self.settings for name in ("requirepass", "user", "aclfile"))

    @property
    def is_bounded(self) -> bool:
        """Whether `maxmemory` is set and not 0."""
        limit = self.settings.get("maxmemory")
        return limit is not None and limit.value != "0"

    @property
    def eviction(self) -> str:
        """`maxmemory-policy`, `noeviction` by default."""
        policy = self.settings.get("maxmemory-policy")
        return policy.value if policy else "noeviction"


@dataclass(frozen=True, slots=True)
class PostgresConf:
    """A `postgresql.conf`."""

    path: str
    document: Document = field(repr=False)
    settings: Mapping[str, Text]
    """By lower-case name, quotes taken off; the last one counts."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    def number(self, name: str) -> int | None:
        """A setting as a whole number."""
        text = self.settings.get(name)
        return int(text.value) if text and re.fullmatch(r"\d{1,9}", text.value) else None


def redis_conf(document: Document) -> RedisConf:
    """Reads a `redis.conf`."""
    settings: dict[str, Text] = {}
    for number in range(1, len(document.starts) + 1):
        line = document.line(number)
        found = REDIS_LINE.match(line.value.rstrip())
        if found:
            settings[found[1].lower()] = _unquoted(line.part(*found.span(2)), '"')
    return RedisConf(document.path, document, settings, not is_development(document.path))


def postgres_conf(document: Document) -> PostgresConf:
    """Reads a `postgresql.conf`."""
    settings: dict[str, Text] = {}
    for number in range(1, len(document.starts) + 1):
        line = document.line(number)
        found = POSTGRES_LINE.match(line.value)
        if found:
            settings[found[1].lower()] = _unquoted(line.part(*found.span(2)), "'")
    return PostgresConf(document.path, document, settings, not is_development(document.path))


def _unquoted(text: Text, quote: str) -> Text:
    inner = text.value[1:-1]
    if len(text.value) < len("''") or text.value[0] != quote or text.value[-1] != quote:
        return text
    return text.quoted(inner, tuple(range(1, len(inner) + 1)))
