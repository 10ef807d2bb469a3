"""Which of the files that could not be read belong to the application: what stands in them nobody knows."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from fastapi_audit.evidence.source.link import Source
from fastapi_audit.evidence.source.modules import is_aside
from fastapi_audit.model import UNREAD, Unresolved


def told_apart(remarks: Sequence[Unresolved], source: Source) -> Iterator[Unresolved]:
    """The remarks, those on unread files of the application marked as such."""
    unread = {each.location.path for each in remarks if each.kind == "file" and each.location is not None}
    own = set(_of_the_application(unread, source)) if unread else set()
    for each in remarks:
        # What has no place is the rest of a tree with too many files: anything may be in it.
        belongs = each.kind == "file" and (each.location is None or each.location.path in own)
        yield Unresolved(UNREAD, each.message, each.location) if belongs else each


def _of_the_application(unread: set[str], source: Source) -> Iterator[str]:
    """What its modules load, and what lies in its packages; tests, examples and scripts only when imported."""
    imported = source.loaded_paths
    packages = {_outermost(file.path, source) for file in source.founding_files if not file.is_aside} - {None}
    for path in unread:
        if path in imported or (not is_aside(path) and _outermost(path, source) in packages):
            yield path


def _outermost(path: str, source: Source) -> PurePosixPath | None:
    """The outermost folder around a path from which every folder down to it has an `__init__.py`."""
    found = None
    for folder in PurePosixPath(path).parents:
        if str(folder / "__init__.py") not in source.modules.files:
            break
        found = folder
    return found
