"""How busy a process is can be told from what Linux counts."""

import subprocess
import sys
import time

import pytest

from fastapi_audit.evidence.live.activity import Activity, Pace

RESTS = "import time; print('ready', flush=True); time.sleep(60)"
WAKES = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.005)"
SPINS = "print('ready', flush=True)\nwhile True: pass"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts this")


def pace_of(program: str) -> Pace:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = Activity.of(process.pid)
        time.sleep(0.6)
        ended = Activity.of(process.pid)
        process.kill()
    assert begun is not None
    assert ended is not None
    return ended.since(begun)


def test_a_process_at_rest_does_nothing() -> None:
    pace = pace_of(RESTS)

    assert pace.wakes < 10
    assert pace.processor < 0.1


def test_a_loop_with_a_pause_wakes_often() -> None:
    assert pace_of(WAKES).wakes > 40


def test_a_loop_without_one_uses_the_processor() -> None:
    assert pace_of(SPINS).processor > 0.1


def test_a_process_that_is_gone_tells_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert Activity.of(process.pid) is None
