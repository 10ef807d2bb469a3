"""Item 2: "log with context, so that a model call can be traced"."""

import structlog
from fastapi import APIRouter

router = APIRouter()
logger = structlog.get_logger()


@router.post("/leads/{lead_id}/draft")
async def draft_reply(lead_id: int, user_id: int) -> dict[str, str]:
    with logger.context(user_id=user_id, action="draft_reply"):  # wrong: structlog-unknown-api
        logger.info("prompt_sent", lead_id=lead_id)
    return {"draft": "Thank you for your interest."}
