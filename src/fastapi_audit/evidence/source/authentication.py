"""Which dependencies guard a route, and whether browsers send by themselves what signs users in."""

import re
from collections.abc import Iterable

from fastapi_audit.evidence.source.code import Function
from fastapi_audit.evidence.source.composition import App, Dependency

_AUTH = re.compile(
    r"(^|[._])(auth\w*|get_current_\w+|current_\w*user\w*|require_\w+|requires_\w+|verify_(token|jwt|api_?key|credentials|user|session|access|auth\w*|admin\w*)"
    r"|validate_(token|jwt|api_?key|credentials|session|user)|check_(token|api_?key|auth\w*|permission\w*|access\w*|admin\w*)|\w*permission\w*|\w*api_?key\w*|\w*jwt\w*|\w*_token"
    r"|token_\w+|login_required|is_authenticated|get_user\w*|\w*_auth|is_admin|ensure_\w*(user|auth|admin)\w*|\w*authoriz\w*|\w*authentic\w*)$",
    re.IGNORECASE,
)

_REFUSAL = re.compile(
    r"\b(401|403)\b|HTTP_40[13]|unauthori[sz]ed|forbidden|not_?authenticated|permission_?denied", re.IGNORECASE
)


def refuses(function: Function) -> bool:
    """Whether a function raises an error that says 401 or 403."""
    return any(_REFUSAL.search(s.text) for s in function.statements_of("raise"))


def authenticates(dependency: Dependency, names: frozenset[str]) -> bool:
    """Whether a dependency guards a route: a security scheme, or a name that says so, also through project code."""
    if dependency.is_security or dependency.name in names:
        return True
    last = dependency.name.rpartition(".")[2] if "<locals>" not in dependency.name else dependency.name
    if _AUTH.search(dependency.name.replace(".<locals>", "")) or _AUTH.search(last):
        return True
    if dependency.function is not None and refuses(dependency.function):
        return True
    return any(d.is_security for d in dependency.dependencies)


_SESSIONS = (
    "starlette.middleware.sessions.SessionMiddleware",
    "starlette.middleware.authentication.AuthenticationMiddleware",
)
_SENT_BY_BROWSERS = frozenset({"fastapi.security.APIKeyCookie", "fastapi.security.HTTPBasic"})
_COOKIE = ("fastapi.Cookie", "fastapi.params.Cookie")


def browsers_sign_in(apps: Iterable[App], functions: Iterable[Function]) -> bool:
    """Whether cookies, sessions or HTTP Basic are in use: what a browser adds to a request whichever page makes it."""
    apps = list(apps)
    if any(m.is_a(*_SESSIONS) for a in apps for m in a.middleware):
        return True
    if any(not _SENT_BY_BROWSERS.isdisjoint(r.auth) for a in apps for r in a.routes):
        return True
    return any(uses_cookies(f) for f in functions)


def uses_cookies(function: Function) -> bool:
    """Whether a function reads or sets cookies."""
    if any(p.marker(*_COOKIE) is not None for p in function.parameters):
        return True
    if any(c.method == "set_cookie" for c in function.calls):
        return True
    return any(e.written is not None for e in function.attributes_named("cookies", "session"))
