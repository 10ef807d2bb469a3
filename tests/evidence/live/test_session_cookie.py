"""Which cookies say who somebody is, by their names."""

import pytest

from fastapi_audit.evidence.secret_names import SESSION_COOKIE


@pytest.mark.parametrize(
    "name",
    [
        "session",
        "sessionid",
        "session_id",
        "sid",
        "__Host-session",
        "access_token",
        "refresh-token",
        "auth_token",
        "my_app_session",
        "jwt",
        "remember_token",
    ],
)
def test_a_session(name: str) -> None:
    assert SESSION_COOKIE.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    ["csrftoken", "csrf_token", "XSRF-TOKEN", "theme", "locale", "consent", "_ga", "side", "token_count", "author"],
)
def test_none(name: str) -> None:
    assert not SESSION_COOKIE.fullmatch(name)


def test_a_name_made_to_take_long_does_not() -> None:
    assert not SESSION_COOKIE.fullmatch("a_" * 2_000 + "!")
