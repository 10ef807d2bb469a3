"""A router that knows its version."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.params import Depends

V1 = "/v1"


class VersionedRouter(APIRouter):
    def __init__(self, path: str, version: str = V1, dependencies: Sequence[Depends] | None = None) -> None:
        super().__init__(prefix=version + path, dependencies=dependencies)
