"""What the service exports of itself: its metrics before, during and after the measured load, and what moved."""

import math
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import NOBODY, Experiment, Phase, Session
from fastapi_audit.evidence.live.statuses import SERVER_ERROR
from fastapi_audit.model import ExportedFigure, Verdict

if TYPE_CHECKING:
    from fastapi_audit.evidence.live.figures import Figure, Timing
    from fastapi_audit.evidence.live.scraping import Jump

DESCRIBED = re.compile(r"/(metrics|prometheus)/?$")
ACCEPTED = (("Accept", "text/plain;version=0.0.4,text/plain;q=0.5,*/*;q=0.1"),)
MOST_PATHS = 4
SIX = ("p95_ms", "error_share", "pool_share", "cache_hit_share", "requests_by_client", "tokens")
"""The figures of the checklist, in its order."""
DURING = 5
"""Scrapes while the load runs: a pool is empty again when it is over."""
EVERY_SECONDS = 0.6
ROUNDS, TOGETHER = 4, 4
"""Scrapes after it."""
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class ExportedMetrics:
    """What was read, or why nothing was."""

    asked: tuple[Exchange, ...]
    """The answers at every place where metrics could be, the last one first read."""
    unreadable: str = ""
    """Why nothing could be read."""
    scrape: Exchange | None = None
    """The last one."""
    sent: int = 0
    """Requests of the load."""
    figures: "tuple[Figure, ...]" = ()
    """The six of the checklist, whether met, missed or not measurable."""
    timings: "tuple[Timing, ...]" = ()
    """Histograms of the requests."""
    jump: "Jump | None" = None
    """A series that does not know what it counted before."""
    target_ms: float = 0.0
    api_keys: bool = False
    """Whether the service says that its clients have API keys."""
    alone: str = ""
    """Why no series could be seen to fall from scrape to scrape, though workers may count for themselves."""

    @property
    def absent(self) -> Exchange | None:
        """The answer that shows that there is nothing, when every place said so."""
        missing = self.scrape is None and all(each.status == NOT_FOUND for each in self.asked)
        return self.asked[0] if missing else None

    def figure(self, name: str) -> "Figure | None":
        """One of the six, as far as it is measurable."""
        found = (each for each in self.figures if each.name == name and each.source)
        return next(found, None) if self.scrape else None

    def unknown(self, name: str) -> str:
        """Why one of the six is not known or not decided; empty where it is."""
        if self.scrape is None:
            return self.unreadable
        found = (each for each in self.figures if each.name == name)
        return next((each.reason for each in found if each.verdict in (None, Verdict.INCONCLUSIVE)), "")

    @property
    def rows(self) -> Iterator[ExportedFigure]:
        """All six as a report shows them, also where nothing could be read."""
        for each in self.figures:
            judged = each.verdict or Verdict.NOT_MEASURABLE
            yield ExportedFigure(each.name, each.low, each.high, judged, each.reason, each.source)
        for name in () if self.figures else SIX:
            yield ExportedFigure(name, math.nan, math.nan, Verdict.NOT_MEASURABLE, self.unreadable)

    @property
    def untold(self) -> Iterator[str]:
        """The figures that cannot be known, and why."""
        if self.unreadable:
            yield self.unreadable
        for each in self.figures:
            if each.verdict is None:
                yield f"{each.name}: not measurable: {each.reason}"


async def observe(session: Session) -> AsyncIterator[ExportedMetrics]:
    """Reads, loads, reads again; without operations that may be called there is no load, and nothing moves."""
    from fastapi_audit.evidence.live import figures, scraping  # noqa: PLC0415  a scan imports this module
    from fastapi_audit.evidence.live.loading import warm  # noqa: PLC0415

    asked = [answer async for answer in _places(session)]
    if not asked[-1].ok:
        yield ExportedMetrics(tuple(asked), _refused(asked))
        return
    await warm(session)
    scrapes, sent = await _under_load(session, asked[-1].path)
    later = [each async for each in _after(session, asked[-1].path)]
    try:
        readings = [scraping.read(each.text) for each in scrapes if each.ok] or [scraping.read(asked[-1].text)]
        rounds = [[scraping.read(each.text) for each in answers if each.ok] for answers in later]
    except scraping.Unreadable as reason:
        yield ExportedMetrics(tuple(asked), f"{asked[-1].path} cannot be read: {reason}")
        return
    target = session.probing.target_of(None)
    yield ExportedMetrics(
        tuple(asked),
        scrape=next((each for each in reversed(scrapes) if each.ok), asked[-1]),
        sent=sent,
        figures=tuple(figures.figures(readings, target)),
        timings=figures.timings(readings),
        jump=scraping.jump([*([each] for each in readings), *rounds]) if _is_one_machine(session) else None,
        target_ms=target.p95_ms,
        api_keys=await _has_api_keys(session),
        alone=_alone(session),
    )


async def _places(session: Session) -> AsyncIterator[Exchange]:
    """Where metrics could be, up to the first place that has them."""
    described = (each.template for each in session.safe_operations if DESCRIBED.search(each.template))
    configured = session.probing.metrics
    # An application that is mounted there answers below its own path only.
    places = dict.fromkeys((configured, *described, configured.rstrip("/") + "/"))
    for path in [*places][:MOST_PATHS]:
        answer = await _scraped(session, path)
        yield answer
        if answer.ok:
            return


async def _scraped(session: Session, path: str) -> Exchange:
    from fastapi_audit.evidence.live.scraping import TEXT_LIMIT  # noqa: PLC0415  a scan imports this module

    return await session.exchange("GET", path, headers=ACCEPTED, identity=session.scraper, body_limit=TEXT_LIMIT)


def _refused(asked: Sequence[Exchange]) -> str:
    best = min(asked, key=lambda each: (not each.answered, each.status == NOT_FOUND, each.status >= SERVER_ERROR))
    if best.status in (401, 403):
        return f"{best.path} answers {best.status}: its credentials go into --metrics-header-file"
    gave = best.failure or f"{best.status}"
    return f"no metrics: {best.path} gave {gave}; name the place as `metrics` in [tool.fastapi-audit.probe]"


async def _under_load(session: Session, path: str) -> tuple[list[Exchange], int]:
    """The scrapes in the order of their time, the last one after the load, and the requests of the load."""
    import asyncio  # noqa: PLC0415  a scan imports this module

    from fastapi_audit.evidence.live.loading import load  # noqa: PLC0415  a scan imports this module

    scrapes = [await _scraped(session, path)]
    loading = asyncio.ensure_future(load(session))
    try:
        for _ in range(DURING):
            await asyncio.wait([loading], timeout=EVERY_SECONDS)
            if loading.done():
                break
            scrapes.append(await _scraped(session, path))
        sampling = await loading
    finally:
        loading.cancel()
    scrapes.append(await _scraped(session, path))
    return scrapes, len(sampling.samples)


async def _after(session: Session, path: str) -> AsyncIterator[list[Exchange]]:
    """Rounds of scrapes, each made at once, so that more than one worker has to answer."""
    import asyncio  # noqa: PLC0415  a scan imports this module

    for _ in range(ROUNDS):
        yield await asyncio.gather(*(_scraped(session, path) for _ in range(TOGETHER)))


def _is_one_machine(session: Session) -> bool:
    """Behind another host's name may stand replicas, which Prometheus scrapes one by one."""
    return session.server is not None or not session.probing.permissions.hosts


def _alone(session: Session) -> str:
    if session.probing.start is not None and session.probing.start.workers == 1:
        return "the server has one process: start as many as in production with --workers"
    return "" if _is_one_machine(session) else "behind another host may stand replicas, which are scraped one by one"


async def _has_api_keys(session: Session) -> bool:
    """Whether the description names API keys; the name of a scheme, no credentials, is all that is looked at."""
    from fastapi_audit.evidence.live.operations import SCHEMA_LIMIT  # noqa: PLC0415  a scan imports this module

    answer = await session.exchange("GET", session.probing.schema, identity=NOBODY, body_limit=SCHEMA_LIMIT)
    match answer.json():
        case {"components": {"securitySchemes": dict(schemes)}}:
            return any(_is_api_key(each) for each in schemes.values())
    return False


def _is_api_key(scheme: object) -> bool:
    match scheme:
        case {"type": "apiKey", "in": "header" | "query"}:
            return True
    return False


experiment = Experiment(ExportedMetrics, observe, phase=Phase.MEASURE)
