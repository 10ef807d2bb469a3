"""What each middleware is for."""

from pathlib import Path

from fastapi_audit.evidence import Gathering, gather

STACK = """
from fastapi import FastAPI, Request, status
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse

app = FastAPI()
app.add_middleware(GZipMiddleware)

@app.middleware("http")
async def log_requests(request: Request, call_next):
    try:
        return await call_next(request)
    except ValueError:
        return JSONResponse({}, status_code=500)

def refused():
    return JSONResponse({}, status_code=status.HTTP_403_FORBIDDEN)

@app.middleware("http")
async def guard(request: Request, call_next):
    if "authorization" not in request.headers:
        return refused()
    return await call_next(request)

@app.middleware("http")
async def catalog(request: Request, call_next):
    return await call_next(request)

app.add_middleware(CORSMiddleware)
"""


def test_the_code_of_a_middleware_tells_its_role(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(STACK, encoding="utf-8")
    [app] = gather(Gathering(tmp_path, use_cache=False)).source.apps
    assert [m.role for m in app.middleware] == ["cors", "other", "refusing", "observing", "compressing"]
