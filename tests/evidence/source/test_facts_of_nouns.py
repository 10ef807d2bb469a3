"""Small facts that nouns tell of themselves: options, providers, words, variables, cookies."""

import re
from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.evidence.source.code import Function
from fastapi_audit.model import Location

CODE = '''
import os

from fastapi import Cookie, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer
from otherwhere import foreign_guard
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    origins: list[str] = ["*"]
    credentials: bool = True


settings = Settings()
app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=settings.origins,
    allow_credentials=settings.credentials,
    allow_methods=["GET", "POST"],
    allow_headers=os.environ["HEADERS"].split(","),
    max_age=[60, os.getenv("AGE", "60")],
)


class Checked:
    def __call__(self) -> None: ...


class Page:
    def __init__(self, size: int = 10) -> None: ...


class Quiet:
    """Made without a constructor of its own."""


def own() -> None: ...


def queried(request: Request):
    return request.query_params.get("ticket")


def deep_one(request):
    return deep_two(request)


def deep_two(request):
    return queried(request)


def around(request):
    return around(request) or deep_one(request)


def kept(items):
    task = items[0]
    again = task
    return again


def dropped(items):
    task = items[0]
    task = items[1]


def closed_over(items):
    task = items[0]

    def later():
        return task

    return later


@app.get("/")
def read(
    request: Request,
    a=Depends(own), b=Depends(Checked()), c=Depends(Page), d=Depends(Quiet),
    e=Depends(foreign_guard), f=Depends(OAuth2PasswordBearer("token")),
):
    around(request), kept([]), dropped([]), closed_over([])
'''  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("nouns")
    (root / "main.py").write_text(CODE)
    return gather(Gathering(root, use_cache=False))


def _function(project: Project, name: str) -> Function:
    return next(f for f in project.source.functions if f.name == name)


@pytest.mark.parametrize(
    ("option", "constant", "is_default"),
    [
        ("allow_origins", ["*"], True),
        ("allow_credentials", True, True),
        ("allow_methods", ["GET", "POST"], False),
        ("allow_headers", ..., False),
        ("max_age", [60, "60"], True),
        ("expose_headers", None, False),
    ],
)
def test_an_option_is_a_constant_a_default_unknown_or_not_passed(
    project: Project, option: str, constant: object, *, is_default: bool
) -> None:
    (cors,) = project.source.apps[0].middleware
    assert cors.constant(option) == constant
    assert cors.is_default(option) is is_default


def test_a_provider_is_foreign_only_when_nothing_of_it_is_in_the_program(project: Project) -> None:
    (route,) = project.source.routes
    asked = {d.parameter: d for d in route.direct_dependencies}
    assert {name for name, d in asked.items() if d.is_foreign} == {"e", "f"}


@pytest.mark.parametrize(
    ("function", "depth", "speaks"),
    [
        ("queried", 0, True),  # a short literal
        ("deep_one", 3, True),
        ("deep_one", 1, False),  # it is said two calls further
        ("around", 3, True),  # which calls itself
        ("kept", 3, False),
    ],
)
def test_a_function_speaks_of_what_it_or_its_callees_name(
    project: Project, function: str, depth: int, *, speaks: bool
) -> None:
    assert _function(project, function).speaks_of(re.compile("ticket"), depth) is speaks


def test_a_function_speaks_of_its_parameters_and_not_of_long_texts(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/a')\ndef named(ticket: str): ...\n"
        "@app.get('/b')\ndef told():\n    return 'please buy a ticket at the counter downstairs'\n"
    )
    source = gather(Gathering(tmp_path, use_cache=False)).source
    named, told = (next(f for f in source.functions if f.name == n) for n in ("named", "told"))
    assert named.speaks_of(re.compile("ticket"))
    assert not told.speaks_of(re.compile("ticket"))


@pytest.mark.parametrize(("function", "reads"), [("kept", True), ("dropped", False), ("closed_over", True)])
def test_assigning_is_no_reading_and_inner_functions_read_too(project: Project, function: str, *, reads: bool) -> None:
    assert _function(project, function).reads("task") is reads


@pytest.mark.parametrize(
    ("handler", "signs_in"),
    [
        ("def read(): ...\napp.add_middleware(SessionMiddleware)", True),
        ("def read(session: str = Cookie()): ...", True),
        ("def read(request: Request): return request.cookies", True),
        ("def read(response: Response): response.set_cookie('a', 'b')", True),
        ("def read(user=Depends(HTTPBasic())): ...", True),
        ("def read(user=Depends(HTTPBearer())): ...", False),
        ("def read(request: Request): return request.headers['cookie-like']", False),
    ],
)
def test_browsers_sign_in_by_what_they_send_themselves(tmp_path: Path, handler: str, *, signs_in: bool) -> None:
    (tmp_path / "main.py").write_text(
        "from fastapi import Cookie, Depends, FastAPI, Request, Response\n"
        "from fastapi.security import HTTPBasic, HTTPBearer\n"
        "from starlette.middleware.sessions import SessionMiddleware\n"
        f"app = FastAPI()\n@app.get('/')\n{handler}\n"
    )
    assert gather(Gathering(tmp_path, use_cache=False)).source.browsers_sign_in is signs_in


EDITED = """
from fastapi import FastAPI
app = FastAPI()
class Items:
    def own(self): ...
def spaced( ): ...
def starred(*given): ...
async def waiting(): ...
@app.get('/')
def plain(): ...
"""


@pytest.mark.parametrize(
    ("name", "first_parameter", "as_async", "without_async"),
    [
        ("own", None, "async ", None),
        ("spaced", None, "async ", None),
        ("starred", None, "async ", None),
        ("waiting", "request", None, "def"),
        ("plain", "request", "async ", None),
    ],
)
def test_an_edit_is_made_where_it_certainly_fits(
    tmp_path: Path, name: str, first_parameter: str | None, as_async: str | None, without_async: str | None
) -> None:
    (tmp_path / "main.py").write_text(EDITED)
    (function,) = (
        f
        for f in gather(Gathering(tmp_path, use_cache=False)).source.application_modules[0].functions
        if f.name == name
    )
    edits = function.with_first_parameter("request"), function.as_async(), function.without_async()

    assert tuple(each and each.new for each in edits) == (first_parameter, as_async, without_async)


@pytest.mark.parametrize(
    ("text", "start"), [("import os\nimport re\n", 0), ("# Nothing.\n\nx = 1\n", 12), ("# Nothing.\n", 0)]
)
def test_an_import_goes_before_everything_that_runs(tmp_path: Path, text: str, start: int) -> None:
    (tmp_path / "main.py").write_text("from fastapi import FastAPI\nimport parts\napp = FastAPI()\n")
    (tmp_path / "parts.py").write_text(text)
    source = gather(Gathering(tmp_path, use_cache=False)).source
    (module,) = (m for m in source.application_modules if m.path == "parts.py")
    edit = module.import_edit("import logging")

    assert edit is not None
    assert (edit.start, edit.new) == (start, "import logging\n")


SHADOWED = """
from elsewhere import decide
from fastapi import Depends, FastAPI
app = FastAPI()
class Twice:
    def old(self): ...
class Twice:
    def new(self): ...
for number in range(1):
    class Looped: ...
try:
    pass
except ValueError:
    class Caught: ...
match decide():
    case 1:
        class Matched: ...
        def matched(): ...
app.add_api_route("/{a:own}", lambda: 1, status_code=None, dependencies=[Depends(matched), matched])
app.add_api_route("/{a:int}/xx", lambda: 1, status_code=201)
"""


def test_nouns_are_found_in_every_block_and_not_where_another_one_took_the_name(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(SHADOWED)
    source = gather(Gathering(tmp_path, use_cache=False)).source
    first, second = source.routes

    assert [c.name for c in source.classes] == ["Twice", "Looped", "Caught", "Matched"]
    assert [f.name for f in source.functions if not f.name.startswith("<")] == ["new", "matched"]
    assert (first.pattern, first.status_code) == (None, 200)
    assert second.pattern is not None
    assert (second.pattern.fullmatch("/1/xx") is not None, second.status_code) == (True, 201)
    assert [d.name for d in first.dependencies] == ["main.matched"]
    assert first.function is not None
    assert first.function.location == Location("main.py", 19, 31, 19, 40)


def test_a_place_far_to_the_right_is_kept_on_its_line(tmp_path: Path) -> None:
    text = f"from fastapi import FastAPI\napp = FastAPI(); text = '{'x' * 70_000}'; app.get('/a')(print)\n"
    (tmp_path / "main.py").write_text(text)
    (route,) = gather(Gathering(tmp_path, use_cache=False)).source.routes

    assert (route.path, route.location.line) == ("/a", 2)
