"""A file of headers is read with errors that name the line and never its content."""

from pathlib import Path

import pytest

from fastapi_audit.errors import UsageError
from fastapi_audit.evidence.live.probing import HEADER_FILE_LIMIT, read_identity


def test_headers_come_with_their_variables_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "from-the-vault")
    file = tmp_path / "headers.txt"
    file.write_text("# the first user\n\nAuthorization: Bearer ${TOKEN}\nX-Tenant: acme\n")

    assert read_identity(file).headers == (("Authorization", "Bearer from-the-vault"), ("X-Tenant", "acme"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("secret without a name", "headers.txt:1: not a header"),
        ("X-Tenant: acme\nAuthorization: ${NOWHERE}", "headers.txt:2: `NOWHERE` is not in the environment"),
        (
            "Authorization: ${BROKEN}",
            "headers.txt:1: the value of `Authorization` has characters that no header can hold",
        ),
        ("X: secret\n" * HEADER_FILE_LIMIT, "this is no file of headers"),
    ],
    ids=["no header", "no variable", "two lines", "too large"],
)
def test_what_is_refused_is_not_repeated(text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "secret\nof two lines")
    file = tmp_path / "headers.txt"
    file.write_text(text)

    with pytest.raises(UsageError) as refused:
        read_identity(file)

    assert why in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"headers\.txt cannot be read: No such file"):
        read_identity(tmp_path / "headers.txt")
