"""What runs once in the life of a process, or once for each key."""

from pathlib import Path
from textwrap import dedent

from fastapi_audit.evidence import Gathering, fills_a_cache, gather
from fastapi_audit.evidence.source.once import answers_once, runs_once

CODE = """
import functools

from fastapi import FastAPI

app = FastAPI()
views = {}

def make(name: str) -> object: ...

def kept(size: int):
    def decorate(function):
        return functools.lru_cache(maxsize=size)(function)
    return decorate

def timed(function):
    return function

@functools.cache
def alone() -> int: ...

@kept(1)
def wrapped() -> int: ...

@kept(1)
def keyed(name: str) -> int: ...

@timed
def measured() -> int: ...

@app.get("/filled")
def filled(name: str) -> object:
    if name in views:
        return views[name]
    views[name] = make(name)
    found = make(name)
    views[name] = found
    return found

found = make("module")
kept_here = None

@app.get("/declared")
def declared() -> object:
    global kept_here
    return make("declared")


@app.get("/written")
def written(name: str) -> object:
    found = make(name)
    views[name] = found
    return views[name]
"""


def test_a_cache_without_a_key_answers_once(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(dedent(CODE), encoding="utf-8")
    source = gather(Gathering(tmp_path, use_cache=False)).source
    told = {f.name: answers_once(f) for f in source.functions if f.name in {"alone", "wrapped", "keyed", "measured"}}
    assert told == {"alone": True, "wrapped": True, "keyed": False, "measured": False}


def test_a_cache_by_key_is_asked_before_it_is_filled(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(dedent(CODE), encoding="utf-8")
    source = gather(Gathering(tmp_path, use_cache=False)).source
    told = {(f.name, c.location.line): fills_a_cache(c) for f in source.functions for c in f.calls_to("main.make")}
    assert set(told.values()) == {True, False}
    assert not any(fills_a_cache(c) or runs_once(c) for c in source.calls_to("main.make") if c.function is None)
    assert not any(runs_once(c) for f in source.functions for c in f.calls_to("main.make"))
    assert all(filled == (name == "filled") for (name, _), filled in told.items())
