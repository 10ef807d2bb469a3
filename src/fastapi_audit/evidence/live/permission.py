"""Who may be probed, and how: decided before the first packet, name lookups included."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi_audit.errors import UsageError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PORTS = {"http": 80, "https": 443}
EXAMPLE = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Address:
    """A service that may be probed."""

    scheme: str
    host: str
    """Without brackets."""
    port: int
    prefix: str = ""
    """The path that all its paths stand below, without a slash at the end."""

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return self.origin + self.prefix


def permitted(url: str, hosts: Sequence[str] = ()) -> Address:
    """The address of a service of this machine, or of a host that the user has named; `UsageError` for any other.

    Only loopback addresses and `localhost` are this machine: a name could stand for any, and even asking for it would
    send a packet.
    """
    address = _parsed(url)
    if not is_loopback(address.host) and address.host not in {_plain(host) for host in hosts}:
        message = (
            f"{address.host} is not this machine, so nothing was sent; if you may probe it, say so with "
            f"`--allow-host {address.host}`"
        )
        raise UsageError(message)
    return address


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(url: str) -> Address:
    try:
        # A control character would be dropped silently, and the rest be another address.
        parts = urlsplit(url if url.isprintable() else "")
        port = parts.port
    except ValueError:
        message = f"`{_shown(url)}` is no address; write it as {EXAMPLE}"
        raise UsageError(message) from None
    if parts.scheme not in PORTS or not parts.hostname or "\\" in url or " " in url:
        message = f"`{_shown(url)}` is no address of a service; write it as {EXAMPLE}"
        raise UsageError(message)
    if "@" in parts.netloc:
        message = "the address holds a user or a password, which reports would show: use --header-file"
        raise UsageError(message)
    if parts.query or parts.fragment:
        message = f"`{_shown(url)}`: give the address without `?…` and `#…`"
        raise UsageError(message)
    return Address(parts.scheme, _plain(parts.hostname), port or PORTS[parts.scheme], parts.path.rstrip("/"))


def _plain(host: str) -> str:
    """Lower case, without the brackets of an address and the dot at the end of a name."""
    return host.strip().lower().strip("[]").rstrip(".")


def _shown(url: str) -> str:
    """Without what might be a password."""
    return url.rpartition("@")[2][:200]
