"""What one request makes and the next one finds."""

from pathlib import Path
from textwrap import dedent

from fastapi_audit.evidence import Gathering, gather, is_kept, is_remembered

CODE = """
import functools

from fastapi import FastAPI

app = FastAPI()
cache = {}
made = None

def make() -> object: ...

@app.get("/thrown")
def thrown() -> None:
    found = make()
    print(found)

@app.get("/given")
def given() -> object:
    return make()

@app.get("/cached")
def cached() -> None:
    found = make()
    cache["x"] = found

@app.get("/stored")
def stored() -> None:
    app.state.found = make()

@app.get("/bound")
def bound() -> None:
    global made
    made = make()

@app.get("/guarded")
def guarded() -> None:
    if made is None:
        make()

@functools.lru_cache
def remembered() -> object:
    return make()

class Holder:
    def __init__(self) -> None:
        found = make()

    def load(self) -> None:
        make()

@app.get("/others")
def others() -> None:
    remembered()
    Holder().load()
"""


def test_what_is_stored_outlives_the_request(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(dedent(CODE), encoding="utf-8")
    source = gather(Gathering(tmp_path, use_cache=False)).source
    makers = [c for f in source.functions for c in f.calls if c.name == "main.make"]

    assert {c.function.name: is_kept(c) for c in makers if c.function is not None} == {
        "thrown": False,
        "given": False,
        "cached": True,
        "stored": True,
        "bound": True,
        "guarded": True,
        "remembered": False,
        "__init__": False,
        "load": False,
    }
    assert {f.name for f in source.functions if is_remembered(f)} == {"remembered", "__init__"}
