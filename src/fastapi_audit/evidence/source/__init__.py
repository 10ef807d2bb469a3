"""What the Python files say; nothing is imported or run."""

from collections.abc import Sequence

from fastapi_audit.evidence.source import facts
from fastapi_audit.evidence.source.files import Tree
from fastapi_audit.evidence.source.link import Source
from fastapi_audit.evidence.source.modules import Modules
from fastapi_audit.model import Location, Unresolved

__all__ = ["Source", "read"]


def read(tree: Tree, auth_names: Sequence[str] = ()) -> Source:
    """Reads every Python file of a tree and links them."""
    modules = Modules()
    unreadable: list[Unresolved] = []
    for path in tree.python:
        content = tree.read(path)
        if content is None:
            continue
        found = facts.extract(content)
        if found[3]:
            unreadable.append(Unresolved("file", f"{path} cannot be parsed: {found[3]}", Location(path, 1)))
        modules.add(path, found, content)
    modules.link(tree.python)
    source = Source(modules, auth_names)
    source.unresolved[:0] = unreadable
    return source
