"""What `make fuzz` has found, each with the smallest input that shows it."""

import json
from pathlib import Path

import pytest

from fastapi_audit.config import load
from fastapi_audit.errors import ConfigError, UsageError
from fastapi_audit.evidence import Class, Function, Gathering, gather
from fastapi_audit.model import LatencyRow, Verdict
from fastapi_audit.reports import Look
from fastapi_audit.reports.json import render
from fastapi_audit.reports.reading import read_scorecard
from scanned import scan
from small_project import material

APPLICATION = b"from fastapi import FastAPI\n\napp = FastAPI()\n\n"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_signature_ends_before_what_ends_its_line(tmp_path: Path, ends: str) -> None:
    (tmp_path / "main.py").write_bytes(APPLICATION + f"class Aé:{ends}    def f(self): ...{ends}".encode())
    project = gather(Gathering(tmp_path, use_cache=False))

    assert [each.location.end_column for each in project.subjects(Class) if isinstance(each, Class)] == [10]
    assert [each.location.end_column for each in project.subjects(Function) if isinstance(each, Function)] == [21]


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_an_error_rate_that_is_none_is_refused(tmp_path: Path, rate: float) -> None:
    row = LatencyRow("GET /", 9, 0, 1, 2, 1, 3, 4, 200, Verdict.PASS, 0.5, 0.01, Verdict.PASS)
    document = json.loads(render(material(latencies=(row,)), Look()))
    (tmp_path / "scan.json").write_text(json.dumps(document))
    assert read_scorecard(tmp_path / "scan.json").latencies[0].error_high == 0.5

    document["latencies"][0]["error_high"] = rate
    (tmp_path / "scan.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"`latencies\.0\.error_high`"):
        read_scorecard(tmp_path / "scan.json")


@pytest.mark.parametrize("lines", [b"[[\n", b"a[[b]\n", b"[a--b]\n[a||b]\n[a~~b]\n[a&&b]\n", b"[z-a]\n"])
def test_an_odd_pattern_of_what_is_ignored_is_no_warning(lines: bytes) -> None:
    audit = scan({".gitignore": lines, "main.py": APPLICATION})

    assert audit is not None
    assert audit.project.files == 1


@pytest.mark.parametrize(
    "program",
    [
        b"f = lambda x: f(x)\nf(1)\n",
        b"f = lambda x: f(*[f(x)], **x)\nf(1)\n",
        b"x = (lambda f: f(f))(lambda f: f(f))\n",
        b"f = lambda x: g(x)\ng = lambda x: f(x)\ng(1)\n",
        b"f = lambda a=(lambda: f()): a()\nf()\n",
        b"def f(a=lambda: f()):\n    return a()\nf()\n",
    ],
)
def test_a_lambda_that_calls_itself_comes_to_an_end(program: bytes) -> None:
    audit = scan({"main.py": APPLICATION + b"@app.get('/')\nasync def home(): return 1\n" + program})

    assert audit is not None
    assert [route.path for route in audit.scorecard.routes] == ["/"]


@pytest.mark.parametrize(
    ("encoding", "word"), [("latin-1", "é"), ("latin-1", "Â"), ("cp1252", "€"), ("shift_jis", "表")]
)
def test_columns_are_those_of_the_encoding_that_a_file_declares(encoding: str, word: str) -> None:
    line = f"@app.get('/{{{word}')\nasync def get(): time.sleep(1); return '{{{word}'  # {word}\n"
    source = f"# coding: {encoding}\nimport time\n{APPLICATION.decode()}{line}"
    audit = scan({"main.py": source.encode(encoding)})

    assert audit is not None
    assert audit.project.text("main.py") == source
    (blocking,) = [f for f in audit.scorecard.findings if f.rule == "blocking-call"]
    assert blocking.location is not None
    assert (blocking.location.line, blocking.location.column) == (8, 18)
    assert audit.scorecard.routes[0].path == f"/{{{word}"


@pytest.mark.parametrize(
    "table",
    [
        "{long} = 1", "select = '{long}'", "fail-on = '{long}'", "probe = {{openapi = '{long}'}}",
        "probe = {{operations = {{'{long}' = {{p95 = '1s'}}}}}}", "probe = {{p95 = '{long}'}}",
        "probe = {{{long} = 1}}", "per-file-ignores = {{'{long}' = 1}}", "probe = {{errors = '{long}'}}",
    ],
)  # fmt: skip
def test_a_refusal_does_not_repeat_everything_that_was_written(tmp_path: Path, table: str) -> None:
    (tmp_path / "fastapi-audit.toml").write_text(table.format(long="a" * 20_000))
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "fastapi-audit.toml")

    assert "aaa" in str(refused.value)
    assert len(str(refused.value)) < 1500


NEWER = "type X = int\n"
"""Sends a file to the fallback for syntax that is newer; what knows it reads the file itself."""
LONG = 100_000
"""So much that what needs quadratic time would run for minutes, into the limit of each test."""


@pytest.mark.parametrize(
    "rest",
    [
        "x = 1" + "\\\n" * LONG, "x = 1" + "\\\r\n" * LONG, "\\\n" * LONG, " \\\n" * LONG, "# é\n" * LONG,
        "#'\n\\\n" * LONG, "def f(): pass\n" + "\n\n    # \n" * LONG, "#" + " " * LONG + "\n" * LONG,
        "'''" + "#\n" * LONG + "'''",
        "x = {" + "f'é{1}':1," * (LONG // 10) + "}", "x = f'{'a'}" + "{b}{{" * (LONG // 10) + "'",
        "x: " + "a[" * LONG + "0" + "]" * LONG, "x = " + "f'{" * LONG + "1" + "}'" * LONG,
        "x = " + "t'{a}'" * (LONG // 10), "import a" + ".a" * LONG, "import a" + "\\\n.\\\na" * LONG,
        "from . import b;from a" + " . a" * LONG + " import b", "from a" + ".a" * 3 * LONG,
    ],
)  # fmt: skip
def test_no_file_takes_time_that_grows_with_its_square(rest: str) -> None:
    audit = scan({"main.py": APPLICATION, "other.py": f"import main\n{rest}\n{NEWER}".encode()})

    assert audit is not None
    assert audit.project.files == 2


@pytest.mark.parametrize(
    "name", ["import a{}", "import a, a{} as b", "from a{} import b", "from a import b;import a{}"]
)
def test_the_name_of_a_module_has_so_many_parts(name: str) -> None:
    for parts, said in ((50, ()), (LONG, ("the name of an imported module has more than 100 parts",))):
        audit = scan({"main.py": APPLICATION + f"\n{name.format('.a' * parts)}\n".encode(), "app.py": APPLICATION})

        assert audit is not None
        messages = [each.message.partition(": ")[2].partition(": ")[2] for each in audit.scorecard.unresolved]
        assert tuple(messages) == said


def test_strings_nest_as_deep_as_python_lets_them() -> None:
    for depth in (50, 151):
        nested = "f'{" * depth + "1" + "}'" * depth
        audit = scan({"main.py": APPLICATION + f"x = {nested}\n".encode(), "app.py": APPLICATION})

        assert audit is not None
        # From Python 3.12 on they are no newer syntax, so there is nothing to remark of those that can be read.
        said = [remark.message for remark in audit.scorecard.unresolved]
        assert any("cannot be parsed" in message for message in said) == (depth > 150)


def test_every_route_of_a_function_under_many_decorators_is_judged() -> None:
    routes = "@app.get('/')\n" * 3000
    audit = scan({"main.py": APPLICATION + f"{routes}@cache\nasync def home(): return 1\n".encode()})

    assert audit is not None
    assert len(audit.scorecard.routes) == 2000


def test_a_few_lines_do_not_make_a_billion_routes(tmp_path: Path) -> None:
    """Each router serves the one before it twice."""
    routers = "r0 = APIRouter()\nr0.get('/')(print)\n" + "".join(
        f"r{number + 1} = APIRouter()\n" + f"r{number + 1}.include_router(r{number}, prefix='/a')\n" * 2
        for number in range(28)
    )
    program = b"from fastapi import APIRouter\n" + APPLICATION + routers.encode() + b"app.include_router(r28)\n"
    (tmp_path / "main.py").write_bytes(program)
    project = gather(Gathering(tmp_path, use_cache=False))

    assert 1000 < len(project.routes) < 10_000
    assert [each.kind for each in project.unresolved] == ["route"]
    assert "there are 10,000 registrations before it" in project.unresolved[0].message


@pytest.mark.parametrize("made", ["create_engine('sqlite://')", "FastAPI()", "app.add_exception_handler(a, print)"])
def test_loops_in_loops_are_read_a_bounded_number_of_times(tmp_path: Path, made: str) -> None:
    loops = f"for a in range(200):\n for b in range(200):\n  for c in range(200):\n   {made}\n"
    (tmp_path / "main.py").write_bytes(b"from sqlalchemy import create_engine\n" + APPLICATION + loops.encode())
    source = gather(Gathering(tmp_path, use_cache=False)).source

    assert len(source.evaluation.instances) <= 5001
    assert len(source.apps[0].exception_handlers) <= 1000
    assert ("is followed for its first" in "".join(each.message for each in source.unresolved)) is ("app." in made)


def test_classes_that_descend_from_thousands_take_no_quadratic_time() -> None:
    classes = "class A0: pass\n" + "".join(f"class A{number + 1}(A{number}): pass\n" for number in range(6000))
    audit = scan({"main.py": APPLICATION + classes.encode()})

    assert audit is not None
    assert sum(isinstance(each, Class) for each in audit.project.subjects(Class)) == 6001
