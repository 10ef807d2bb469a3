"""What a developer may ask a running service; mounted in debug mode only."""

from fastapi import FastAPI
from pydantic import BaseModel

diagnostics = FastAPI(title="Diagnostics", openapi_url=None)


class Build(BaseModel):
    version: str


@diagnostics.get("/build")
async def build() -> Build:
    return Build(version="1.0.0")
