"""Puts a measured table between its two marks in benchmarks/README.md."""

import re
from pathlib import Path

REPORT = Path(__file__).with_name("README.md")


def replace_section(name: str, text: str) -> None:
    """Raises `ValueError` when the report has no such section."""
    before = REPORT.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    after, count = marks.subn(lambda found: f"{found[1]}{text}\n{found[2]}", before)
    if count != 1:
        message = f"{REPORT.name} needs one section between <!-- {name} --> and <!-- /{name} -->"
        raise ValueError(message)
    REPORT.write_text(after, encoding="utf-8")
