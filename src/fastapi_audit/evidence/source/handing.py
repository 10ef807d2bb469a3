"""Where the value of a parameter goes: the functions that it is handed on to as it is, and whether one looks at it."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Call, Expression, Function, Parameter

DEEPEST, MOST = 4, 60
"""How far a value is followed, and to how many functions at most."""

COMPARING = frozenset({"<", "<=", ">", ">="})
LEAST = 1
"""What a value is compared with to see that it is not negative; that bounds nothing above."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A function that holds the value, and what it calls it there: `limit`, or `self.limit`."""

    function: Function
    name: str

    @property
    def bounds(self) -> bool:
        """Whether it takes a minimum of the value, or compares it with more than one."""
        return any(self._is_bound(e) for e in self.function.expressions)

    def _is_bound(self, expression: Expression) -> bool:
        if isinstance(expression, Call):
            return expression.name == "min" and any(a.written == self.name for a in expression.arguments)
        if not COMPARING.intersection((expression.operator or "").split()):
            return False
        others = [o for o in expression.operands if o.written != self.name]
        return len(others) < len(expression.operands) and any(is_maximum(o) for o in others)

    @property
    def calls(self) -> Iterator[Call]:
        """The calls that take it, as it is."""
        for call in self.function.calls:
            if any(a.written == self.name for a in (*call.arguments, *call.keywords.values())):
                yield call

    def gives(self, methods: frozenset[str]) -> bool:
        """Whether it calls one of these methods or functions with the value, or with a sum that it is in."""
        given = (a for c in self.function.calls if c.method in methods for a in (*c.arguments, *c.keywords.values()))
        return any(e.written == self.name for a in given for e in a.walk())


def is_maximum(other: Expression) -> bool:
    """Whether comparing with it bounds a value above: neither a count of rows nor "not negative"."""
    constant = other.constant
    if isinstance(constant, int | float):
        return constant > LEAST
    return not (isinstance(other, Call) and other.name == "len")


def holders(parameter: Parameter) -> list[Holder]:
    """The function of a parameter, and every function of the program that its value is handed on to."""
    found = [Holder(parameter.function, parameter.name)]
    seen = {(id(parameter.function.node), parameter.name)}
    pending = [(found[0], 0)]
    while pending and len(found) < MOST:
        holder, depth = pending.pop(0)
        for following in _following(holder) if depth < DEEPEST else ():
            key = (id(following.function.node), following.name)
            if key not in seen:
                seen.add(key)
                found.append(following)
                pending.append((following, depth + 1))
    return found


def _following(holder: Holder) -> Iterator[Holder]:
    for call in holder.calls:
        keyword = next((k for k, v in call.keywords.items() if v.written == holder.name), None)
        position = next((n for n, a in enumerate(call.arguments) if a.written == holder.name), None)
        cls = call.callee.defined_class
        if cls is not None and call.callee.type_name is None and keyword is not None:
            yield from (Holder(method, f"self.{keyword}") for method in cls.methods)
        target, skipped = call.target, 0
        if target is None and call.arguments:
            # `to_thread(load, limit)`: the function comes first and its arguments follow.
            target, skipped = call.arguments[0].defined_function, 1
        if target is not None:
            yield from _taken(target, keyword, None if position is None else position - skipped)


def _taken(target: Function, keyword: str | None, position: int | None) -> Iterator[Holder]:
    """The target with the parameter that takes the value."""
    if keyword is not None and target.parameter(keyword) is not None:
        yield Holder(target, keyword)
    if position is None or position < 0:
        return
    names = [p.name for p in target.parameters if p.kind == "positional"]
    if target.cls is not None and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if position < len(names):
        yield Holder(target, names[position])
