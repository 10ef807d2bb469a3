"""What names and expressions inside functions stand for: the argument of `sink(…)` in each case."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather
from fastapi_audit.evidence.source.values import dotted_name

BEFORE = """
from typing import Annotated, Any, Generic, Optional, Type, TypeVar, Union

from elsewhere import Foreign, Remote, decide
from fastapi import Depends, FastAPI
from sinks import sink

app = FastAPI()
T = TypeVar("T")
TABLE = {}


class Client:
    \"\"\"Of the program.\"\"\"

    kind: Any
    found: "Foreign"

    def __init__(self):
        self.kind: Client = None
        self.made = Foreign()

    def itself(self):
        return self


class Page(Generic[T]):
    def __enter__(self):
        return Client()


class Quiet:
    __enter__ = lambda self: self.given


class Foreigner(Foreign): ...


def countdown(number):
    return countdown(number - 1)


def given():
    return Client()


Maybe = Optional[Client]
held: Client = TABLE[decide()]
later: "Client"
"""

NAMES = {
    "a quoted annotation": ('x: "Client"', "x", "main.Client"),
    "a quoted annotation that is no type": ('x: "not a type["', "x", None),
    "a generic class of the program": ("x: Page[int]", "x", "main.Page"),
    "a generic that nobody knows": ("x: missing[int]", "x", None),
    "a union": ("x: Union[None, Client]", "x", "main.Client"),
    "a union of nothing": ("x: Union[None]", "x", None),
    "the class itself": ("x: Type[Client]", "x", "main.Client"),
    "an alias of an optional": ("x: Maybe", "x", "main.Client"),
    "an alias of an annotation in an annotation": ("x: Annotated[Annotated[Client, 1], 2]", "x", "main.Client"),
    "anything": ("x: Any", "x", None),
    "what a dependency gives, whatever its annotation": ("x: Any = Depends(given)", "x", "main.Client"),
    "a variable of the module that says its type": ("", "held", "main.Client"),
    "a variable of the module that is only declared": ("", "later", "main.Client"),
    "an attribute by its annotation in the class": ("x: Client", "x.found", "elsewhere.Foreign"),
    "an attribute by its annotation in a method": ("x: Client", "x.kind", "main.Client"),
    "an attribute by what it is assigned": ("x: Client", "x.made", "elsewhere.Foreign"),
    "an attribute that nothing assigns": ("x: Client", "x.missing", None),
    "a generic class that is made": ("", "Page[int]()", "main.Page"),
    "a function that calls itself": ("x: int", "countdown(x)", None),
    "an object of the program that is called": ("x: Client", "x()", "main.Client.__call__()"),
    "what a method gives": ("x: Client", "x.itself()", "main.Client"),
    "a method that is inherited from elsewhere": ("x: Foreigner", "x.method", "elsewhere.Foreign.method"),
    "an attribute of a foreign class": ("", "Foreigner.method", "elsewhere.Foreign.method"),
    "super outside a class": ("", "super().method", None),
    "a class inside": ("", "Local()", "main.f.<locals>.Local"),
    "a name that a case binds": ("", "matched", "main.Client"),
    "a name that says its type and is none": ("", "declared", "main.Client"),
    "a name that is two things": ("", "twice", None),
    "what a block gives": ("", "entered", "main.Client"),
    "what a block of the program gives that says nothing": ("", "quiet", "main.Quiet"),
    "what a block without a beginning gives": ("", "unentered", "main.Client"),
    "a module of another distribution": ("", "os.path", "os.path"),
    "a name of the language": ("", "len", "len"),
}

BODY = """
    import os

    class Local: ...

    match decide():
        case 1:
            matched = Client()
    declared: Client = None
    twice = "a"
    twice = "b"
    with Page() as entered, Quiet() as quiet, Client() as unentered:
        pass
"""


@pytest.mark.parametrize(("parameter", "written", "name"), NAMES.values(), ids=NAMES)
def test_what_it_stands_for(tmp_path: Path, parameter: str, written: str, name: str | None) -> None:
    text = f"{BEFORE}\n\n@app.get('/')\nasync def f({parameter}):{BODY}    sink({written})\n"
    (tmp_path / "main.py").write_text(text, encoding="utf-8")
    (call,) = gather(Gathering(tmp_path, use_cache=False)).source.calls_to("sinks.sink")

    assert dotted_name(call.arguments[0].value) == name
