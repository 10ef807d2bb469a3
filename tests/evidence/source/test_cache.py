"""Facts are kept by content, in a folder of the user's own, and a bad store costs nothing."""

import os
from pathlib import Path

from fastapi_audit.evidence import source
from fastapi_audit.evidence.files import discover
from fastapi_audit.evidence.source.cache import LARGEST, Store, key_of
from fastapi_audit.evidence.source.facts import extract
from fastapi_audit.evidence.source.sharing import WORTH_SHARING, extract_all

APP = b"from fastapi import FastAPI\napp = FastAPI()\n\n@app.get('/')\ndef read() -> int:\n    return 1\n"


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    store.write({key_of(APP): extract(APP)})

    assert Store(tmp_path / "cache").read([key_of(APP), key_of(b"x")]) == {key_of(APP): extract(APP)}
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    Store(folder).write({key_of(APP): extract(APP)})
    folder.chmod(0o777)

    assert Store(folder).read([key_of(APP)]) == {}


def test_nothing_is_written_where_others_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    Store(tmp_path).write({key_of(APP): extract(APP)})

    assert list(tmp_path.iterdir()) == []


def test_a_store_that_has_grown_too_large_is_begun_anew(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = Store(tmp_path)
    store.write({key_of(b"x = 1\n"): extract(b"x = 1\n")})
    (file,) = tmp_path.iterdir()
    os.truncate(file, LARGEST + 1)
    store.write({key_of(APP): extract(APP)})

    assert store.read([key_of(APP), key_of(b"x = 1\n")]) == {key_of(APP): extract(APP)}


def test_a_damaged_store_holds_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    tmp_path.chmod(0o700)
    store.write({key_of(APP): extract(APP)})
    for file in tmp_path.iterdir():
        file.write_bytes(b"damaged")

    assert store.read([key_of(APP)]) == {}
    store.write({key_of(APP): extract(APP)})


def test_a_second_reading_takes_facts_from_the_store(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.py").write_bytes(APP)
    store = Store(tmp_path / "cache")
    first = source.read(discover(tmp_path / "project"), store=store)
    # Facts of another content under the key of this one: seen only when the store is asked.
    other = APP.replace(b"'/'", b"'/kept'")
    store.write({key_of(APP): extract(other)})

    second = source.read(discover(tmp_path / "project"), store=store)

    assert [r.path for r in first.routes] == ["/"]
    assert [r.path for r in second.routes] == ["/kept"]


def test_shared_work_gives_what_one_process_gives() -> None:
    contents = [b"x = %d\n" % n + b"# filler\n" * (WORTH_SHARING // 40) for n in range(7)] + [b"def broken(:\n"]

    assert extract_all(contents) == [extract(content) for content in contents]


def test_a_damaged_store_is_begun_anew(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store, key = Store(tmp_path), key_of(APP)
    store.write({key: extract(APP)})
    (file,) = tmp_path.iterdir()
    for damage in (b"damaged", file.read_bytes()[:5000], b"SQLite format 3\0" + b"\xff" * 9000):
        file.write_bytes(damage)
        assert store.read([key]) == {}
        store.write({key: extract(APP)})

        assert store.read([key]) == {key: extract(APP)}


def test_a_damaged_value_is_not_taken_for_facts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store, keys = Store(tmp_path), [key_of(APP), key_of(b"x = 1\n")]
    whole = {keys[0]: extract(APP), keys[1]: extract(b"x = 1\n")}
    store.write(whole)
    (file,) = tmp_path.iterdir()
    written = file.read_bytes()
    assert written.count(b"fastapi") > 0
    file.write_bytes(written.replace(b"fastapi", b"fastapo"))
    assert store.read(keys) == {keys[1]: whole[keys[1]]}
    store.write({keys[0]: whole[keys[0]]})

    assert store.read(keys) == whole


def test_the_journal_of_a_killed_writer_is_not_rolled_back_into_a_new_store(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store, key = Store(tmp_path), key_of(APP)
    store.write({key: extract(APP)})
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"damaged" * 2000)
    journal = file.with_name(f"{file.name}-journal")
    journal.write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\0" * 504)
    store.write({key: extract(APP)})

    assert store.read([key]) == {key: extract(APP)}
    assert not journal.exists()
