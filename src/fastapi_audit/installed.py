"""The packages of further rules that are installed beside this one."""

import sys
from collections.abc import Iterator
from pathlib import Path

GROUP = "fastapi_audit.rules"
"""Entry points of this group name packages that are laid out like `checks`."""


def rule_packages() -> Iterator[str]:
    """Their names."""
    mark = f"[{GROUP}]".encode()
    # importlib.metadata costs as much as a small scan: it is asked only when someone has something to say.
    if not any(mark in file.read_bytes() for file in entry_point_files()):
        return
    from importlib.metadata import entry_points  # noqa: PLC0415

    yield from sorted({point.value for point in entry_points(group=GROUP)})


def entry_point_files() -> Iterator[Path]:
    """Where installed packages say what they add to others."""
    for place in sys.path:
        yield from sorted(Path(place).glob("*.dist-info/entry_points.txt"))
