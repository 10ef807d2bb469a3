"""What an application or a router is told: routes, routers, middleware, handlers."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.evaluation.budget import STEPS_A_REGISTRATION
from fastapi_audit.evidence.source.libraries import APPLICATIONS, ROUTE_METHODS, ROUTERS
from fastapi_audit.evidence.source.values import Constant, External, Instance, Listing, Registration, Site, Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation

DECORATING = ROUTE_METHODS | {
    "api_route",
    "route",
    "websocket",
    "websocket_route",
    "exception_handler",
    "middleware",
    "on_event",
}
DIRECT = frozenset(
    {
        "add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route", "include_router", "mount",
        "host", "add_middleware", "add_exception_handler", "add_event_handler",
    }
)  # fmt: skip
COMPOSABLE = (*APPLICATIONS, *ROUTERS)


def start(evaluation: "Evaluation", application: Instance) -> None:
    evaluation.applications.append(application)
    application.attributes["conditions"] = Listing("tuple", [Constant(c) for c in evaluation.conditions])


def lost(
    evaluation: "Evaluation", callee: Value, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
) -> None:
    """An application or router handed to code that cannot be read may get routes there."""
    if not evaluation.composing or site is None:
        return
    for argument in (*args, *keywords.values()):
        if isinstance(argument, Instance) and argument.is_a(*COMPOSABLE):
            name = callee.name if isinstance(callee, External) else "unknown"
            record(evaluation, argument, f"call:{name}", args, keywords, site, None)


def record(
    evaluation: "Evaluation",
    target: Instance,
    method: str,
    args: tuple[Value, ...],
    keywords: dict[str, Value],
    site: Site,
    handler: Value | None,
) -> None:
    if not evaluation.composing or (target.site is not None and target.site.file.path in evaluation.closed):
        return
    evaluation.steps -= STEPS_A_REGISTRATION
    evaluation.registered += 1
    entry = Registration(method, args, keywords, site, handler, tuple(evaluation.conditions), evaluation.stage)
    target.registrations.append(entry)
