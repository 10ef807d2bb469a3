"""What is known of a value that is one of several, when only running the program would tell which."""

from collections.abc import Iterable, Sequence

from fastapi_audit.evidence.source.evaluation.registrations import COMPOSABLE
from fastapi_audit.evidence.source.facts import MOST_ELEMENTS
from fastapi_audit.evidence.source.values import Constant, Instance, Listing, Table, Unknown, Value

_MOST_COMPARED = 100
"""Longer containers are taken for different ones."""


def one_of(values: Sequence[Value]) -> Value:
    """No constant is certain unless each is that one; an object is followed all the same, the last before others."""
    last = values[-1]
    if len(values) == 1:
        return last
    if all(_is_same(value, last) for value in values):
        return _settled(last, values)
    known = [v for v in values if not isinstance(v, Unknown)]
    if known and all(isinstance(v, Constant) and isinstance(v.value, str) and _is_same(v, known[0]) for v in known):
        # A text or else something that is not known: it is what `os.environ.get(name, text)` gives.
        return _settled(known[0], [Constant(None, is_default=True)])
    known = [v for v in known if not isinstance(v, Constant)]
    composed = [v for v in known if isinstance(v, Instance) and v.is_a(*COMPOSABLE)]
    if composed:
        # What a cache holds is known by its type alone; what was made is the one that gets the routes.
        return next((v for v in reversed(composed) if v.site is not None), composed[-1])
    match known[-1] if known else None:
        case None:
            return Unknown("one of several values")
        case Listing():
            return _one_of_listings(values)
        case Table():
            return _one_of_tables(values)
        case found:
            return found


def by_default(values: Sequence[Value], unlikely: Sequence[Value]) -> Value:
    """One of all, where the unlikely ones ask for another value of a setting than its default."""
    found = one_of([*unlikely, *values])
    likely = one_of(values) if values and isinstance(found, Unknown) else found
    return Constant(likely.value, is_default=True) if likely is not found and isinstance(likely, Constant) else found


def _settled(value: Value, values: Iterable[Value]) -> Value:
    is_default = any(isinstance(v, Constant) and v.is_default for v in values)
    return Constant(value.value, is_default=True) if isinstance(value, Constant) and is_default else value


def _is_same(value: Value, other: Value) -> bool:
    """Also two containers that were written alike."""
    match value, other:
        case Listing(), Listing():
            return value is other or (value.kind == other.kind and _are_alike(value, other, value.items, other.items))
        case Table(), Table():
            return value is other or (
                list(value.items)[:_MOST_COMPARED] == list(other.items)[:_MOST_COMPARED]
                and _are_alike(value, other, list(value.items.values()), list(other.items.values()))
            )
        case _:
            return _is_one(value, other)


def _are_alike(value: Listing | Table, other: Listing | Table, items: list[Value], others: list[Value]) -> bool:
    return (
        not (value.open_ended or other.open_ended)
        and len(items) == len(others) <= _MOST_COMPARED
        and all(map(_is_one, items, others))
    )


def _is_one(value: Value, other: Value) -> bool:
    if isinstance(value, Constant) and isinstance(other, Constant):
        return type(value.value) is type(other.value) and value.value == other.value
    return value == other and not isinstance(value, Unknown)


def _one_of_listings(values: Sequence[Value]) -> Listing:
    """Tuples of one length are joined place by place; of others each member may be there."""
    listings = [v for v in values if isinstance(v, Listing)]
    lengths = {len(x.items) for x in listings}
    if len(listings) == len(values) and len(lengths) == 1 and all(x.kind == "tuple" for x in listings):
        places = zip(*(x.items for x in listings), strict=True)
        return Listing("tuple", [_one_of_members(p) for p in places], any(x.open_ended for x in listings))
    known: dict[int, Value] = {id(item): item for x in listings for item in x.items if not isinstance(item, Unknown)}
    items = list(known.values())[:MOST_ELEMENTS]
    return Listing(listings[-1].kind, items, open_ended=True, uncertain={id(item) for item in items})


def _one_of_tables(values: Sequence[Value]) -> Table:
    """What all of them have; another one may have anything."""
    tables = [v for v in values if isinstance(v, Table)]
    if len(tables) < len(values):
        return Table({}, open_ended=True)
    shared = [key for key in tables[0].items if all(key in t.items for t in tables)]
    return Table({key: _one_of_members([t.items[key] for t in tables]) for key in shared}, open_ended=True)


def _one_of_members(values: Sequence[Value]) -> Value:
    """One step deep only: a container may hold itself."""
    if all(v is values[0] for v in values) or not any(isinstance(v, Listing | Table) for v in values):
        return one_of(values)
    return Unknown("one of several values")
