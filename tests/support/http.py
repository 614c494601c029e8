"""A client of the REST API, checks of its error body, and a folder with a bot to add."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import httpx

from mailauncher.errors import ERROR_INFO, Code
from tests.support.context import PATIENT_BOT, free_port
from tests.support.server import Launcher

API = "/api/v1"
# No TLS is needed; httpx would create a TLS context, which takes longer than a request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(launcher: Launcher, **headers: str) -> httpx.AsyncClient:
    """A client of one server; `_` in a header's name means `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.AsyncClient(base_url=launcher.url, headers=named, timeout=20, trust_env=False, verify=NO_TLS)


def failure(answer: httpx.Response, code: Code, field: str | None = None, status: int | None = None) -> str:
    """Checks that the response has the common error body with this code and its status. Returns the message."""
    body = answer.json()
    assert body["error"]["code"] == code, body
    assert answer.status_code == (ERROR_INFO[code].http if status is None else status)
    return told(body, field, answer.headers)


def told(body: dict[str, Any], field: str | None, headers: Any) -> str:
    """The message of an error body, after checking all its keys."""
    message: str = body["error"]["message"]
    error = {"code": body["error"]["code"], "message": message} | ({"field": field} if field else {})
    assert body == {"success": False, "error": error, "message": message, "detail": message}
    assert list(body) == ["success", "error", "message", "detail"]
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    assert "Traceback" not in json.dumps(body)
    return message


async def raw(launcher: Launcher, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the response to arbitrary bytes. The connection must be closed after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    try:
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return head, body


def write_bot(folder: Path, script: str = PATIENT_BOT, *services: str) -> Path:
    """A folder with a `bot.py`, and such a folder inside for each service."""
    for place in (folder, *(folder / service for service in services)):
        place.mkdir(parents=True)
        (place / ("bot.py" if place is folder else "main.py")).write_text(script, "utf-8")
    return folder


async def add_bot(http: httpx.AsyncClient, folder: Path, *services: str) -> str:
    """Adds a folder with its services, each on a port of its own, as the existing web client does. Returns the id."""
    body = {
        "instance_name": folder.name,
        "install_path": str(folder),
        "port": free_port(),
        "install_services": [
            {
                "name": name,
                "path": str(folder / name),
                "port": free_port(),
                "run_cmd": "python main.py",
            }
            for name in services
        ],
    }
    answer = await http.post(f"{API}/instances/add", json=body)
    assert answer.status_code == 200, answer.text
    instance_id: str = answer.json()["instance_id"]
    return instance_id
