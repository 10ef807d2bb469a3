"""Crashes of one cause are told as one, and crashes that only look alike are not."""

from dataclasses import replace
from pathlib import Path

from fastapi_audit.evidence.live.causes import Symptom, causes, unusual
from fastapi_audit.evidence.live.crashes import Crash, Sent, with_causes
from fastapi_audit.evidence.live.tracebacks import Raised, raised
from fastapi_audit.model import EvidenceKind, Location, Observation, Step

SEEN = Observation(EvidenceKind.LIVE, "it answered 500")


def crash(operation: str, path: str, found: Raised | None = None) -> Crash:
    return Crash(operation, Sent("GET", path), SEEN, found)


def grouped(*crashes: Crash) -> set[frozenset[str]]:
    """The operations of each cause; those without one stand alone."""
    named = with_causes(crashes)
    every = {each.cause or each.operation for each in named}
    return {frozenset(each.operation for each in named if (each.cause or each.operation) == one) for one in every}


def own(exception: str, line: int, origin: str = "asyncpg/protocol.py:7") -> Raised:
    return Raised(exception, origin, (Step(Location("app/leads.py", line), "`leads`"),))


def test_without_a_log_the_unusual_parameter_that_most_share_is_the_cause() -> None:
    one = crash("GET /info", "/info?url=&page=1")
    two = crash("GET /tiles/{z}", "/tiles/1?url=&group=")
    three = crash("GET /map", "/map?url=&group=")
    other = crash("GET /leads", "/leads?limit=-5")

    assert grouped(one, two, three, other) == {
        frozenset({"GET /info", "GET /tiles/{z}", "GET /map"}),
        frozenset({"GET /leads"}),
    }


def test_requests_with_nothing_unusual_are_not_thrown_together() -> None:
    assert grouped(crash("GET /a", "/a?x=Ada"), crash("GET /b", "/b")) == {frozenset({"GET /a"}), frozenset({"GET /b"})}
    assert [each.cause for each in with_causes([crash("GET /a", "/a")])] == [""]


def test_one_line_of_the_project_is_one_cause_whatever_was_sent() -> None:
    crashes = (crash("GET /a", "/a?x=0", own("KeyError", 9)), crash("GET /b", "/b?y=", own("KeyError", 9)))

    assert grouped(*crashes) == {frozenset({"GET /a", "GET /b"})}


def test_one_line_of_a_library_that_two_lines_call_is_two_causes_unless_the_input_is_the_same() -> None:
    search = crash("GET /search", "/search?q=%00", own("DataError", 20))
    page = crash("GET /page", "/page?offset=-9", own("DataError", 30))
    further = crash("GET /further", "/further?offset=-1", own("DataError", 40))

    assert grouped(search, page, further) == {frozenset({"GET /search"}), frozenset({"GET /page", "GET /further"})}


def test_an_exception_of_another_kind_is_another_cause() -> None:
    crashes = (crash("GET /a", "/a?x=", own("KeyError", 9)), crash("GET /b", "/b?x=", own("TypeError", 9)))

    assert len(grouped(*crashes)) == 2


def test_where_no_code_of_the_project_is_on_the_way_the_line_that_raised_tells() -> None:
    one, two = Raised("OSError", "rasterio/_io.pyx:3"), Raised("OSError", "zarr/store.py:3")
    crashes = (crash("GET /a", "/a", one), crash("GET /b", "/b", one), crash("GET /c", "/c", two))

    assert grouped(*crashes) == {frozenset({"GET /a", "GET /b"}), frozenset({"GET /c"})}


def test_a_crash_that_the_log_was_not_read_for_is_of_the_cause_that_others_of_its_input_have() -> None:
    one, two = Raised("OSError", "rasterio/_io.pyx:3"), Raised("KeyError", "zarr/store.py:3")
    told = [crash("GET /a", "/a?url=", one), crash("GET /b", "/b?url=", one), crash("GET /c", "/c?url=", two)]
    silent = [crash("GET /d", "/d?url="), crash("GET /e", "/e?limit=-5"), crash("GET /f", "/f?x=Ada")]

    assert grouped(*told, *silent) == grouped(*silent, *told)
    assert grouped(*told, *silent) == {
        frozenset({"GET /a", "GET /b", "GET /d"}),
        frozenset({"GET /c"}),
        frozenset({"GET /e"}),
        frozenset({"GET /f"}),
    }


def test_however_few_can_be_sent_again_no_cause_is_told_twice() -> None:
    """Ten operations that fail alike: the log of one is enough."""
    fails = Raised("OSError", "rasterio/_io.pyx:3")
    every = [crash(f"GET /{number}", f"/{number}?url=") for number in range(10)]

    for looked_into in range(11):
        crashes = [replace(each, raised=fails) for each in every[:looked_into]] + every[looked_into:]
        assert len({each.cause for each in with_causes(crashes)}) == 1


def test_causes_are_the_same_in_any_order() -> None:
    symptoms = {name: Symptom("500", frozenset(traits)) for name, traits in {"a": "xy", "b": "xz", "c": "yz"}.items()}

    assert causes(symptoms) == causes(dict(reversed(symptoms.items())))


def test_what_is_unusual_in_a_request() -> None:
    path = "/leads/0/notes?q=&name=%00&size=99999999999&page=-1&ordinary=Ada&count=3"

    assert set(unusual("/leads/{lead_id}/notes", path)) == {
        "a zero as `lead_id`",
        "an empty `q`",
        "unusual characters in `name`",
        "a large `size`",
        "a negative `page`",
    }


LOG = """INFO: 127.0.0.1 - "GET /a HTTP/1.1" 500
ERROR:    Exception in ASGI application
  + Exception Group Traceback (most recent call last):
  |   File "{folder}/venv/lib/python3.11/site-packages/starlette/base.py", line 1, in call
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "{folder}/app/main.py", line 2, in early
    | KeyError: 'x'
    +------------------------------------

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "{folder}/venv/lib/python3.11/site-packages/starlette/base.py", line 5, in call
    await self.app(scope)
          ^^^^^^^^^^^^^^^
  File "{folder}/app/main.py", line 7, in handler
    return opened(url)
  File "{folder}/app/reader.py", line 9, in opened
    sqlite3.connect(url)
  File "{folder}/venv/lib/python3.11/site-packages/driver/base.py", line 11, in connect
    raise
driver.errors.OperationalError: password=hunter2
INFO: 127.0.0.1 - "GET /b HTTP/1.1" 200
"""


def test_a_traceback_is_read_through_a_group_and_without_the_words_of_the_exception(tmp_path: Path) -> None:
    found = raised(LOG.replace("{folder}", str(tmp_path)), tmp_path)

    assert found is not None
    assert (found.exception, found.origin) == ("OperationalError", "site-packages/driver/base.py:11")
    assert found.place == Location("app/reader.py", 9)
    assert [step.location.path for step in found.steps] == ["app/main.py", "app/reader.py"]
    assert found.told == "`OperationalError` in `opened`"


def test_a_traceback_within_a_line_of_json_is_read(tmp_path: Path) -> None:
    frame = f'  File \\"{tmp_path}/app.py\\", line 3, in share\\n    100 / 0\\n'
    line = f'{{"event": "crash", "exception": "Traceback (most recent call last):\\n{frame}ZeroDivisionError: by"}}\n'

    found = raised(line, tmp_path)

    assert found is not None
    assert (found.exception, found.place) == ("ZeroDivisionError", Location("app.py", 3))


def test_a_log_without_a_whole_traceback_says_nothing(tmp_path: Path) -> None:
    assert raised("", tmp_path) is None
    assert raised('Traceback (most recent call last):\n  File "x.py", line 3, in f\n', tmp_path) is None
    assert raised("Traceback (most recent call last):\nKeyError: 1\n", tmp_path) is None
