"""Runs inside a server that the probe starts: says where the event loop stands while it does not come round.

The interpreter imports it before anything else, since its folder is on PYTHONPATH; standard library only, any Python 3.
It looks at nothing until the file of `FASTAPI_AUDIT_STALLS` is there, and then writes a line of JSON for each stall.
"""

import asyncio
import contextlib
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType  # noqa: TC003  the server has no time for two kinds of imports
from typing import Any

FILE = "FASTAPI_AUDIT_STALLS"
STALL_SECONDS = 0.1
"""Without a round of the loop; less is what a busy machine does to any process."""
PAUSE_SECONDS = 0.02
LONGEST_SECONDS = 60
MOST_FRAMES = 200
MOST_STALLS = 2000


def watch(loop: asyncio.AbstractEventLoop, thread: int) -> None:
    """Until the process ends: asks the loop for a round, and looks where its thread is when none comes."""
    path = Path(os.environ[FILE])
    for _ in range(MOST_STALLS):
        while not path.exists():
            time.sleep(5 * PAUSE_SECONDS)
        stall = next_stall(loop, thread)
        if stall is None:
            return
        with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as told:
            told.write(json.dumps(stall) + "\n")


def next_stall(loop: asyncio.AbstractEventLoop, thread: int) -> "dict[str, Any] | None":
    """Seconds and frames, the innermost last; `None` when the loop is gone."""
    while True:
        ticked = threading.Event()
        begun = time.monotonic()
        try:
            loop.call_soon_threadsafe(ticked.set)
        except RuntimeError:
            return None
        if ticked.wait(STALL_SECONDS):
            time.sleep(PAUSE_SECONDS)
            continue
        frames = stack(sys._current_frames().get(thread))  # noqa: SLF001  documented in spite of its name
        if not ticked.wait(LONGEST_SECONDS):
            return None
        return {"seconds": time.monotonic() - begun, "frames": frames}


def stack(frame: "FrameType | None") -> "list[tuple[str, int, str]]":
    """File, line and function of each frame, the innermost last."""
    frames: list[tuple[str, int, str]] = []
    while frame is not None and len(frames) < MOST_FRAMES:
        frames.append((frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_name))
        frame = frame.f_back
    return frames[::-1]


def install() -> None:
    """Has the first loop of the main thread watched, whichever library it comes from."""
    original = asyncio._set_running_loop  # noqa: SLF001  see below
    begun: list[asyncio.AbstractEventLoop] = []

    def set_running_loop(loop: "asyncio.AbstractEventLoop | None") -> None:
        original(loop)
        if loop is not None and not begun and threading.current_thread() is threading.main_thread():
            begun.append(loop)
            threading.Thread(target=watch, args=(loop, threading.get_ident()), daemon=True).start()

    # There are several kinds of loops, and one way in which each says that it runs.
    asyncio._set_running_loop = asyncio.events._set_running_loop = set_running_loop  # noqa: SLF001  see above


def give_way() -> None:
    """Imports the `sitecustomize` of the environment itself, which this one stands before."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [each for each in sys.path if not each or Path(each).resolve() != here]
    own = sys.modules.pop(__name__)
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")
    sys.modules.setdefault(__name__, own)


if __name__ == "sitecustomize" and FILE in os.environ:
    install()
    give_way()
