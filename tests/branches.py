"""`python tests/branches.py`: how many branches of src the tests took, which coverage.py's table joins with lines."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    """Says it in one line, of the count that `coverage combine` made."""
    with TemporaryDirectory() as place:
        told = Path(place, "coverage.json")
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(told)], check=True)
        totals = json.loads(told.read_bytes())["totals"]
    taken, there = totals["covered_branches"], totals["num_branches"]
    sys.stdout.write(f"branches: {taken} of {there} taken, {100 * taken / there:.1f} %\n")


if __name__ == "__main__":
    main()
