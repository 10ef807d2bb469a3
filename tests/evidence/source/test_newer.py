"""Python that is newer than the interpreter is read all the same, in its place, and that is said."""

import json
import re
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from command import command, written
from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.evidence.source.facts import NEWER, body_of, extract
from fastapi_audit.evidence.source.syntax import COLUMNS, TAG, Attribute, Call, Collection, Constant, FString, Name
from fastapi_audit.model import Location

BEGINNING = """\
import time

from fastapi import FastAPI

app = FastAPI()
prefix = "/v1"

"""

ROUTE = """\

@app.get("/users")
async def users() -> int:
    time.sleep(1)
    return 1
"""

SYNTAX = {
    "a type statement": ("type Name = str", (3, 12)),
    "a type statement with parameters": ("type Pair[A, *B, **C] = tuple[A, int]", (3, 12)),
    "a type statement over lines": ("type Pair[\n    A,  # of é\n    B,\n] = tuple[\n    A, B\n]", (3, 12)),
    "a type statement in a line": ("x = 1; type X[é] = int; y = 2", (3, 12)),
    "a function with type parameters": ("def first[é: (int, str)](x: é) -> é:\n    return x", (3, 12)),
    "parameters over lines": ("def first[\n    T,\n    U,\n](x: T) -> U:\n    return x", (3, 12)),
    "a method with type parameters": ("class A:\n    async def f[T](self) -> T: ...", (3, 12)),
    "a class with type parameters": ("class A[T](dict[str, T]):\n    x: T", (3, 12)),
    "a class with a default": ("class A[T = int, U: str = str]:\n    x: T", (3, 13)),
    "the same quotes": ("x = f'{prefix['a']}é{y!r:>{len('é')}}{{}}'", (3, 12)),
    "a backslash": ("x = f'{'\\n'.join(prefix)}'", (3, 12)),
    "lines and comments": ("x = f'{  # é {'\n    prefix,\n    y\n}'", (3, 12)),
    "depth": ("x = f'{f'{f'{f'{f'{prefix}'}'}'}'}'", (3, 12)),
    "depth in a format": ("x = f'{1:{f'{prefix['b']}'}}'", (3, 12)),
    "parts of a string": ("x = ('a' f'{prefix['b']}'\n    \"c\" rf'{prefix}' '')", (3, 12)),
    "a debugged value": ("x = f'{prefix['a'] = }'", (3, 12)),
    "a template": ("x = t'a{prefix}b{prefix!r:>10}'", (3, 14)),
    "a template with raw text": ("x = Rt'''{prefix}\n\\d'''", (3, 14)),
    "an empty template": ("x = t''", (3, 14)),
    "types without brackets": ("try:\n    pass\nexcept ValueError, KeyError, a.B:\n    pass", (3, 14)),
    "types of a group": ("try:\n    pass\nexcept* ValueError, KeyError:\n    pass", (3, 14)),
}


def gathered(folder: Path, code: str) -> Project:
    return gather(Gathering(written(folder, {"main.py": code}), use_cache=False))


@pytest.mark.parametrize(("code", "since"), SYNTAX.values(), ids=SYNTAX)
def test_newer_syntax_moves_nothing(tmp_path: Path, code: str, since: tuple[int, int]) -> None:
    below = code.count("\n") + BEGINNING.count("\n") + 1
    project = gathered(tmp_path, f"{BEGINNING}{code}\n{ROUTE}")

    assert [(route.path, route.location) for route in project.routes] == [("/users", Location("main.py", below + 2))]
    (slept,) = project.source.calls_to("time.sleep")
    assert slept.location == Location("main.py", below + 4, 5, below + 4, 18)
    said = list(map(attrgetter("message"), project.unresolved))
    assert said == ([f"main.py {NEWER}"] if sys.version_info < since else [])


@pytest.mark.parametrize(
    ("newer", "older", "since"),
    [
        ("class A[T](B):\n    x: int\n", "class A   (B):\n    x: int\n", (3, 12)),
        ("class A[T = int]:\n    x: T\n", "class A         :\n    x: T\n", (3, 13)),
        ("async def f[T](x: T = 1): yield\n", "async def f   (x: T = 1): yield\n", (3, 12)),
        ("x = t'a{b}c{d!r:>9}'\n", "x = f'a{b}c{d!r:>9}'\n", (3, 14)),
        ("x = Rt'\\d{b}'\n", "x = Rf'\\d{b}'\n", (3, 14)),
        ("x = f'a{b['x']}c{d}'\n", "x = f'a{b[\"x\"]}c{d}'\n", (3, 12)),
        ("x = f'{b['x']}{{\\'\\n\\N{DIGIT ONE}'\n", "x = f'{b[\"x\"]}{{\\'\\n\\N{DIGIT ONE}'\n", (3, 12)),
        ("x = f'é{b[f'{c}']}'\n", "x = f'é{b[f\"{c}\"]}'\n", (3, 12)),
        ("x = ('é' f'{b['x']}'\n  f'{c.d}')\n", "x = ('é' f'{b[\"x\"]}'\n  f'{c.d}')\n", (3, 12)),
    ],
)
def test_the_facts_are_those_of_the_same_in_older_words(newer: str, older: str, since: tuple[int, int]) -> None:
    """Every place included; a Python that knows the syntax reads it itself, and gives the same."""
    facts, expected = extract(newer.encode()), extract(older.encode())

    assert (body_of(facts), facts[1:3]) == (body_of(expected), expected[1:3])
    assert facts[3] == ("" if sys.version_info >= since else NEWER)


def test_a_type_statement_assigns_to_its_name() -> None:
    facts = extract(b"type Name[T] = list[T]")
    ((_, start, end, (name,), *_),) = body_of(facts)

    assert (start, end) == (COLUMNS, COLUMNS + 22)
    assert name == (TAG[Name], COLUMNS + 5, COLUMNS + 9, "Name")
    assert facts[3] == ("" if sys.version_info >= (3, 12) else NEWER)


def test_the_types_of_a_handler_are_those_in_brackets() -> None:
    facts = extract(b"try: pass\nexcept A, B.c: pass\n")
    ((*_, (handler,), _, _),) = body_of(facts)
    line = 2 * COLUMNS

    a = (TAG[Name], line + 7, line + 8, "A")
    b = (TAG[Attribute], line + 10, line + 13, (TAG[Name], line + 10, line + 11, "B"), "c")
    assert handler[3] == (TAG[Collection], line + 7, line + 13, "tuple", (a, b))
    assert facts[3] == ("" if sys.version_info >= (3, 14) else NEWER)


def test_the_text_of_a_string_stands_where_the_string_does() -> None:
    """Python 3.12 gives it a place of its own, Python 3.11 has none for it."""
    code = "x = ('a' f'''\nb{c}é\n{d(\n1)}''')"
    ((_, _, _, _, string, *_),) = body_of(extract(code.encode()))
    place = (COLUMNS + 5, 4 * COLUMNS + 6)
    texts = [part for part in string[3] if part[0] == TAG[Constant]]

    assert string[:3] == (TAG[FString], *place)
    assert texts == [(TAG[Constant], *place, text) for text in ("a\nb", "é\n")]
    (c, d) = [part for part in string[3] if part[0] != TAG[Constant]]
    assert c == (TAG[Name], 2 * COLUMNS + 2, 2 * COLUMNS + 3, "c")
    assert d[:3] == (TAG[Call], 3 * COLUMNS + 1, 4 * COLUMNS + 2)


def test_a_word_in_a_long_message_is_no_key(tmp_path: Path) -> None:
    """A piece of an f-string is as long as the whole, also for a Python that gives it a place."""
    code = 'def work(name: str) -> None:\n    print(f"{name} has opened a tunnel, auth is over: {name}")\n'
    (function,) = gathered(tmp_path, f'{BEGINNING}@app.get("/work")\n{code}').source.functions

    assert function.speaks_of(re.compile("name"))
    assert not function.speaks_of(re.compile("auth"))


@pytest.mark.parametrize(
    "code",
    [
        "type X[T] = (\n", "def f[T](x: T):\n", "def broken(:\n", "x = f'{'", "type X = 1 2\n", "x = t'{1 +}'\n",
        "class A[\n\nT]: pass\n\n)", "except A, B: pass\n", "print 'hello'\n", "\0", "x = f'{*}'",
    ],
)  # fmt: skip
def test_what_no_python_reads_stays_unread(tmp_path: Path, code: str) -> None:
    project = gathered(written(tmp_path, {"other.py": code}), BEGINNING + ROUTE)

    assert [(entry.kind, entry.location) for entry in project.unresolved] == [("file", Location("other.py", 1))]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert project.unresolved[0].message.startswith(f"other.py cannot be parsed by Python {version}: ")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python knows templates")
def test_it_is_said_in_the_report_and_comments_hold(tmp_path: Path) -> None:
    ignored = ROUTE.replace("time.sleep(1)", "time.sleep(1)  # fastapi-audit: ignore[blocking-call] slow on purpose")
    code = f"# coding: latin-1\n{BEGINNING}x = t'é{{prefix['é']}}'\n{ignored}".encode("latin-1")
    project = written(tmp_path / "project", {"main.py": code})
    ran = command("scan", ".", "--output-format", "json", "--exit-zero", cwd=project)

    card = json.loads(ran.out)
    assert ran.err == f"warning: main.py:1:1: {NEWER}\n"
    assert [(entry["kind"], entry["message"]) for entry in card["unresolved"]] == [("syntax", f"main.py {NEWER}")]
    (blocking,) = [finding for finding in card["findings"] if finding["rule"] == "blocking-call"]
    assert blocking["suppressed"]["reason"] == "slow on purpose"
    assert (blocking["location"]["line"], blocking["location"]["column"]) == (13, 5)
