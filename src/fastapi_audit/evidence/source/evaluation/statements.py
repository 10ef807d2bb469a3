"""Statements, read in order: branches, loops and the conditions that registrations stand under."""

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.assignments import assign, bind
from fastapi_audit.evidence.source.evaluation.budget import MOST_NESTED_ROUNDS, Loop
from fastapi_audit.evidence.source.evaluation.definitions import define_class, define_function
from fastapi_audit.evidence.source.evaluation.flow import caught, elements, entered, truth
from fastapi_audit.evidence.source.evaluation.imports import note_import, read_import
from fastapi_audit.evidence.source.values import NOTHING, Constant, Scope, Value
from fastapi_audit.model import Unresolved

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def _jump(evaluation: "Evaluation", node: syntax.Jump, _scope: Scope) -> bool:
    if node.kind == "break" and evaluation.loops:
        loop = evaluation.loops[-1]
        certain = len(evaluation.conditions) == loop.conditions and not loop.may_raise
        loop.ended, loop.left = loop.ended or certain, True
    return node.kind != "pass"


def _discard(evaluation: "Evaluation", node: syntax.Evaluate, scope: Scope) -> bool:
    if not isinstance(node.value, syntax.Constant):
        evaluation.evaluate(node.value, scope)
    return False


def _return(evaluation: "Evaluation", node: syntax.Return, scope: Scope) -> bool:
    value = NOTHING if node.value is None else evaluation.evaluate(node.value, scope)
    if evaluation.frames:
        evaluation.frames[-1].returned.append(value)
    return True


def _raise(_evaluation: "Evaluation", _node: syntax.Raise, _scope: Scope) -> bool:
    return True


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
    is_true = truth(evaluation.evaluate(node.test, scope))
    if is_true is not None:
        return evaluation.run(node.body if is_true else node.orelse, scope)
    returned = len(evaluation.frames[-1].returned) if evaluation.frames else 0
    with evaluation.under(text):
        ended = evaluation.run(node.body, scope)
    if not node.orelse:
        went = isinstance(node.body[-1], syntax.Jump)
        if ended and (went or (evaluation.frames and len(evaluation.frames[-1].returned) > returned)):
            evaluation.guard = f"not ({text})"
        return False
    with evaluation.under(f"not ({text})"):
        return evaluation.run(node.orelse, scope) and ended


def _loop(evaluation: "Evaluation", node: syntax.Loop, scope: Scope) -> bool:
    evaluation.loops.append(Loop())
    try:
        if node.target is None:
            evaluation.run(node.body, scope)
        else:
            _each(evaluation, node, node.target, scope)
    finally:
        evaluation.loops.pop()
    return False


def _each(evaluation: "Evaluation", node: syntax.Loop, target: syntax.Expr, scope: Scope) -> None:
    loop = evaluation.loops[-1]
    said = f"for {scope.file.source(target)} in {scope.file.source(node.iterable)}"
    rounds = list(elements(evaluation.evaluate(node.iterable, scope)))
    # A function has a bound of its own.
    most = len(rounds) if evaluation.frames else max(1, MOST_NESTED_ROUNDS // prod(r.rounds for r in evaluation.loops))
    loop.rounds = max(1, min(most, len(rounds)))
    registered = evaluation.registered
    for element, known in rounds[:most]:
        bind(evaluation, target, element, scope)
        with evaluation.under(None if known and not loop.left else said):
            loop.conditions = len(evaluation.conditions)
            evaluation.run(node.body, scope)
        if loop.ended:
            return
    if most < len(rounds) and evaluation.registered > registered:
        why = f"`{said}` is followed for its first {most} elements only, as it stands in loops"
        evaluation.unresolved.append(Unresolved("module", why, scope.file.location(node)))
    with evaluation.under(f"not ended: {said}" if loop.left else None):
        evaluation.run(node.orelse, scope)


def _with(evaluation: "Evaluation", node: syntax.With, scope: Scope) -> bool:
    for item in node.items:
        value = evaluation.evaluate(item.value, scope)
        if item.target is not None:
            bind(evaluation, item.target, entered(evaluation, value), scope)
    return evaluation.run(node.body, scope)


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
    was_open = False
    for case in node.cases:
        fits = _fits(subject, [evaluation.evaluate(v, scope) for v in case.values])
        holds = True if case.guard is None else truth(evaluation.evaluate(case.guard, scope))
        if fits is False or holds is False:
            continue
        is_certain = fits is True and holds is True
        with evaluation.under(None if is_certain and not was_open else f"match {text}"):
            evaluation.run(case.body, scope)
        if is_certain:
            break
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
