"""Item 14: "one handler for what clients get wrong"."""

import logging

from fastapi import FastAPI, HTTPException, Request
from pydantic import ValidationError

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    @app.exception_handler(ValidationError)  # wrong: wrong-validation-handler
    async def validation_failed(request: Request, exc: ValidationError):
        logger.error(extra={"errors": exc.errors()})  # wrong: stdlib-logger-bad-call
        raise HTTPException(status_code=422, detail=exc.errors())  # wrong: raise-in-exception-handler
