"""What the Python files say; nothing is imported or run."""

from collections.abc import Sequence

from fastapi_audit.evidence.collecting import uncollected
from fastapi_audit.evidence.files import Tree
from fastapi_audit.evidence.source.cache import Store, key_of
from fastapi_audit.evidence.source.facts import NO_BODY, Facts, in_utf8
from fastapi_audit.evidence.source.link import Source
from fastapi_audit.evidence.source.modules import Modules
from fastapi_audit.evidence.source.sharing import extract_all
from fastapi_audit.model import Location, Unresolved

__all__ = ["Source", "read"]

_UNREAD: Facts = (NO_BODY, (), (), "was not read")


def read(tree: Tree, auth_names: Sequence[str] = (), store: Store | None = None) -> Source:
    """Reads every Python file of a tree and links them; facts that the store holds are not extracted again."""
    with uncollected():
        known = {path: tree.read(path) for path in tree.python}
        contents = {path: content for path, content in known.items() if content is not None}
        facts = _facts(contents, store)
        remarks = [
            Unresolved("syntax" if body else "file", f"{path} {remark}", Location(path, 1))
            for path, (body, _, _, remark) in facts.items()
            if remark
        ]
        modules = Modules()
        for path, content in known.items():
            # What was not read can be imported all the same, and must not pass for a library.
            modules.add(path, facts.pop(path, _UNREAD), in_utf8(content or b""))
        modules.link(tree.python)
        source = Source(modules, auth_names)
    source.unresolved[:0] = remarks
    return source


def _facts(contents: dict[str, bytes], store: Store | None) -> dict[str, Facts]:
    keys = {path: key_of(content) for path, content in contents.items()}
    known = store.read(set(keys.values())) if store is not None else {}
    missing = {key: contents[path] for path, key in keys.items() if key not in known}
    new = dict(zip(missing, extract_all(list(missing.values())), strict=True))
    if store is not None:
        store.write(new)
    known.update(new)
    return {path: known[key] for path, key in keys.items()}
