"""Puts files in their places whole: a reader sees the old one or the new one, and no draft is left behind."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

DRAFT = ".fastapi-audit-"
"""What the name of every draft begins with; only a process that is killed leaves one."""


def replace_files(contents: Mapping[Path, bytes], mode: int = 0o666) -> None:
    """Writes all files beside their places first, so that a full disk or a closed folder leaves all as they were.

    A file that is there keeps its permissions; a new one gets `mode`, less what the user's umask takes away.
    """
    drafts: dict[Path, Path] = {}
    try:
        for place, content in contents.items():
            # Named before it is made: Ctrl-C at any moment finds it.
            drafts[place] = place.with_name(f"{DRAFT}{os.urandom(8).hex()}")
            _write(drafts[place], content, place, mode)
        for place, draft in drafts.items():
            draft.replace(place)
    finally:
        for draft in drafts.values():
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def _write(draft: Path, content: bytes, place: Path, mode: int) -> None:
    with open(draft, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
        file.write(content)
    if place.exists():
        draft.chmod(S_IMODE(place.stat().st_mode))
