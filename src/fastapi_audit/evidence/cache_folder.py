"""Where things are kept between runs: the user's own cache directory, never the project."""

import os
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path | None:
    """`$FASTAPI_AUDIT_CACHE_DIR`, else below the user's cache directory; `None` where the user has none."""
    given = os.environ.get("FASTAPI_AUDIT_CACHE_DIR")
    if given:
        return Path(given)
    # A path that is not absolute would lie in whatever folder we stand in, which is the project more often than not.
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not folder.is_absolute():
        folder = Path("~/.cache")
        with suppress(RuntimeError):  # an unknown user without `$HOME`, as in some containers
            folder = folder.expanduser()
    return folder / "fastapi-audit" if folder.is_absolute() else None


def is_private(folder: Path) -> bool:
    """Whether nobody else can put bytes there: what is loaded must be what we wrote."""
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
