"""nginx as a reverse proxy: what each location passes on, to whom, and with which headers and limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fastapi_audit.evidence.deployment.command_line import seconds
from fastapi_audit.evidence.deployment.nginx_directives import Directive, Included
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.model import Edit, Location

SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
NGINX_TIME = re.compile(r"^\d+$")
REFUSALS = frozenset({"401", "403", "404", "410", "444"})


@dataclass(frozen=True, slots=True)
class Upstream:
    """A named group of servers."""

    name: str
    servers: tuple[Text, ...]
    """`api:8000`, without their parameters."""
    directive: Directive = field(repr=False)

    @property
    def location(self) -> Location:
        return self.directive.location

    @property
    def keepalive(self) -> Text | None:
        """How many idle connections each worker keeps open to it."""
        return next((d.arguments[0] for d in self.directive.block or () if d.name == "keepalive" and d.arguments), None)


@dataclass(frozen=True, slots=True)
class ProxyServer:
    """One `server` block."""

    listens: tuple[Text, ...]
    """Address and port, without parameters."""
    names: tuple[str, ...]
    tls: bool
    """Whether it listens with `ssl`."""
    directive: Directive = field(repr=False)

    @property
    def location(self) -> Location:
        return self.directive.location


@dataclass(frozen=True, slots=True)
class ProxyLocation:
    """One `location` (or a server without any) with everything that it inherits."""

    pattern: str
    """`/`, `/api/`, `~ \\.php$`, `= /metrics`."""
    server: ProxyServer
    directive: Directive = field(repr=False)
    levels: tuple[tuple[Directive, ...], ...] = field(repr=False)
    """The directives that hold here, level by level, outermost first."""
    complete: bool = True
    """Whether all includes were found; without them a missing directive says nothing."""
    upstreams: tuple[Upstream, ...] = field(default=(), repr=False)
    production: bool = True

    @property
    def location(self) -> Location:
        return self.directive.location

    @property
    def path(self) -> str:
        """The file."""
        return self.directive.text.path

    def setting(self, name: str) -> Directive | None:
        """The directive of a name that holds here: the innermost one."""
        for level in reversed(self.levels):
            found = next((d for d in reversed(level) if d.name == name), None)
            if found:
                return found
        return None

    @property
    def proxy_pass(self) -> Directive | None:
        """Where it passes requests to; a `proxy_pass` is not inherited."""
        return next((d for d in self.levels[-1] if d.name == "proxy_pass" and d.arguments), None)

    @property
    def passes_to(self) -> tuple[str, ...]:
        """`host:port` of every server behind `proxy_pass`; of a variable the text as written."""
        directive = self.proxy_pass
        if directive is None:
            return ()
        target = re.sub(r"^https?://", "", self._resolved(directive.values[0]))
        host = target if target.startswith("unix:") else target.partition("/")[0]
        group = next((u for u in self.upstreams if u.name == host), None)
        return tuple(s.value for s in group.servers) if group else (host,)

    def _resolved(self, value: str) -> str:
        """A value that is one variable, as `set` gives it."""
        for level in reversed(self.levels) if value.startswith("$") else ():
            for directive in level:
                if directive.name == "set" and directive.values[:1] == (value,) and len(directive.values) > 1:
                    return directive.values[1]
        return value

    @property
    def headers(self) -> Mapping[str, Text]:
        """`proxy_set_header` by lower-case name; nginx takes them from the innermost level that has any."""
        for level in reversed(self.levels):
            found = {d.values[0].lower(): d.arguments[1] for d in level if _is_header(d)}
            if found:
                return found
        return {}

    @property
    def upgrades_websockets(self) -> bool:
        """Whether a WebSocket handshake reaches the application."""
        return "upgrade" in self.headers and "connection" in self.headers

    @property
    def http_version(self) -> str | None:
        """`proxy_http_version`; `None` for the default."""
        return self._value("proxy_http_version")

    @property
    def buffers(self) -> bool:
        """Whether answers are buffered (`proxy_buffering`), which is the default."""
        return self._value("proxy_buffering") != "off"

    @property
    def read_timeout(self) -> float:
        """`proxy_read_timeout` in seconds, 60 by default."""
        return self._seconds("proxy_read_timeout", 60)

    @property
    def connect_timeout(self) -> float:
        """`proxy_connect_timeout` in seconds, 60 by default."""
        return self._seconds("proxy_connect_timeout", 60)

    @property
    def max_body_size(self) -> int:
        """`client_max_body_size` in bytes, one megabyte by default; 0 is no limit."""
        found = re.fullmatch(r"(\d{1,12})([kmg]?)", (self._value("client_max_body_size") or "1m").lower())
        return int(found[1]) * SIZES[found[2]] if found else SIZES["m"]

    @property
    def refuses(self) -> bool:
        """Whether nobody, or only listed addresses, get through: `deny all`, `internal`, `return 403`."""
        return any(
            (d.name == "deny" and "all" in d.values)
            or d.name == "internal"
            or (d.name == "return" and d.values[:1] and d.values[0] in REFUSALS)
            for d in self.levels[-1]
        )

    @property
    def limits_requests(self) -> bool:
        """Whether `limit_req` holds here."""
        return self.setting("limit_req") is not None

    @property
    def asks_for_password(self) -> bool:
        """Whether `auth_basic` or `auth_request` holds here."""
        basic = self._value("auth_basic")
        return (basic is not None and basic != "off") or self.setting("auth_request") is not None

    def added(self, line: str) -> Edit | None:
        """Writes a directive on a line of its own after `proxy_pass`, indented like it."""
        directive = self.proxy_pass
        if directive is None:
            return None
        _, column = directive.text.document.place(directive.text.start)
        return directive.text.next_line(f"{' ' * (column - 1)}{line}")

    def _value(self, name: str) -> str | None:
        found = self.setting(name)
        return found.values[0] if found and found.arguments else None

    def _seconds(self, name: str, default: float) -> float:
        answer = seconds(self._value(name))
        return default if answer is None else answer


@dataclass(frozen=True, slots=True)
class Proxy:
    """One nginx configuration, its includes put in place."""

    path: str
    upstreams: tuple[Upstream, ...]
    servers: tuple[ProxyServer, ...]
    locations: tuple[ProxyLocation, ...]
    complete: bool
    """Whether every include was found in the project."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @property
    def passing(self) -> tuple[ProxyLocation, ...]:
        """The locations that pass requests on."""
        return tuple(location for location in self.locations if location.proxy_pass)


def proxy(path: str, included: Included, *, production: bool) -> Proxy | None:
    """What the directives of a file say; `None` when it has no server."""
    top = included.directives
    http = next((d.block for d in top if d.name == "http" and d.block is not None), None)
    level = http if http is not None else top
    upstreams = tuple(_upstream(d) for d in level if d.name == "upstream" and d.block is not None and d.arguments)
    blocks = [d for d in level if d.name == "server" and d.block is not None]
    if not blocks:
        return None
    servers = tuple(_server(d) for d in blocks)
    locations = tuple(
        ProxyLocation(pattern, server, directive, levels, included.complete, upstreams, production)
        for server in servers
        for pattern, directive, levels in _locations(server.directive, (level,))
    )
    return Proxy(path, upstreams, servers, locations, included.complete, production)


def _is_header(directive: Directive) -> bool:
    return directive.name == "proxy_set_header" and len(directive.arguments) > 1


def _upstream(directive: Directive) -> Upstream:
    servers = tuple(d.arguments[0] for d in directive.block or () if d.name == "server" and d.arguments)
    return Upstream(directive.values[0], servers, directive)


def _server(directive: Directive) -> ProxyServer:
    block = directive.block or ()
    listens = [d for d in block if d.name == "listen" and d.arguments]
    names = tuple(name for d in block if d.name == "server_name" for name in d.values)
    return ProxyServer(
        tuple(d.arguments[0] for d in listens), names, any("ssl" in d.values for d in listens), directive
    )


Levels = tuple[tuple[Directive, ...], ...]


def _locations(directive: Directive, outer: Levels) -> Iterator[tuple[str, Directive, Levels]]:
    """Every location of a server, nested ones included; a server that passes on by itself is one too."""
    block = directive.block or ()
    levels = (*outer, block)
    if directive.name == "location" or any(d.name == "proxy_pass" for d in block):
        yield " ".join(directive.values) or "/", directive, levels
    for inner in block:
        if inner.name == "location" and inner.block is not None:
            yield from _locations(inner, levels)
