"""Requirements and lock files."""

import pytest

from deployed import Reading


def test_a_lock_file_decides_over_ranges(reading: Reading) -> None:
    files = {
        "pyproject.toml": """
            [project]
            name = "api"
            requires-python = ">=3.11"
            dependencies = ["fastapi>=0.100", "sqlalchemy[asyncio]~=2.0"]
            [dependency-groups]
            dev = ["pytest==8.0"]
            """,
        "uv.lock": """
            version = 1

            [[package]]
            name = "api"
            version = "0.1.0"
            source = { virtual = "." }

            [[package]]
            name = "fastapi"
            version = "0.115.2"
            source = { registry = "https://example.org/simple" }
            dependencies = [
                { name = "starlette" },
            ]

            [[package]]
            name = "starlette"
            version = "0.40.0"
            """,
    }
    found = reading(files).requirements
    assert found.versions == {"fastapi": "0.115.2", "starlette": "0.40.0"}
    (sqlalchemy,) = found.of("SQLAlchemy")
    assert (sqlalchemy.extras, sqlalchemy.minimum, sqlalchemy.version) == (frozenset({"asyncio"}), "2.0", None)
    assert (found.asks_for("fastapi"), found.asks_for("pytest")) == (True, False)
    assert [p.minimum for p in found.python] == [(3, 11)]


def test_pins_count_where_nothing_is_locked_and_ranges_are_no_version(reading: Reading) -> None:
    files = {
        "requirements.txt": """
            # the api
            fastapi==0.110.0  # pinned
            uvicorn[standard]>=0.30,<1
            structlog == 24.1.0 \\
                --hash=sha256:abc
            httpx
            -r more.txt
            git+https://example.org/x.git
            """,
        "requirements-dev.txt": "pytest==8.0",
    }
    found = reading(files).requirements
    assert found.versions == {"fastapi": "0.110.0", "structlog": "24.1.0"}
    (uvicorn,) = found.of("uvicorn")
    assert (uvicorn.specifier, uvicorn.minimum, uvicorn.location.line) == (">=0.30,<1", "0.30", 3)
    assert found.of("httpx")[0].version is None


def test_two_different_pins_are_no_version(reading: Reading) -> None:
    files = {"a/requirements.txt": "fastapi==0.110.0", "b/requirements.txt": "fastapi==0.111.0"}
    assert reading(files).versions == {}


def test_poetry_and_pipenv_are_read(reading: Reading) -> None:
    files = {
        "pyproject.toml": """
            [tool.poetry.dependencies]
            python = "^3.10"
            fastapi = "^0.100"
            redis = {version = "5.0.1", extras = ["hiredis"]}
            [tool.poetry.group.dev.dependencies]
            ruff = "*"
            """,
        "Pipfile.lock": '{"default": {"httpx": {"version": "==0.27.0"}}, "develop": {"mypy": {"version": "==1.8"}}}',
    }
    found = reading(files).requirements
    assert found.versions == {"redis": "5.0.1", "httpx": "0.27.0"}
    assert [(p.specifier, p.minimum) for p in found.python] == [("^3.10", (3, 10))]
    assert found.asks_for("ruff") is False


def test_the_metadata_of_an_unpacked_wheel_names_what_it_requires(reading: Reading) -> None:
    files = {
        "api-1.0.dist-info/METADATA": """
            Metadata-Version: 2.1
            Name: api
            Requires-Dist: pydantic~=1.10.26
            Requires-Dist: fastapi[standard]<0.137,>=0.129 ; python_version >= "3.11"
            Requires-Dist: uvicorn==0.54.0
            Requires-Dist: pytest>=8; extra == 'test'

            Requires-Dist: flask
            """,
        "vendored/other-2.0.dist-info/METADATA": "Requires-Dist: django==5.0\n",
    }
    found = reading(files).requirements
    assert [(r.name, r.specifier, r.production) for r in found.all] == [
        ("pydantic", "~=1.10.26", True),
        ("fastapi", "<0.137,>=0.129", True),
        ("uvicorn", "==0.54.0", True),
        ("pytest", ">=8", False),
    ]
    assert found.versions == {"uvicorn": "0.54.0"}
    assert found.of("fastapi")[0].location.line == 4


@pytest.mark.parametrize(
    ("specifier", "minor"),
    [
        ("3.9.18", 9),
        ("3.10", 10),
        (">=3.8,<3.11", 10),
        (">=3.8, <=3.10", 10),
        ("==3.9.*", 9),
        (">=3.8,<3.11.4", 11),
        (">=3.9", None),
        ("^3.9", None),
        (">=3.8,<4", None),
        ("<3.10 || >=3.12", None),
    ],
)
def test_the_newest_python_that_is_let_in(reading: Reading, specifier: str, minor: int | None) -> None:
    (asked,) = reading({"pyproject.toml": f'[project]\nrequires-python = "{specifier}"'}).requirements.python
    assert asked.newest_minor == minor


def test_setup_cfg_is_read(reading: Reading) -> None:
    files = {
        "setup.cfg": """
            [options]
            install_requires =
                fastapi==0.110.0
                uvicorn[standard]>=0.30
                -e .

            [options.extras_require]
            test = pytest==8.0
            """
    }
    found = reading(files).requirements
    assert found.versions == {"fastapi": "0.110.0"}
    (uvicorn,) = found.of("uvicorn")
    assert (uvicorn.minimum, uvicorn.text.location.line) == ("0.30", 4)
    assert not found.asks_for("pytest")


@pytest.mark.parametrize("text", ["install_requires = fastapi\n", "[options\n", "[options]\nkey\n  value\n"])
def test_a_setup_cfg_that_is_none_is_named(reading: Reading, text: str) -> None:
    deployment = reading({"setup.cfg": text, "Procfile": "web: uvicorn main:app"})
    assert deployment.requirements.versions == {}
    assert [u.message for u in deployment.unresolved if u.message.startswith("setup.cfg is not a valid setup.cfg: ")]


def test_extras_and_groups_count_by_what_they_are_for(reading: Reading) -> None:
    files = {
        "pyproject.toml": """
            [project]
            dependencies = ["fastapi==0.110.0", "./local", 3, "caf\\u00e9==1"]
            [project.optional-dependencies]
            cache = ["redis==5.0"]
            Test = ["pytest==8.0"]
            [tool.poetry.dependencies]
            python = "^3.11"
            httpx = { version = "0.27", extras = ["HTTP2"] }
            anyio = "*"
            structlog = { git = "https://example.org/x.git" }
            [tool.poetry.dev-dependencies]
            mypy = "1.8"
            [tool.poetry.group.lint.dependencies]
            ruff = "0.4"
            """
    }
    found = reading(files).requirements
    assert found.versions == {"café": "1", "fastapi": "0.110.0", "redis": "5.0", "httpx": "0.27"}
    assert [r.extras for r in found.of("httpx")] == [frozenset({"http2"})]
    assert [(r.name, r.version) for r in (*found.of("anyio"), *found.of("structlog"))] == [
        ("anyio", None),
        ("structlog", None),
    ]
    assert not any(found.asks_for(name) for name in ("pytest", "mypy", "ruff", "python"))


def test_what_names_no_version_or_python_is_passed_over(reading: Reading) -> None:
    files = {
        "Pipfile.lock": """
            {"default": {"a": {"git": "x"}, "b": 3, "\\u0063": {"version": "==1.0"}, "d": {"version": "==2"}}}
            """,
        "api-1.0.dist-info/METADATA": "Name: api\nRequires-Dist: ./local\nRequires-Dist: fastapi==0.110.0\n",
        ".python-version": "pypy3.10",
        "runtime.txt": "python-3.12.1",
    }
    found = reading(files).requirements
    assert found.versions == {"c": "1.0", "d": "2", "fastapi": "0.110.0"}
    assert [(r.name, r.location.column) for r in found.all if r.locked] == [("c", 1), ("d", 1)]
    assert [python.specifier for python in found.python] == ["3.12.1"]
