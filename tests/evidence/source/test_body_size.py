"""What refuses a request for its size."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather, limits_body, looks_at_size

BEFORE = """
from fastapi import Depends, FastAPI, HTTPException, Request, UploadFile

MOST = 1000


def length(request: Request) -> int:
    return int(request.headers.get("content-length", 0))


def refuse(request: Request) -> None:
    if length(request) > MOST:
        raise HTTPException(413)


class Picture:
    size = 3

"""

HANDLERS = {
    "the upload's size": ("if file.size > MOST:\n        raise HTTPException(413)", True),
    "the header": ("if int(request.headers['Content-Length']) > MOST:\n        raise HTTPException(413)", True),
    "the header, kept": ("n = length(request)\n    if n > MOST:\n        raise HTTPException(413)", True),
    "in a helper": ("refuse(request)", True),
    "in a helper that is called twice": ("length(request)\n    length(request)\n    refuse(request)", True),
    "the upload's size, under a name that is declared": (
        "n: int\n    n = file.size\n    if n > MOST:\n        raise HTTPException(413)",
        True,
    ),
    "a name that comes of itself": ("n = m\n    m = n\n    if n > MOST:\n        raise HTTPException(413)", False),
    "whether there is a body": ("if int(request.headers['content-length']) > 0:\n        await file.read()", False),
    "the header, logged": ("print(request.headers['content-length'])", False),
    "what was read": ("if len(await file.read()) > MOST:\n        raise HTTPException(413)", False),
    "the size of something else": ("if Picture().size > MOST:\n        raise HTTPException(413)", False),
}

MIDDLEWARE = """
app = FastAPI()

@app.middleware("http")
async def small(request: Request, call_next):
    if int(request.headers["content-length"]) > MOST:
        raise HTTPException(413)
    return await call_next(request)
"""

LIMITS = {
    "nothing": ("app = FastAPI()", False),
    "the application": ("app = FastAPI(max_body_size=1000)", True),
    "a dependency": ("app = FastAPI(dependencies=[Depends(refuse)])", True),
    "another dependency": ("app = FastAPI(dependencies=[Depends(length)])", False),
    "a middleware": (MIDDLEWARE, True),
}


@pytest.mark.parametrize("body", HANDLERS)
def test_a_handler_looks_at_the_size_when_it_compares_it(body: str, tmp_path: Path) -> None:
    code, expected = HANDLERS[body]
    route = "app = FastAPI()\n\n@app.post('/')\nasync def take(request: Request, file: UploadFile):\n"
    (tmp_path / "main.py").write_text(f"{BEFORE}{route}    {code}\n")
    [found] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    assert found.function is not None
    assert looks_at_size(found.function) is expected


@pytest.mark.parametrize("app", LIMITS)
def test_the_size_is_limited_before_the_handler(app: str, tmp_path: Path) -> None:
    code, expected = LIMITS[app]
    (tmp_path / "main.py").write_text(f"{BEFORE}{code}\n\n@app.post('/')\nasync def take(file: UploadFile): ...\n")
    [found] = gather(Gathering(tmp_path, use_cache=False)).source.routes
    assert limits_body(found) is expected
