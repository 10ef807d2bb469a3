"""Item 7: "agents coordinate over WebSockets"."""

from fastapi import APIRouter, WebSocket

router = APIRouter()


@router.websocket("/agents/{agent_id}")  # wrong: websocket-unauthenticated
async def agent(websocket: WebSocket, agent_id: str) -> None:
    await websocket.accept()
    while True:
        task = await websocket.receive_json()  # wrong: websocket-disconnect-unhandled
        await websocket.send_json({"agent": agent_id, "done": task})
