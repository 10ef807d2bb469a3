"""`python -m benchmarks.latency [--write]`: the probe's P50, P95 and P99 beside the server's own record, and wrk."""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import httpx

from benchmarks.report import replace_section
from fastapi_audit.evidence.live.latency import Pace, Planned, sample
from fastapi_audit.evidence.live.launch import Launch, launched
from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.statistics import quantile

RATE = 50.0
"""As a probe asks."""
PERIOD_SECONDS = 4
"""Of the stalls: a run lasts a multiple of it."""
SHARES = (0.5, 0.95, 0.99)
WRK_SCRIPT = """
done = function(summary, latency, requests)
  io.write(string.format("%d %d %d", latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""
HEADS = ("application", "", "P50 ms", "P95 ms", "P99 ms", "P95 against the truth")
CLOSE_SHARE, CLOSE_MS = 0.1, 3.0

Figures = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Application:
    """What is served, and for how long it is asked."""

    name: str
    told: str
    seconds: int
    stalls: bool = False


APPLICATIONS = (
    Application("fixed", "every request waits 30 ms", 8),
    Application("tail", "94 % wait 20 ms, 6 % wait 120 ms", 12),
    Application("stalling", "5 ms; every 4 s the event loop stands still for 0.4 s", 12, stalls=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One application, measured in every way."""

    application: Application
    truth: Figures
    ours: Figures
    closed: Figures
    wrk: Figures | None
    """`None` where there is no wrk."""

    @property
    def close(self) -> bool:
        """Whether our P95 lies within 10 % or 3 ms of the truth."""
        truth, ours = self.truth[1], self.ours[1]
        return abs(ours - truth) <= max(CLOSE_SHARE * truth, CLOSE_MS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints the table, and ends with 1 when a P95 is not close to the truth."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--write", action="store_true", help="writes the table into benchmarks/README.md")
    asked = parser.parse_args(arguments)
    measured = [_measure(each) for each in APPLICATIONS]
    text = f"{_described()}\n\n{table(measured)}"
    sys.stdout.write(f"{text}\n")
    if asked.write:
        replace_section("latency", text)
    sys.exit(0 if all(each.close for each in measured) else 1)


def table(measured: Sequence[Measured]) -> str:
    """A few lines for each application."""
    lines = ["| " + " | ".join(HEADS) + " |", "| " + " | ".join("---" for _ in HEADS) + " |"]
    lines += [f"| {' | '.join(cells)} |" for each in measured for cells in _lines(each)]
    return "\n".join(lines)


def _lines(measured: Measured) -> Iterator[tuple[str, ...]]:
    yield (measured.application.told, "truth", *_shown(measured.truth), "")
    verdict = "close" if measured.close else "**not close**"
    yield ("", "probe", *_shown(measured.ours), f"{_difference(measured.ours, measured.truth)}, {verdict}")
    yield ("", "closed loop", *_shown(measured.closed), _difference(measured.closed, measured.truth))
    if measured.wrk:
        yield ("", "wrk, one connection", *_shown(measured.wrk), _difference(measured.wrk, measured.truth))


def _shown(figures: Figures) -> tuple[str, ...]:
    return tuple(f"{each:.1f}" for each in figures)


def _difference(figures: Figures, truth: Figures) -> str:
    return f"{figures[1] - truth[1]:+.1f} ms"


def _measure(application: Application) -> Measured:
    sys.stderr.write(f"{application.told} …\n")
    root = Path(__file__).parents[2]
    served = f"benchmarks.latency.applications:{application.name}"
    with launched(Launch(served, root, options=("--log-level", "warning"))) as server:
        if not server.started:
            raise RuntimeError(server.log)
        ours = _ours(application, server.url)
        truth = _truth(application, _record(server.url))
        return Measured(application, truth, ours, _closed(application, server.url), _wrk(application, server.url))


def _ours(application: Application, url: str) -> Figures:
    pace = Pace(RATE, round(application.seconds * RATE))
    planned = [Planned("GET /work", "GET", f"{url}/work")]
    sampling = asyncio.run(sample(planned, pace, lambda: True))
    whole = next(sampling.rows(lambda _: Target()))
    if whole.errors or not sampling.complete:
        message = f"{whole.errors} of {whole.samples} requests failed; nothing can be compared"
        raise RuntimeError(message)
    return whole.p50_ms, whole.p95_ms, whole.p99_ms


def _record(url: str) -> dict[str, list[float]]:
    record: dict[str, list[float]] = httpx.get(f"{url}/record", trust_env=False).raise_for_status().json()
    return record


def _truth(application: Application, record: dict[str, list[float]]) -> Figures:
    milliseconds = record["milliseconds"]
    if application.stalls:
        # A request that arrives while the loop stands still is not recorded until it goes on: its wait is known from
        # the stalls that the server timed, and from the pace, which is steady.
        between = 1000 / RATE
        stalls = record["stalls"][: application.seconds // PERIOD_SECONDS]
        waited = [stall - between * number for stall in stalls for number in range(int(stall / between))]
        usual = quantile(sorted(milliseconds), 0.5)
        milliseconds = [usual + wait for wait in waited] + [usual] * (len(milliseconds) - len(waited))
    return _figures(milliseconds)


def _figures(milliseconds: Sequence[float]) -> Figures:
    ordered = sorted(milliseconds)
    return quantile(ordered, SHARES[0]), quantile(ordered, SHARES[1]), quantile(ordered, SHARES[2])


def _closed(application: Application, url: str) -> Figures:
    """One client that asks again when it was answered."""
    milliseconds = []
    with httpx.Client(trust_env=False, timeout=10) as client:
        ending = time.perf_counter() + application.seconds / 2
        while (begun := time.perf_counter()) < ending:
            client.get(f"{url}/work").raise_for_status()
            milliseconds.append((time.perf_counter() - begun) * 1000)
    return _figures(milliseconds)


def _wrk(application: Application, url: str) -> Figures | None:
    found = which("wrk")
    if found is None:
        return None
    with TemporaryDirectory() as place:
        script = Path(place, "percentiles.lua")
        script.write_text(WRK_SCRIPT)
        seconds = application.seconds // 2
        command = [found, "-t1", "-c1", f"-d{seconds}s", "--latency", "-s", str(script), f"{url}/work"]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout  # noqa: S603  the command is ours
    p50, p95, p99 = (int(each) / 1000 for each in printed.splitlines()[-1].split())
    return p50, p95, p99


def _described() -> str:
    load = os.getloadavg()[0]
    return f"{RATE:g} requests a second; {os.cpu_count()} cores, of which other work used {load:.1f} at the end"


if __name__ == "__main__":
    main()
