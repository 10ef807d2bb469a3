"""Python that is newer than the interpreter is read all the same, in its place, and that is said."""

import json
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from command import command, written
from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.evidence.source.facts import NEWER, Facts, body_of, extract
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


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python knows f-strings that nest")
@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("class A[T](B):\n    x: int\n", "class A   (B):\n    x: int\n"),
        ("async def f[T](x: T = 1): yield\n", "async def f   (x: T = 1): yield\n"),
        ("try: pass\nexcept A, B.c: pass\n", "try: pass\nexcept(A, B.c): pass\n"),
        ("x = t'a{b}c{d!r:>9}'\n", "x = f'a{b}c{d!r:>9}'\n"),
        ("x = f'a{b['x']}c{d}'\n", "x = f'a{b[\"x\"]}c{d}'\n"),
        ("x = f'é{b[f'{c}']}'\n", "x = f'é{b[f\"{c}\"]}'\n"),
    ],
)
def test_the_facts_are_those_of_the_same_in_older_words(newer: str, older: str) -> None:
    def without_places(raw: object) -> object:
        if not isinstance(raw, tuple):
            return raw
        is_node = len(raw) > 2 and all(isinstance(value, int) for value in raw[:3])
        return tuple(without_places(value) for value in ((raw[0], *raw[3:]) if is_node else raw))

    def said(facts: Facts) -> tuple[object, ...]:
        return without_places(body_of(facts)), without_places(facts[1]), without_places(facts[2])

    facts = extract(newer.encode())

    assert said(facts) == said(extract(older.encode()))
    assert facts[3] == NEWER


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
