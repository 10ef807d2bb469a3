"""Every report about every sample app is the one that was reviewed."""

import pytest

from fastapi_audit.reports import FORMATS
from golden import ENDINGS, apps, reports
from pages import ROOT


def test_every_format_has_a_golden_file() -> None:
    assert set(ENDINGS) == set(FORMATS)


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{app}.{ending}" for app in apps() for ending in ENDINGS.values()}

    assert {file.name for file in (ROOT / "reports").iterdir()} == expected


@pytest.mark.parametrize("app", apps())
def test_the_reports_are_the_reviewed_ones(app: str) -> None:
    for path, text in reports(app).items():
        assert (ROOT / path).read_text("utf-8") == text, f"{path} differs; run `make golden` and review the diff"
