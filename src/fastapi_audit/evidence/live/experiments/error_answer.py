"""What the service answers when it breaks or refuses: operations called as described, and with odd values."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.inside import told_of_the_inside
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import NO_OPERATIONS, Experiment, NotPossible, Session
from fastapi_audit.evidence.live.statuses import SERVER_ERROR
from fastapi_audit.evidence.source.probing import probe_of

MOST_OPERATIONS = 40
ERROR = 400
ODD = {"integer": "99999999999999999999", "number": "1e308", "string": "\x00'\"%"}
PLACE = re.compile(r'File (?:"|&quot;|&#34;|<)|frame-filename')


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One operation, called as described and with odd values, and the errors that came of it."""

    operation: str
    calls: int
    errors: tuple[Exchange, ...]
    """Of the server."""
    refusals: tuple[Exchange, ...] = ()
    """Errors that it says are the client's."""

    @property
    def traceback(self) -> Exchange | None:
        """The error that shows the client where in the source it happened."""
        return next((each for each in self.errors if _shows_source(each.text)), None)

    @property
    def tells_the_inside(self) -> tuple[Exchange, str] | None:
        """The error that quotes what went wrong inside, and what that is; a health check has a rule of its own."""
        if probe_of(self.operation.partition(" ")[2]):
            return None
        told = ((each, told_of_the_inside(each.text, unquote(each.path))) for each in (*self.errors, *self.refusals))
        return next(((each, what) for each, what in told if what and not _shows_source(each.text)), None)


async def observe(session: Session) -> AsyncIterator[ErrorAnswer]:
    """Calls every operation that may be called, at most twice."""
    known = [each for each in session.callable_operations if each.path() is not None]
    if not known:
        raise NotPossible(session.no_operations or NO_OPERATIONS)
    seen = 0
    for operation in known[:MOST_OPERATIONS]:
        calls = ({}, *_odd(operation))
        answers = [await session.call(operation, arguments=arguments) for arguments in calls]
        errors = tuple(each for each in answers if each.status >= SERVER_ERROR)
        if any(each.answered for each in answers):
            refusals = tuple(each for each in answers if ERROR <= each.status < SERVER_ERROR)
            seen += 1
            yield ErrorAnswer(operation.key, len(answers), errors, refusals)
    session.looked_at(ErrorAnswer, seen, len(known[:MOST_OPERATIONS]), len(known))


def _odd(operation: ServedOperation) -> Iterator[dict[str, str]]:
    sent = [each for each in operation.parameters if each.place in ("path", "query")]
    odd = {each.name: ODD[each.kind] for each in sent if each.kind in ODD}
    if odd:
        yield odd


def _shows_source(text: str) -> bool:
    return "Traceback" in text and PLACE.search(text) is not None


experiment = Experiment(ErrorAnswer, observe)
