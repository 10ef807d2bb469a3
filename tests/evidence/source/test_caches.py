"""Functions whose answers are kept: by which library, under what key."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import CachedFunction, Gathering, gather, route_caches

BEFORE = """
import functools
import json

import aiocache
import cashews
from cashews import cache as kept
from fastapi import FastAPI
from fastapi_cache import FastAPICache
from fastapi_cache.decorator import cache

app = FastAPI()
PLAIN = {"expire": 60}
KEYED = {"expire": 60, "key_builder": print}


def mine(function):
    return function


def options():
    return json.loads(input())

"""

LIBRARIES = {
    "@cache(expire=60)": "fastapi-cache2",
    "@cache": "fastapi-cache2",
    "@kept(ttl=60)": "cashews",
    "@cashews.cache.early(ttl=60)": "cashews",
    "@aiocache.cached(ttl=60)": "aiocache",
    "@functools.lru_cache": "functools",
    "@functools.lru_cache(maxsize=3)": "functools",
    "@mine": None,
}

BY_ARGUMENTS = {
    "@cache(expire=60)": True,
    "@cache(**PLAIN)": True,
    "@cache(**KEYED)": False,
    "@cache(**options())": False,
    "@cache(expire=60, key_builder=print)": False,
    "@kept(ttl=60)": True,
    "@kept(ttl=60, key='me')": False,
    "@aiocache.cached(ttl=60)": True,
    "@aiocache.cached(ttl=60, key='me')": False,
    "@aiocache.cached(alias='default')": False,
    "@functools.lru_cache": False,
}

WRITTEN_OUT = {
    "@kept(ttl=60, key='lead:{id}')": "lead:{id}",
    "@aiocache.cached(key='me')": "me",
    "@aiocache.cached(key='me', key_builder=print)": None,
    "@kept(ttl=60)": None,
    "@cache(expire=60)": None,
}


def only_cache(decorators: str, tmp_path: Path, after: str = "") -> CachedFunction | None:
    (tmp_path / "main.py").write_text(f"{BEFORE}{decorators}\nasync def read(id: int): ...\n{after}")
    [route] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    return next(iter(route_caches(route)), None)


@pytest.mark.parametrize("decorator", LIBRARIES)
def test_the_library_is_that_of_the_import(decorator: str, tmp_path: Path) -> None:
    found = only_cache(f"@app.get('/')\n{decorator}", tmp_path)
    assert (found and found.library) == LIBRARIES[decorator]


@pytest.mark.parametrize("decorator", BY_ARGUMENTS)
def test_the_key_is_the_librarys_own_when_nothing_else_can_be(decorator: str, tmp_path: Path) -> None:
    found = only_cache(f"@app.get('/')\n{decorator}", tmp_path)
    assert found is not None
    assert found.keyed_by_arguments is BY_ARGUMENTS[decorator]


def test_a_key_builder_for_all_replaces_the_key(tmp_path: Path) -> None:
    after = "FastAPICache.init(None, key_builder=print)\n"
    found = only_cache("@app.get('/')\n@cache(expire=60)", tmp_path, after)
    assert found is not None
    assert not found.keyed_by_arguments


@pytest.mark.parametrize("decorator", WRITTEN_OUT)
def test_a_key_that_is_written_out(decorator: str, tmp_path: Path) -> None:
    found = only_cache(f"@app.get('/')\n{decorator}", tmp_path)
    assert found is not None
    assert found.key == WRITTEN_OUT[decorator]


def test_a_cache_above_the_route_keeps_nothing_of_it(tmp_path: Path) -> None:
    assert only_cache("@cache(expire=60)\n@app.get('/')", tmp_path) is None
