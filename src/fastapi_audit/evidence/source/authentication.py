"""Which dependencies guard a route, by what they are, what they are called and what they raise."""

import re

from fastapi_audit.evidence.source.code import Function
from fastapi_audit.evidence.source.composition import Dependency

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
