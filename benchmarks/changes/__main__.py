"""`python -m benchmarks.changes [--against DIR] [--keep] [NAME ...]`: what came and went in real applications."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.changes.comparing import Changes, Document
from benchmarks.corpus import APPLICATIONS, default_cache, tree

SCAN_SECONDS = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Scans the applications that were asked for; 1 when any differs from what was kept of it, or nothing was kept."""
    asked = _parser().parse_args(arguments)
    against: Path = asked.against or asked.cache / "changes"
    differing = []
    for application in (each for each in APPLICATIONS if not asked.names or each.name in asked.names):
        today = _scanned(tree(application, asked.corpus, asked.cache))
        file = against / f"{application.name}.json"
        if _differs(application.name, file, today):
            differing.append(application.name)
        if asked.keep and today is not None:
            against.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(today), encoding="utf-8")
    if asked.keep:
        _say(f"kept in {against}")
        return 0
    _say(f"differ: {', '.join(differing)}" if differing else "nothing differs")
    return 1 if differing else 0


def _parser() -> argparse.ArgumentParser:
    names = [each.name for each in APPLICATIONS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(names)}")
    parser.add_argument("--corpus", type=Path, help="a folder with the unpacked wheels, DIR/NAME")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where to download what is not there")
    parser.add_argument("--against", type=Path, metavar="DIR", help="JSON scorecards of before [CACHE/changes]")
    parser.add_argument("--keep", action="store_true", help="keeps the scorecards of today there, and ends with 0")
    return parser


def _scanned(root: Path) -> Document | None:
    done = subprocess.run(  # noqa: S603  our own command
        [
            *(sys.executable, "-m", "fastapi_audit", "scan", str(root)),
            *("--output-format", "json", "--exit-zero", "--isolated", "--no-cache"),
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SCAN_SECONDS,
    )
    if done.stdout:
        document: Document = json.loads(done.stdout)
        return document
    sys.stderr.write(done.stderr.decode(errors="replace"))
    return None


def _differs(name: str, file: Path, today: Document | None) -> bool:
    """Says how; what cannot be compared differs too."""
    if today is None:
        _say(f"{name}: the scan told nothing")
        return True
    if not file.is_file():
        _say(f"{name}: nothing was kept of it; `--keep` does")
        return True
    changes = Changes.between(json.loads(file.read_text(encoding="utf-8")), today)
    lost, added = changes.lost.total(), changes.added.total()
    _say(f"{name}: {lost} lost and {added} added, of {changes.kept} findings" if changes else f"{name}: as it was")
    for line in changes.lines():
        _say(line)
    return bool(changes)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
