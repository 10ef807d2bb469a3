"""What an annotation says of a value."""

from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.facts import expression as parse_expression
from fastapi_audit.evidence.source.values import NOTHING, ClassValue, External, Instance, Scope, Unknown, Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation

DEEPEST = 20
"""Of aliases of aliases: `A = Annotated[A, …]` in a loop."""

_GENERATORS = (
    "Generator",
    "AsyncGenerator",
    "Iterator",
    "AsyncIterator",
    "Iterable",
    "AsyncIterable",
    "ContextManager",
    "AsyncContextManager",
    "AbstractContextManager",
    "AbstractAsyncContextManager",
    "Awaitable",
    "Coroutine",
)


def typed(evaluation: "Evaluation", annotation: syntax.Expr, scope: Scope) -> Value:
    """An instance of what an annotation names; `Unknown` for a free one."""
    match annotation:
        case syntax.Constant(value=str() as text):
            parsed = parse_expression(text)
            return typed(evaluation, parsed, scope) if parsed is not None else Unknown()
        case syntax.Constant(value=None):
            return NOTHING
        case syntax.Operation(operator="|"):
            return next((t for o in annotation.operands if (t := typed(evaluation, o, scope)) != NOTHING), Unknown())
        case syntax.Subscript():
            return _typed_generic(evaluation, annotation, scope)
        case _:
            with evaluation.inferring():
                return _typed_value(evaluation.evaluate(annotation, scope))


def _typed_value(value: Value, depth: int = 0) -> Value:
    match value:
        case ClassValue():
            return Instance(value)
        case External(name=name):
            return Unknown() if name in {"typing.Any", "object"} else Instance(value)
        case Instance(cls=External(name="typing.Annotated" | "typing.Optional"), args=(of, *_)) if depth < DEEPEST:
            return _typed_value(of, depth + 1)
        case Instance(site=None):
            return value
        case _:
            return Unknown()


def _typed_generic(evaluation: "Evaluation", annotation: syntax.Subscript, scope: Scope) -> Value:
    with evaluation.inferring():
        base = evaluation.evaluate(annotation.value, scope)
    index = annotation.index
    arguments = list(index.elements) if isinstance(index, syntax.Collection) else [index]
    if isinstance(base, ClassValue):
        return Instance(base)
    if not isinstance(base, External) or not arguments:
        return Unknown()
    last = base.name.rpartition(".")[2]
    if last in {"Annotated", "Optional", "Final", "ClassVar", "Required", "Mapped"}:
        return typed(evaluation, arguments[0], scope)
    if last in _GENERATORS:
        return typed(evaluation, arguments[2] if last == "Coroutine" and len(arguments) == 3 else arguments[0], scope)  # noqa: PLR2004  send, yield, return
    if last == "Union":
        return next((t for a in arguments if (t := typed(evaluation, a, scope)) != NOTHING), Unknown())
    if last in {"Type", "type"}:
        with evaluation.inferring():
            return evaluation.evaluate(arguments[0], scope)
    with evaluation.inferring():
        return Instance(External(base.name), tuple(evaluation.evaluate(a, scope) for a in arguments))
