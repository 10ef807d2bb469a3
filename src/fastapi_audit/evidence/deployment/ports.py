"""Published ports of a compose service, in the short and the long form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import fill
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Scalar, Sequence
from fastapi_audit.model import Location

LOOPBACK = re.compile(r"127\.|localhost$|::1$|\[::1\]$")
SHORT = re.compile(
    r"^(?:(?P<ip>\[[0-9a-fA-F:]+\]|[^:\[\]{}]+):)?(?:(?P<published>[^:]*):)?(?P<target>[^:/]+)(?:/(?P<protocol>\w+))?$"
)


@dataclass(frozen=True, slots=True)
class Port:
    """One published port."""

    target: str
    """In the container; a number, or a range such as `8000-8003`."""
    published: str | None
    """On the host; `None` when docker chooses."""
    host_ip: str | None
    """The address on the host; `None` for all of them."""
    protocol: str
    text: Text
    """The whole entry; in the short form `text.replaced('"127.0.0.1:5432:5432"')` binds it to the loopback."""
    is_short: bool

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it: the host's address is not the loopback, nor left to a variable."""
        return self.host_ip is None or not (LOOPBACK.match(self.host_ip) or "$" in self.host_ip)


def compose_ports(node: Node | None) -> Iterator[Port]:
    """Every published port of a service."""
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar) and not item.is_null:
            yield from _short(item.text)
        elif isinstance(item, Mapping) and (target := item.scalar("target")):
            published, address = item.scalar("published"), item.scalar("host_ip")
            protocol = item.scalar("protocol")
            yield Port(
                target.value,
                published.value if published else None,
                address.value if address else None,
                protocol.value if protocol else "tcp",
                item.text,
                is_short=False,
            )


def _short(text: Text) -> Iterator[Port]:
    filled = fill(text.value, {}).value
    hidden = filled is None
    # A variable without default stands for one part; its braces and colons would be taken for more.
    value = re.sub(r"\$\{[^{}]*\}", "$", text.value) if filled is None else filled
    found = SHORT.match(value)
    if not found:
        return
    address, published = found["ip"], found["published"]
    if published is None and address is not None:
        address, published = None, address
    if hidden and ":" not in value:  # it may stand for address and port too
        return
    yield Port(found["target"], published or None, address, found["protocol"] or "tcp", text, is_short=True)
