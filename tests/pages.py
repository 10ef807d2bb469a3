"""Writes what follows from the code: the pages of checks/, two blocks of the README, the schema of the config."""

from pathlib import Path

from fastapi_audit.checklist import ITEMS
from fastapi_audit.checks import load
from fastapi_audit.config import schema
from fastapi_audit.explain import checklist_table, page, page_name
from fastapi_audit.reports.json import printed

ROOT = Path(__file__).parents[1]
CONFIG_SCHEMA = Path("src/fastapi_audit/config.schema.json")
SCORECARD = "Production readiness"
"""Where the scorecard begins in a text report."""

CONTENTS = """# What is checked

Written by `make docs` from the rules in `src/fastapi_audit/checks/`; a test fails when a page is stale.
`fastapi-audit explain RULE` prints the same in a terminal.

{table}
"""


def pages() -> dict[Path, str]:
    """Every written file, relative to the repository, with its whole text."""
    rules = load()
    checks = Path("checks")
    readme = (ROOT / "README.md").read_text("utf-8")
    readme = _with_block(readme, "checklist", checklist_table(rules, "checks/"))
    readme = _with_block(readme, "scorecard", f"```text\n{_scorecard()}\n```")
    return {
        Path("README.md"): readme,
        CONFIG_SCHEMA: printed(schema()),
        checks / "README.md": CONTENTS.format(table=checklist_table(rules)),
        **{checks / page_name(item): page(item, rules) for item in ITEMS},
    }


def _with_block(text: str, name: str, block: str) -> str:
    begin, end = f"<!-- {name}: written by `make docs` -->\n", f"<!-- end of {name} -->\n"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{block}\n\n{end}{after}"


def _scorecard() -> str:
    report = (ROOT / "reports" / "prototype.txt").read_text("utf-8")
    return SCORECARD + report.partition(SCORECARD)[2].rstrip()


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
