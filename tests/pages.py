"""Writes what people read about the rules: the pages of checks/ and the table in the README."""

from pathlib import Path

from fastapi_audit.checklist import ITEMS
from fastapi_audit.checks import load
from fastapi_audit.explain import checklist_table, page, page_name

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- checklist: written by `make docs` -->\n"
END = "<!-- end of checklist -->\n"

CONTENTS = """# What is checked

Written by `make docs` from the rules in `src/fastapi_audit/checks/`; a test fails when a page is stale.
`fastapi-audit explain RULE` prints the same in a terminal.

{table}
"""


def pages() -> dict[Path, str]:
    """Every written file, relative to the repository, with its whole text."""
    rules = load()
    readme = (ROOT / "README.md").read_text("utf-8")
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    checks = Path("checks")
    return {
        Path("README.md"): f"{before}{BEGIN}\n{checklist_table(rules, 'checks/')}\n\n{END}{after}",
        checks / "README.md": CONTENTS.format(table=checklist_table(rules)),
        **{checks / page_name(item): page(item, rules) for item in ITEMS},
    }


def stale() -> list[Path]:
    """Written files that are missing, differ, or that nothing writes any more."""
    written = pages()
    present = {file.relative_to(ROOT) for file in (ROOT / "checks").glob("*")}
    differing = {path for path, text in written.items() if not _is(ROOT / path, text)}
    return sorted(differing | (present - set(written)))


def _is(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text("utf-8") == text


if __name__ == "__main__":
    (ROOT / "checks").mkdir(exist_ok=True)
    for path, text in pages().items():
        (ROOT / path).write_text(text, "utf-8")
    for path in stale():
        (ROOT / path).unlink()
