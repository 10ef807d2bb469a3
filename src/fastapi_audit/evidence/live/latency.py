"""Latency and errors under a paced load: an open model, timed from when each request was meant to start.

A closed loop waits for an answer before it asks again, so that a server that stalls is hardly asked while it stalls.
Here the requests follow a timetable: what waits for a stalled server has its waiting counted. Each slot has an HTTP
client of its own, since a shared one queues requests itself and reports the queue as the server's latency.
"""

import asyncio
import math
import random
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from fastapi_audit.evidence.live.probing import Headers, Target
from fastapi_audit.evidence.live.statistics import (
    fewest_for_quantile,
    fewest_without_events,
    quantile,
    quantile_interval,
    rate_interval,
    verdict,
)
from fastapi_audit.evidence.live.statuses import CLIENT_ERROR, SERVER_ERROR
from fastapi_audit.model import LatencyRow, Verdict

BODY_LIMIT = 5_000_000
"""Bytes of an answer that are read before it counts as endless."""
BACKLOG_SECONDS = 10.0
"""A timetable that is so far behind is given up: the server does not keep this pace."""
COARSE_SECONDS = 0.002
"""A timer of the event loop is late by up to so much: the rest is waited for in turns."""
SLICES, FEWEST_SLICES = 10, 3
"""Of the time of a load; those in which something must be slow before it is called slow."""
OWN_SHARE = 0.1
"""Of a target that our own machine may be late by, before it is too busy to tell who is slow."""
TOO_MANY = 429
FEWEST_FOR_P95 = fewest_for_quantile(0.95)
ORDER_SEED = 17
"""Operations follow each other in a fixed random order, so that none keeps step with a periodic stall."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One request that is sent again and again."""

    operation: str
    """`GET /users/{id}`: what its samples are told under."""
    method: str
    url: str
    """Absolute."""
    headers: Headers = ()
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """The timetable."""

    rate: float = 50.0
    """Requests per second, over all operations."""
    requests: int = 1000
    warm_up: int = 3
    """Requests to each operation before the timetable starts; not counted."""
    slots: int = 32
    """Requests under way at once, at most."""
    timeout_s: float = 10.0
    """For one request; one that takes longer is an error that took so long."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the timetable."""

    operation: str
    seconds: float
    """From the intended start to the last byte of the answer."""
    delay: float
    """The part of it before the request was sent: it waited for a free slot, or for us."""
    status: int | None
    """`None` when no whole answer came."""
    meant: float
    """When it was meant to start, in seconds of one clock for all samples."""

    @property
    def went_well(self) -> bool:
        """Whether it got what it asked for."""
        return self.status is not None and self.status < CLIENT_ERROR

    @property
    def failed(self) -> bool:
        """Whether the service is at fault: a server error, or no answer. A refusal such as 404 is an answer."""
        return self.status is None or self.status >= SERVER_ERROR

    @property
    def tells(self) -> bool:
        """Whether it says anything of the operation: a refusal comes before it."""
        return self.failed or self.went_well


@dataclass(frozen=True, slots=True)
class Sampling:
    """All samples of one timetable."""

    samples: tuple[Sample, ...]
    complete: bool
    """Whether the whole timetable was kept; not when it was stopped, or was too far behind."""
    alone: Mapping[str, float] = field(default_factory=dict)
    """Seconds that each operation took before the load, one request after the other; the fastest."""
    late: float = 0.0
    """Seconds that one request in twenty was sent late, though nothing but our own machine was in its way."""

    @property
    def served(self) -> frozenset[str]:
        """The operations that answered well or failed, once at least."""
        return frozenset(each.operation for each in self.samples if each.tells)

    def held_up(self, target_of: Callable[[str | None], Target]) -> frozenset[str]:
        """The operations that are slow only at moments when most others are too: it is not theirs."""
        slow = [each for each in self.samples if each.seconds * 1000 > target_of(each.operation).p95_ms]
        beside: dict[str, list[bool]] = defaultdict(list)
        known = _Moments(sorted(self.samples, key=lambda each: each.meant), frozenset(map(id, slow)))
        for each in slow:
            beside[each.operation].append(known.most_are_slow(each))
        usual = {each.operation: each.p50_ms for each in self.rows(target_of)}
        usual |= {name: seconds * 1000 for name, seconds in self.alone.items()}
        return frozenset(
            name
            for name, shared in beside.items()
            if 2 * sum(shared) > len(shared) and usual[name] <= target_of(name).p95_ms
        )

    def rows(self, target_of: Callable[[str | None], Target]) -> Iterator[LatencyRow]:
        """The whole service first, then each operation in the order of the alphabet, each against its own target."""
        if self.samples:
            yield self._row(None, self.samples, target_of(None))
        by_operation: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            by_operation[sample.operation].append(sample)
        for operation, samples in sorted(by_operation.items()):
            yield self._row(operation, samples, target_of(operation))

    def _row(self, operation: str | None, samples: Sequence[Sample], target: Target) -> LatencyRow:
        """Undecided where too few were served, and where all that were slow were so at one moment."""
        made = row(operation, samples, target)
        if late := self._doubt(made, samples, target):
            made = replace(made, p95_verdict=Verdict.INCONCLUSIVE, p95_reason=late)
        if errors := self._doubt_of_errors(made, samples, target):
            made = replace(made, error_verdict=Verdict.INCONCLUSIVE, error_reason=errors)
        return made

    def _doubt(self, made: LatencyRow, samples: Sequence[Sample], target: Target) -> str:
        """Why nothing is known of the P95; empty where it is."""
        well = [each for each in samples if each.went_well]
        if made.p95_verdict is not Verdict.FAIL and (barred := _barred(samples)):
            return barred
        match made.p95_verdict:
            case Verdict.PASS:
                # A refusal is quick: what it takes says nothing of an answer.
                high = row(None, well, target).p95_high_ms
                return "" if high <= target.p95_ms else _short_of_answers(samples, well, high)
            case Verdict.FAIL:
                slow = [each for each in samples if each.seconds * 1000 > target.p95_ms]
                if self._is_ours(self.served & {each.operation for each in samples}, target):
                    return f"this machine was busy and sent one request in twenty {self.late * 1000:.0f} ms late"
                return "all that were slow were so at one moment" if self._slices(slow) < FEWEST_SLICES else ""
            case _:
                return _short_of_answers(samples, well, made.p95_high_ms)

    def _doubt_of_errors(self, made: LatencyRow, samples: Sequence[Sample], target: Target) -> str:
        """The same of the error rate."""
        told = [each for each in samples if each.tells]
        if made.error_verdict is Verdict.FAIL:
            failed = [each for each in samples if each.failed]
            return "all that failed did so at one moment" if self._slices(failed) == 1 else ""
        if barred := _barred(samples):
            return barred
        _, high = rate_interval(made.errors, len(told))
        if high <= target.errors:
            return ""
        refused = f", {len(samples) - len(told)} more were refused" if len(told) < len(samples) else ""
        known = f"{made.errors} of {len(told)} requests failed{refused}, which leaves up to {high * 100:.2g} % possible"
        if not target.errors:
            return known
        return f"{known}; {fewest_without_events(target.errors):,} without a failure would decide: {_remedy(samples)}"

    def _is_ours(self, operations: Iterable[str], target: Target) -> bool:
        """Whether operations that are quick alone wait for a processor that others have, as our own requests do."""
        quick = all(self.alone.get(each, math.inf) * 1000 <= target.p95_ms for each in operations)
        return quick and self.too_late(target)

    def too_late(self, target: Target) -> bool:
        """Whether our own machine was too busy to tell who is slow."""
        return self.late * 1000 > target.p95_ms * OWN_SHARE

    def _slices(self, samples: Sequence[Sample]) -> float:
        """In how many parts of the time they lie: those of one stall are not independent, as an interval takes them."""
        begun = min(each.meant for each in self.samples)
        slice_s = (max(each.meant for each in self.samples) - begun) / SLICES
        return len({int((each.meant - begun) / slice_s) for each in samples}) if slice_s else math.inf


@dataclass(frozen=True, slots=True)
class _Moments:
    """All samples in the order of their time."""

    ordered: Sequence[Sample]
    slow: Collection[int]
    """Their identities."""

    def most_are_slow(self, sample: Sample) -> bool:
        """Whether half of what the others were asked around that time was slow too."""
        around = sample.seconds / 2
        first = bisect_left(self.ordered, sample.meant - around, key=lambda each: each.meant)
        after = bisect_right(self.ordered, sample.meant + around, key=lambda each: each.meant)
        others = [each for each in self.ordered[first:after] if each.operation != sample.operation]
        return bool(others) and 2 * sum(id(each) in self.slow for each in others) >= len(others)


def _barred(samples: Sequence[Sample]) -> str:
    """Why what was asked shows nothing; empty where an answer does."""
    if any(each.went_well for each in samples):
        return ""
    statuses = sorted({each.status for each in samples if each.status})
    silent = ["no answer"] if any(not each.status for each in samples) else []
    refused = any(not each.failed for each in samples)
    given = " or ".join([*map(str, statuses), *silent])
    return f"no request went well ({given}){f': {_remedy(samples)}' if refused else ''}"


def _short_of_answers(samples: Sequence[Sample], well: Sequence[Sample], high: float) -> str:
    """Why the P95 may lie on either side of its target."""
    aside = f" of {len(samples)}" if len(well) < len(samples) else ""
    few = f"{len(well)}{aside} requests went well, and fewer than {FEWEST_FOR_P95} bound no P95"
    return f"{few if math.isinf(high) else 'the target lies within its 95 % interval'}: {_remedy(samples)}"


def _remedy(samples: Sequence[Sample]) -> str:
    """What would let the next load decide."""
    if any(each.status == TOO_MANY for each in samples):
        return "lift the limit of the service for the probe, or set a lower `rate`"
    if any(CLIENT_ERROR <= (each.status or 0) < SERVER_ERROR for each in samples):
        return "give credentials with --header-file, or arguments in the configuration"
    return "raise --max-requests and --max-time"


def row(operation: str | None, samples: Sequence[Sample], target: Target) -> LatencyRow:
    """The figures of one operation, or of all; a failed request counts with the time that it took to fail."""
    ordered = sorted(sample.seconds * 1000 for sample in samples)
    low, high = quantile_interval(ordered, 0.95)
    errors = sum(sample.failed for sample in samples)
    error_low, error_high = rate_interval(errors, len(samples))
    return LatencyRow(
        operation,
        len(samples),
        errors,
        p50_ms=quantile(ordered, 0.5),
        p95_ms=quantile(ordered, 0.95),
        p95_low_ms=low,
        p95_high_ms=high,
        p99_ms=quantile(ordered, 0.99),
        p95_target_ms=target.p95_ms,
        p95_verdict=verdict(low, high, target.p95_ms),
        error_high=error_high,
        error_target=target.errors,
        error_verdict=verdict(error_low, error_high, target.errors),
        histogram=tuple(histogram(ordered)),
    )


def histogram(milliseconds: Iterable[float]) -> Iterator[tuple[float, int]]:
    """Upper bound and count of each class, four classes to a factor of two, without the empty ones at either end."""
    counts: dict[int, int] = defaultdict(int)
    for value in milliseconds:
        counts[math.ceil(4 * math.log2(max(value, 0.001)))] += 1
    for step in range(min(counts, default=0), max(counts, default=-1) + 1):
        yield 2 ** (step / 4), counts[step]


async def sample(planned: Sequence[Planned], pace: Pace, permitted: Callable[[], bool]) -> Sampling:
    """Sends the requests by the timetable, as long as each is permitted; answers beyond 2xx are samples too."""
    async with _slots(pace) as slots:
        alone: dict[str, float] = {}
        for each in planned:
            for _ in range(pace.warm_up):
                if permitted():
                    begun = time.perf_counter()
                    await _send(slots[0], each)
                    alone[each.operation] = min(time.perf_counter() - begun, alone.get(each.operation, math.inf))
        return replace(await _Timetable(planned, pace, permitted, slots).keep(), alone=alone)


@dataclass(slots=True)
class _Timetable:
    """The requests, when each is meant to start, and the free slots."""

    planned: Sequence[Planned]
    pace: Pace
    permitted: Callable[[], bool]
    slots: Sequence[httpx.AsyncClient]
    samples: list[Sample] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    complete: bool = True

    async def keep(self) -> Sampling:
        """Starts every request at its time, or as soon after it as a slot is free."""
        # The slot that was used last is taken first: its connection is warm, as those of a busy client are.
        free: asyncio.Queue[httpx.AsyncClient] = asyncio.LifoQueue()
        for slot in self.slots:
            free.put_nowait(slot)
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as under_way:
            for number, each in enumerate(self._order()):
                intended = begun + number / self.pace.rate
                await _until(intended)
                # Where a slot is free it is our own machine that was late, which is nothing that the service did.
                meant = intended if free.empty() else time.perf_counter()
                if not free.empty():
                    self.late.append(meant - intended)
                slot = await free.get()
                if not self._goes_on(intended):
                    break
                under_way.create_task(self._take(each, slot, meant, free))
        return Sampling(
            tuple(self.samples), self.complete, late=quantile(sorted(self.late), 0.95) if self.late else 0.0
        )

    def _order(self) -> Iterator[Planned]:
        chance = random.Random(ORDER_SEED)  # noqa: S311  an order, not a secret
        left = self.pace.requests if self.planned else 0
        while left > 0:
            turn = chance.sample(self.planned, len(self.planned))[:left]
            yield from turn
            left -= len(turn)

    def _goes_on(self, intended: float) -> bool:
        self.complete = time.perf_counter() - intended < BACKLOG_SECONDS and self.permitted()
        return self.complete

    async def _take(
        self, each: Planned, slot: httpx.AsyncClient, intended: float, free: "asyncio.Queue[httpx.AsyncClient]"
    ) -> None:
        sent = time.perf_counter()
        try:
            status = await _send(slot, each)
        finally:
            free.put_nowait(slot)
        seconds = time.perf_counter() - intended
        self.samples.append(Sample(each.operation, seconds, sent - intended, status, intended))


@asynccontextmanager
async def _slots(pace: Pace) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        # Neither a proxy nor credentials of the environment take part.
        clients = [httpx.AsyncClient(timeout=pace.timeout_s, trust_env=False) for _ in range(pace.slots)]
        yield [await stack.enter_async_context(client) for client in clients]


async def _send(client: httpx.AsyncClient, each: Planned) -> int | None:
    """The status of the whole answer, `None` when none came."""
    length = 0
    try:
        async with (
            asyncio.timeout(client.timeout.read),
            client.stream(each.method, each.url, headers=list(each.headers), content=each.content) as answer,
        ):
            async for part in answer.aiter_raw():
                length += len(part)
                if length > BODY_LIMIT:
                    return None
            return answer.status_code
    except (httpx.HTTPError, TimeoutError):
        return None


async def _until(moment: float) -> None:
    left = moment - time.perf_counter() - COARSE_SECONDS
    if left > 0:
        await asyncio.sleep(left)
    while time.perf_counter() < moment:  # noqa: ASYNC110  it is a moment that is waited for, no event
        await asyncio.sleep(0)
