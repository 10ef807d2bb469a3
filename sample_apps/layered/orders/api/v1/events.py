"""What happens, as it happens."""

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect, WebSocketException, status

from orders.dependencies import Orders

router = APIRouter(prefix="/v1/events")
ORIGIN = "https://warehouse.example.com"


async def require_socket_key(websocket: WebSocket) -> None:
    if websocket.headers.get("x-api-key") != "demo" or websocket.headers.get("origin", ORIGIN) != ORIGIN:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION)


@router.websocket("/orders", dependencies=[Depends(require_socket_key)])
async def order_events(websocket: WebSocket, orders: Orders) -> None:
    await websocket.accept()
    try:
        async for _ping in websocket.iter_text():
            await websocket.send_json({"orders": len(await orders.newest(100))})
    except WebSocketDisconnect:
        return
