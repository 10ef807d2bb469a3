"""What a function gives that has several `return`: certain only when each that may be reached gives the same."""

from inspect import cleandoc
from pathlib import Path
from textwrap import indent

import pytest

from fastapi_audit.evidence import Gathering, gather
from fastapi_audit.evidence.source.link import Source

HEAD = """\
import os
import sys
from contextlib import asynccontextmanager, contextmanager, suppress

from fastapi import APIRouter, FastAPI
from sinks import sink

X = os.environ["X"]
OFF = False
app = FastAPI(openapi_url=None)
"""


def read(folder: Path, program: str) -> Source:
    (folder / "main.py").write_text(f"{HEAD}\n\n{cleandoc(program)}\n", encoding="utf-8")
    return gather(Gathering(folder, use_cache=False)).source


def paths(source: Source) -> list[str]:
    return sorted(route.path for route in source.routes)


CERTAIN = {
    "all are alike": """
        if X:
            return "/a"
        return "/a"
    """,
    "a known constant decides": """
        if OFF:
            return "/b"
        return "/a"
    """,
    "an argument decides": """
        if number == 2:
            return "/b"
        elif number == 1:
            return "/a"
        return "/c"
    """,
    "what raises gives nothing": """
        if X:
            raise ValueError
        elif number == 3:
            return "/b"
        else:
            return "/a"
    """,
    "what exits gives nothing": """
        if X:
            return "/a"
        sys.exit(1)
    """,
    "what cannot be reached gives nothing": """
        if X:
            return "/a"
        assert False
    """,
    "a handler that raises": """
        try:
            return "/a"
        except ValueError as error:
            raise KeyError from error
    """,
    "a case that fits": """
        match number:
            case 0:
                return "/b"
            case 1:
                return "/a"
        return "/c"
    """,
    "every case gives the same": """
        match X:
            case "b":
                return "/a"
            case "c":
                raise ValueError
            case _:
                return "/a"
    """,
    "the first round": """
        for path in ("/a", "/b"):
            return path
    """,
    "a round that is known": """
        for path in ("/b", "/a", "/c"):
            if path == "/b":
                continue
            return path
    """,
    "a loop that is left by return alone": """
        while True:
            if X:
                continue
            return "/a"
    """,
    "a function inside": """
        def inner():
            return "/b"
        return "/a"
    """,
    "both sides of an expression": """
        return "/a" if X else "/a"
    """,
    "a place of tuples": """
        def pair():
            if X:
                return "/a", "/b"
            return "/a", "/c"
        return pair()[0]
    """,
    "tables and lists that are written alike": """
        def table():
            if X:
                return {"x": "/a", "y": 1}
            return {"x": "/a", "y": 1}
        def listed():
            if X:
                return [1]
            return [1]
        return table()["x"] if listed() else "/b"
    """,
}


@pytest.mark.parametrize("body", CERTAIN.values(), ids=list(CERTAIN))
def test_what_a_function_certainly_gives(tmp_path: Path, body: str) -> None:
    text = indent(cleandoc(body), "    ")
    source = read(tmp_path, f"def path(number):\n{text}\n\napp.add_api_route(path(1), lambda: 1)")

    assert paths(source) == ["/a"]
    assert not source.unresolved


OPEN = {
    "two paths": """
        if X:
            return "/a"
        return "/b"
    """,
    "a chain": """
        if X == "a":
            return "/a"
        elif X == "b":
            return "/b"
        else:
            return "/c"
    """,
    "nested": """
        if number:
            with open("x") as file:
                if X:
                    if file.read():
                        return "/a"
        return "/b"
    """,
    "an early None": """
        if X:
            return None
        return "/a"
    """,
    "an early nothing": """
        if X:
            return
        return "/a"
    """,
    "an end without a return": """
        if X:
            return "/a"
    """,
    "a handler": """
        try:
            open("x")
            return "/a"
        except OSError:
            return "/b"
    """,
    "what follows a handler": """
        try:
            return "/a"
        except OSError:
            pass
        return "/b"
    """,
    "what follows a block that swallows": """
        with suppress(OSError):
            return "/a"
        return "/b"
    """,
    "cases": """
        match X:
            case "a":
                return "/a"
            case _:
                return "/b"
    """,
    "no case fits": """
        match X:
            case "a":
                return "/a"
    """,
    "rounds of something unknown": """
        for _ in X:
            return "/a"
        return "/b"
    """,
    "a loop that may break": """
        for path in ("/a", "/b"):
            if X:
                break
            return path
        return "/c"
    """,
    "a loop that may never begin": """
        while X:
            return "/a"
        return "/b"
    """,
    "an endless loop that breaks": """
        while True:
            if X:
                break
            return "/a"
        return "/b"
    """,
    "both sides of an expression": """
        return "/a" if X else "/b"
    """,
    "types that only look the same": """
        return f"/{1 if X else True}"
    """,
    "lists": """
        def listed():
            if X:
                return ["/a"]
            return ["/b"]
        return listed()[0]
    """,
    "tables": """
        def table():
            if X:
                return {"x": "/a"}
            return {"x": "/b"}
        return table()["x"]
    """,
    "a table or nothing": """
        def table():
            if X:
                return {"x": "/a"}
        return table()["x"]
    """,
    "lists in tuples": """
        def pair():
            if X:
                return ["/a"], 1
            return ["/b"], 1
        return pair()[0][0]
    """,
    "what a context gives": """
        @contextmanager
        def given():
            if X:
                yield "/a"
            else:
                yield "/b"
        with given() as path:
            return path
    """,
}


@pytest.mark.parametrize("body", OPEN.values(), ids=list(OPEN))
def test_none_of_several_is_certain(tmp_path: Path, body: str) -> None:
    text = indent(cleandoc(body), "    ")
    source = read(tmp_path, f"def path(number):\n{text}\n\napp.add_api_route(path(1), lambda: 1)")

    assert paths(source) == []
    assert [each.message for each in source.unresolved] == [
        "`app.add_api_route(path(1), lambda: 1)`: its path is not a constant"
    ]


PROGRAMS = {
    "a text unless the environment says another": (
        """
        def path():
            if given := os.environ.get("P"):
                return given
            return "/a"
        if path() == "/a":
            app.add_api_route(path() + "/same", lambda: 1)
        else:
            app.add_api_route("/other", lambda: 1)
        """,
        ["/a/same", "/other"],
    ),
    "what the default of a setting decides": (
        """
        BASE = os.environ.get("BASE", "/")
        def path(base, name):
            if base == "/":
                return "/" + name
            if base != "/x":
                return f"{base}/{name}"
            return "/never"
        app.add_api_route(path(BASE, "a"), lambda: 1)
        """,
        ["/a"],
    ),
    "a cached application": (
        """
        CACHE = {}
        def create(key):
            if key in CACHE:
                return CACHE[key]
            made = FastAPI(openapi_url=None)
            CACHE[key] = made
            return made
        made = create(X)
        made.add_api_route("/a", lambda: 1)
        """,
        ["/a"],
    ),
    "an application that is known by its type until it is made": (
        """
        CACHE = {}
        def create(key):
            found: FastAPI = CACHE.get(X)
            if found:
                return found
            return FastAPI(openapi_url=None)
        made = create(X)
        made.add_api_route("/a", lambda: 1)
        """,
        ["/a"],
    ),
    "an application that is made when none is found": (
        """
        CACHE = {}
        def create(key):
            try:
                return CACHE[key]
            except KeyError:
                CACHE[key] = made = FastAPI(openapi_url=None)
            made.add_api_route("/a", lambda: 1)
            return made
        create(X).add_api_route("/b", lambda: 1)
        """,
        ["/a", "/b"],
    ),
    "an application that a setting wraps": (
        """
        BASE = os.environ.get("BASE", "/")
        def create():
            inner = FastAPI(openapi_url=None)
            inner.add_api_route("/a", lambda: 1)
            if BASE != "/":
                outer = FastAPI(openapi_url=None)
                outer.mount(BASE, inner)
                return outer
            else:
                return inner
        made = create()
        made.add_api_route("/b", lambda: 1)
        """,
        ["/a", "/b"],
    ),
    "routers of two lists": (
        """
        one, two = APIRouter(), APIRouter()
        one.add_api_route("/one", lambda: 1)
        two.add_api_route("/two", lambda: 1)
        def routers():
            if X:
                return [one]
            return [one, two]
        for router in routers():
            app.include_router(router)
        """,
        ["/one", "/two"],
    ),
    "a router beside one of two texts": (
        """
        def made(name):
            router = APIRouter()
            router.add_api_route(f"/{name}", lambda: 1)
            if X:
                return router, "/x"
            return router, "/y"
        router, text = made("a")
        app.include_router(router)
        app.add_api_route(text, lambda: 1)
        """,
        ["/a"],
    ),
    "what a generator gives": (
        """
        def paths():
            yield "/a"
            yield from ["/b", "/c"]
        for path in paths():
            app.add_api_route(path, lambda: 1)
        """,
        ["/a", "/b", "/c"],
    ),
    "a decorator that may leave a function as it is": (
        """
        def marked(function):
            if X:
                return function
            def inner():
                return function()
            return inner
        @app.get("/a")
        @marked
        def a(): ...
        """,
        ["/a"],
    ),
}


@pytest.mark.parametrize(("program", "expected"), PROGRAMS.values(), ids=list(PROGRAMS))
def test_what_may_be_given_is_followed(tmp_path: Path, program: str, expected: list[str]) -> None:
    assert paths(read(tmp_path, program)) == expected


def test_middleware_that_one_of_several_lists_holds_is_conditional(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        """
        from fastapi.middleware import Middleware
        from fastapi.middleware.gzip import GZipMiddleware
        from starlette.middleware.sessions import SessionMiddleware
        def added():
            if X:
                return [Middleware(GZipMiddleware)]
            return []
        stack = [Middleware(SessionMiddleware, secret_key=X)]
        stack.extend(added())
        made = FastAPI(openapi_url=None, middleware=stack)
        """,
    )

    assert [(m.name, m.condition) for app in source.apps for m in app.middleware] == [
        ("starlette.middleware.sessions.SessionMiddleware", None),
        ("starlette.middleware.gzip.GZipMiddleware", "`middleware` holds it"),
    ]


def test_what_follows_a_return_in_a_try_stands_under_its_handlers(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        """
        def register():
            try:
                return open(X)
            except OSError:
                pass
            except (KeyError, ValueError):
                pass
            app.add_api_route("/a", lambda: 1)
        register()
        """,
    )

    assert [route.condition for route in source.routes] == ["except OSError or except (KeyError, ValueError)"]


CONSTANTS: dict[str, tuple[str, object]] = {
    "one": ("return 1", 1),
    "two": ("if X: return 1\n    return 2", ...),
    "one and something unknown": ("if X: return X\n    return 2", ...),
    "two that are alike": ("if X: return 1\n    else: return 1", 1),
    "an early nothing": ("if X: return\n    return 1", ...),
    "an end without a return": ("if X: return 1", ...),
    "a handler that raises": ("try: return 1\n    except OSError: raise", 1),
    "a handler that goes on": ("try: return 1\n    except OSError: pass", ...),
    "cases": ("match X:\n        case 1: return 1\n        case _: return 1", 1),
    "a case that is missing": ("match X:\n        case 1: return 1", ...),
    "a last word": ("try: X()\n    finally: return 1", 1),
    "an inner function": ("def inner(): return 2\n    return 1", 1),
    "a list or another": ("if X: return [1]\n    return [2]", ...),
    "lists that are written alike": ("if X: return [1]\n    return [1]", [1]),
    "one of two that it yields": ("if X: yield 1\n    else: yield 2", ...),
    "what it yields": ("yield 1\n    return", 1),
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("body", "constant"), CONSTANTS.values(), ids=list(CONSTANTS))
def test_what_a_function_gives_where_it_is_called(tmp_path: Path, kind: str, body: str, constant: object) -> None:
    waits = "await " if kind == "async def" else ""
    source = read(
        tmp_path,
        f"{kind} given():\n    {body}\n\n@app.get('/')\nasync def handler():\n    sink({waits}given())",
    )
    (call,) = source.calls_to("sinks.sink")

    assert call.arguments[0].constant == constant


def test_business_logic_that_takes_long_is_not_followed_again_and_again(tmp_path: Path) -> None:
    lines = "\n".join(f"    x{number} = wide(number)" for number in range(100))
    source = read(
        tmp_path,
        f"""
def wide(number):
    return [number + each + X for each in range(100)]

def long(number):
{lines}

def register(target, path):
    long(X)
    target.add_api_route(path, lambda: 1)

for number in range(50):
    register(app, f"/{{number}}")
""",
    )

    assert len(source.routes) == 50
    assert not source.unresolved
