"""`python -m benchmarks.accuracy [--corpus DIR] [--explain NAME] [NAME ...]`: the table of recall and precision."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from benchmarks.accuracy.comparing import Comparison, compare
from benchmarks.accuracy.handlers import model_of, truth_of
from benchmarks.accuracy.tables import explanation, table
from benchmarks.corpus import WITH_TRUTH, Application, default_cache, tree
from benchmarks.report import replace_section
from fastapi_audit.evidence import Gathering, gather

SCAN_SECONDS = 600


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the applications that were asked for, all of them by default."""
    asked = _parser().parse_args(arguments)
    names = [asked.explain] if asked.explain else asked.names
    measured = {}
    for application in (each for each in WITH_TRUTH if not names or each.name in names):
        sys.stderr.write(f"{application.name} …\n")
        measured[application.name] = _measure(application, asked.corpus, asked.cache, in_process=asked.in_process)
    if asked.explain:
        sys.stdout.writelines(f"{line}\n" for line in explanation(measured[asked.explain][0]))
    lower_bounds = [each.name for each in WITH_TRUTH if each.truth_is_lower_bound]
    text = table(measured, lower_bounds)
    sys.stdout.write(f"{text}\n")
    if asked.write:
        replace_section("accuracy", text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these applications")
    parser.add_argument("--corpus", type=Path, help="a folder with the unpacked wheels, DIR/NAME")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where to download what is not there")
    parser.add_argument("--explain", metavar="NAME", help="lists every difference of one application")
    parser.add_argument("--in-process", action="store_true", help="asks the model without the command line and cache")
    parser.add_argument("--write", action="store_true", help="writes the table into benchmarks/README.md")
    return parser


def _measure(
    application: Application, corpus: Path | None, cache: Path, *, in_process: bool
) -> tuple[Comparison, float]:
    root = tree(application, corpus, cache)
    begun = time.perf_counter()
    printed = _gathered(root) if in_process else _printed(root)
    seconds = time.perf_counter() - begun
    return compare(truth_of(application.name), model_of(printed), root), seconds


def _printed(root: Path) -> Mapping[str, Any]:
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "fastapi_audit", "routes", str(root), "--output-format", "json"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SCAN_SECONDS,
    )
    if done.returncode == 0:
        return cast("Mapping[str, Any]", json.loads(done.stdout))
    # A crash is measured like a model that knows nothing.
    last = done.stderr.decode(errors="replace").splitlines()[-3:]
    sys.stderr.writelines(f"  {line}\n" for line in last)
    return {"routes": [], "middleware": [], "unresolved": [{"kind": "crash", "message": " ".join(last)}]}


def _gathered(root: Path) -> Mapping[str, Any]:
    project = gather(Gathering(root, use_cache=False))
    return {
        "routes": [asdict(each) for each in project.routes],
        "middleware": [{**asdict(each), "class": each.cls} for each in project.middleware],
        "unresolved": [asdict(each) for each in project.unresolved],
    }


if __name__ == "__main__":
    main()
