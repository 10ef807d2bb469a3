"""Which services may be probed."""

import pytest

from fastapi_audit.errors import UsageError
from fastapi_audit.evidence.live.permission import permitted


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.8.9.1",
        "http://[::1]:8000/api/",
        "http://localhost:8000",
        "http://LOCALHOST.:8000",
        "https://localhost",
    ],
)
def test_this_machine_may_be_probed(url: str) -> None:
    assert permitted(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://staging.example",
        "http://10.0.0.1",
        "http://0.0.0.0:8000",
        "http://127.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://[::ffff:10.0.0.1]",
        "http://[fe80::1]",
    ],
)
def test_any_other_host_is_refused_with_the_flag_that_would_allow_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"is not this machine, so nothing was sent; .*--allow-host"):
        permitted(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1\\@10.0.0.1",
        "http://127.0.0.1\n.example",
        "http://[::1",
        "http://127.0.0.1?x=1",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        permitted(url)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        permitted("http://ada:hunter2@127.0.0.1")

    assert "hunter2" not in str(refused.value)


def test_a_named_host_may_be_probed_and_no_other() -> None:
    assert permitted("https://Staging.example./api", ["staging.example"]).url == "https://staging.example/api"
    with pytest.raises(UsageError):
        permitted("https://www.staging.example", ["staging.example"])


def test_the_parts_of_an_address() -> None:
    address = permitted("http://[::1]:8000/api/")

    assert (address.host, address.port, address.authority, address.url) == (
        "::1",
        8000,
        "[::1]:8000",
        "http://[::1]:8000/api",
    )
