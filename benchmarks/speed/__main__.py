"""`python -m benchmarks.speed DIR… [--runs N] [--write]`: a scan, cold and again, beside other tools."""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import linear_regression, median
from tempfile import TemporaryDirectory

from benchmarks.report import replace_section

RUNS = 3
SETTLING = 2.2
"""Seconds: what has only just changed is not kept for the next scan."""
SMALLEST = "from fastapi import FastAPI\n\napp = FastAPI()\n"
"""A program on which each command is run once, unmeasured: an installed tool has its bytecode, as pip writes it."""
RULES = "FAST,ASYNC,S,BLE,E722,T20"
"""What ruff is asked for: the families that speak of what we speak of."""
OTHERS: dict[str, tuple[str, ...]] = {
    "bandit": ("-q", "-r", "--exit-zero"),
    "pylint": ("--recursive=y", "--exit-zero", "--jobs=2", "--rcfile=/dev/null"),
    "semgrep": (
        "scan",
        f"--config={Path(__file__).with_name('rules.yml')}",
        *("--metrics=off", "--disable-version-check", "--no-git-ignore", "--quiet", "--jobs=2"),
    ),
    "fastapi-therapist": (),
}
"""Measured where they are on the path, or in the folders of `--tools`."""
FOUND_SOMETHING = 1
"""The code with which a linter ends that has findings; ours is told not to."""
COLD = "fastapi-audit scan, cold"
MEGABYTE = 1_000_000
HEADS = ("command", "wall s", "CPU s", "peak MB", "wall, ruff = 1", "CPU, ruff = 1")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, its child processes included."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Of the largest single process."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder that was measured, and what each command took there."""

    name: str
    files: int
    lines: int
    costs: dict[str, Cost]

    @classmethod
    def of(cls, folder: Path, costs: dict[str, Cost]) -> "Tree":
        """Counts the Python files and their lines."""
        files = [each for each in folder.rglob("*.py") if each.is_file()]
        return cls(folder.resolve().name, len(files), sum(each.read_bytes().count(b"\n") for each in files), costs)

    @property
    def described(self) -> str:
        """What stands above its table."""
        return f"{self.files} Python files, {self.lines / 1000:.0f} thousand lines ({self.name})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the folder and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help="the median of so many counts")
    parser.add_argument("--write", action="store_true", help="writes the tables into benchmarks/README.md")
    parser.add_argument("--tools", metavar="PATH", help=f"where {', '.join(OTHERS)} are, as in $PATH")
    asked = parser.parse_args(arguments)
    measured = [_measure(folder, asked.runs, _others(asked.tools)) for folder in asked.folders]
    trees = [Tree.of(folder, costs) for folder, costs in zip(asked.folders, measured, strict=True)]
    parts = [f"{tree.described}, median of {asked.runs}\n\n{table(tree.costs)}" for tree in trees]
    text = "\n\n".join([*parts, growth(trees)] if len(trees) > 1 else parts)
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


def growth(trees: Sequence[Tree]) -> str:
    """How the CPU of a cold scan grows with the lines: an exponent of 1 is in step with them."""
    points = [(log(tree.lines), log(tree.costs[COLD].cpu_seconds)) for tree in trees]
    exponent = linear_regression(*zip(*points, strict=True)).slope
    each = (
        f"{tree.name} {1_000_000 * tree.costs[COLD].cpu_seconds / tree.lines:.1f}"
        for tree in sorted(trees, key=lambda tree: tree.lines)
    )
    return (
        f"Growth: the CPU of a cold scan goes with the lines to the power of {exponent:.2f}; "
        f"milliseconds for a thousand lines: {', '.join(each)}."
    )


def _others(tools: str | None) -> dict[str, list[str]]:
    found = {name: shutil.which(name, path=tools) for name in OTHERS}
    return {name: [place, *OTHERS[name]] for name, place in found.items() if place}


def _measure(folder: Path, runs: int, others: dict[str, list[str]]) -> dict[str, Cost]:
    """Every command once in each round, so that a busy machine is busy for all of them."""
    with TemporaryDirectory() as place, TemporaryDirectory() as bytecode:
        smallest = Path(place, "smallest")
        smallest.mkdir()
        (smallest / "main.py").write_text(SMALLEST, "utf-8")
        dict(_round(smallest, others, bytecode))
        copy = Path(shutil.copytree(folder, Path(place, folder.resolve().name)))
        time.sleep(SETTLING)
        rounds = [dict(_round(copy, others, bytecode)) for _ in range(runs)]
    return {name: _median([each[name] for each in rounds]) for name in rounds[0]}


def _round(folder: Path, others: dict[str, list[str]], bytecode: str) -> Iterator[tuple[str, Cost]]:
    ruff = [str(Path(sysconfig.get_path("scripts"), "ruff")), "check", "--no-cache", "--isolated", "--exit-zero"]
    scan = [sys.executable, "-m", "fastapi_audit", "scan", str(folder), "--isolated", "--exit-zero"]
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield "ruff check", _cost([*ruff, "--select", RULES, str(folder)], environment)
        for name, command in others.items():
            yield name, _cost([*command, str(folder)], environment)
        yield "fastapi-audit scan --no-cache", _cost([*scan, "--no-cache"], environment)
        yield COLD, _cost(scan, environment)
        yield "nothing changed", _cost(scan, environment)
        largest = max(folder.rglob("*.py"), key=lambda each: each.stat().st_size)
        with largest.open("a", encoding="utf-8") as file:
            file.write("\nCHANGED = True\n")
        time.sleep(SETTLING)
        yield "one file changed", _cost(scan, environment)


def _cost(command: list[str], environment: Mapping[str, str]) -> Cost:
    begun = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  the tools that were asked for, and our own command
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        printed = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, FOUND_SOMETHING):
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


if __name__ == "__main__":
    main()
