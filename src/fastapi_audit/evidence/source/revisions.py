"""Alembic revisions, read as files and never run: which is the newest, and what it does to the schema."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.code import Call, Function, Module

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.link import Source
    from fastapi_audit.evidence.source.modules import SourceFile

NAME = re.compile(rb"""^revision\b[^=\n]*=\s*["']([^"'\n]+)["']""", re.MULTILINE)
BEFORE = re.compile(rb"""^down_revision\b[^=\n]*=\s*(\([^)]*\)|[^\n#]*)""", re.MULTILINE)
QUOTED = re.compile(rb"""["']([^"']+)["']""")
BATCH = "alembic.op.batch_alter_table()"


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision that none follows: the one that the next release brings."""

    module: Module
    name: str

    @property
    def upgrade(self) -> Function | None:
        return next((f for f in self.module.functions if f.name == "upgrade"), None)

    def operations(self, name: str) -> "list[Call]":
        """The calls of `op.NAME` in `upgrade`, also through `batch_alter_table`."""
        upgrade = self.upgrade
        return [] if upgrade is None else upgrade.calls_to(f"alembic.op.{name}", f"{BATCH}.{name}")

    def table_of(self, operation: Call) -> str | None:
        """The table that an operation is about, where it is a constant."""
        name = operation.argument("table_name", 0)
        if (operation.name or "").startswith(BATCH):
            entered = next((w for w in operation.withs if isinstance(w, Call) and w.name == BATCH[:-2]), None)
            name = entered.argument("table_name", 0) if entered is not None else None
        constant = name.constant if name is not None else None
        return constant if isinstance(constant, str) else None


def newest_revisions(source: "Source") -> Iterator[Revision]:
    """The last revision of each line of them, in the order of the files."""
    named: list[tuple[SourceFile, bytes]] = []
    followed: set[bytes] = set()
    for file in source.modules.by_path:
        if b"down_revision" not in file.content:
            continue
        name, before = NAME.search(file.content), BEFORE.search(file.content)
        if name and before:
            named.append((file, name[1]))
            followed.update(QUOTED.findall(before[1]))
    for file, revision in named:
        if revision not in followed:
            yield Revision(source.module_of(file), revision.decode("utf-8", "replace"))
