"""The web pages of an instance's programs: their addresses, their tokens, and whether they answer."""

import asyncio
import http.client
import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from bots.catalogue import Catalogue
from bots.documents import file
from bots.documents import json as json_documents
from bots.documents.values import value_at
from bots.recipe import Recipe, WebPage
from mailauncher.errors import LauncherError, Text
from resolvers.running import port_plan
from resolvers.views import WebPageView
from store.records import InstanceRecord
from terminals.supervisor import MAIN

HOST = "127.0.0.1"
ASK_S = 5.0
RETRY_S = 0.3
LIMIT_BYTES = 64 << 10


def pages_of(record: InstanceRecord, catalogue: Catalogue) -> list[WebPageView]:
    """The main program's first. A page whose port no file names is left out. Blocks."""
    found = list(_recipes(record, catalogue))
    if not any(recipe.web for _, recipe, _ in found):
        return []
    ports = port_plan.ports_of_programs(record, catalogue)
    return [
        _view(program, recipe.web, folder, port)
        for program, recipe, folder in found
        if recipe.web is not None and (port := ports.get(recipe.web.port, 0))
    ]


def _recipes(record: InstanceRecord, catalogue: Catalogue) -> Iterator[tuple[str, Recipe, Path]]:
    """(program, its recipe for the instance's version, its folder), the main program's first; without the services that are part
    of the bot's own tree, which are not those that the recipes describe."""
    brought: tuple[str, ...] = ()
    if (main := catalogue.recipes.get(record.recipe)) is not None:
        brought = main.brings
        yield MAIN, main.of(record.version), Path(record.path)
    for service in record.services:
        recipe = catalogue.recipes.get(service.name)
        if recipe is not None and service.name not in brought:
            yield service.name, recipe.of(record.version), Path(service.path)


def _view(program: str, page: WebPage, folder: Path, port: int) -> WebPageView:
    base = f"http://{HOST}:{port}"
    health = base + page.health if page.health else None
    return WebPageView(program, port, base + page.path, health, folder, page)


def token_of(view: WebPageView) -> str | None:
    """The page's password; None if it has none, or none yet. Blocks."""
    if not view.page.token_file:
        return None
    try:
        document = json_documents.read(file.read(view.folder, view.page.token_file).text)
        found = value_at(document, view.page.token.split("."))
    except (LauncherError, LookupError):
        return None
    return found if isinstance(found, str) and found else None


async def problem(record: InstanceRecord, catalogue: Catalogue, within_s: float) -> Text | None:
    """That of the first page that does not say that it is healthy; None if all do that can."""
    for page in await asyncio.to_thread(pages_of, record, catalogue):
        if page.health_url and (text := await problem_of(page, within_s)):
            return text
    return None


async def problem_of(view: WebPageView, within_s: float) -> Text | None:
    """Why the page does not say that it is healthy, after it was asked for `within_s` seconds; None as soon as it says so."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await _health(view)
        if answer is None:
            return None
        if time.monotonic() >= deadline:
            return Text(f"网页 {view.health_url} {answer.zh}", f"its web page {view.health_url} {answer.en}")
        await asyncio.sleep(RETRY_S)


async def _health(view: WebPageView) -> Text | None:
    """What is wrong with the answer; None if it is healthy. Not through a proxy, since the page is on this machine."""
    try:
        async with asyncio.timeout(ASK_S):
            received = await _ask(view)
        answer = http.client.HTTPResponse(cast(socket.socket, _Received(received)))
        answer.begin()
        content = answer.read()
    except TimeoutError:
        return Text(f"{ASK_S:g} 秒内没有应答完", f"does not complete its answer within {ASK_S:g} s")
    except http.client.RemoteDisconnected:  # an OSError without a reason
        return Text("没有应答就关闭了连接", "closes the connection without an answer")
    except http.client.IncompleteRead:
        return Text(
            f"应答不完整，或超过 {LIMIT_BYTES >> 10} KiB",
            f"does not complete its answer, or sends more than {LIMIT_BYTES >> 10} KiB",
        )
    except OSError as error:
        return Text(f"没有应答（{error.strerror}）", f"does not answer ({error.strerror})")
    except http.client.HTTPException as error:
        reason = type(error).__name__  # its text may be all that the page has sent
        return Text(f"应答不是 HTTP（{reason}）", f"answers with something other than HTTP ({reason})")
    if answer.status != 200:
        return Text(f"应答为 HTTP 状态 {answer.status}", f"answers with HTTP status {answer.status}")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return Text("应答不是 JSON", "answers with something other than JSON")
    if isinstance(found, dict) and found.get("status") == "healthy":
        return None
    return Text("没有说自己正常", "does not say that it is healthy")


class _Received(io.BytesIO):
    """All that a connection has brought, as `http.client` reads it."""

    def makefile(self, _mode: str) -> "_Received":
        return self


async def _ask(view: WebPageView) -> bytes:
    """The answer with its head, at most LIMIT_BYTES of it. Raises OSError.

    Not by `http.client`, in a thread: its timeout is that of each byte, so that an answer could keep the thread for ever.
    """
    reader, writer = await asyncio.open_connection(HOST, view.port)
    try:
        head = f"GET {view.page.health} HTTP/1.1\r\nHost: {HOST}:{view.port}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        received = b""
        while len(received) < LIMIT_BYTES and (piece := await reader.read(LIMIT_BYTES - len(received))):
            received += piece
        return received
    finally:
        writer.close()
