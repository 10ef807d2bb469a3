"""Which files of a server that we started are the project's own, and what reports call them."""

from pathlib import Path, PurePath

FOREIGN = frozenset({"site-packages", "dist-packages", ".venv", "venv"})
"""Folders below the application's that hold other people's code."""


def own_path(file: str, folder: Path) -> str | None:
    """The path below the application's folder; `None` for other people's code, and for what no report may print."""
    path = PurePath(file)
    for each in (folder, folder.resolve()):
        if file.isprintable() and path.is_relative_to(each) and FOREIGN.isdisjoint(path.relative_to(each).parts):
            return path.relative_to(each).as_posix()
    return None
