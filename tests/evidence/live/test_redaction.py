"""No secret reaches a report, whatever it stands in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_audit.evidence.live import redaction
from fastapi_audit.evidence.live.exchange import Exchange

SECRET = "s3cr3t-of-ada"  # noqa: S105  what must not be shown


@pytest.mark.parametrize(
    "text",
    [
        f"GET /x?api_key={SECRET}&page=2",
        f"GET /x?access_token={SECRET}",
        f'{{"password": "{SECRET}"}}',
        f'{{"user": {{"refresh_token":"{SECRET}"}}}}',
        f"postgresql://ada:{SECRET}@db/leads",
        f"Authorization: Bearer {SECRET}",
        f"basic {SECRET}=",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert SECRET not in redaction.text(text)
    assert redaction.REDACTED in redaction.text(text)


@pytest.mark.parametrize(
    "text",
    ["GET /leads?page=2&limit=10", '{"name": "Ada", "count": 3}', "https://example.com/a:b@c", "the token is missing"],
)
def test_everything_else_is_left_alone(text: str) -> None:
    assert redaction.text(text) == text


@pytest.mark.parametrize("name", ["Authorization", "cookie", "Set-Cookie", "X-API-Key", "x-csrf-token", "X-Session-Id"])
def test_headers_that_carry_secrets_are_known_by_name(name: str) -> None:
    assert redaction.header(name, SECRET) == redaction.REDACTED


def test_other_headers_are_shown() -> None:
    assert redaction.header("Content-Type", "text/html") == "text/html"


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_given_secret_is_taken_out_of_any_text(secret: str, before: str, after: str) -> None:
    clean = redaction.text(before + secret + after, (secret,))

    assert secret not in clean.replace(redaction.REDACTED, "\0")


@given(st.text(max_size=300))
def test_any_text_can_be_redacted(text: str) -> None:
    assert isinstance(redaction.text(text), str)


def test_an_observation_shows_neither_the_identity_nor_the_port() -> None:
    exchange = Exchange(
        "GET",
        "/echo",
        (("X-Tenant", SECRET), ("Authorization", "Bearer abc")),
        status=200,
        headers=(("location", "http://127.0.0.1:40123/x"), ("set-cookie", "sid=1")),
        body=json.dumps({"seen": SECRET, "at": "127.0.0.1:40123", "file": "/srv/app/main.py"}).encode(),
        complete=True,
        shown_at="http://127.0.0.1:8000",
        address="127.0.0.1:40123",
        secrets=(SECRET,),
        folders=("/srv/app",),
    )

    shown = exchange.observation("seen")

    everything = shown.request + shown.response + shown.reproduction
    for hidden in (SECRET, "abc", "40123", "sid=1", "/srv/app"):
        assert hidden not in everything
    assert "http://127.0.0.1:8000/echo" in shown.reproduction
    assert '"main.py"' in shown.response


def test_an_observation_is_bounded_and_paints_no_terminal() -> None:
    exchange = Exchange(
        "GET",
        "/",
        status=200,
        headers=tuple((f"x-{number}", "v" * 5000) for number in range(500)),
        body=b"\x1b[2J" + b"x" * 900_000,
        complete=True,
    )

    shown = exchange.observation("seen")

    assert len(shown.response) < 15_000
    assert "\x1b" not in shown.response
    assert "… 470 more" in shown.response
