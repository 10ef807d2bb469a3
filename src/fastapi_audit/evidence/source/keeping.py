"""Whether what one request makes is kept for the next ones."""

from fastapi_audit.evidence.source.code import Call, Function, Statement

_REMEMBERING = (
    "functools.lru_cache", "functools.cache", "functools.cached_property", "async_lru.alru_cache",
    "cachetools.cached",
)  # fmt: skip


def is_remembered(function: Function) -> bool:
    """Whether a decorator keeps what it gives, or it fills in an object that lives on: a constructor."""
    return function.is_decorated(*_REMEMBERING) or function.name == "__init__"


def is_kept(call: Call) -> bool:
    """Whether what a call gives is kept, as far as can be seen: under a condition, a global, an attribute, a cache."""
    name, function = call.assigned_to, call.function
    if call.conditions or function is None:
        return True
    if name is None:
        return False
    declared = {n for s in function.statements_of("declare") for n in s.names}
    return (
        not name.isidentifier() or name in declared or any(_stores(s, name) for s in function.statements_of("assign"))
    )


def _stores(statement: Statement, name: str) -> bool:
    """`cache[key] = name`, `self.engine = name`."""
    value = statement.value
    return value is not None and value.written == name and any(t.kind != "name" for t in statement.targets)
