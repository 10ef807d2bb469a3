"""What goes wrong on real machines costs no answer and leaves nothing behind: kills, full disks, moving files."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from command import APPLICATION, ORDINARY, SECONDS, Ran, command, written
from fastapi_audit.reports import FORMATS

SLEEPS = APPLICATION.replace("from fastapi", "import time\n\nfrom fastapi").replace(
    "    return []", "    time.sleep(1)\n    return []"
)
REPAIRABLE = (
    APPLICATION
    + """

async def saved(name: str) -> None:
    print(name)


@app.post("/users")
async def create(name: str) -> None:
    saved(name)
"""
)

MEETS = """\
import os, resource, signal, sys

def main():
    from fastapi_audit.__main__ import main
    sys.exit(main())

def when(event, part, act):
    def hook(name, arguments):
        nonlocal act
        if act and name == event and any(part in str(each) for each in arguments):
            now, act = act, None
            now()
    sys.addaudithook(hook)

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
"""
"""In front of a main of our own: something happens when the command asks the system for something."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A project, the home of its user, and whatever happens to both."""

    project: Path
    home: Path

    def run(
        self, *arguments: str, meets: str = "", env: Mapping[str, str] | None = None, seconds: int = SECONDS
    ) -> Ran:
        script = written(self.home.parent, {"meets.py": f"{MEETS}{dedent(meets)}\nmain()\n"}) / "meets.py"
        done = subprocess.run(
            [*ORDINARY, sys.executable, str(script), *arguments],
            cwd=self.project,
            env=self._environment(env),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*ORDINARY, sys.executable, "-m", "fastapi_audit", *arguments],
            cwd=self.project,
            env=self._environment(None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ}
        return {"HOME": str(self.home), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **kept, **(more or {})}

    @property
    def cache(self) -> Path:
        return self.home / ".cache/fastapi-audit"

    def files(self) -> dict[str, bytes]:
        """Everything that lies in the project."""
        return {str(p.relative_to(self.project)): p.read_bytes() for p in self.project.rglob("*") if p.is_file()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "home").mkdir()
    files = {f"app/part_{number}.py": f"def f{number}() -> int:\n    return {number}\n" * 40 for number in range(30)}
    project = written(tmp_path / "project", {"main.py": SLEEPS, "app/__init__.py": "", **files})
    for path in project.rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return Machine(project, tmp_path / "home")


SCAN = ("scan", ".", "--output-format", "json")


def fresh(machine: Machine) -> Ran:
    """What the scan says with no cache to mislead it."""
    ran = machine.run(*SCAN, "--no-cache")
    assert ran.code in (0, 1), ran.err
    return ran


def settle() -> None:
    """Results of files that have only just changed are not kept."""
    time.sleep(2.1)


def test_scans_at_once_share_one_cache(machine: Machine) -> None:
    expected = fresh(machine)
    settle()
    running = [machine.start(*SCAN) for _ in range(5)]
    answers = [(*process.communicate(timeout=SECONDS), process.returncode) for process in running]

    assert answers == [(expected.out, expected.err, expected.code)] * 5
    assert machine.run(*SCAN) == expected
    (store,) = machine.cache.glob("facts-*.sqlite")
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("select count(*) from facts").fetchone()[0] == len(set(machine.files().values()))
    assert {path.suffix for path in (machine.cache / "results").iterdir()} == {".json"}


KILLED = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""
"""The kernel ends the process in the middle of the write that would pass the limit."""


@pytest.mark.parametrize("limit", [1, 600, 5_000, 9_000, 20_000])
def test_a_scan_that_is_killed_while_it_writes_the_cache_costs_the_next_one_nothing(
    machine: Machine, limit: int
) -> None:
    expected = fresh(machine)
    settle()
    assert machine.run(*SCAN, meets=KILLED.format(limit=limit)).code == -signal.SIGXFSZ

    assert machine.run(*SCAN) == expected
    assert machine.run(*SCAN) == expected
    (store,) = machine.cache.glob("facts-*.sqlite")
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_a_scan_that_is_killed_while_it_writes_a_report_leaves_the_old_one(machine: Machine) -> None:
    written(machine.project, {"scan.json": "the old one"})
    arguments = ("scan", ".", "--no-cache", "--report", "json=scan.json")
    assert machine.run(*arguments, meets=KILLED.format(limit=500)).code == -signal.SIGXFSZ

    assert (machine.project / "scan.json").read_text() == "the old one"
    assert machine.run(*arguments, "--exit-zero").code == 0
    assert json.loads((machine.project / "scan.json").read_text())["schema_version"] == "1"


FULL = "resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
"""No file may grow beyond: every further write fails, as on a disk that has no room."""


@pytest.mark.parametrize("limit", [0, 600, 9_000, 20_000])
def test_no_room_for_the_cache_costs_nothing(machine: Machine, limit: int) -> None:
    expected = fresh(machine)
    settle()

    assert machine.run(*SCAN, meets=FULL.format(limit=limit)) == expected
    assert machine.run(*SCAN) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", ".", "--report", "json=scan.json"], "scan.json: the report cannot be written"),
        (["scan", ".", "--output-file", "scan.json"], "scan.json: the report cannot be written"),
        (["baseline", "write", "."], ".fastapi-audit-baseline.json: the baseline cannot be written"),
        (["init", "."], "pyproject.toml: cannot be written"),
    ],
    ids=["report", "output-file", "baseline", "init"],
)
def test_no_room_for_what_is_written_leaves_everything_as_it_was(
    machine: Machine, arguments: list[str], message: str
) -> None:
    written(machine.project, {"scan.json": "the old one", "pyproject.toml": "[project]\nname = 'a'\n", ".git/HEAD": ""})
    before = machine.files()
    ran = machine.run(*arguments, meets=FULL.format(limit=30))

    assert ran.code == 2
    assert ran.last_line.endswith(f"{message}: File too large")
    assert machine.files() == before


def test_no_room_for_fixes_leaves_every_file_as_it_was(machine: Machine) -> None:
    written(machine.project, {"main.py": REPAIRABLE})
    assert machine.run("scan", ".", "--diff", "--unsafe-fixes").code == 1
    before = machine.files()
    ran = machine.run("scan", ".", "--fix", "--unsafe-fixes", meets=FULL.format(limit=100))

    assert "not fixed: File too large: make room" in ran.err
    assert machine.files() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_that_stdout_does_not_take_is_said(machine: Machine, form: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123  a device
        ran = command("scan", ".", "--output-format", form, cwd=machine.project, stdout=full.fileno())

    assert (ran.code, ran.err) == (2, "error: stdout: the report cannot be written: No space left on device\n")


def test_a_home_that_cannot_be_written_costs_nothing(machine: Machine) -> None:
    expected = fresh(machine)
    machine.home.chmod(0o500)
    assert machine.run(*SCAN) == expected
    assert list(machine.home.iterdir()) == []


def test_a_cache_that_cannot_be_written_any_more_is_still_read(machine: Machine) -> None:
    settle()
    expected = machine.run(*SCAN)
    kept = sorted(machine.cache.rglob("*"))
    for folder in (machine.cache / "results", machine.cache, machine.home):
        folder.chmod(0o500)

    assert machine.run(*SCAN) == expected
    assert machine.run(*SCAN, "--select", "blocking-call").code == 1
    assert sorted(machine.cache.rglob("*")) == kept


@pytest.mark.parametrize("home", ["~", "relative", "~nobody-of-this-name"])
@pytest.mark.parametrize("cache", ["", "relative"])
def test_a_user_without_a_home_has_no_cache(machine: Machine, home: str, cache: str) -> None:
    """Path.home() fails where the user is unknown and `$HOME` is not set; `~` makes it fail for a known one."""
    before = machine.files()
    ran = machine.run(*SCAN, env={"HOME": home, "XDG_CACHE_HOME": cache})

    assert ran == fresh(machine)
    assert machine.files() == before


VANISHES = "when('open', {seen!r}, lambda: os.unlink({gone!r}))"


@pytest.mark.parametrize("gone", ["main.py", "other.py", "Dockerfile", "compose.yaml", "requirements.txt"])
def test_a_file_that_vanishes_while_others_are_read_is_named(machine: Machine, gone: str) -> None:
    deployed = {"Dockerfile": "FROM python:3.12\nCMD uvicorn main:app\n", "compose.yaml": "services: {a: {build: .}}\n"}
    written(machine.project, {"other.py": SLEEPS, "requirements.txt": "fastapi\n", **deployed})
    ran = machine.run(*SCAN, meets=VANISHES.format(seen="app/__init__.py", gone=gone))

    assert ran.code in (0, 1), ran.err
    told = [entry["message"] for entry in json.loads(ran.out)["unresolved"]]
    assert any(message.startswith(gone) and "cannot be read" in message for message in told), told


def test_a_folder_that_vanishes_while_it_is_listed_is_no_crash(machine: Machine) -> None:
    meets = "import shutil\nwhen('os.scandir', 'project/app', lambda: shutil.rmtree('app'))"
    ran = machine.run(*SCAN, "--no-cache", meets=meets)

    assert ran.code in (0, 1), ran.err
    assert [entry["message"] for entry in json.loads(ran.out)["unresolved"]] == [
        "app/ cannot be listed: No such file or directory"
    ]


CHANGES = """
def change():
    for name in {names!r}:
        with open(name, "w") as file:
            file.write({text!r})

when('open', {seen!r}, change)
"""


@pytest.mark.parametrize("form", FORMATS)
def test_files_that_shrink_after_they_were_read_cost_no_report(machine: Machine, form: str) -> None:
    docker = (
        "FROM python:3.12\n"
        + "RUN true\n" * 40
        + "ENV SECRET_KEY=a8F3kQ92hLm4Zx71TbVn\nCMD uvicorn main:app --reload\n"
    )
    written(machine.project, {"Dockerfile": docker, "main.py": "\n" * 40 + SLEEPS, "requirements.txt": "fastapi\n"})
    # The Dockerfile is read before the requirements, and all Python before both.
    change = CHANGES.format(names=("Dockerfile", "main.py"), text="#", seen="requirements.txt")
    ran = machine.run("scan", ".", "--no-cache", "--output-format", form, meets=change)

    assert ran.code == 1, ran.err
    assert (machine.project / "main.py").read_text() == "#"


def test_a_change_during_the_scan_is_seen_by_the_next_one(machine: Machine) -> None:
    settle()
    change = CHANGES.format(names=("main.py",), text=APPLICATION, seen="part_9.py")
    first = machine.run(*SCAN, meets=change)

    assert "blocking-call" in first.out
    assert machine.run(*SCAN) == fresh(machine)


@pytest.mark.parametrize("moment", [4_102_444_800, 60_000_000_000, 0, -1, -2_000_000_000])
def test_times_that_no_clock_has_hide_no_change(machine: Machine, moment: int) -> None:
    main = machine.project / "main.py"
    os.utime(main, (moment, moment))
    settle()
    before = machine.run(*SCAN)
    assert before == machine.run(*SCAN) == fresh(machine)
    main.write_text(SLEEPS.replace("time.sleep(1)", "time.sleep(2)\n    time.sleep(3)"))
    os.utime(main, (moment, moment))

    assert machine.run(*SCAN) == fresh(machine) != before


@pytest.mark.parametrize("moment", [0, 4_102_444_800])
def test_a_cache_from_another_time_is_used(machine: Machine, moment: int) -> None:
    settle()
    expected = machine.run(*SCAN)
    for path in machine.cache.rglob("*"):
        os.utime(path, (moment, moment))

    assert machine.run(*SCAN) == expected


def _located(card: str) -> list[tuple[str, object]]:
    return [(finding["rule"], finding["location"]) for finding in json.loads(card)["findings"]]


def test_windows_line_ends_move_no_finding(machine: Machine) -> None:
    deployed = {"Dockerfile": "FROM python:3.12\nENV A=1\nCMD uvicorn main:app --reload\n", ".env": "SECRET_KEY=x\n"}
    written(machine.project, {**deployed, "main.py": SLEEPS + "# fastapi-audit: ignore[no-such]\n"})
    unix = machine.run(*SCAN)
    for path in machine.project.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    windows = machine.run(*SCAN)

    assert _located(unix.out)
    assert _located(windows.out) == _located(unix.out)
    assert windows.err == unix.err


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_that_is_not_utf_8_stands_in_every_report(machine: Machine, form: str) -> None:
    name = b"caf\xe9_\xff.py".decode("utf-8", "surrogateescape")
    folder = b"\xe9t\xe9".decode("utf-8", "surrogateescape")
    written(machine.project, {name: SLEEPS, f"{folder}/main.py": SLEEPS, f"{folder}/Dockerfile": "FROM a\nCMD x\n"})
    ran = machine.run("scan", ".", "--output-format", form, "--report", f"{form}=report.txt")

    assert ran.code == 1, ran.err
    assert "bug in fastapi-audit" not in ran.err
    (machine.project / "report.txt").read_text("utf-8")


def test_findings_in_a_name_that_is_not_utf_8_can_be_accepted(machine: Machine) -> None:
    name = b"caf\xe9_\xff.py".decode("utf-8", "surrogateescape")
    written(machine.project, {name: SLEEPS})
    assert machine.run("baseline", "write", ".").code == 0

    assert machine.run("scan", ".").code == 0


INTERRUPTED = "when({event!r}, {part!r}, lambda: os.kill(os.getpid(), signal.SIGINT))"


@pytest.mark.parametrize("event", ["open", "os.rename", "os.chmod"])
@pytest.mark.parametrize(
    "arguments",
    [["--report", "json=scan.json"], ["--output-file", "scan.json"], ["--fix", "--unsafe-fixes"]],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_leaves_no_draft_behind(machine: Machine, event: str, arguments: list[str]) -> None:
    written(machine.project, {"main.py": REPAIRABLE, "scan.json": "the old one"})
    before = machine.files()
    meets = INTERRUPTED.format(event=event, part=".fastapi-audit-")
    ran = machine.run("scan", ".", "--no-cache", *arguments, meets=meets)

    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert machine.files().keys() == before.keys()
    assert [path for path, content in machine.files().items() if not content] == [
        path for path, content in before.items() if not content
    ]


@pytest.mark.parametrize("event", ["open", "os.rename"])
def test_ctrl_c_leaves_no_draft_in_the_cache(machine: Machine, event: str) -> None:
    settle()
    ran = machine.run(*SCAN, meets=INTERRUPTED.format(event=event, part=".fastapi-audit-"))

    assert ran.code == 130
    assert [path for path in (machine.cache / "results").iterdir() if path.suffix != ".json"] == []
    assert machine.run(*SCAN) == fresh(machine)


MOST_KILOBYTES = 1_500_000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_files_are_read_within_bounds(machine: Machine) -> None:
    for folder in range(500):
        place = machine.project / f"app/package_{folder}"
        place.mkdir()
        for number in range(200):
            (place / f"m{number}.py").write_bytes(b"def f_%d_%d() -> int:\n    return 1\n" % (folder, number))
    measured = """
    import atexit

    def told():
        held = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        sys.stderr.write(f"held {held}\\n")

    atexit.register(told)
    """
    ran = machine.run(*SCAN, meets=dedent(measured), seconds=300)

    assert ran.code == 1, ran.err
    assert json.loads(ran.out)["evidence"]["source"]["files"] > 100_000
    assert int(ran.err.rpartition("held ")[2]) < MOST_KILOBYTES
