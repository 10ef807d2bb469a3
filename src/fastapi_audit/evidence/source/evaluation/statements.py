"""Statements, read in order: branches, loops and the conditions that registrations stand under."""

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.assignments import assign, bind
from fastapi_audit.evidence.source.evaluation.budget import MOST_NESTED_ROUNDS, Loop, Unlikely
from fastapi_audit.evidence.source.evaluation.definitions import define_class, define_function
from fastapi_audit.evidence.source.evaluation.flow import caught, elements, entered, truth
from fastapi_audit.evidence.source.evaluation.imports import note_import, read_import
from fastapi_audit.evidence.source.values import NOTHING, Constant, Instance, Listing, Scope, Value
from fastapi_audit.model import Unresolved

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


_EXITS = ("sys.exit()", "os._exit()", "exit()", "quit()")


def _jump(evaluation: "Evaluation", node: syntax.Jump, _scope: Scope) -> bool:
    loop = evaluation.loops[-1] if evaluation.loops else Loop()
    if node.kind == "break":
        certain = len(evaluation.conditions) == loop.conditions and not loop.may_raise
        loop.ended, loop.left = loop.ended or certain, True
    loop.went_on |= node.kind == "continue"
    return node.kind != "pass"


def _discard(evaluation: "Evaluation", node: syntax.Evaluate, scope: Scope) -> bool:
    if isinstance(node.value, syntax.Constant):
        return False
    value = evaluation.evaluate(node.value, scope)
    return isinstance(value, Instance) and value.is_a(*_EXITS)


def _return(evaluation: "Evaluation", node: syntax.Return, scope: Scope) -> bool:
    value = NOTHING if node.value is None else evaluation.evaluate(node.value, scope)
    if evaluation.frames:
        frame = evaluation.frames[-1]
        is_unlikely = any(isinstance(condition, Unlikely) for condition in evaluation.conditions[frame.depth :])
        (frame.unlikely if is_unlikely else frame.returned).append(value)
    return True


def _raise(_evaluation: "Evaluation", _node: syntax.Raise, _scope: Scope) -> bool:
    return True


def _assert(_evaluation: "Evaluation", node: syntax.Assert, _scope: Scope) -> bool:
    return isinstance(node.test, syntax.Constant) and not node.test.value


def _if(evaluation: "Evaluation", node: syntax.If, scope: Scope) -> bool:
    text = scope.file.source(node.test)
    if "TYPE_CHECKING" in text:
        never, run = (node.orelse, node.body) if text.startswith("not ") else (node.body, node.orelse)
        ended = evaluation.run(run, scope)
        for statement in never:
            if isinstance(statement, syntax.Import):
                note_import(evaluation, statement, scope)
        return ended
    if "__name__" in text and "__main__" in text:
        return evaluation.run(node.orelse, scope)
    value = evaluation.evaluate(node.test, scope)
    is_true = truth(value)
    if is_true is not None:
        return evaluation.run(node.body if is_true else node.orelse, scope)
    holds, fails = _sides(text, value)
    returned = _returns(evaluation)
    with evaluation.under(holds):
        ended = evaluation.run(node.body, scope)
    if not node.orelse:
        went = isinstance(node.body[-1], syntax.Jump)
        if ended and (went or _returns(evaluation) > returned):
            evaluation.guard = fails
        return False
    with evaluation.under(fails):
        return evaluation.run(node.orelse, scope) and ended


def _sides(text: str, value: Value) -> tuple[str, str]:
    """An open condition and its opposite; when it is a default that decides, the other side is unlikely."""
    opposite = f"not ({text})"
    if not isinstance(value, Constant):
        return text, opposite
    return (text, Unlikely(opposite)) if value.value else (Unlikely(text), opposite)


def _returns(evaluation: "Evaluation") -> int:
    """How many `return` of the function that is followed were met."""
    return sum(len(frame.returned) + len(frame.unlikely) for frame in evaluation.frames[-1:])


def _loop(evaluation: "Evaluation", node: syntax.Loop, scope: Scope) -> bool:
    evaluation.loops.append(Loop())
    try:
        if node.target is None:
            return _while(evaluation, node, scope)
        return _each(evaluation, node, node.target, scope)
    finally:
        evaluation.loops.pop()


def _while(evaluation: "Evaluation", node: syntax.Loop, scope: Scope) -> bool:
    """One without an end that nothing breaks is left by `return` alone."""
    evaluation.run(node.body, scope)
    is_endless = isinstance(node.iterable, syntax.Constant) and bool(node.iterable.value)
    return is_endless and not evaluation.loops[-1].left


def _each(evaluation: "Evaluation", node: syntax.Loop, target: syntax.Expr, scope: Scope) -> bool:
    loop = evaluation.loops[-1]
    said = f"for {scope.file.source(target)} in {scope.file.source(node.iterable)}"
    iterable = evaluation.evaluate(node.iterable, scope)
    uncertain = iterable.uncertain if isinstance(iterable, Listing) else ()
    rounds = list(elements(iterable))
    # A function has a bound of its own.
    most = len(rounds) if evaluation.frames else max(1, MOST_NESTED_ROUNDS // prod(r.rounds for r in evaluation.loops))
    loop.rounds = max(1, min(most, len(rounds)))
    registered = evaluation.registered
    for element, known in rounds[:most]:
        bind(evaluation, target, element, scope)
        certain = known and not loop.left and id(element) not in uncertain
        loop.went_on = False
        with evaluation.under(None if certain else said):
            loop.conditions = len(evaluation.conditions)
            ended = evaluation.run(node.body, scope)
        if loop.ended:
            return False
        if ended and certain and not (loop.went_on or loop.left):
            return True
    if most < len(rounds) and evaluation.registered > registered:
        why = f"`{said}` is followed for its first {most} elements only, as it stands in loops"
        evaluation.unresolved.append(Unresolved("module", why, scope.file.location(node)))
    with evaluation.under(f"not ended: {said}" if loop.left else None):
        ended = evaluation.run(node.orelse, scope)
    return ended and not loop.left


def _with(evaluation: "Evaluation", node: syntax.With, scope: Scope) -> bool:
    swallows = False
    for item in node.items:
        value = evaluation.evaluate(item.value, scope)
        swallows |= isinstance(value, Instance) and value.is_a("contextlib.suppress()")
        if item.target is not None:
            bind(evaluation, item.target, entered(evaluation, value), scope)
    return evaluation.run(node.body, scope) and not swallows


def _try(evaluation: "Evaluation", node: syntax.Try, scope: Scope) -> bool:
    loop = evaluation.loops[-1] if evaluation.loops and node.handlers else Loop()
    loop.may_raise += 1
    try:
        ended = evaluation.run(node.body, scope)
    finally:
        loop.may_raise -= 1
    goes_on = [condition for handler in node.handlers if (condition := _handler(evaluation, handler, scope))]
    if not ended:
        ended = evaluation.run(node.orelse, scope)
    if evaluation.run(node.final, scope):
        return True
    if ended and goes_on:
        evaluation.guard = " or ".join(goes_on)
        return False
    return ended


def _handler(evaluation: "Evaluation", handler: syntax.Handler, scope: Scope) -> str | None:
    """Reads what an `except` does; its condition, unless the flow certainly ends in it."""
    condition = f"except {scope.file.source(handler.type) if handler.type is not None else 'anything'}"
    if handler.name:
        scope.names[handler.name] = caught(evaluation, handler, scope)
    with evaluation.under(condition):
        return None if evaluation.run(handler.body, scope) else condition


def _match(evaluation: "Evaluation", node: syntax.Match, scope: Scope) -> bool:
    subject = evaluation.evaluate(node.subject, scope)
    text = scope.file.source(node.subject)
    was_open, ended = False, True
    for case in node.cases:
        fits = _fits(subject, [evaluation.evaluate(v, scope) for v in case.values])
        holds = True if case.guard is None else truth(evaluation.evaluate(case.guard, scope))
        if fits is False or holds is False:
            continue
        is_certain = fits is True and holds is True
        with evaluation.under(None if is_certain and not was_open else f"match {text}"):
            ended &= evaluation.run(case.body, scope)
        if is_certain:
            return ended
        was_open = True
    return False


def _fits(subject: Value, values: list[Value]) -> bool | None:
    """Whether a value is one of those of a pattern; a pattern without any fits everything."""
    if not values:
        return True
    known = [v.value for v in (subject, *values) if isinstance(v, Constant) and not v.is_default]
    return known[0] in known[1:] if len(known) > len(values) else None


STATEMENTS: dict[type[syntax.Node], Callable[..., bool]] = {
    syntax.Import: read_import,
    syntax.Assign: assign,
    syntax.Evaluate: _discard,
    syntax.Return: _return,
    syntax.Raise: _raise,
    syntax.Assert: _assert,
    syntax.If: _if,
    syntax.Loop: _loop,
    syntax.With: _with,
    syntax.Try: _try,
    syntax.Match: _match,
    syntax.ClassDef: define_class,
    syntax.FunctionDef: define_function,
    syntax.Jump: _jump,
}
"""How each kind of statement is read; the answer is whether the flow certainly ends there."""
