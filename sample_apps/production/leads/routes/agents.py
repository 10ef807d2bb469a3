"""Agents that claim leads over a WebSocket. The database decides, so any worker may serve any agent."""

import asyncio
import time

import structlog
from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect, status
from pydantic import ValidationError

from leads.database import Sessions
from leads.schemas import Claim, Claimed
from leads.security import Agent, verify_origin
from leads.store import LeadStore

logger = structlog.stdlib.get_logger(__name__)
router = APIRouter(prefix="/v1/agents", dependencies=[Depends(verify_origin)])

IDLE_SECONDS = 60
ANSWER_SECONDS = 5
MESSAGE_BYTES = 1024
SECONDS_PER_MESSAGE = 0.1
BURST = 20


class Pace:
    """A bucket that fills again with time; the rate limiter knows HTTP requests only."""

    def __init__(self) -> None:
        self.messages = float(BURST)
        self.seen = time.monotonic()

    def exceeded(self) -> bool:
        now = time.monotonic()
        self.messages = min(BURST, self.messages + (now - self.seen) / SECONDS_PER_MESSAGE) - 1
        self.seen = now
        return self.messages < 0


@router.websocket("/claims")
async def claims(websocket: WebSocket, agent: Agent, sessions: Sessions) -> None:
    await websocket.accept()
    pace = Pace()
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or len(text) > MESSAGE_BYTES or pace.exceeded():
                await websocket.close(status.WS_1008_POLICY_VIOLATION)
                return
            claim = Claim.model_validate_json(text)
            # A session per message: an agent that says nothing holds no connection.
            async with asyncio.timeout(ANSWER_SECONDS), sessions() as session:
                granted = await LeadStore(session, agent.tenant_id).claim(claim.claim, agent.key_id)
            await websocket.send_text(Claimed(lead=claim.claim, granted=granted).model_dump_json())
    except ValidationError:
        await websocket.close(status.WS_1007_INVALID_FRAME_PAYLOAD_DATA)
    except TimeoutError:
        await websocket.close(status.WS_1001_GOING_AWAY)
    except WebSocketDisconnect:
        logger.info("agent_left", agent=agent.key_id)
