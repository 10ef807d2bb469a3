"""What refuses a request for its size: the framework's own limit, a middleware, a dependency or the handler."""

from collections.abc import Iterator

from fastapi_audit.evidence.source.code import Call, Expression, Function
from fastapi_audit.evidence.source.composition import App, Route
from fastapi_audit.evidence.source.handing import is_maximum
from fastapi_audit.evidence.source.remembering import remembered

DEEPEST, MOST = 4, 200
"""How far calls are followed, and to how many functions at most."""

COMPARING = frozenset({"<", "<=", ">", ">="})
LENGTH = "content-length"


@remembered
def limits_body(route: Route) -> bool:
    """Whether a request to a route is refused for its size before its body is taken."""
    if route.argument("max_body_size") is not None or app_limits_body(route.app):
        return True
    return any(d.function is not None and looks_at_size(d.function) for d in route.dependencies)


@remembered
def app_limits_body(app: App) -> bool:
    """Whether an application, or one that it is mounted in, refuses requests for their size."""
    current: App | None = app
    while current is not None:
        if current.argument("max_body_size") is not None:
            return True
        if any(looks_at_size(f) for m in current.middleware for f in m.functions):
            return True
        current = current.parent
    return False


@remembered
def looks_at_size(function: Function) -> bool:
    """Whether a function, or what it calls, compares the size of an upload or of the request with something."""
    seen = {id(function.node)}
    pending = [(function, 0)]
    while pending:
        current, depth = pending.pop()
        if _compares_size(current):
            return True
        for target in current.targets if depth < DEEPEST else ():
            if id(target.node) not in seen and len(seen) < MOST:
                seen.add(id(target.node))
                pending.append((target, depth + 1))
    return False


@remembered
def _compares_size(function: Function) -> bool:
    return any(_bounds(e, function) for e in function.expressions_of("operation"))


def _bounds(expression: Expression, function: Function) -> bool:
    if not COMPARING.intersection((expression.operator or "").split()):
        return False
    sizes = [o for o in expression.operands if _is_size(o, function)]
    return bool(sizes) and any(is_maximum(o) for o in expression.operands if o not in sizes)


def _is_size(operand: Expression, function: Function, depth: int = 0) -> bool:
    """`upload.size`, `int(request.headers["content-length"])`, a variable with one, or a function that gives one."""
    if depth > DEEPEST:
        return False
    if any(_reads_size(part) for part in operand.walk()):
        return True
    if operand.kind == "name":
        return any(_is_size(value, function, depth + 1) for value in _assigned(operand.text, function))
    target = operand.target if isinstance(operand, Call) else None
    return target is not None and any(_is_size(r, target, depth + 1) for r in target.returned_expressions)


def _reads_size(part: Expression) -> bool:
    constant = part.constant if part.kind == "constant" else None
    if isinstance(constant, str | bytes):
        return (constant if isinstance(constant, str) else constant.decode("latin-1")).lower() == LENGTH
    return part.kind == "attribute" and (part.name or "") == "fastapi.UploadFile.size"


def _assigned(name: str, function: Function) -> Iterator[Expression]:
    for statement in function.assignments_to(name):
        if statement.value is not None:
            yield statement.value
    yield from function.taken_by(name)
