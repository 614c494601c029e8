"""A stand-in for NapCat that speaks as much OneBot v11 as the adapters need: it tells of a message in a group, and answers
whatever they ask."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

ACCOUNT, GROUP, USER = 10001, 12345, 10002
EVERY_S = 1.0
_KNOWN = {
    "user_id": USER,
    "nickname": "tester",
    "card": "tester",
    "role": "member",
    "group_id": GROUP,
    "group_name": "a group",
    "online": True,
    "good": True,
    "app_name": "stand-in",
    "protocol_version": "v11",
}


@asynccontextmanager
async def telling(text: str, *, adapter: int = 0, listen: int = 0) -> AsyncIterator[None]:
    """Tells of the message every second until the end of the block: as a client of the standalone adapter on port `adapter`, or
    to plugins that connect to port `listen`."""
    if listen:
        async with serve(lambda socket: _converse(socket, text), "127.0.0.1", listen):
            yield
        return
    client = asyncio.create_task(_connect(adapter, text))
    try:
        yield
    finally:
        client.cancel()
        await asyncio.gather(client, return_exceptions=True)


async def _connect(port: int, text: str) -> None:
    while True:
        try:
            async with connect(
                f"ws://127.0.0.1:{port}", additional_headers={"X-Self-ID": str(ACCOUNT)}
            ) as socket:
                await _converse(socket, text)
        except (OSError, ConnectionClosed):
            await asyncio.sleep(EVERY_S)


async def _converse(socket: Any, text: str) -> None:
    event = {"time": int(time.time()), "self_id": ACCOUNT}
    alive = {"post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect"}
    await socket.send(json.dumps(event | alive))
    speaker = asyncio.create_task(_speak(socket, text))
    try:
        async for asked in socket:
            request = json.loads(asked)
            data = _KNOWN | {"user_id": ACCOUNT} if request.get("action") == "get_login_info" else _KNOWN
            listed = str(request.get("action", "")).endswith("_list")
            answer = {
                "status": "ok",
                "retcode": 0,
                "data": [data] if listed else data,
                "echo": request.get("echo"),
            }
            await socket.send(json.dumps(answer))
    except ConnectionClosed:
        pass
    finally:
        speaker.cancel()
        await asyncio.gather(speaker, return_exceptions=True)


async def _speak(socket: Any, text: str) -> None:
    number = 0
    while True:
        number += 1
        await socket.send(
            json.dumps(
                {
                    "time": int(time.time()),
                    "self_id": ACCOUNT,
                    "post_type": "message",
                    "message_type": "group",
                    "sub_type": "normal",
                    "message_id": number,
                    "group_id": GROUP,
                    "user_id": USER,
                    "message": [{"type": "text", "data": {"text": text}}],
                    "raw_message": text,
                    "font": 14,
                    "sender": {"user_id": USER, "nickname": "tester", "card": "", "role": "member"},
                }
            )
        )
        await asyncio.sleep(EVERY_S)
