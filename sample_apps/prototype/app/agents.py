import asyncio

import httpx
import structlog
from fastapi import APIRouter, WebSocket

from app.config import LLM_API_KEY, LLM_URL
from app.schemas import ChatRequest

logger = structlog.get_logger()
router = APIRouter()


class ConnectionManager:
    def __init__(self):
        self.connections = []

    async def connect(self, websocket):
        await websocket.accept()
        self.connections.append(websocket)

    async def broadcast(self, message):
        for connection in self.connections:
            await connection.send_json(message)


manager = ConnectionManager()
usage = {"prompts": 0}


@router.websocket("/ws/agents/{agent_id}")
async def agents(websocket: WebSocket, agent_id: str):
    await manager.connect(websocket)
    while True:
        data = await websocket.receive_json()
        await manager.broadcast({"agent": agent_id, "task": data["task"]})


@router.post("/chat")
async def chat(body: ChatRequest):
    logger.info("chat", prompt=body.prompt, password=body.password, api_key=LLM_API_KEY)
    asyncio.create_task(count_prompt())
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.post(
                LLM_URL + "/chat/completions",
                headers={"Authorization": f"Bearer {LLM_API_KEY}"},
                json={"messages": [{"role": "user", "content": body.prompt}]},
            )
            return answer.json()
        except Exception as e:
            return {"error": str(e)}


async def count_prompt():
    usage["prompts"] += 1
