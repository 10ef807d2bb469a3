"""Which values come from the request: the argument of `sink(…)` in each case, followed back."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather

BEFORE = """
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query, Request
from pydantic import AnyUrl, BaseModel, Field

from sinks import sink, to_thread, validate_name

app = FastAPI()
MAPPING = {"a": "b"}


class Order(str, Enum):
    up = "asc"


class Body(BaseModel):
    name: str
    age: int
    extra: missing
    code: str = Field(pattern="^a$")


def cleaned(text):
    return text.encode("ascii").hex()


def sort_by(sort: str = "id"):
    return sort.lower()


def helper(given):
    sink(given + "!")


class Store:
    def keep(self, given="x"):
        sink(self)


store = Store()
"""

TEXT = {
    "a parameter": ("def f(q: str):\n    sink(q)", "q"),
    "an optional parameter": ("def f(q: str | None = None):\n    sink(q)", "q"),
    "a parameter without annotation": ("def f(q):\n    sink(q)", "q"),
    "a parameter with a default": ('def f(q: str = "x"):\n    sink(q)', "q"),
    "a URL of any host": ("def f(q: AnyUrl | None = None):\n    sink(str(q))", "q"),
    "a header": ("def f(q: Annotated[str, Header()]):\n    sink(q)", "q"),
    "an f-string": ('def f(q: str):\n    sink(f"x {q}")', "q"),
    "a concatenation": ('def f(q: str):\n    sink("x" + q)', "q"),
    "a percent format": ('def f(q: str):\n    sink("x %s" % q)', "q"),
    "a format call": ('def f(q: str):\n    sink("x {}".format(q))', "q"),
    "a variable of a variable": ("def f(q: str):\n    a = q.strip()\n    b = a\n    sink(b)", "q"),
    "a field of the body": ("def f(body: Body):\n    sink(body.name)", "body.name"),
    "a query parameter of the request": (
        'async def f(request: Request):\n    sink(request.query_params["q"])',
        "request.query_params",
    ),
    "the JSON of the request": (
        'async def f(request: Request):\n    data = await request.json()\n    sink(data.get("q"))',
        "request.json",
    ),
    "what a dependency returns": ("def f(q=Depends(sort_by)):\n    sink(q)", "sort"),
    "an argument of a helper": ("def f(q: str):\n    helper(q)", "q"),
    "a list with it": ('def f(q: str):\n    sink([q, "x"])', "q"),
    "it or something else": ('def f(q: str):\n    sink(q or "x")', "q"),
    "bytes": ('def f(q: bytes = b""):\n    sink(q)', "q"),
    "a marker without annotation": ("def f(q=Query()):\n    sink(q)", "q"),
    "what a variable makes of itself again and again": (
        "def f(q: str):\n" + '    q = q + q\n    q = f"{q}{q}"\n' * 10 + "    sink(q)",
        "q",
    ),
    "an element of a list": ("def f(q: Annotated[list[str], Query()]):\n    for one in q:\n        sink(one)", "q"),
}

NOTHING = {
    "the object of a method": ("def f(q: str):\n    store.keep()"),
    "the object of a method that is given it": ("def f(q: str):\n    store.keep(q)"),
    "a constant": 'def f():\n    sink("x")',
    "a Literal": 'def f(q: Literal["a"]):\n    sink(q)',
    "an Enum": "def f(q: Order):\n    sink(q.value)",
    "a pattern": 'def f(q: Annotated[str, Query(pattern="^a$")]):\n    sink(q)',
    "an item of a mapping": "def f(q: str):\n    sink(MAPPING[q])",
    "a mapping's get": "def f(q: str):\n    sink(MAPPING.get(q))",
    "what was checked": "def f(q: str):\n    if q not in MAPPING:\n        return\n    sink(q)",
    "what was checked on the way": 'def f(q: str):\n    sink(q if q and q in MAPPING else "/")',
    "what was validated": "def f(q: str):\n    validate_name(q)\n    sink(q)",
    "what was validated in a thread": "async def f(q: str):\n    await to_thread(validate_name, q)\n    sink(q)",
    "what a function made of it": "def f(q: str):\n    sink(cleaned(q))",
    "what replaced it": "def f(q: str):\n    q = cleaned(q)\n    sink(q)",
    "its length": "def f(q: str):\n    sink(len(q))",
    "the state of the request": "def f(request: Request):\n    sink(request.state.user)",
    "what an unknown check let through": "def f(q: str):\n    if is_allowed(q):\n        sink(q)",
    "what was compared on the way": 'def f(q: str):\n    sink(q if q == "a" else "b")',
    "a default that is no text": "def f(q=3):\n    sink(q)",
    "a field that the model does not have": "def f(body: Body):\n    sink(body.missing)",
    "a field of an unknown type": "def f(body: Body):\n    sink(body.extra)",
    "a field that is limited": "def f(body: Body):\n    sink(body.code)",
    "a list of something else": "def f(q: Annotated[list[Order], Query()]):\n    sink(q)",
    "a list of nobody knows what": "def f(q: list[missing]):\n    sink(q)",
    "a parameter of nobody knows what type": "def f(q: missing):\n    sink(q)",
    "positional arguments": "def f(*q: str):\n    sink(q)",
    "the object of the handler": "def f(self):\n    sink(self)",
    "a number": "def f(q: str):\n    sink(-1)",
    "what is far away": "def f(q: str):\n    sink(" + "(" * 14 + "q" + ' + "x")' * 14 + ")",
    "a helper that gets a constant": 'def f(q: str):\n    helper("x")',
}

NUMBERS = {
    "an integer": "def f(q: int):\n    sink(q)",
    "a UUID": "def f(q: UUID):\n    sink(str(q))",
    "a number of the body": "def f(body: Body):\n    sink(body.age)",
}


LEADS = {
    "alone": ("def f(q: str):\n    sink(q)", True),
    "after a scheme": ('def f(q: str):\n    sink(f"https://{q}/x")', True),
    "after a host": ('def f(q: str):\n    sink(f"https://example.org/{q}")', False),
    "after a slash": ('def f(q: str):\n    sink("/" + q)', False),
    "first of a concatenation": ('def f(q: str):\n    sink(q + "/x")', True),
    "first of a format": ('def f(q: str):\n    sink("{}/x".format(q))', True),
    "later in a format": ('def f(q: str):\n    sink("https://example.org/%s" % q)', False),
}


def found(code: str, folder: Path) -> list[tuple[str, bool]]:
    lines = code.split("\n")
    text = "\n".join(['@app.post("/")', *lines])
    (folder / "main.py").write_text(f"{BEFORE}\n\n{text}\n", encoding="utf-8")
    source = gather(Gathering(root=folder, use_cache=False)).source
    return [(o.what, o.is_text) for call in source.calls_to("sinks.sink") for o in call.arguments[0].origins]


@pytest.mark.parametrize(("code", "what"), TEXT.values(), ids=TEXT)
def test_text_of_the_request(code: str, what: str, tmp_path: Path) -> None:
    assert found(code, tmp_path) == [(what, True)]


@pytest.mark.parametrize("code", NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_no_free_text(code: str, tmp_path: Path) -> None:
    assert [is_text for _, is_text in found(code, tmp_path)] == [False]


@pytest.mark.parametrize("code", NOTHING.values(), ids=NOTHING)
def test_nothing_of_the_request(code: str, tmp_path: Path) -> None:
    assert found(code, tmp_path) == []


def test_a_step_for_each_call_on_the_way(tmp_path: Path) -> None:
    found("def f(q: str):\n    helper(q)", tmp_path)
    source = gather(Gathering(root=tmp_path, use_cache=False)).source

    (origin,) = source.calls_to("sinks.sink")[0].arguments[0].origins

    assert [step.message for step in origin.steps] == ["`given` is passed to `helper`"]
    assert origin.function.name == "f"


@pytest.mark.parametrize(("code", "leads"), LEADS.values(), ids=LEADS)
def test_whether_the_text_begins_with_it(code: str, leads: bool, tmp_path: Path) -> None:  # noqa: FBT001  a table
    found(code, tmp_path)
    source = gather(Gathering(root=tmp_path, use_cache=False)).source

    (origin,) = source.calls_to("sinks.sink")[-1].arguments[0].origins

    assert origin.leads is leads


def test_what_its_receiver_looks_up_as_well(tmp_path: Path) -> None:
    """A name that only the sink gets is free; one that something else gets too was looked up there."""
    (tmp_path / "main.py").write_text(
        "import logging\n"
        "from fastapi import FastAPI\n"
        "from sinks import sink, find\n"
        "app = FastAPI()\n"
        "@app.get('/free/{name}')\n"
        "def free(name: str):\n    logging.getLogger().info('%s', name)\n    sink(str(name))\n"
        "@app.get('/known/{name}')\n"
        "def known(name: str):\n    find(name)\n    sink(name)\n"
        "def given(text):\n    sink(text)\n"
        "@app.get('/passed/{name}')\n"
        "def passed(name: str):\n    given(name)\n",
        encoding="utf-8",
    )
    source = gather(Gathering(tmp_path, use_cache=False)).source
    sinks = [c for f in source.functions for c in f.calls if c.name == "sinks.sink"]
    told = {o.function.name: o.is_used_besides(c) for c in sinks for o in c.arguments[0].origins}
    assert told == {"free": False, "known": True, "passed": False}
