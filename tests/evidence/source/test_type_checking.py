"""What only type checkers import is not loaded by that, and may be by a string elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from command import written
from fastapi_audit.evidence import Gathering, gather

MAIN = """\
import typing
import typing as t
from typing import TYPE_CHECKING

from fastapi import FastAPI

app = FastAPI()


"""


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("if TYPE_CHECKING:\n    from shapes import Shape", False),
        ("if typing.TYPE_CHECKING:\n    import shapes", False),
        ("if t.TYPE_CHECKING:\n    if True:\n        import shapes", False),
        ("if TYPE_CHECKING:\n    def f(): import shapes", False),
        ("if not TYPE_CHECKING:\n    pass\nelse:\n    import shapes", False),
        ("if not TYPE_CHECKING:\n    import shapes", True),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import shapes", True),
        ("if TYPE_CHECKING:\n    if not TYPE_CHECKING:\n        import shapes", False),
        ("if TYPE_CHECKING or True:\n    import shapes", True),
        ("if TYPE_CHECKING:\n    import shapes\nimport shapes", True),
        ("import shapes\nif TYPE_CHECKING:\n    import shapes", True),
        ("if TYPE_CHECKING:\n    from shapes import Shape\nfrom shapes import other", True),
        ("def later():\n    if TYPE_CHECKING:\n        import shapes\n    import typing", False),
        ("def later():\n    import shapes\nlater()", True),
    ],
)
def test_what_is_loaded_is_what_python_loads(tmp_path: Path, code: str, loaded: bool) -> None:  # noqa: FBT001  what Python says of each
    folder = written(tmp_path, {"main.py": f"{MAIN}{code}\n", "shapes.py": "class Shape: ...\nother = 1\n"})
    told = subprocess.run(
        [sys.executable, "-c", "import main, sys; print('shapes' in sys.modules)"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    source = gather(Gathering(folder, use_cache=False)).source

    assert told.stdout.strip() == str(loaded)
    assert ("shapes.py" in source.loaded_paths) is loaded
    assert "shapes.py" in {file.path for file in source.application_files}


def test_what_annotations_name_is_known_all_the_same(tmp_path: Path) -> None:
    code = (
        "if TYPE_CHECKING:\n    from shapes import Shape\n\ndef area(shape: 'Shape') -> int:\n    return shape.area()\n"
    )
    shapes = "class Shape:\n    def area(self) -> int: ...\n"
    source = gather(Gathering(written(tmp_path, {"main.py": MAIN + code, "shapes.py": shapes}), use_cache=False)).source
    (area,) = [function for function in source.functions if function.qualified_name == "main.area"]

    target = area.calls[0].target
    assert target is not None
    assert target.qualified_name == "shapes.Shape.area"
