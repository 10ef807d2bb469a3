"""Where the value of a parameter goes."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather, holders

BEFORE = """
from asyncio import to_thread

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Page(BaseModel):
    size: int

    def cut(self, rows):
        return rows[: self.size]


class Store:
    def load(self, count, *, most=10):
        return count


def last(number):
    return list(range(number))


def middle(amount):
    return last(amount)


@app.get("/")
async def read(limit: int):
"""

HANDED = {
    "nothing": ("return limit", {"read limit"}),
    "by position, twice": ("return middle(limit)", {"read limit", "middle amount", "last number"}),
    "by keyword": ("return middle(amount=limit)", {"read limit", "middle amount", "last number"}),
    "to a method": ("return Store().load(1, most=limit)", {"read limit", "load most"}),
    "to a method by position": ("return Store().load(limit)", {"read limit", "load count"}),
    "to a class": ("return Page(size=limit).cut([])", {"read limit", "cut self.size"}),
    "to a thread": ("return await to_thread(last, limit)", {"read limit", "last number"}),
    "twice to the same": ("last(limit)\n    return last(limit)", {"read limit", "last number"}),
    "to more places than there are": ("return last(1, limit)", {"read limit"}),
    "changed before": ("return last(limit + 1)", {"read limit"}),
}

BOUNDED = {
    "a minimum": ("return min(limit, 100)", True),
    "refused": ("if limit > 100:\n        raise ValueError", True),
    "refused the other way round": ("if MOST < limit:\n        raise ValueError", True),
    "within two": ("assert 1 <= limit <= 100", True),
    "not negative": ("if limit < 1:\n        raise ValueError", False),
    "more rows than that": ("return len(rows) > limit", False),
    "part of a sum": ("return limit * 2 < total", False),
    "a maximum": ("return max(limit, 1)", False),
    "nothing": ("return limit", False),
}


@pytest.mark.parametrize("body", HANDED)
def test_a_value_is_followed_to_every_function_that_takes_it(body: str, tmp_path: Path) -> None:
    code, expected = HANDED[body]
    (tmp_path / "main.py").write_text(f"{BEFORE}    {code}\n")
    [route] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    assert route.function is not None
    found = holders(route.function.parameters[0])
    assert {f"{h.function.name} {h.name}" for h in found} == expected


@pytest.mark.parametrize("body", BOUNDED)
def test_a_bound_is_a_minimum_or_a_comparison_with_more_than_one(body: str, tmp_path: Path) -> None:
    code, expected = BOUNDED[body]
    (tmp_path / "main.py").write_text(f"{BEFORE}    {code}\n")
    [route] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    assert route.function is not None
    assert holders(route.function.parameters[0])[0].bounds is expected


def test_a_value_is_given_to_a_method_also_as_part_of_a_sum(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(f"{BEFORE}    last(limit)\n    return query.limit(limit + 1)\n")
    [route] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    assert route.function is not None
    found = holders(route.function.parameters[0])
    assert [h.gives(frozenset({"limit"})) for h in found] == [True, False]
    assert [h.gives(frozenset({"range"})) for h in found] == [False, True]
