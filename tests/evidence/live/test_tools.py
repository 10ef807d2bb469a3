"""A tool that the probe runs ends in time, with everything that it started."""

import asyncio
import sys
import time
from pathlib import Path

from fastapi_audit.evidence.live.tools import OUTPUT, REPORT_LIMIT, Tool
from processes import alive, wait_until

DEAF = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
WORDY = f"""
import time
with open("report", "wb") as report:
    report.truncate({REPORT_LIMIT + 1})
time.sleep(60)
"""


def tool(folder: Path, program: str, patience: float = 20) -> Tool:
    return Tool("the tool", [sys.executable, "-c", program], folder, patience)


def test_a_run_that_ends_by_itself_has_no_reason(tmp_path: Path) -> None:
    run = tool(tmp_path, "print('first'); print(' last '); print()")

    assert run.last_line == ""
    assert asyncio.run(run.run()) == ""
    assert run.last_line == "last"


def test_a_run_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    reason = asyncio.run(tool(tmp_path, DEAF, patience=1).run())

    assert reason == "the tool did not end within 1 s, so it was ended"
    child = int((tmp_path / OUTPUT).read_text())
    wait_until(lambda: not alive(child))


def test_a_run_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()

    reason = asyncio.run(tool(tmp_path, WORDY).run())

    assert reason.startswith("the answers filled 200 MB")
    assert time.monotonic() - begun < 20
