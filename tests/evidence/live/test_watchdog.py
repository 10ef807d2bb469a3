"""The watchdog that runs inside a server sees where its event loop stands, and ends with it."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fastapi_audit.evidence.live.stalls import FOLDER, VARIABLE


def watching() -> Callable[[asyncio.AbstractEventLoop, int], None]:
    """Under another name than that of the interpreter's own module, at which it would have every loop watched."""
    spec = spec_from_file_location("watchdog", FOLDER / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    watch: Callable[[asyncio.AbstractEventLoop, int], None] = module.watch
    return watch


def blocks() -> None:
    time.sleep(0.5)


def test_a_loop_that_stands_still_is_told_with_the_line_once_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "stalls.jsonl"
    monkeypatch.setenv(VARIABLE, str(told))
    watch = watching()

    async def serve() -> threading.Thread:
        loop, here = asyncio.get_running_loop(), threading.get_ident()
        watchdog = threading.Thread(target=watch, args=(loop, here), daemon=True)
        watchdog.start()
        blocks()  # nobody has asked yet
        told.touch()
        await asyncio.sleep(0.5)
        blocks()
        await asyncio.sleep(0.5)
        return watchdog

    watchdog = asyncio.run(serve())

    watchdog.join(timeout=70)
    assert not watchdog.is_alive()
    stalls = [json.loads(line) for line in told.read_text().splitlines()]
    # A busy machine may hold the loop up besides.
    (blocked,) = [each for each in stalls if any(name == "blocks" for _, _, name in each["frames"])]
    assert blocked["seconds"] > 0.3
    assert blocked["frames"][-1][0] == __file__
