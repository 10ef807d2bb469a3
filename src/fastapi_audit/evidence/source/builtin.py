"""What builtins, containers and operators do with values that are known."""

import re
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.facts import LARGEST, MOST_ELEMENTS
from fastapi_audit.evidence.source.libraries import APPLICATIONS, DYNAMIC, ROUTERS
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Method,
    ModuleValue,
    Partial,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation import Evaluation

LONGEST = 10_000
_FORMATTED = re.compile(r"\{[^{}]*:")
"""A replacement field that asks for a width, which may be as wide as memory."""
_STRING_METHODS = frozenset(
    {
        "lower", "upper", "strip", "lstrip", "rstrip", "replace", "title", "capitalize", "removeprefix", "removesuffix",
        "format", "startswith", "endswith", "split", "join", "count", "find", "isdigit", "casefold",
    }
)  # fmt: skip


def call_container(
    owner: Listing | Table | Constant, method: str, args: tuple[Value, ...], *, conditional: bool
) -> Value:
    """A method of a list, tuple, set, dict or string."""
    match owner:
        case Listing():
            return _call_listing(owner, method, args, conditional=conditional)
        case Table():
            return _call_table(owner, method, args)
        case _:
            return _call_string(owner, method, args)


def _call_listing(owner: Listing, method: str, args: tuple[Value, ...], *, conditional: bool) -> Value:
    match method, args:
        case ("append" | "add", (item,)):
            _insert(owner, len(owner.items), [item], conditional=conditional)
        case "insert", (Constant(value=int() as at), item):
            _insert(owner, at, [item], conditional=conditional)
        case ("extend" | "update", (Listing() as more,)):
            _insert(owner, len(owner.items), more.items, conditional=conditional)
            owner.open_ended |= more.open_ended
            owner.uncertain |= more.uncertain
        case "copy", ():
            return Listing(owner.kind, list(owner.items), owner.open_ended, set(owner.uncertain))
        case "clear", () if not conditional:
            owner.items.clear()
            owner.open_ended = False
        case (("remove" | "discard"), (Constant() as gone,)) if not conditional and gone in owner.items:
            owner.items.remove(gone)
        case ("insert" | "extend" | "update" | "remove" | "pop" | "clear" | "discard", _):
            owner.open_ended = True
            return Unknown("an element")
        case _:
            return Unknown()
    return NOTHING


def _insert(owner: Listing, at: int, items: list[Value], *, conditional: bool) -> None:
    room = max(MOST_ELEMENTS - len(owner.items), 0)
    owner.open_ended |= conditional or len(items) > room
    if conditional:
        owner.uncertain.update(id(item) for item in items)
    owner.items[at:at] = items[:room]


def _call_table(owner: Table, method: str, args: tuple[Value, ...]) -> Value:
    match method, args:
        case "items", ():
            pairs: list[Value] = [Listing("tuple", [_key(k), v]) for k, v in owner.items.items()]
            return Listing("list", pairs, owner.open_ended)
        case "keys", ():
            return Listing("list", [_key(k) for k in owner.items], owner.open_ended)
        case "values", ():
            return Listing("list", list(owner.items.values()), owner.open_ended)
        case "get" | "pop" | "setdefault", (Constant(value=key), *rest):
            if key in owner.items:
                return owner.items[key]
            if method == "setdefault" and rest:
                owner.items[key] = rest[0]
            return Unknown("an item") if owner.open_ended else (rest[0] if rest else NOTHING)
        case "update", (Table() as more,):
            owner.items.update(more.items)
            owner.open_ended |= more.open_ended
            return NOTHING
        case "copy", ():
            return Table(dict(owner.items), owner.open_ended)
        case _:
            return Unknown()


def _key(key: object) -> Value:
    return key if isinstance(key, ClassValue | External | FunctionValue | Instance) else Constant(key)


def _call_string(owner: Constant, method: str, args: tuple[Value, ...]) -> Value:
    text = owner.value
    if not isinstance(text, str) or method not in _STRING_METHODS or (method == "format" and _FORMATTED.search(text)):
        return Unknown()
    plain: list[object] = []
    for argument in args:
        if (
            isinstance(argument, Listing)
            and not argument.open_ended
            and all(isinstance(i, Constant) for i in argument.items)
        ):
            plain.append([i.value for i in argument.items if isinstance(i, Constant)])
        elif isinstance(argument, Constant):
            plain.append(argument.value)
        else:
            return Unknown()
    try:
        result = getattr(text, method)(*plain)
    except (TypeError, ValueError, LookupError, AttributeError):
        return Unknown()
    if isinstance(result, list):
        return Listing("list", [Constant(r, owner.is_default) for r in result[:LONGEST]])
    return Unknown() if isinstance(result, str) and len(result) > LONGEST else Constant(result, owner.is_default)


def operate(operator: str, operands: list[Value]) -> Value:
    """A unary, binary, boolean or comparing operation."""
    if operator in {"or", "and"}:
        return _either(operator, operands)
    if operator in {"is", "is not", "==", "!="} and len(operands) == 2:  # noqa: PLR2004  two sides
        return _compare(operator, *operands)
    if operator == "not":
        return _negated(operands[0])
    if (
        operator in {"in", "not in"}
        and isinstance(operands[0], Constant)
        and isinstance(operands[1], Listing)
        and not operands[1].open_ended
    ):
        found = operands[0].value in [i.value for i in operands[1].items if isinstance(i, Constant)]
        return Constant(found is (operator == "in"), operands[0].is_default)
    if operator == "+" and all(isinstance(o, Listing) for o in operands):
        listings = [o for o in operands if isinstance(o, Listing)]
        return joined(listings[0].kind, listings)
    if operator == "|" and all(isinstance(o, Table) for o in operands):
        tables = [o for o in operands if isinstance(o, Table)]
        return Table({k: v for t in tables for k, v in t.items.items()}, any(t.open_ended for t in tables))
    if operator == "|":
        return next((o for o in operands if o != NOTHING and not isinstance(o, Unknown)), Unknown())
    return _arithmetic(operator, operands)


def joined(kind: str, listings: list[Listing]) -> Listing:
    """One after the other; a program that doubles a list again and again gets no further than we can hold."""
    items = [item for listing in listings for item in listing.items]
    is_open = len(items) > MOST_ELEMENTS or any(x.open_ended for x in listings)
    return Listing(kind, items[:MOST_ELEMENTS], is_open, {at for listing in listings for at in listing.uncertain})


def _negated(operand: Value) -> Value:
    match operand:
        case Constant():
            return Constant(not operand.value, operand.is_default)
        case Listing(open_ended=False) | Table(open_ended=False):
            return Constant(not operand.items)
        case _:
            return Unknown()


def _either(operator: str, operands: list[Value]) -> Value:
    for operand in operands[:-1]:
        match operand:
            case Constant(is_default=False):
                if bool(operand.value) is (operator == "or"):
                    return operand
            case Listing(open_ended=False) | Table(open_ended=False):
                if bool(operand.items) is (operator == "or"):
                    return operand
            case FunctionValue() | ClassValue() | Instance() if operator == "or":
                return operand
            case Constant() if operator == "or" and operand.value:
                return operand
            case Unknown() if operator == "or":
                last = operands[-1]
                return last if isinstance(last, Instance) and last.site is not None else Unknown()
            case _:
                return Unknown()
    return operands[-1]


def _compare(operator: str, left: Value, right: Value) -> Value:
    positive = operator in {"is", "=="}
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Constant((left.value == right.value) is positive, left.is_default or right.is_default)
    if right == NOTHING and (
        isinstance(left, FunctionValue | ClassValue | Listing | Table | ModuleValue)
        or (isinstance(left, Instance) and left.site is not None)
    ):
        return Constant(not positive)
    return Unknown()


def _arithmetic(operator: str, operands: list[Value]) -> Value:
    if not all(isinstance(o, Constant) for o in operands):
        return Unknown()
    values = [o.value for o in operands if isinstance(o, Constant)]
    is_default = any(o.is_default for o in operands if isinstance(o, Constant))
    if any(isinstance(v, int | float) and not abs(v) <= LARGEST for v in values):
        return Unknown()
    match operator, values:
        case "+", [str() as a, str() as b] if len(a) + len(b) < LONGEST:
            return Constant(a + b, is_default)
        case "+", [int() | float() as x, int() | float() as y]:
            return Constant(x + y, is_default)
        case "-", [int() | float() as x, int() | float() as y]:
            return Constant(x - y, is_default)
        case "*", [int() | float() as x, int() | float() as y] if abs(x) < LONGEST**2 and abs(y) < LONGEST**2:
            return Constant(x * y, is_default)
        case "<<", [int() as x, int() as y] if 0 <= y < 64:  # noqa: PLR2004  a sane shift
            return Constant(x << y, is_default)
        case "-", [int() | float() as x]:
            return Constant(-x, is_default)
        case _:
            return Unknown()


def call_builtin(  # noqa: C901, PLR0912  one table of builtins
    evaluation: "Evaluation", name: str, args: tuple[Value, ...], keywords: dict[str, Value]
) -> Value | None:
    """What a function of the standard library gives when its arguments are known; `None` for all others."""
    match name, args:
        case "functools.partial", (Partial(target=target, args=first, keywords=known), *rest):
            return Partial(target, (*first, *rest), known | keywords)
        case "functools.partial", (target, *rest):
            return Partial(target, tuple(rest), keywords)
        case "sorted", (Listing() as items,):
            return _sorted(items, keywords)
        case "reversed", (Listing() as items,):
            return Listing("list", items.items[::-1], items.open_ended)
        case ("set", (Listing() as items,)):
            return Listing.distinct(items.items, open_ended=items.open_ended)
        case (("list" | "tuple"), (Listing() as items,)):
            return Listing("list", list(items.items), items.open_ended)
        case (("list" | "tuple" | "set" | "dict"), ()):
            return Table.of(keywords) if name == "dict" else Listing(name, [])
        case "dict", (Table() as table,):
            return Table(table.items | Table.of(keywords).items, table.open_ended)
        case "enumerate", (Listing() as items,):
            return Listing(
                "list", [Listing("tuple", [Constant(n), i]) for n, i in enumerate(items.items)], items.open_ended
            )
        case "zip", (Listing() as left, Listing() as right):
            return Listing("list", [Listing("tuple", [a, b]) for a, b in zip(left.items, right.items, strict=False)])
        case "range", (Constant(value=int() as count),) if 0 <= count <= LONGEST:
            return Listing("list", [Constant(n) for n in range(min(count, 400))])
        case "str", (Constant() as text,):
            return text_of([text]) or Unknown()
        case "getattr", (owner, Constant(value=str() as attribute), *default):
            found = evaluation.attribute(owner, attribute)
            return _if_missing(owner, default[0]) if default and isinstance(found, Unknown) else found
        case "getattr", (Instance() as owner, *_) if owner.is_a(*APPLICATIONS, *ROUTERS):
            return Method(owner, DYNAMIC)
        case "setattr", (Instance() as owner, Constant(value=str() as attribute), value):
            owner.attributes[attribute] = value
            return NOTHING
        case (("os.getenv" | "os.environ.get"), (_, Constant() as default)):
            return Constant(default.value, is_default=True)
        case (("os.getenv" | "os.environ.get"), _):
            return _environment_default(keywords)
        case (("importlib.import_module" | "__import__"), (Constant(value=str() as module), *_)):
            file = evaluation.modules.named(module)
            if file is not None:
                evaluation.scope_of(file)
            return ModuleValue(file.name, file) if file is not None else External(module)
        case (("typing.cast" | "cast"), (_, value)):
            return value
        case (("int" | "float" | "bool"), (Constant() as number,)):
            return _number(name, number)
        case _:
            return None


def _environment_default(keywords: dict[str, Value]) -> Value:
    default = keywords.get("default")
    return Constant(default.value, is_default=True) if isinstance(default, Constant) else Unknown("the environment")


def _number(name: str, given: Constant) -> Value:
    converters: dict[str, type[int | float]] = {"int": int, "float": float, "bool": bool}
    try:
        return Constant(converters[name](given.value), given.is_default)  # type: ignore[arg-type, call-overload]  # a ValueError or TypeError answers for the rest
    except (TypeError, ValueError, OverflowError):
        return Unknown()


def _sorted(listed: Listing, keywords: dict[str, Value]) -> Listing:
    """In order as far as that is known: of texts, without a key."""
    backwards = keywords.get("reverse", Constant(value=False))
    texts = [i for i in listed.items if isinstance(i, Constant) and isinstance(i.value, str)]
    if len(texts) < len(listed.items) or "key" in keywords or not isinstance(backwards, Constant):
        return Listing("list", list(listed.items), listed.open_ended)
    ordered = sorted(texts, key=lambda text: str(text.value), reverse=bool(backwards.value))
    return Listing("list", [*ordered], listed.open_ended)


def text_of(constants: list[Constant]) -> Constant | None:
    """What `str` and f-strings write; `None` for what is too long, or what Python refuses to write out."""
    try:
        text = "".join(str(constant.value) for constant in constants)
    except ValueError:
        return None
    return Constant(text, any(c.is_default for c in constants)) if len(text) <= LONGEST else None


def _if_missing(owner: Value, default: Value) -> Value:
    """The default of `getattr`: certain for a module of the program, one of two answers for anything else."""
    match default:
        case _ if isinstance(owner, ModuleValue) and owner.file is not None:
            return default
        case Constant():
            return Constant(default.value, is_default=True)
        case Listing():
            return Listing(default.kind, list(default.items), open_ended=True)
        case Table():
            return Table(dict(default.items), open_ended=True)
        case _:
            return default
