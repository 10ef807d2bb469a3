"""Which variable a name stands for, and what requests do to it."""

from pathlib import Path
from textwrap import dedent

from fastapi_audit.evidence import Gathering, Project, gather


def project(folder: Path, **files: str) -> Project:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    return gather(Gathering(folder, use_cache=False))


def test_changes_are_found_through_imports_and_modules(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        state="seen = {}\ncount = 0\nnames = ['a']\n",
        main="""
        from fastapi import FastAPI
        import state
        from state import seen as known

        app = FastAPI()

        @app.get("/")
        def read(key: str):
            known[key] = 1
            state.count += 1
            names = []
            names.append(key)
        """,
    )
    changes = {v.name: [c.kind for c in v.changes] for v in found.source.variables}

    assert changes == {"app": [], "seen": ["item"], "count": ["augmented"], "names": []}


def test_a_parameter_hides_the_variable_and_global_shows_it(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        main="""
        from fastapi import FastAPI
        app = FastAPI()
        total = 0
        items = []

        @app.get("/")
        def read(items: list[int]):
            global total
            total = 1
            items.append(1)
        """,
    )
    changes = {v.name: [(c.kind, c.location.line) for c in v.changes] for v in found.source.variables}

    assert changes["total"] == [("rebound", 10)]
    assert changes["items"] == []


def test_every_depends_is_one_dependency_and_its_provider_knows_who_asks(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        main="""
        from typing import Annotated
        from fastapi import Depends, FastAPI
        def settings(): ...
        def session(options=Depends(settings)): yield 1
        Session = Annotated[int, Depends(session)]
        app = FastAPI(dependencies=[Depends(settings)])

        @app.get("/a")
        def a(db: Session): ...

        @app.get("/b")
        def b(db: Session): ...
        """,
    )
    places = [(d.name, d.location.line) for d in found.source.dependencies if d.location]
    asked = {f.name: len(f.asked_for_by) for f in found.source.functions}

    assert places == [("main.settings", 5), ("main.session", 6), ("main.settings", 7)]
    assert asked == {"settings": 2, "session": 1, "a": 0, "b": 0}


def test_a_variable_is_what_the_top_of_a_module_assigns_to_a_name(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        main="""
        from fastapi import FastAPI
        app = FastAPI()
        total = 0
        total += 1
        missing += 1

        @app.get("/")
        def read():
            class Inner:
                total = 2
            app.state.seen = [Inner]
            del total
        """,
    )
    told = {v.name: (v.location.line, [(c.kind, c.call) for c in v.changes]) for v in found.source.variables}

    assert told == {"app": (3, []), "total": (4, [])}


def test_attributes_of_a_class_are_no_variables(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        main="""
        from fastapi import FastAPI

        class Settings:
            key: str = "a"

        app = FastAPI()
        """,
    )
    assert [v.name for v in found.source.variables] == ["app"]
