"""`# fastapi-audit: ignore[rule] reason` in files where a comment begins with `#`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.text import Document

REMARK = re.compile(r"(?:^|\s)#\s*fastapi-audit:\s*(ignore(?:-file)?)(?:\[([^\]\n]*)\])?[ \t]*([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Remark:
    """One such comment, as written."""

    path: str
    line: int
    column: int
    rules: tuple[str, ...]
    """Empty for a blanket ignore."""
    reason: str
    whole_file: bool
    alone: bool
    """Whether it stands on a line of its own and so speaks of the next one."""


def remarks(document: Document) -> Iterator[Remark]:
    """Every remark of a file, in order."""
    for found in REMARK.finditer(document.text):
        line, column = document.place(document.text.index("#", found.start()))
        rules = tuple(rule.strip() for rule in (found[2] or "").split(",") if rule.strip())
        alone = not document.line(line).value[: column - 1].strip()
        yield Remark(document.path, line, column, rules, found[3].strip(), found[1] == "ignore-file", alone)
