"""What a stranger reads of the metrics."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import NOBODY, Experiment, Session

USUAL = ("/metrics", "/internal/metrics", "/prometheus", "/metrics/")
EXPOSED = re.compile(r"^# (?:HELP|TYPE) [a-zA-Z_:]", re.MULTILINE)
ENDS = re.compile(r"(?:metrics|prometheus)/?$")
MOST_PATHS = 10


@dataclass(frozen=True, slots=True)
class MetricsAnswer:
    """One path of metrics, asked without credentials, where they are shown or refused."""

    operation: str
    exchange: Exchange
    beside_the_proxy: bool
    """Whether the service was asked itself: a proxy that keeps strangers away is not part of this."""

    @property
    def shown(self) -> bool:
        """Whether it answers with metrics as Prometheus reads them."""
        return self.exchange.status == OK and EXPOSED.search(self.exchange.text) is not None

    @property
    def refused(self) -> bool:
        """Whether it asks for credentials."""
        return self.exchange.status in (401, 403)


async def observe(session: Session) -> AsyncIterator[MetricsAnswer]:
    """Asks the usual paths, and those of described operations whose name ends so."""
    described = [x.template for x in session.safe_operations if ENDS.search(x.template) and "{" not in x.template]
    paths = [*dict.fromkeys((*USUAL, *described))]
    seen = 0
    for path in paths[:MOST_PATHS]:
        exchange = await session.get(path, identity=NOBODY)
        seen += exchange.answered
        # A mounted application has its slash: the path without it leads there.
        template = path.rstrip("/")
        answer = MetricsAnswer(f"GET {template}", exchange, session.server is not None)
        if answer.shown or answer.refused:
            yield answer
    session.looked_at(MetricsAnswer, seen, len(paths[:MOST_PATHS]), len(paths), "paths")


OK = 200

experiment = Experiment(MetricsAnswer, observe)
