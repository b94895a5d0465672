"""The Python server that the hub is held against: FastAPI on uvicorn with the usual dictionary of connections and
`await send_json` in a loop. Prints `listening on http://127.0.0.1:PORT`."""
import socket

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
channels: dict[str, dict[int, WebSocket]] = {}


@app.websocket("/ws/connect")
async def connect(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_json({"type": "connected"})
    try:
        while True:
            message = await websocket.receive_json()
            channel = message.get("channel", "")
            if message["type"] == "subscribe":
                channels.setdefault(channel, {})[id(websocket)] = websocket
                await websocket.send_json({"type": "subscribed", "channel": channel})
            elif message["type"] == "publish":
                event = {"type": message["event"], "channel": channel, "data": message["data"]}
                for member in list(channels.get(channel, {}).values()):
                    await member.send_json(event)
                await websocket.send_json({"type": "published", "channel": channel})
    except WebSocketDisconnect:
        pass
    finally:
        for members in channels.values():
            members.pop(id(websocket), None)


@app.websocket("/ws/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", ws_ping_interval=None)).run(sockets=[listener])
