"""Runs a foreign tool in a process group of its own: bounded in time and in what it writes, and always ended."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

REPORT_LIMIT = 200_000_000
"""Bytes of one file that it writes; the run is ended when it grows beyond, since answers may be large."""
POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0
"""For writing its reports after it was told to end."""
OUTPUT = "output.txt"
SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Tool:
    """One run; what it prints stands in `output.txt` of its folder."""

    name: str
    command: Sequence[str]
    folder: Path
    patience: float
    """Seconds until it is ended."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of its environment, where credentials belong: a command line is seen by every user."""

    async def run(self) -> str:
        """Why it was ended early; empty when it ended by itself. When cancelled, ends it at once."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),  # neither .netrc nor settings of the user take part
            "NO_PROXY": "*",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.variables,
        }
        with (self.folder / OUTPUT).open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self.folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return await self._ended(process)
            finally:
                await _end(process)

    @property
    def last_line(self) -> str:
        """The last that it printed."""
        with suppress(OSError), (self.folder / OUTPUT).open(errors="replace") as printed:
            lines = [line.strip() for line in printed.read(SHOWN * 10).splitlines() if line.strip()]
            return lines[-1][:SHOWN] if lines else ""
        return ""

    async def _ended(self, process: asyncio.subprocess.Process) -> str:
        for _ in range(int(self.patience / POLL_SECONDS)):
            if process.returncode is not None:
                return ""
            if self._written() > REPORT_LIMIT:
                return f"the answers filled {REPORT_LIMIT // 1_000_000} MB, so the run was ended"
            await asyncio.sleep(POLL_SECONDS)
        return f"{self.name} did not end within {self.patience:.0f} s, so it was ended"

    def _written(self) -> int:
        """Bytes of the largest file that the run has written."""
        with os.scandir(self.folder) as entries:
            return max((entry.stat().st_size for entry in entries if entry.is_file()), default=0)


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGINT lets it finish its reports; what is left after the grace is killed with its children."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
