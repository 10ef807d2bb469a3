"""What people read is what the rules say, and the README's commands exist."""

import re
from pathlib import Path

from fastapi_audit.checks import chosen
from fastapi_audit.checks import load as rules
from fastapi_audit.config import KEYS, load
from pages import ROOT, pages, stale


def test_no_written_page_is_stale() -> None:
    assert stale() == [], "run `make docs`"


def test_every_link_between_pages_leads_somewhere() -> None:
    documents = [*pages(), *(file.relative_to(ROOT) for file in ROOT.glob("*.md"))]

    links = [(page, link) for page in documents for link in re.findall(r"\]\((?!https?:)([^)#]+)", _text(page))]

    assert links
    assert [(page, link) for page, link in links if not (ROOT / page.parent / link).exists()] == []


def test_the_first_code_block_of_the_readme_warns_of_the_name() -> None:
    readme = _text("README.md")

    first = readme.split("```")[1]

    assert "`fastapi-audit` in the registry is somebody else's package" in first
    assert "pip install fastapi-audit-cli" in first


def test_the_configuration_of_the_readme_is_valid_and_shows_every_key(tmp_path: Path) -> None:
    block = "\n".join(re.findall(r"```toml\n(.*?)```", _text("README.md"), re.DOTALL))
    (tmp_path / "pyproject.toml").write_text(block)

    settings = load(tmp_path / "pyproject.toml")

    assert [key for key in KEYS if f"{key} =" not in block and f".{key}]" not in block] == []
    assert chosen(rules(), [*settings.select, *settings.ignore, *sum(settings.per_file_ignores.values(), ())])


def test_every_make_target_that_the_documents_name_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", _text("Makefile"), re.MULTILINE))

    named = {
        name for file in ROOT.glob("*.md") for name in re.findall(r"(?:`|^)make ([a-z]+)", _text(file), re.MULTILINE)
    }

    assert named >= {"audit", "test", "check", "docs"}
    assert named <= targets


def test_the_architecture_fits_on_a_page() -> None:
    assert len(_text("ARCHITECTURE.md").splitlines()) <= 60


def _text(page: object) -> str:
    return (ROOT / str(page)).read_text("utf-8")
