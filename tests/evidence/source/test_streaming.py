"""What produces the body of a streaming response."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather, generator_of, streamed_by

BEFORE = """
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()


def rows(source):
    yield source


def listed(source):
    return [source]


@app.get("/")
def export(db: str):
"""

BODIES = {
    "handed over": ("return StreamingResponse(rows(db))", "rows", True),
    "by keyword": ("return StreamingResponse(content=rows(source=db))", "rows", True),
    "through a variable": ("made = rows(db)\n    return StreamingResponse(made)", "rows", True),
    "what came of it": ("return StreamingResponse(rows(db.all()))", "rows", False),
    "through the second of two variables": (
        "other = db\n    made = rows(db)\n    return StreamingResponse(made)",
        "rows",
        True,
    ),
    "what is handed in": ("return StreamingResponse(db)", None, False),
    "no generator": ("return StreamingResponse(listed(db))", None, False),
    "read inside": ("def inner():\n        yield db.all()\n    return StreamingResponse(inner())", "inner", True),
    "not read inside": ("def inner():\n        yield 1\n    return StreamingResponse(inner())", "inner", False),
}


@pytest.mark.parametrize("body", BODIES)
def test_the_generator_of_a_response_and_what_it_uses(body: str, tmp_path: Path) -> None:
    code, name, uses = BODIES[body]
    (tmp_path / "main.py").write_text(f"{BEFORE}    {code}\n")
    source = gather(Gathering(tmp_path, use_cache=False)).source
    [response] = source.calls_to("starlette.responses.StreamingResponse")
    generator = generator_of(response)
    assert (generator.name if generator else None) == name
    assert streamed_by(response, "db") is uses
