"""What a program composes is worked out as Python would do it: each program is run for real beside it."""

import warnings
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from fastapi_audit.evidence import Gathering, gather

HEAD = "from fastapi import APIRouter, FastAPI\n\napp = FastAPI(openapi_url=None)\n"

PATHS = [
    "'/a' + '/b'", "'/A'.lower()", "'/a_b'.replace('_', '-')", "'/'.join(['', 'a', 'b'])", "'/{}'.format('a')",
    "'/a/'.rstrip('/')", "'x/a'.removeprefix('x')", "' /a '.strip()", "'/a,/b'.split(',')[1]", "f'/{1 + 2}'",
    "f'/v{2 * 3 - 1}'", "f'/{1 << 4}'", "f'/{-1}'", "'/' + str(7)", "'/' + str(int('7'))", "'/' + str(bool(''))",
    "['/a', '/b'][1]", "['/a', '/b'][-1]", "('/a', '/b')[0]", "{'x': '/a'}['x']", "{'x': '/a'}.get('x')",
    "{'x': '/a'}.get('y', '/b')", "{'x': '/a'}.pop('x', '/b')", "{}.setdefault('x', '/a')", "list({'/a': 1}.keys())[0]",
    "list({1: '/a'}.values())[0]", "list({1: '/a'}.items())[0][1]", "dict(x='/a')['x']",
    "dict({'x': '/a'}, y='/b')['y']",
    "({'x': '/a'} | {'x': '/b'})['x']", "(['/a'] + ['/b'])[1]", "'' or '/a'", "'/a' or '/b'", "'/a' and '/b'",
    "[] or '/a'", "{} or '/a'", "[1] and '/a'", "'/a' if 1 == 1 else '/b'", "'/a' if 1 != 1 else '/b'",
    "'/a' if not 0 else '/b'", "'/a' if 'x' in ['x', 'y'] else '/b'", "'/a' if 'x' not in ['x', 'y'] else '/b'",
    "'/a' if [] is None else '/b'", "'/a' if {} is not None else '/b'", "'/a' if None is None else '/b'",
    "(lambda x, y='/b': x + y)('/a')", "(lambda *x: x[0])('/a')", "(lambda **x: x['y'])(y='/a')",
    "[f'/{x}' for x in ('a', 'b')][1]", "{x: f'/{x}' for x in 'a b'.split()}['b']", "(x := '/a') and x",
    "list(enumerate(['/a']))[0][1]", "list(zip([1], ['/a']))[0][1]", "sorted(['/a'])[0]", "tuple(['/a'])[0]",
    "cast(str, '/a')", "Kind.ONE.value", "Kind.ONE", "Settings().prefix", "Settings.prefix",
    "Settings(prefix='/q').prefix",
    "Row('/r').path", "Row('/r', 2).path", "made('/m')", "made(path='/m')", "Late().path", "Late.built().path",
    "Late()()", "Late().joined('x')", "Late.fixed()", "Under().path", "Under().joined('x')",
]  # fmt: skip

GIVEN = """\
import os
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import cast


class Kind(str, Enum):
    ONE = "/one"


class Settings:
    prefix: str = "/s"

    def __init__(self, prefix: str = "/p") -> None:
        self.prefix = prefix


@dataclass
class Row:
    path: str
    count: int = 1
    more: list[str] = field(default_factory=list)


def made(path: str) -> str:
    if path == "/never":
        return "/x"
    return f"{path}/made"


class Late:
    def __init__(self) -> None:
        self.path, self.other = "/late", "/other"

    @classmethod
    def built(cls) -> "Late":
        return cls()

    @staticmethod
    def fixed() -> str:
        return "/fixed"

    def __call__(self) -> str:
        return self.path

    def joined(self, name: str) -> str:
        return self.path + "/" + name


class Under(Late):
    def __init__(self) -> None:
        super().__init__()
        self.path += "/under"
"""


def really(code: str) -> list[str]:
    """The paths of the routes when Python runs the program."""
    names: dict[str, Any] = {"__name__": "main"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "main.py", "exec"), names)  # noqa: S102  the programs of this file
        app = names["app"]
        assert isinstance(app, FastAPI)
        return sorted(app.openapi()["paths"])


def worked_out(folder: Path, code: str) -> list[str]:
    (folder / "main.py").write_text(code)
    return sorted({route.path for route in gather(Gathering(folder, use_cache=False)).source.routes})


@pytest.mark.parametrize("path", PATHS)
def test_the_path_of_a_route_is_what_its_expression_gives(tmp_path: Path, path: str) -> None:
    code = f"{HEAD}{GIVEN}\n\napp.add_api_route({path}, lambda: 1)\n"

    assert worked_out(tmp_path, code) == really(code)


OPEN = [
    "getattr(type('A', (), {'x': '/a'}), 'x')", "os.path.join('/a', 'b')", "partial('/{}{}'.format, 'a')('b')",
    "next(iter(['/a']))", "os.environ['P']", "input()", "'/%s' % 'a'", "'/a'[::-1]", "[*open('x')][0]",
]  # fmt: skip


@pytest.mark.parametrize("path", OPEN)
def test_a_path_that_is_not_known_is_said_to_be_open(tmp_path: Path, path: str) -> None:
    (tmp_path / "main.py").write_text(f"{HEAD}{GIVEN}\n\napp.add_api_route({path}, lambda: 1)\n")
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert [route.path for route in source.routes] == []
    assert [each.message for each in source.unresolved] == [
        f"`app.add_api_route({path}, lambda: 1)`: its path is not a constant"
    ]


PROGRAMS = {
    "containers are filled": """
        paths = []
        paths.append("/a")
        paths.insert(0, "/b")
        paths.extend(["/c", "/d"])
        paths += ["/e"]
        more = paths.copy()
        for path in more:
            app.add_api_route(path, lambda: 1)
    """,
    "tables are filled": """
        table = {"x": "/a"}
        table["y"] = "/b"
        table.update({"z": "/c"})
        for name, path in table.copy().items():
            app.add_api_route(path, lambda: 1, name=name)
        for number, path in enumerate(table.values()):
            app.add_api_route(f"{path}/{number}", lambda: 1)
        for name in table:
            app.add_api_route(f"/{name}", lambda: 1)
    """,
    "names are unpacked": """
        (a, b), c = ("/a", "/b"), "/c"
        first, *rest = ["/d", "/e", "/f"]
        d = e = "/g"
        for path in (a, b, c, first, *rest, d, e):
            app.add_api_route(path, lambda: 1)
    """,
    "loops end": """
        for number in range(3):
            app.add_api_route(f"/{number}", lambda: 1)
        else:
            app.add_api_route("/else", lambda: 1)
        for left, right in zip(["a", "b"], ["c", "d"]):
            app.add_api_route(f"/{left}/{right}", lambda: 1)
        while True:
            app.add_api_route("/while", lambda: 1)
            break
    """,
    "known branches are taken": """
        DEBUG = False
        if DEBUG:
            app.add_api_route("/debug", lambda: 1)
        elif not DEBUG:
            app.add_api_route("/production", lambda: 1)
        else:
            app.add_api_route("/never", lambda: 1)
        if __name__ == "__main__":
            app.add_api_route("/main", lambda: 1)
        match "b":
            case "a":
                app.add_api_route("/a", lambda: 1)
            case "b" | "c":
                app.add_api_route("/b", lambda: 1)
            case _:
                app.add_api_route("/c", lambda: 1)
    """,
    "what only types need is not run": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            app.add_api_route("/types", lambda: 1)
        else:
            app.add_api_route("/else", lambda: 1)
        if not TYPE_CHECKING:
            app.add_api_route("/run", lambda: 1)
    """,
    "blocks are entered": """
        from contextlib import ExitStack
        class Opened:
            def __enter__(self):
                return APIRouter(prefix="/a")
            def __exit__(self, *error): ...
        with ExitStack(), Opened() as router:
            router.add_api_route("/b", lambda: 1)
            app.include_router(router)
        try:
            app.add_api_route("/try", lambda: 1)
        finally:
            app.add_api_route("/finally", lambda: 1)
    """,
    "functions register": """
        def register(target, *paths, prefix="", **more):
            for path in paths:
                target.add_api_route(prefix + path, lambda: 1, **more)
            if not paths:
                return None
            target.add_api_route(prefix + "/last", lambda: 1)
            return target
        register(app, "/a", "/b")
        register(register(app, "/c", prefix="/x"), "/d")
        register(app)
    """,
    "decorators are followed": """
        def both(path):
            def mark(function):
                app.get(path)(function)
                return app.post(path)(function)
            return mark
        @both("/a")
        def a(): ...
        def noted(function):
            return function
        @app.get("/b")
        @noted
        def b(): ...
    """,
    "what a class registers": """
        class Base:
            prefix = "/base"
            def __init__(self):
                self.router = APIRouter(prefix=self.prefix)
                self.setup()
            def setup(self):
                self.router.add_api_route("/a", self.a)
            def a(self): ...
        class Other(Base):
            prefix = "/other"
            def setup(self):
                super().setup()
                self.router.add_api_route("/b", self.a)
            @property
            def twice(self):
                return self.prefix * 1 if False else self.prefix + "/twice"
        app.include_router(Base().router)
        other = Other()
        app.include_router(other.router)
        app.add_api_route(other.twice, other.a)
        setattr(other, "path", "/set")
        app.add_api_route(getattr(other, "path"), other.a)
        app.add_api_route(getattr(other, "missing", "/default"), other.a)
    """,
    "names of outer scopes": """
        paths = []
        def outer():
            path = "/a"
            def inner():
                nonlocal path
                global paths
                path = "/b"
                paths = [path]
            inner()
            return path
        app.add_api_route(outer(), lambda: 1)
    """,
    "containers lose what is taken out": """
        paths = ["/c", "/a"]
        paths.insert(1, "/b")
        app.add_api_route(paths[1] + "/second", lambda: 1)
        paths.remove("/a")
        seen = {"/x"}
        seen.add("/y")
        seen.discard("/x")
        for path in [*paths, *seen]:
            app.add_api_route(path, lambda: 1)
        paths.clear()
        for path in paths:
            app.add_api_route(path + "/never", lambda: 1)
    """,
    "what is put in order": """
        for number, path in enumerate(sorted(["/b", "/a"])):
            app.add_api_route(f"{path}/{number}", lambda: 1)
        for number, path in enumerate(sorted(["/b", "/a", "/c"], reverse=True)):
            app.add_api_route(f"{path}/{number}/back", lambda: 1)
        for number, path in enumerate(reversed(["/b", "/a"])):
            app.add_api_route(f"{path}/{number}/turned", lambda: 1)
        for number in sorted([2, 1], key=str):
            app.add_api_route(f"/{number}", lambda: 1)
    """,
    "what is true": """
        def made(): return "/made"
        if {"a": 1}:
            app.add_api_route("/table", lambda: 1)
        if made:
            app.add_api_route((made or None)(), lambda: 1)
        if app and not {}:
            app.add_api_route(({"k": "/k"} or {})["k"], lambda: 1)
        app.add_api_route((["/x"] or ["/y"])[0], lambda: 1)
        app.add_api_route(([] and ["/y"] or ["/n"])[0], lambda: 1)
    """,
    "cases fit by their values": """
        flag = False
        match "a":
            case "a" if flag:
                app.add_api_route("/guarded", lambda: 1)
            case "a" if not flag:
                app.add_api_route("/fits", lambda: 1)
        match "z":
            case "a" | "b":
                app.add_api_route("/never", lambda: 1)
        match "q":
            case "c" | _:
                app.add_api_route("/all", lambda: 1)
        match None:
            case False:
                app.add_api_route("/false", lambda: 1)
            case None:
                app.add_api_route("/none", lambda: 1)
    """,
    "tables and numbers": """
        table = {**{"a": "/a"}, "b": "/b"}
        table["c"] = table.setdefault("d", "/c")
        for key in table:
            app.add_api_route(table[key] + "/" + key, lambda: 1)
        try:
            number = int(float("inf"))
        except OverflowError:
            number = int("x") if False else 3
        app.add_api_route(f"/{0xFFFFFFFF}/{1.5 * 2}", lambda: 1)
    """,
    "names of functions and classes": """
        class Paths: ...
        def made(): ...
        Paths.path = "/set"
        app.add_api_route(Paths.path, lambda: 1)
        app.add_api_route(f"/{Paths.__name__}/{made.__name__}", lambda: 1)
        path: str
        router: APIRouter
        path = "/declared"
        router = APIRouter(prefix=path)
        router.add_api_route("/a", made)
        app.include_router(router)
    """,
    "methods of every kind": """
        class Paths:
            @classmethod
            def of(cls, path): return path + cls.end
            @staticmethod
            def at(path): return path + "/static"
            def own(self): return "/own"
            end = "/end"
        class More(Paths):
            def own(self):
                return [super(More, self).own() + str(n) for n in (1,)][0]
            def inner(self):
                return (lambda: super(More, self).own() + "/inner")()
        for paths in (Paths(), More()):
            for path in (paths.of("/a"), paths.at("/b"), paths.own()):
                app.add_api_route(path, lambda: 1)
        app.add_api_route(More().inner(), lambda: 1)
    """,
    "members of an enumeration": """
        from enum import Enum
        class Kind(str, Enum):
            A = "/a"
            B = "/b"
        for kind in Kind:
            app.add_api_route(kind.value, lambda: 1)
        app.add_api_route("/made" + Kind("/a").value, lambda: 1)
    """,
    "fewer than names": """
        first, *rest = ("/a",)
        start, *between, end = ["/b", "/c"]
        for path in (first, start, end, *rest, *between):
            app.add_api_route(path, lambda: 1)
    """,
    "what decorates classes, and objects that decorate": """
        def served(cls):
            app.include_router(cls.router)
            return cls
        @served
        class Items:
            router = APIRouter()
            router.add_api_route("/items", lambda: 1)
        class Marker:
            def __call__(self, function):
                app.get("/marked")(function)
                return function
        @Marker()
        def marked(): ...
        if app:
            app.add_api_route("/always", lambda: 1)
    """,
    "applications in a list": """
        def register(targets, number):
            for target in targets:
                target.add_api_route(f"/{number}", lambda: 1)
        for number in range(70):
            register([app], number)
    """,
    "functions that are half called": """
        from functools import partial
        def made(*paths): return "".join(paths)
        app.add_api_route(partial(partial(made, "/a"), "/b")("/c"), lambda: 1)
    """,
    "routes that generators give": """
        def paths():
            yield "/a"
            yield "/b"
        for path in list(["/x"]) + [p for p in ("/y", "/z") if p != "/z"]:
            app.add_api_route(path, lambda: 1)
    """,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=list(PROGRAMS))
def test_a_program_is_composed_as_python_runs_it(tmp_path: Path, program: str) -> None:
    code = HEAD + cleandoc(program) + "\n"

    assert worked_out(tmp_path, code) == really(code)


OPEN_PROGRAMS = {
    "what the environment adds": (
        """
        import os
        paths = ["/a"]
        paths.extend(os.environ.get("MORE", "").split())
        if os.environ.get("DEBUG"):
            paths.extend(["/debug"])
        for path in paths:
            app.add_api_route(path, lambda: 1)
        """,
        ["/a", "/debug"],
    ),
    "what is taken from the end": (
        """
        paths = ["/a", "/b"]
        app.add_api_route(paths.pop(), lambda: 1)
        app.add_api_route(paths.index("/a"), lambda: 1)
        """,
        [],
    ),
    "more names than are known": (
        """
        import os
        first, *rest = os.environ["PATHS"].split()
        for path in (first, *rest):
            app.add_api_route(path, lambda: 1)
        """,
        [],
    ),
    "keys that are no constants": (
        """
        import os
        table = {"a": "/a", os.environ: "/b", **os.environ}
        table["c", "d"] = "/e"
        table[os.environ["KEY"]] = "/f"
        for path in table.values():
            app.add_api_route(path, lambda: 1)
        """,
        ["/a", "/b"],
    ),
    "an attribute that may be missing": (
        """
        class Settings: ...
        for path in getattr(Settings(), "paths", ["/a"]):
            app.add_api_route(path, lambda: 1)
        for path in getattr(Settings(), "table", {"/b": 1}):
            app.add_api_route(path, lambda: 1)
        def made(): return "/c"
        app.add_api_route(getattr(Settings(), "made", made)(), lambda: 1)
        """,
        ["/a", "/b", "/c"],
    ),
    "a number that cannot be written out": (
        """
        number = 1
        for _ in range(300):
            number = number << 60
        app.add_api_route("/" + str(number), lambda: 1)
        app.add_api_route(f"/{float(number)}", lambda: 1)
        app.add_api_route("/{:>99999999999}".format("a"), lambda: 1)
        app.add_api_route("/{1}".format("a"), lambda: 1)
        app.add_api_route(f"/{int('x')}", lambda: 1)
        """,
        [],
    ),
    "a pattern that is not only values": (
        """
        import os
        match ("a", "b"):
            case ("a", other):
                app.add_api_route("/a", lambda: 1)
            case _:
                app.add_api_route(os.environ["P"], lambda: 1)
        match os.environ["KIND"]:
            case "b":
                app.add_api_route("/b", lambda: 1)
        """,
        ["/a", "/b"],
    ),
}


@pytest.mark.parametrize(("program", "paths"), OPEN_PROGRAMS.values(), ids=list(OPEN_PROGRAMS))
def test_what_is_known_of_an_open_program(tmp_path: Path, program: str, paths: list[str]) -> None:
    assert worked_out(tmp_path, HEAD + cleandoc(program) + "\n") == paths
    assert gather(Gathering(tmp_path, use_cache=False)).source.unresolved


ENDLESS = [
    "paths += paths", "paths = [*paths, *paths]", "paths.extend(paths)", "paths = paths + paths", "paths.append(paths)",
    "paths = [paths, paths]", "paths = [{'a': paths, 'b': paths}]", "paths = f(*paths, *paths)",
    "text = f'{text}{text}'",
    "text = text + text", "text = text.replace('a', text)", "text = text.join([text, text])", "number = number << 60",
    "number = -number - number * 3", "g = partial(g, app)", "A = Annotated[A, number]", "A = Annotated[A, 1] | None",
    "h = h.path", "h = h()", "h = h[h]",
]  # fmt: skip


@pytest.mark.parametrize("line", ENDLESS)
def test_a_program_that_grows_without_end_is_read(tmp_path: Path, line: str) -> None:
    code = (
        "from functools import partial\nfrom typing import Annotated\nfrom elsewhere import h\n"
        "A, number, text, paths = str, 1, 'a', ['GET', 'PUT']\ndef f(*given): return given\ndef g(*given): ...\n"
        f"for _ in range(400):\n    for _ in range(5):\n        {line}\n"
        "@app.api_route('/a', methods=paths, tags=[text, number])\ndef a(x: A = g(), y=h): return paths\n"
    )

    assert worked_out(tmp_path, HEAD + code) == ["/a"]


MODULES: dict[str, tuple[dict[str, str], list[str]]] = {
    "everything that a module exports": (
        {
            "main.py": "from fastapi import FastAPI\nfrom parts import *\napp = FastAPI()\napp.include_router(router)\n"
            "app.add_api_route(path, lambda: 1)\n",
            "parts.py": "from fastapi import APIRouter\n__all__ = ['router', 'path']\nrouter = APIRouter()\n"
            "path = '/path'\nrouter.add_api_route('/parts', lambda: 1)\n",
        },
        ["/parts", "/path"],
    ),
    "everything that has no underscore": (
        {
            "main.py": "from fastapi import FastAPI\nfrom main import *\nfrom parts import *\nfrom gone import *\n"
            "app = FastAPI()\napp.add_api_route(path, lambda: 1)\n",
            "parts.py": "path = '/path'\n_path = '/other'\n",
        },
        ["/path"],
    ),
    "modules by many ways": (
        {
            "main.py": "import importlib\nimport package.users\nimport package.items as items\n"
            "from fastapi import FastAPI\nfrom package import admins\nfrom package.users import router as again\n"
            "app = FastAPI()\nlate = importlib.import_module('package.late')\n"
            "for each in (package.users, items, admins, late):\n    app.include_router(each.router)\n"
            "app.include_router(again, prefix='/again')\n",
            "package/__init__.py": "",
            **{
                f"package/{name}.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
                f"router.add_api_route('/{name}', lambda: 1)\n"
                for name in ("users", "items", "admins", "late")
            },
        },
        ["/users", "/items", "/admins", "/late", "/again/users"],
    ),
    "modules that import each other": (
        {
            "app/__init__.py": "from .main import app as app\n",
            "app/main.py": "from fastapi import FastAPI\napp = FastAPI()\nfrom . import users\n"
            "from .paths import PATH\napp.add_api_route(PATH, lambda: 1)\n",
            "app/users.py": "from .main import app\nfrom app import paths\n\n@app.get(paths.PATH + '/users')\n"
            "def users() -> int:\n    return 1\n",
            "app/paths.py": "from . import main\nif True:\n    PATH = '/path'\n",
        },
        ["/path/users", "/path"],
    ),
    "modules that only a type checker imports": (
        {
            "main.py": "from fastapi import FastAPI\nfrom package import paths, users\napp = FastAPI()\n"
            "app.include_router(users.router)\n",
            "package/__init__.py": "",
            "package/paths.py": "from package import context\n\ndef made(path):\n    return '/made' + path\n",
            "package/context.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from package.config import Config\n",
            "package/config.py": "from package import users\nclass Config: ...\n",
            "package/users.py": "from fastapi import APIRouter\nfrom package import paths\nrouter = APIRouter()\n"
            "router.add_api_route(paths.made('/users'), lambda: 1)\n",
        },
        ["/made/users"],
    ),
    "folders without a file of their own": (
        {
            "main.py": "from fastapi import FastAPI\nimport space.deep.users\nfrom space import deep\n"
            "from package import inner\nimport package.inner.items\nfrom package.inner import items as same\n"
            "app = FastAPI()\napp.include_router(space.deep.users.router)\n"
            "app.include_router(deep.users.router, prefix='/x')\n"
            "app.include_router(inner.items.router)\napp.include_router(same.router, prefix='/x')\n",
            "package/__init__.py": "",
            **{
                path: "from fastapi import APIRouter\nrouter = APIRouter()\n"
                f"router.add_api_route('/{path[-8:-3]}', lambda: 1)\n"
                for path in ("space/deep/users.py", "package/inner/items.py")
            },
        },
        ["/users", "/x/users", "/items", "/x/items"],
    ),
    "a package that gathers what is below it": (
        {
            "main.py": "from fastapi import FastAPI\nfrom parts import *\napp = FastAPI()\n"
            "app.include_router(users.router)\n",
            "parts/__init__.py": "from . import users\nfrom .gone import nothing\nfrom .users import missing\n"
            "__all__ = ['users', 'absent', 1]\n",
            "parts/users.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "router.add_api_route('/users', lambda: 1)\n",
        },
        ["/users"],
    ),
    "a project that is a package itself": (
        {
            "__init__.py": "from fastapi import FastAPI\nfrom .users import router\napp = FastAPI()\n"
            "app.include_router(router)\n",
            "users.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "router.add_api_route('/users', lambda: 1)\n",
        },
        ["/users"],
    ),
    "a name that another module sets": (
        {
            "main.py": "from fastapi import FastAPI\nimport parts\nfrom package import nowhere\n"
            "parts.path = '/set'\napp = FastAPI()\napp.add_api_route(parts.path, lambda: 1)\n",
            "parts.py": "",
            "package/__init__.py": "",
        },
        ["/set"],
    ),
    "a name that is bound after it was imported": (
        {
            "main.py": "from fastapi import FastAPI\nimport users\nPATH = '/later'\napp = FastAPI()\n"
            "users.register(app)\n",
            "users.py": "from main import PATH\n\ndef register(app):\n    app.add_api_route(PATH, lambda: 1)\n",
        },
        ["/later"],
    ),
    "a name that only a type checker imports decides no order": (
        {
            "main.py": "from fastapi import FastAPI\nimport package.paths\nfrom package.users import router\n"
            "app = FastAPI()\napp.include_router(router)\n",
            "package/__init__.py": "",
            "package/paths.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from package.users import User\nPREFIX = '/made'\ndef of(user: 'User'): ...\n",
            "package/users.py": "from fastapi import APIRouter\nfrom package.paths import PREFIX\n"
            "class User: ...\nrouter = APIRouter()\nrouter.add_api_route(PREFIX + '/users', lambda: 1)\n",
        },
        ["/made/users"],
    ),
    "a module that only a type checker imports registers nothing": (
        {
            "main.py": "from typing import TYPE_CHECKING\nfrom fastapi import FastAPI\n"
            "app = FastAPI()\n@app.get('/users')\ndef users(extra: 'Extra'): ...\n"
            "if TYPE_CHECKING:\n    from extra import Extra\n    import more\n    from space import *\n",
            "extra.py": "from main import app\nclass Extra: ...\n@app.get('/extra')\ndef extra(): ...\n",
            "more.py": "import main\nmain.app.add_api_route('/more', lambda: 1)\n",
            "space.py": "from main import app\napp.add_api_route('/space', lambda: 1)\n",
        },
        ["/users"],
    ),
    "what else but a type checker imports late is read as ever": (
        {
            "main.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
            "from fastapi import FastAPI\nif TYPE_CHECKING:\n    from routers import router, Config\n"
            "def made(config: Config):\n    from routers import router\n    app = FastAPI()\n"
            "    app.include_router(router)\n    return app\napp = made(1)\n",
            "routers.py": "from fastapi import APIRouter\nclass Config: ...\nrouter = APIRouter()\n"
            "@router.get('/late')\ndef late(): ...\n",
        },
        ["/late"],
    ),
    "what stands under not TYPE_CHECKING runs, and what stands under its else does not": (
        {
            "main.py": "from typing import TYPE_CHECKING\nfrom fastapi import FastAPI\napp = FastAPI()\n"
            "if not TYPE_CHECKING:\n    from users import router\nelse:\n    from extra import router\n"
            "app.include_router(router)\n",
            "users.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "router.add_api_route('/users', lambda: 1)\n",
            "extra.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "router.add_api_route('/extra', lambda: 1)\n",
        },
        ["/users"],
    ),
    "a package without a file of its own": (
        {
            "main.py": "from fastapi import FastAPI\nimport space.users\nfrom space import users as same\n"
            "app = FastAPI()\napp.include_router(space.users.router)\napp.include_router(same.router, prefix='/x')\n",
            "space/users.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
            "router.add_api_route('/users', lambda: 1)\n",
        },
        ["/users", "/x/users"],
    ),
}


@pytest.mark.parametrize(("files", "paths"), MODULES.values(), ids=list(MODULES))
def test_modules_bind_what_imports_name(tmp_path: Path, files: dict[str, str], paths: list[str]) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(text)
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert sorted(route.path for route in source.routes) == sorted(paths)


def test_a_module_that_answers_for_missing_names_is_open(tmp_path: Path) -> None:
    (tmp_path / "lazy.py").write_text("def __getattr__(name): ...\nknown = '/known'\n")
    loop = "for each in (path, lazy.other, lazy.known):\n    app.add_api_route(each, print)\n"
    code = f"import lazy\nfrom lazy import path\n{loop}"

    assert worked_out(tmp_path, HEAD + code) == ["/known"]
    assert len(gather(Gathering(tmp_path, use_cache=False)).source.unresolved) == len(("path", "other"))


def test_what_takes_too_many_steps_is_named(tmp_path: Path) -> None:
    endless = f"[({'1,' * 100}) for a in range(400) for b in range(400)]"
    (tmp_path / "other.py").write_text(f"from fastapi import FastAPI\n\nfound = {endless}\napp = FastAPI()\n")
    code = f"\ndef create():\n    found = {endless}\n    return FastAPI()\n\ndef load():\n    import other\n\nload()\n"
    (tmp_path / "main.py").write_text(f"{HEAD}app.get('/a')(print)\n{code}")

    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert [route.path for route in source.routes] == ["/a"]
    assert [each.message for each in source.unresolved] == ["main.py needs more steps to compose than an audit spends"]


def test_an_application_is_lost_in_a_function_that_takes_too_long(tmp_path: Path) -> None:
    loops = "    for a in range(400):\n        for b in range(400):\n            c = b\n"
    code = f"def register(app):\n    app.get('/a')(print)\n{loops}    app.get('/b')(print)\n\nregister(app)\n"

    assert worked_out(tmp_path, HEAD + code) == ["/a"]
    (app,) = gather(Gathering(tmp_path, use_cache=False)).source.apps
    assert [each.method for each in app.handed_to] == ["call:unknown"]


@pytest.mark.parametrize(
    ("imported", "annotation"),
    [
        ("from clients import Client", "Client"),
        ("import clients", "clients.Client"),
        ("import clients as c", "c.Client"),
        ("from package import clients", "clients.Client"),
        ("import package.clients", "package.clients.Client"),
        ("from package.clients import Client as C", "C"),
        ("from httpx import AsyncClient", "AsyncClient"),
        ("import httpx", "httpx.AsyncClient"),
    ],
)
def test_annotations_know_the_types_that_only_a_type_checker_imports(
    tmp_path: Path, imported: str, annotation: str
) -> None:
    client = "import httpx\nclass Client(httpx.AsyncClient): ...\n"
    files = {
        "main.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nfrom fastapi import FastAPI\n"
        f"if TYPE_CHECKING:\n    {imported}\napp = FastAPI()\n"
        f"async def load(client: {annotation}):\n    return await client.get('/')\n",
        "clients.py": client,
        "package/__init__.py": "",
        "package/clients.py": client,
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert len(source.calls_to("httpx.AsyncClient.get")) == 1


def test_an_annotation_tells_what_foreign_code_gives_when_it_names_a_class_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import httpx\nimport registry\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "class Client(httpx.AsyncClient): ...\n"
        "def found() -> Client:\n    return registry.find('client')()\n"
        "def other() -> object:\n    return registry.find('client')()\n"
        "client, something = found(), other()\n"
        "async def load():\n    await client.get('/')\n    await something.get('/')\n"
    )
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert [call.callee.text for call in source.calls_to("httpx.AsyncClient.get")] == ["client.get"]
