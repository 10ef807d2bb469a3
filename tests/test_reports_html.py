"""The page in a real browser: nothing is loaded or run, everyone can read it, the filters work, it prints."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser, Page, sync_playwright

from fastapi_audit.model import Location
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.html import render
from services import browser as chromium
from small_project import finding, material
from specimens import hostile, whole

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield browser
        browser.close()


def opened(chrome: Browser, folder: Path, made: Material, **options: str) -> tuple[Page, list[str]]:
    """The page, and everything that it asked for, complained about or tried to run."""
    file = folder / "report.html"
    file.write_bytes(render(made, Look()).encode("utf-8", "replace"))
    page = chrome.new_context(color_scheme=options.get("scheme", "light")).new_page()  # type: ignore[arg-type]  # one of two words
    noted: list[str] = []
    page.on("request", lambda request: noted.append(f"request {request.url}"))
    page.on("console", lambda message: noted.append(f"console {message.text}"))
    page.on("pageerror", lambda error: noted.append(f"error {error}"))
    page.on("dialog", lambda dialog: noted.append(f"dialog {dialog.message}"))
    page.goto(file.as_uri())
    return page, noted


@pytest.mark.parametrize("made", [whole(), hostile(), material()], ids=["whole", "hostile", "clean"])
def test_the_page_is_one_request_without_a_complaint_of_its_policy(
    chrome: Browser, tmp_path: Path, made: Material
) -> None:
    page, noted = opened(chrome, tmp_path, made)

    assert noted == [f"request {(tmp_path / 'report.html').as_uri()}"]
    assert page.locator("h1").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("made", [whole(), hostile()], ids=["whole", "hostile"])
def test_axe_finds_nothing(chrome: Browser, tmp_path: Path, made: Material, scheme: str) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(render(made, Look()).encode("utf-8", "replace"))
    # axe itself is a script that the policy would refuse.
    context = chrome.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]  # one of two words
    page = context.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("made", [whole(), hostile()], ids=["whole", "hostile"])
def test_a_telephone_need_not_be_scrolled_sideways(chrome: Browser, tmp_path: Path, made: Material) -> None:
    page, _ = opened(chrome, tmp_path, made)
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_hostile_text_is_shown_as_it_is_written(chrome: Browser, tmp_path: Path) -> None:
    page, _ = opened(chrome, tmp_path, hostile())

    assert page.locator("script").count() == 1
    assert page.locator("main img, main a[href^='javascript'], main b").count() == 0
    assert "<script>alert(1)</script>" in page.locator(".finding .message").first.inner_text()
    assert "alert(3)" in page.locator(".finding .source").first.inner_text()
    assert not set("\x1b\x07\u202e\x00") & set(page.content())


def test_the_filters_work_by_clicks(chrome: Browser, tmp_path: Path) -> None:
    page, _ = opened(chrome, tmp_path, whole())
    shown = partial(page.locator(".finding:visible").count)
    told = page.locator("#filter-told")
    assert (shown(), told.inner_text()) == (3, "3 of 3 findings shown")

    page.get_by_label("low (1)").uncheck()
    assert (shown(), told.inner_text()) == (2, "2 of 3 findings shown")

    page.get_by_label("Status").select_option("confirmed")
    assert shown() == 1

    page.get_by_label("Status").select_option("")
    page.get_by_label("low (1)").check()
    page.get_by_label("Evidence").select_option("live")
    assert shown() == 0
    assert page.locator(".group:visible").count() == 0


def test_the_filters_work_by_keys(chrome: Browser, tmp_path: Path) -> None:
    page, _ = opened(chrome, tmp_path, whole())
    page.keyboard.press("/")
    page.keyboard.type("LIKELY")
    assert page.locator(".finding:visible").count() == 1

    page.keyboard.press("Escape")
    assert page.locator(".finding:visible").count() == 3

    page.get_by_label("high (1)").focus()
    page.keyboard.press("Space")
    assert page.locator(".finding:visible").count() == 2


def test_without_javascript_everything_but_the_filters_is_there(chrome: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(whole(), Look()), "utf-8")
    page = chrome.new_context(java_script_enabled=False).new_page()
    page.goto(file.as_uri())

    assert page.locator(".finding:visible").count() == 3
    assert not page.locator("#filters").is_visible()
    with page.expect_download() as download:
        page.get_by_text("Download the scorecard as JSON").click()
    assert '"schema_version":"1"' in Path(download.value.path()).read_text("utf-8")


def test_it_prints_what_was_folded(chrome: Browser, tmp_path: Path) -> None:
    page, _ = opened(chrome, tmp_path, whole())
    page.locator(".finding summary").first.click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0

    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_every_part_is_on_the_page(chrome: Browser, tmp_path: Path) -> None:
    page, _ = opened(chrome, tmp_path, whole())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    text = " ".join(page.locator("body").inner_text().split())

    for part in (
        "Held at 64 by one high finding; 72 without it.",
        "Grade D",
        "a stranger is served",
        "GET /socket host: here",
        "Fix: check first",
        "- accept() + check()",
        "P95 8.0 ms, pass against 200 ms",
        "inconclusive against 0.1 %",
        "a hidden one",
        "a refuted one",
        "built from a dict",
        "event loop",
        "Check the token before",
    ):
        assert part in text, part
    assert page.locator("svg.plot").count() == 2


def test_an_earlier_report_shows_what_came_and_went(chrome: Browser, tmp_path: Path) -> None:
    before = material(finding("gone", fingerprint="1" * 32), score=50).scorecard
    made = material(finding("new", fingerprint="2" * 32))
    page, _ = opened(chrome, tmp_path, Material(made.scorecard, made.rules, made.text, before))

    text = page.locator("main").inner_text()
    assert "+14 since the last report (50), 1 new, 1 gone." in text
    assert re.search(r"New\s+open-socket new\s+Gone\s+open-socket gone", text)


def test_a_page_of_thousands_of_findings_says_what_it_leaves_out(chrome: Browser, tmp_path: Path) -> None:
    many = [finding(f"number {line}", location=Location("app/main.py", line)) for line in range(1, 5001)]
    made = material(*many)

    assert len(render(made, Look())) < 10_000_000
    page, _ = opened(chrome, tmp_path, made)
    assert "3000 more findings would not fit on a page" in page.locator("main").inner_text()
    assert page.locator("#filter-told").inner_text() == "2000 of 2000 findings shown"
