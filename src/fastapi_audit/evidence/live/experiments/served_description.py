"""What a stranger reads of the description of the API: the schema and the pages that show it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import SCHEMA_LIMIT, read_operations
from fastapi_audit.evidence.live.session import NOBODY, Experiment, Session
from fastapi_audit.evidence.live.statuses import SERVER_ERROR

PAGES = ("/docs", "/redoc")
MARKS = ("swagger-ui", "redoc")


@dataclass(frozen=True, slots=True)
class ServedDescription:
    """The answers to somebody without credentials."""

    schema: Exchange
    pages: tuple[Exchange, ...]
    operations: int
    """How many the schema describes to a stranger; 0 when it is not served."""
    secured: tuple[str, ...]
    """Those of them that say that they ask for credentials."""

    @property
    def shown_pages(self) -> tuple[Exchange, ...]:
        """The pages that are really there: some services answer 200 to everything."""
        return tuple(each for each in self.pages if each.ok and any(mark in each.text for mark in MARKS))

    @property
    def is_told(self) -> bool:
        """Whether each was answered, and by no error of the server."""
        return all(0 < each.status < SERVER_ERROR for each in (self.schema, *self.pages))

    @property
    def hidden(self) -> bool:
        """Whether all of it was asked for and refused."""
        answers = (self.schema, *self.pages)
        return all(each.status in (401, 403, 404, 405, 410) for each in answers)


async def observe(session: Session) -> AsyncIterator[ServedDescription]:
    """Asks for the schema and the pages without credentials."""
    schema = await session.exchange("GET", session.probing.schema, identity=NOBODY, body_limit=SCHEMA_LIMIT)
    described = read_operations(schema.body, {}) if schema.ok else ""
    operations = () if isinstance(described, str) else described
    pages = [await session.get(path, identity=NOBODY) for path in PAGES]
    secured = tuple(each.key for each in operations if each.secured)
    yield ServedDescription(schema, tuple(pages), len(operations), secured)


experiment = Experiment(ServedDescription, observe)
