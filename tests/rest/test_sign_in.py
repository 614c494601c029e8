"""Signing in: the token for a cookie, which counts only where a page of this server sends it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from mailauncher.browser_sessions import FILE, SESSIONS_MAX, BrowserSessions, cookie_name, session_in
from mailauncher.errors import Code
from tests.support.context import add_bot, settings_for
from tests.support.graphql import PATIENCE_S
from tests.support.http import API, client, failure
from tests.support.server import Launcher, running

TOKEN = "correct-horse-battery"
HOST = b"localhost:23456"
SAME = {"sec-fetch-site": "same-origin"}


async def signed_in(launcher: Launcher) -> str:
    """The value of a new cookie."""
    async with client(launcher) as http:
        answer = await http.post("/session?remember=true", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Max-Age=2592000" in cookie
    assert "Domain" not in cookie
    value: str = cookie.split(";")[0]
    return value


@pytest.mark.slow
async def test_a_cookie_counts_for_pages_of_this_server_only(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher:
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        cookie = {"cookie": await signed_in(launcher)}
        name = cookie["cookie"].partition("=")[0]
        own = {"origin": launcher.url}
        async with client(launcher) as http:
            for admitted in (SAME, own):
                assert (await http.get(f"{API}/instances", headers=cookie | admitted)).status_code == 200
            query = {"query": "{ instances { name } }"}
            answer = await http.post("/graphql", json=query, headers=cookie | own)
            assert answer.json()["data"]["instances"] == [{"name": bot.name}]
            for refused in (
                {},
                {"sec-fetch-site": "none"},
                {"sec-fetch-site": "same-site"},
                {"origin": "http://localhost:1"},
                {"origin": "null"},
                {"origin": "https://evil.example"},
            ):
                failure(await http.get(f"{API}/instances", headers=cookie | refused), Code.PERMISSION_DENIED)
            for wrong in ({}, {"cookie": f"{name}=x"}, {"cookie": f'{name}="'}, {"cookie": "=; ;"}):
                answer = await http.get(f"{API}/instances", headers=SAME | wrong)
                failure(answer, Code.PERMISSION_DENIED)
            # With a wrong token in the header, the cookie does not help.
            wrong_token = cookie | SAME | {"authorization": "Bearer wrong"}
            failure(await http.get(f"{API}/instances", headers=wrong_token), Code.PERMISSION_DENIED)
        for path in ("/graphql", f"/ws/{bot.id}_main"):
            async with connect(launcher.ws + path, additional_headers=cookie, origin=Origin(launcher.url)):
                pass
        with pytest.raises(InvalidStatus):
            async with connect(f"{launcher.ws}/ws/{bot.id}_main", additional_headers=cookie):
                pass


@pytest.mark.slow
async def test_a_session_survives_a_restart_and_ends_when_its_user_signs_out(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, token=TOKEN)
    async with running(settings) as launcher:
        cookie = {"cookie": await signed_in(launcher)}
    async with running(settings) as launcher, client(launcher) as http:
        assert (await http.get(f"{API}/instances", headers=cookie | SAME)).status_code == 200
        answer = await http.delete("/session", headers=cookie | {"origin": launcher.url})
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        failure(await http.get(f"{API}/instances", headers=cookie | SAME), Code.PERMISSION_DENIED)
        failure(await http.post("/session"), Code.PERMISSION_DENIED)


@asynccontextmanager
async def streams(
    launcher: Launcher, bot_id: str, cookie: dict[str, str]
) -> AsyncIterator[list[asyncio.Task[str]]]:
    """A GraphQL socket, a terminal and an event stream that have begun with the cookie: tasks that return how each ends."""
    own, protocol = Origin(launcher.url), Subprotocol("graphql-transport-ws")
    events = {"query": "subscription { instanceChanged { id } }"}
    sse = cookie | {"origin": launcher.url, "accept": "text/event-stream"}
    async with (
        connect(
            f"{launcher.ws}/graphql", additional_headers=cookie, origin=own, subprotocols=[protocol]
        ) as graphql,
        connect(f"{launcher.ws}/ws/{bot_id}_main", additional_headers=cookie, origin=own) as terminal,
        client(launcher) as http,
        http.stream("POST", "/graphql", json=events, headers=sse) as stream,
    ):
        await graphql.send('{"type": "connection_init"}')
        assert "connection_ack" in str(await graphql.recv())
        await terminal.recv()
        assert stream.headers["content-type"].startswith("text/event-stream")
        begun = [asyncio.create_task(one) for one in (_close(graphql), _close(terminal), _end(stream))]
        yield begun
        for one in begun:
            one.cancel()
        await asyncio.wait(begun)


async def _close(socket: ClientConnection) -> str:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    return f"{socket.close_code} {socket.close_reason}"


async def _end(stream: httpx.Response) -> str:
    async for _ in stream.aiter_raw():
        pass
    return "ended"


ENDED = ["4403 登录已结束，请重新登录"] * 2 + ["ended"]


@pytest.mark.slow
async def test_signing_out_ends_what_was_opened_with_the_session_and_nothing_else(tmp_path: Path) -> None:
    """Sockets of a page that had signed out, or of another one with its cookie, went on for ever."""
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher, client(launcher) as http:
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        mine, other = {"cookie": await signed_in(launcher)}, {"cookie": await signed_in(launcher)}
        async with streams(launcher, bot.id, mine) as ends, streams(launcher, bot.id, other) as others:
            await http.delete("/session", headers=mine | {"origin": launcher.url})
            async with asyncio.timeout(PATIENCE_S):
                assert await asyncio.gather(*ends) == ENDED
            assert not any(one.done() for one in others)
            assert (await http.get(f"{API}/instances", headers=other | SAME)).status_code == 200
            assert not any(one.done() for one in others)
            # The one that ends first makes room.
            for _ in range(SESSIONS_MAX):
                await launcher.ctx.sessions.begin()
            async with asyncio.timeout(PATIENCE_S):
                assert await asyncio.gather(*others) == ENDED
        assert not launcher.ctx.sessions._streams


@pytest.mark.slow
async def test_what_was_opened_with_a_session_ends_when_the_session_expires(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, token=TOKEN)
    async with running(settings) as launcher:
        cookie = {"cookie": await signed_in(launcher)}
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        async with streams(launcher, bot.id, cookie) as ends:
            assert not any(one.done() for one in ends)
    file = settings.data_folder / FILE
    (name,) = json.loads(file.read_text())
    end = time.time() + 5
    file.write_text(json.dumps({name: end}))
    async with running(settings) as launcher, streams(launcher, bot.id, cookie) as ends:
        async with asyncio.timeout(PATIENCE_S):
            assert await asyncio.gather(*ends) == ENDED
        assert time.time() >= end


async def test_with_another_token_no_session_is_valid(tmp_path: Path) -> None:
    sessions = BrowserSessions.read(settings_for(tmp_path, token=TOKEN))
    (tmp_path / "data").mkdir()
    made = await sessions.begin()
    assert sessions.knows(made)
    assert BrowserSessions.read(settings_for(tmp_path, token=TOKEN)).knows(made)
    assert not BrowserSessions.read(settings_for(tmp_path, token=TOKEN * 2)).knows(made)
    (file,) = (tmp_path / "data").iterdir()
    assert made not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("other", ['theme={"a":1}', "x[1]=2", "noequals", "a=x y", "a/b=1", "=", ""])
def test_cookies_of_other_programs_on_the_host_do_not_matter(other: str) -> None:
    name = cookie_name(HOST)
    for cookies in (f"{other}; {name}=abc", f"{name}=abc; {other}"):
        assert session_in(cookies.encode(), HOST) == "abc"
    assert session_in(other.encode(), HOST) == ""


@pytest.mark.parametrize(
    "host, name",
    [
        (b"localhost:23456", "mailauncher_session_23456"),
        (b"[::1]:1", "mailauncher_session_1"),
        (b"[::1]", "mailauncher_session"),
        (b"bots.example", "mailauncher_session"),
    ],
)
def test_a_cookie_is_named_by_the_port_that_the_browser_sees(host: bytes, name: str) -> None:
    assert cookie_name(host) == name


@pytest.mark.slow
async def test_two_servers_on_one_host_do_not_sign_each_other_out(tmp_path: Path) -> None:
    """Cookies know no ports: the second server replaced the cookie of the first, and its sign-out ended both."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    async with (
        running(settings_for(one, token=TOKEN)) as first,
        running(settings_for(two, token=TOKEN)) as second,
        httpx.AsyncClient(trust_env=False) as browser,
    ):
        for launcher in (first, second):
            bearer = {"authorization": f"Bearer {TOKEN}"}
            assert (await browser.post(f"{launcher.url}/session", headers=bearer)).status_code == 204
        for launcher in (first, second):
            assert (await browser.get(f"{launcher.url}{API}/instances", headers=SAME)).status_code == 200
        answer = await browser.delete(f"{second.url}/session", headers={"origin": second.url})
        assert answer.status_code == 204
        assert (await browser.get(f"{first.url}{API}/instances", headers=SAME)).status_code == 200
        refused = await browser.get(f"{second.url}{API}/instances", headers=SAME)
        failure(refused, Code.PERMISSION_DENIED)


async def test_sessions_are_bounded_and_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    sessions = BrowserSessions.read(settings_for(tmp_path, token=TOKEN))
    first = await sessions.begin()
    last = first
    for _ in range(SESSIONS_MAX):
        last = await sessions.begin()
    assert not sessions.knows(first)
    assert sessions.knows(last)
    (file,) = (tmp_path / "data").iterdir()
    file.write_bytes(b"\xff garbage")
    assert not BrowserSessions.read(settings_for(tmp_path, token=TOKEN)).knows(last)
