"""Writes docs/report.png: the HTML report about the small service that does everything wrong, as a browser shows it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from command import command
from pages import ROOT

PICTURE = ROOT / "docs" / "report.png"


def taken(page: Path) -> bytes:
    """The upper part of the page, as PNG."""
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that a container does not give; the page is ours.
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
        view.goto(page.as_uri())
        picture = view.screenshot()
        browser.close()
    return picture


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        ran = command("scan", "sample_apps/prototype", "--isolated", "--exit-zero", f"--report=html={page}", cwd=ROOT)
        assert ran.code == 0, ran.err
        PICTURE.write_bytes(taken(page))
