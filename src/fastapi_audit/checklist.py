"""The 17 items of the checklist: number, name, title, why, weight. Their order is the order of every report."""

from dataclasses import dataclass

# Tiers of OpenSSF Scorecard: what breaks for every user at once, for many, for some, for the team alone.
CRITICAL, HIGH, MEDIUM, LOW = 10.0, 7.5, 5.0, 2.5


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist."""

    number: int
    name: str
    title: str
    why: str
    weight: float

    @property
    def package(self) -> str:
        """The package of `checks` that holds its rules."""
        return self.name.replace("-", "_")


ITEMS: tuple[Item, ...] = (
    Item(
        1,
        "dependency-injection",
        "Dependency injection",
        "Shared state and wrong providers break under concurrent requests.",
        HIGH,
    ),
    Item(
        2,
        "structured-logging",
        "Structured logging",
        "A log without level, request id and traceback cannot be searched at night.",
        MEDIUM,
    ),
    Item(
        3,
        "database-pooling",
        "Database pooling",
        "Connections that leak or run out take the whole service down.",
        CRITICAL,
    ),
    Item(
        4,
        "rate-limiting",
        "Rate limiting",
        "Without a limit that holds, one client decides how everyone is served.",
        HIGH,
    ),
    Item(
        5,
        "middleware-order",
        "Middleware order",
        "A stack in the wrong order loses CORS headers, logs and protection.",
        HIGH,
    ),
    Item(6, "background-tasks", "Background tasks", "Work that is lost after the response is lost silently.", MEDIUM),
    Item(
        7,
        "websockets",
        "WebSockets",
        "Sockets that are not closed, checked or shared leak and stall the server.",
        MEDIUM,
    ),
    Item(8, "health-checks", "Health checks", "An orchestrator acts on what the health check says, true or not.", HIGH),
    Item(
        9,
        "deployment",
        "Deployment",
        "The command line and the image decide how the code behaves in production.",
        CRITICAL,
    ),
    Item(
        10,
        "configuration",
        "Configuration and secrets",
        "A secret in the code or a silently empty one opens the service.",
        CRITICAL,
    ),
    Item(11, "response-caching", "Response caching", "A wrong cache key shows one user the data of another.", MEDIUM),
    Item(
        12,
        "bulk-operations",
        "Bulk operations",
        "Unbounded input and per-row queries stop the service with one request.",
        MEDIUM,
    ),
    Item(
        13,
        "streaming",
        "Streaming",
        "A stream holds a connection, a session and memory for as long as it lasts.",
        MEDIUM,
    ),
    Item(
        14,
        "error-handling",
        "Error handling",
        "Errors that leak, vanish or answer 200 mislead users and monitors.",
        HIGH,
    ),
    Item(15, "monitoring", "Monitoring", "A target nobody measures is not met.", MEDIUM),
    Item(
        16,
        "migration",
        "Migration from Flask and Django",
        "Left-over idioms of the old framework answer 200 or 500 instead of what was meant.",
        LOW,
    ),
    Item(
        17,
        "typed-async-api",
        "Typed, async-native API",
        "One blocking call in an async route stops every other request.",
        CRITICAL,
    ),
)

BY_PACKAGE = {item.package: item for item in ITEMS}
BY_NUMBER = {item.number: item for item in ITEMS}
