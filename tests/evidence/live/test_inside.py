"""Answers that quote the inside of a service are told from those that only speak of it."""

import pytest

from fastapi_audit.evidence.live.inside import told_of_the_inside


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"detail":"UNIQUE constraint failed: users.email"}', "UNIQUE constraint failed"),
        ('{"detail":"[Errno 111] Connect call failed (\'10.0.0.4\', 5432)"}', "[Errno 111]"),
        ('{"detail":"postgresql+asyncpg://leads:x@db:5432/leads"}', "a connection string"),
        ('{"env":{"PATH":"/usr/bin","HOME":"/root"}}', "variables of the environment"),
        ('{"detail":"[Errno 2] No such file or directory: \'/srv/app/templates/a.html\'"}', "[Errno 2]"),
    ],
)
def test_what_python_and_databases_say_is_the_inside(text: str, told: str) -> None:
    assert told in told_of_the_inside(text, sent="/files?name=a")


@pytest.mark.parametrize(
    "text",
    [
        '{"detail":"Not Found"}',
        '{"detail":"No such file: a.txt"}',
        '{"detail":"[Errno 2] No such file or directory: \'a.txt\'"}',
        '{"docs":"see https://example.com/postgresql","path":"/usr"}',
        '{"status":"ok","database":"unavailable"}',
    ],
)
def test_what_a_service_says_to_its_client_is_not(text: str) -> None:
    assert told_of_the_inside(text, sent="/files?name=a.txt") == ""
