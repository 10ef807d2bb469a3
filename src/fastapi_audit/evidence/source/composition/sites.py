"""Where a value was made, as code that rules can look at."""

from fastapi_audit.evidence.source.code import Call, Program
from fastapi_audit.evidence.source.values import Site
from fastapi_audit.model import Location


def location_of(site: Site | None) -> Location | None:
    return None if site is None else site.file.location(site.node)


def call_of(source: Program, site: Site) -> Call:
    """The bound call of a site, in the function or module that it stands in."""
    scope = site.scope
    while scope.function is None and scope.parent is not None:
        scope = scope.parent
    body = source.function(scope.function) if scope.function is not None else source.module_of(site.file)
    return Call(site.node, body)
