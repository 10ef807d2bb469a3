"""What an experiment works with: the service, its operations, who asks, and the one client and budget."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.permission import SAFE_METHODS
from fastapi_audit.evidence.live.probing import NOBODY, Headers, Identity, Named, Probing
from fastapi_audit.evidence.live.statuses import SERVER_ERROR
from fastapi_audit.reasons import measured

if TYPE_CHECKING:
    from fastapi_audit.evidence.live.client import Client
    from fastapi_audit.evidence.live.latency import Sampling
    from fastapi_audit.evidence.live.launch import Launch, Server

BODY_LIMIT = 1_000_000
ASKING_SECONDS = 20.0
NO_OPERATIONS = "the service describes no operations"


class NotPossible(Exception):  # noqa: N818  nothing is wrong: the service has nothing to look at
    """Why an experiment cannot be made on this service; its rules are then not run."""


class Phase(IntEnum):
    """When an experiment is made: what disturbs the service comes after what looks at it."""

    LOOK = 1
    """A few harmless requests."""
    COUNT = 2
    """Needs limits that nobody has used up yet, and uses them up."""
    TIME = 3
    """Few requests beside each other, before the many take the time that is left."""
    MEASURE = 4
    """Many harmless requests."""
    STRESS = 5
    """Bursts, abuse and everything else that may use up a limit or a connection."""
    END = 6
    """The server is gone afterwards."""
    AFTER = 6
    """Starts a server of its own."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One question to the service; each module of `experiments` has one, called `experiment`."""

    noun: type
    """What it yields; rules subscribe to it."""
    observe: "Callable[[Session], AsyncIterator[object]]"
    phase: Phase = Phase.LOOK
    intrusive: bool = False
    """Whether it may disturb the service for others: only on one that we started, or with --intrusive."""
    mutating: bool = False
    """Whether it sends methods that change something."""
    needs_launch: bool = False
    """Whether it needs the log, the process or the signals of a server that we started."""
    needs_operations: bool = False
    """Whether it needs to know the operations."""
    needs_second: bool = False
    """Whether it needs a second identity."""

    @property
    def name(self) -> str:
        """Its noun in words: `cross origin answer`."""
        return "".join(f" {each.lower()}" if each.isupper() else each for each in self.noun.__name__).strip()


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many of the described operations the measured load has asked."""

    described: int
    measured: int
    not_callable: int
    """Which may not be called, or whose arguments are not known."""

    @property
    def told(self) -> str:
        """As a report says it."""
        return measured(self.measured, self.described, self.not_callable)


@dataclass(slots=True)
class Session:
    """One probe under way."""

    probing: Probing
    client: "Client"
    operations: tuple[ServedOperation, ...] = ()
    no_operations: str = ""
    """Why they are not known."""
    description: bytes = b""
    """The OpenAPI document that they were read from; of a server that we started even when it is not served."""
    server: "Server | None" = None
    """The one that we started."""
    launch: "Launch | None" = None
    """How it was started, for experiments that start another one."""
    sampling: "Sampling | None" = None
    """The measured load, once it was made."""
    extents: dict[type, str] = field(default_factory=dict)
    """Noun → how much of the service its experiment has looked at, where that is not all."""
    _anywhere: Exchange | None = field(default=None, init=False)
    _sockets: tuple[str, ...] | None = field(default=None, init=False)
    _asked: bool = field(default=False, init=False)
    """Whether the application was asked for them."""

    @property
    def user(self) -> Identity:
        """Who asks unless an experiment says otherwise: nobody, or the identity that was given."""
        return self.probing.identity

    @property
    def second(self) -> Identity:
        """Another user of the same service."""
        return self.probing.second

    @property
    def scraper(self) -> Identity:
        """Who reads the metrics."""
        return self.probing.scraper if self.probing.scraper.headers else self.user

    @property
    def safe_operations(self) -> Iterator[ServedOperation]:
        """GET operations that may be called, and whose arguments are known."""
        for each in self.operations:
            if each.method == "GET" and self._may_call(each) and each.path() is not None:
                yield each

    @property
    def callable_operations(self) -> Iterator[ServedOperation]:
        """What may be called: GET operations, and with --mutating those that change something too."""
        for each in self.operations:
            changes = each.method not in SAFE_METHODS and self.probing.permissions.mutating
            skipped = (named := self.named(each)) is not None and named.skip
            if self._may_call(each) or (changes and not skipped):
                yield each

    def _may_call(self, operation: ServedOperation) -> bool:
        named = self.probing.named.get(operation.key)
        return not named.skip if named else operation.safe

    def named(self, operation: ServedOperation) -> Named | None:
        """What the user has said of an operation."""
        return self.probing.named.get(operation.key)

    def looked_at(self, noun: type, seen: int, asked: int, of: int, things: str = "operations") -> None:
        """Notes that an experiment has seen a part of what it asks; `NotPossible` where it has seen nothing of it."""
        silent = f"{asked - seen} gave no answer that tells" if asked > seen else ""
        beyond = f"{of - asked} not asked" if of > asked else ""
        aside = ", ".join(part for part in (silent, beyond) if part)
        told = f"{seen} of {of} {things} were looked at ({aside})"
        if aside and not seen:
            raise NotPossible(told)
        if aside:
            self.extents[noun] = told

    async def get(self, path: str, headers: Headers = (), identity: Identity | None = None) -> Exchange:
        """One GET; as the user unless another identity is given."""
        return await self.exchange("GET", path, headers=headers, identity=identity)

    async def call(
        self,
        operation: ServedOperation,
        headers: Headers = (),
        *,
        identity: Identity | None = None,
        arguments: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Exchange:
        """Calls an operation with arguments that it should accept; those given replace them."""
        path = operation.path(**(arguments or {}))
        if path is None:
            message = f"no valid arguments are known for {operation.key}"
            raise NotPossible(message)
        body = operation.body if operation.takes_body and operation.method not in ("GET", "HEAD") else None
        typed = (("Content-Type", "application/json"),) if body else ()
        sent = (*self.headers_of(operation, identity), *typed, *headers)
        content = body or b""
        return await self.exchange(
            operation.method, path, headers=sent, content=content, identity=identity, timeout_s=timeout_s
        )

    def headers_of(self, operation: ServedOperation, identity: Identity | None = None) -> Headers:
        """The headers that an operation requires, but for those that say who asks: those are not made up."""
        asking = {name.lower() for name, _ in (self.user if identity is None else identity).headers}
        return tuple(each for each in operation.headers() if each[0].lower() not in asking)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        content: bytes = b"",
        identity: Identity | None = None,
        body_limit: int = BODY_LIMIT,
        timeout_s: float | None = None,
    ) -> Exchange:
        """One request of any method and what came of it; a failure is in the exchange, never raised."""
        return await self.client.exchange(
            method,
            path,
            headers=headers,
            content=content,
            identity=self.user if identity is None else identity,
            body_limit=body_limit,
            timeout_s=timeout_s,
        )

    async def sockets(self) -> tuple[str, ...] | None:
        """The paths of the WebSockets, which no description names: given, else asked of the application itself.

        `None` when they are not known.
        """
        if self.probing.sockets is not None or self.probing.start is None or self._asked:
            return self._sockets if self._asked else self.probing.sockets
        # Late: few probes start a process more for it.
        import asyncio  # noqa: PLC0415

        from fastapi_audit.evidence.live.starting import sockets_of  # noqa: PLC0415

        within = min(ASKING_SECONDS, self.client.budget.seconds_left)
        self._sockets, self._asked = await asyncio.to_thread(sockets_of, self.probing.start, within), True
        return self._sockets

    async def anywhere(self) -> Exchange:
        """An exchange that went well, if any does, for questions about the whole service: ask again on its path."""
        if self._anywhere is None:
            self._anywhere = await self._found()
        return self._anywhere

    async def _found(self) -> Exchange:
        paths: Sequence[str] = [path for each in self.safe_operations if (path := each.path()) is not None]
        tried: list[Exchange] = []
        # Short paths first: they need no object that must exist.
        for path in [*sorted(paths, key=len)[:8], "/", self.probing.schema]:
            answer = await self.get(path)
            if answer.ok:
                return answer
            tried.append(answer)
        # A middleware answers for paths too that do not exist.
        refused = [answer for answer in tried if 0 < answer.status < SERVER_ERROR]
        if refused:
            return min(refused, key=lambda answer: answer.status)
        gave = tried[0].status or tried[0].failure
        message = f"no operation that may be called answers well; {tried[0].path} gave {gave}"
        raise NotPossible(message)


__all__ = ["NOBODY", "NO_OPERATIONS", "Experiment", "NotPossible", "Phase", "Session"]
