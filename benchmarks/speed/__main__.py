"""`python -m benchmarks.speed DIR [--runs N] [--write]`: a scan, cold and again, beside ruff on the same tree."""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.report import replace_section

RUNS = 3
SETTLING = 2.2
"""Seconds: what has only just changed is not kept for the next scan."""
RULES = "FAST,ASYNC,S,BLE,E722,T20"
"""What ruff is asked for: the families that speak of what we speak of."""
OTHERS: dict[str, tuple[str, ...]] = {
    "bandit": ("-q", "-r", "--exit-zero"),
    "pylint": ("--recursive=y", "--exit-zero", "--jobs=2", "--rcfile=/dev/null"),
}
"""Measured where they are on the path, or in the folder of `--tools`."""
MEGABYTE = 1_000_000
HEADS = ("command", "wall s", "CPU s", "peak MB", "wall, ruff = 1", "CPU, ruff = 1")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, its child processes included."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Of the largest single process."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the folder and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help="the median of so many counts")
    parser.add_argument("--write", action="store_true", help="writes the table into benchmarks/README.md")
    parser.add_argument("--tools", metavar="PATH", help="where bandit and pylint are")
    asked = parser.parse_args(arguments)
    costs = _measure(asked.folder, asked.runs, _others(asked.tools))
    text = f"{_described(asked.folder)}, median of {asked.runs}\n\n{table(costs)}"
    sys.stdout.write(f"{text}\n")
    if asked.write:
        replace_section("speed", text)


def table(costs: dict[str, Cost]) -> str:
    """One line per command; the ratios are against ruff in the same run, so that another machine can be compared."""
    ruff = next(iter(costs.values()))
    lines = ["| " + " | ".join(HEADS) + " |", "| " + " | ".join("---" for _ in HEADS) + " |"]
    for name, cost in costs.items():
        cells = (
            name,
            f"{cost.wall_seconds:.2f}",
            f"{cost.cpu_seconds:.2f}",
            f"{cost.peak_bytes / MEGABYTE:.0f}",
            f"{cost.wall_seconds / ruff.wall_seconds:.1f}",
            f"{cost.cpu_seconds / ruff.cpu_seconds:.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _others(tools: str | None) -> dict[str, list[str]]:
    found = {name: shutil.which(name, path=tools) for name in OTHERS}
    return {name: [place, *OTHERS[name]] for name, place in found.items() if place}


def _measure(folder: Path, runs: int, others: dict[str, list[str]]) -> dict[str, Cost]:
    """Every command once in each round, so that a busy machine is busy for all of them."""
    with TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, Path(place, folder.resolve().name)))
        time.sleep(SETTLING)
        rounds = [dict(_round(copy, others)) for _ in range(runs)]
    return {name: _median([each[name] for each in rounds]) for name in rounds[0]}


def _round(folder: Path, others: dict[str, list[str]]) -> Iterator[tuple[str, Cost]]:
    ruff = [str(Path(sysconfig.get_path("scripts"), "ruff")), "check", "--no-cache", "--isolated", "--exit-zero"]
    scan = [sys.executable, "-m", "fastapi_audit", "scan", str(folder), "--isolated", "--exit-zero"]
    with TemporaryDirectory() as cache:
        yield "ruff check", _cost([*ruff, "--select", RULES, str(folder)], cache)
        for name, command in others.items():
            yield name, _cost([*command, str(folder)], cache)
        yield "fastapi-audit scan --no-cache", _cost([*scan, "--no-cache"], cache)
        yield "fastapi-audit scan, cold", _cost(scan, cache)
        yield "nothing changed", _cost(scan, cache)
        largest = max(folder.rglob("*.py"), key=lambda each: each.stat().st_size)
        with largest.open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        time.sleep(SETTLING)
        yield "one file changed", _cost(scan, cache)


def _cost(command: list[str], cache: str) -> Cost:
    begun = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  ruff's and our own command
        command,
        env={**os.environ, "XDG_CACHE_HOME": cache},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        printed = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=printed[-2000:])
    kilobytes = 1 if sys.platform == "darwin" else 1024
    wall = time.perf_counter() - begun
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobytes)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        median(each.wall_seconds for each in costs),
        median(each.cpu_seconds for each in costs),
        max(each.peak_bytes for each in costs),
    )


def _described(folder: Path) -> str:
    files = [each for each in folder.rglob("*.py") if each.is_file()]
    lines = sum(each.read_bytes().count(b"\n") for each in files)
    return f"{len(files)} Python files, {lines / 1000:.0f} thousand lines ({folder.resolve().name})"


if __name__ == "__main__":
    main()
