"""What all tests share: real servers on demand, and property tests that say the same on every machine."""

import os
import signal

import pytest
from hypothesis import settings

from fastapi_audit.evidence import _app_process
from services import postgres, redis_server

__all__ = ["postgres", "redis_server"]

# An assertion says what it saw, in a proof beside its rule too.
pytest.register_assert_rewrite("rule_contract", "served", "fastapi_audit.checks")

# A deadline measures the machine, not the code.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

# A shell's background job ignores Ctrl-C, and whatever is started from it does too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The worker's branches are counted too: it runs in a process that gets nothing of our environment else.
if "COVERAGE_PROCESS_CONFIG" in os.environ:
    _app_process.KEPT += ("COVERAGE_PROCESS_CONFIG",)
