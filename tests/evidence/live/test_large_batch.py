"""What an answer says of a batch that nobody means to send: read on, too long, or nothing."""

from dataclasses import replace

import pytest

from fastapi_audit.checks.bulk_operations.unbounded_batch_body import on_the_wire
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.large_batch import LargeBatch
from fastapi_audit.model import Finding, Severity

PLACE = '{"detail":[{"type":"string_type","loc":["body",%s,"email"],"msg":"Should be a string","input":[]}]}'


def batch(status: int, body: str) -> LargeBatch:
    return LargeBatch("POST /leads", 20_000, Exchange("POST", "/leads", status=status, body=body.encode()))


@pytest.mark.parametrize(
    "body", [PLACE % "20000", PLACE % '"leads",7000', '[{"field": "body.leads.19999.email"}]'], ids=str
)
def test_an_item_far_behind_was_looked_at(body: str) -> None:
    told = batch(422, body)

    assert (told.is_read_on, told.is_too_large) == (True, False)


def test_a_list_beside_other_fields_weighs_less_than_a_body_that_is_one() -> None:
    told = batch(422, PLACE % "20000")

    (whole,), (field,) = on_the_wire(told), on_the_wire(replace(told, field="messages"))

    assert isinstance(whole, Finding)
    assert isinstance(field, Finding)
    assert (whole.severity, field.severity) == (None, Severity.MEDIUM)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, "Content Too Large"),
        (422, '{"detail":[{"type":"too_long","loc":["body"],"ctx":{"max_length":1000,"actual_length":20001}}]}'),
    ],
)
def test_a_size_that_is_refused(status: int, body: str) -> None:
    told = batch(status, body)

    assert (told.is_read_on, told.is_too_large) == (False, True)


@pytest.mark.parametrize(
    ("status", "body"),
    [(422, '{"error":"invalid request"}'), (422, PLACE % "3"), (401, PLACE % "20000"), (500, PLACE % "20000"), (0, "")],
)
def test_what_says_neither(status: int, body: str) -> None:
    told = batch(status, body)

    assert (told.is_read_on, told.is_too_large) == (False, False)
