"""Which mapped class a query gives."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather

BEFORE = """
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Session

from sinks import sink

app = FastAPI()


class Base(DeclarativeBase):
    pass


class Lead(Base):
    __tablename__ = "leads"


class Plain:
    pass


def load(session: Session) -> list[Lead]:
    return []
"""

ROWS = {
    "a row that was made": "sink(Lead())",
    "get": "sink(session.get(Lead, 1))",
    "a query": "sink(session.query(Lead).filter(Lead.id == 1).first())",
    "all of a query": "sink(session.query(Lead).all())",
    "scalars of a select": "sink(session.scalars(select(Lead)).all())",
    "scalars of an execution": "rows = session.execute(select(Lead).where(True)).scalars().all()\n    sink(rows)",
    "an asynchronous session": "sink(await later.get(Lead, 1))",
    "what a function returns": "sink(load(session))",
}

OTHERS = {
    "a plain object": "sink(Plain())",
    "a column": "sink(session.get(Lead, 1).id)",
    "a select of columns": "sink(session.execute(select(Lead.id)).all())",
    "what is filtered without an end": "sink(session.query(Lead)" + ".filter(True)" * 25 + ".all())",
    "a constant": "sink(1)",
    "a dict": 'sink({"lead": 1})',
}


def entity(line: str, folder: Path) -> str | None:
    body = f"async def f(session: Session, later: AsyncSession):\n    {line}"
    (folder / "main.py").write_text(f'{BEFORE}\n\n@app.get("/")\n{body}\n', encoding="utf-8")
    source = gather(Gathering(root=folder, use_cache=False)).source
    (call,) = source.calls_to("sinks.sink")
    found = call.arguments[0].entity
    return found.name if found else None


@pytest.mark.parametrize("line", ROWS.values(), ids=ROWS)
def test_rows(line: str, tmp_path: Path) -> None:
    assert entity(line, tmp_path) == "Lead"


@pytest.mark.parametrize("line", OTHERS.values(), ids=OTHERS)
def test_everything_else(line: str, tmp_path: Path) -> None:
    assert entity(line, tmp_path) is None
