"""Which calls a process makes only once: `global kept; if kept is None: kept = load()`, or a cache without a key."""

from fastapi_audit.evidence.source.code import Call, Expression, Function, Module, Statement
from fastapi_audit.evidence.source.libraries import CACHES
from fastapi_audit.evidence.source.remembering import remembered


def runs_once(call: Call) -> bool:
    """Whether a variable of the module keeps what it leads to, and the function asks that variable first."""
    function = call.function
    if function is None:
        return False
    declared = {name for s in function.statements_of("declare") for name in s.names}
    return any(_is_guarded(call, name, function) for name in declared if not _is_forgotten(name, function))


def answers_once(function: Function) -> bool:
    """Whether a cache keeps its only answer: `functools.cache`, or a decorator of the project's own around it."""
    if function.parameters:
        return False
    return function.is_decorated(*CACHES) or any(_caches(d) for d in function.decorators)


def _caches(decorator: Expression) -> bool:
    own = (decorator.callee if isinstance(decorator, Call) else decorator).defined_function
    if own is None:
        return False
    within = [f for f in own.module.functions if (around := f.outside.as_function) and around.node is own.node]
    return any(c.name in CACHES for f in (own, *within) for c in f.calls)


def _is_forgotten(name: str, function: Function) -> bool:
    """Whether anything else writes the variable: what reloads it makes the call run again."""
    return any(node is not function.node for node in _declaring(function.module).get(name, ()))


@remembered
def _declaring(module: Module) -> dict[str, list[object]]:
    """The names that functions of a module declare `global` or `nonlocal`, each with the functions."""
    found: dict[str, list[object]] = {}
    for function in module.functions:
        for statement in function.statements_of("declare"):
            for name in statement.names:
                found.setdefault(name, []).append(function.node)
    return found


def _is_guarded(call: Call, name: str, function: Function) -> bool:
    """Whether it stands in `if kept is None:`, or after `if kept is not None: return kept`."""
    if not _assigns(function, name):
        return False
    for statement, test in ((s, s.value) for s in function.statements_of("if") if s.value is not None):
        if _is_absent(test, name) and any(c.node is call.node for s in statement.children for c in s.calls):
            return True
        leaves = any(s.kind in {"return", "raise"} for s in statement.children)
        if _is_present(test, name) and leaves and statement.node in function.nodes and _is_after(call, statement):
            return True
    return False


def fills_a_cache(call: Call) -> bool:
    """Whether the function keeps what it leads to by key, and asks there first: `return kept[key]`."""
    function = call.function
    if function is None:
        return False
    stored = [t for s in function.statements_of("assign") if _is_before(call, s) for t in s.targets]
    kept = {t.text.partition("[")[0] for t in stored if t.kind == "subscript"}
    asked = [s.value.text for s in function.statements_of("return") if s.value and _is_after(call, s)]
    return any(text.startswith((f"{name}[", f"{name}.get(")) for name in kept for text in asked)


def _assigns(function: Function, name: str) -> bool:
    return bool(function.assignments_to(name))


def _is_after(call: Call, statement: Statement) -> bool:
    return call.node.start > statement.node.end


def _is_before(call: Call, statement: Statement) -> bool:
    return call.node.end < statement.node.start


def _is_absent(test: Expression, name: str) -> bool:
    """`kept is None`, `not kept`."""
    if test.operator == "not":
        return test.operands[0].written == name
    return test.operator in {"is", "=="} and test.operands[0].written == name and test.operands[-1].constant is None


def _is_present(test: Expression, name: str) -> bool:
    """`kept is not None`, `kept`."""
    if test.operator in {"is not", "!="}:
        return test.operands[0].written == name and test.operands[-1].constant is None
    return test.written == name
