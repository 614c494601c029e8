"""What hostile clients try: each by a client that speaks the protocol, but not as it should."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest
import pytest_asyncio
from asyncssh.constants import (
    MSG_CHANNEL_OPEN,
    MSG_USERAUTH_REQUEST,
    MSG_USERAUTH_SUCCESS,
)
from asyncssh.packet import Boolean, String, UInt32

from resolvers import instances, ssh_keys
from ssh import gateway, limits
from ssh.connection import KEY_EXCHANGES, OFFERS, Connection
from tests.support import ssh
from tests.support.context import PATIENT_BOT, add_bot
from tests.support.ssh import Place, add_key, trust
from tests.support.stress import sized

pytestmark = [pytest.mark.slow]

WRONG_KEYS = sized(240, 10_000)
GROWN_OBJECTS = 500
"""Of what is bounded: what the caches of the interpreter and of libraries take in."""


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with ssh.gateway(tmp_path) as found:
        await add_bot(found.ctx, tmp_path / "bot", PATIENT_BOT)
        yield found


class Client(asyncssh.SSHClient):
    """Keeps why the connection ended."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)


def options(place: Place, username: str, **given: Any) -> dict[str, Any]:
    key = asyncssh.read_private_key(place.folder / "admin")
    values: dict[str, Any] = {
        "port": place.port,
        "username": username,
        "known_hosts": None,
        "client_keys": [key],
        "config": None,
        "agent_path": None,
    }
    return values | given


@asynccontextmanager
async def client(
    place: Place, username: str = "bot", **given: Any
) -> AsyncIterator[tuple[asyncssh.SSHClientConnection, Client]]:
    made = Client()
    connection = await asyncssh.connect(
        "127.0.0.1", client_factory=lambda: made, **options(place, username, **given)
    )
    try:
        yield connection, made
    finally:
        connection.abort()
        await connection.wait_closed()


async def before_login(place: Place, attack: Any) -> Exception | None:
    """Connects, and calls `attack` with the connection once the keys are exchanged. Returns why the connection ended."""
    ended = Client()
    loop = asyncio.get_running_loop()
    given: dict[str, Any] = options(place, "bot")
    del given["port"]
    made = asyncssh.SSHClientConnectionOptions(client_factory=lambda: ended, **given)
    made.waiter = loop.create_future()

    class Attacker(asyncssh.SSHClientConnection):
        def try_next_auth(self, *, next_method: bool = False) -> None:
            attack(self)

    _, connection = await loop.create_connection(
        lambda: Attacker(loop, made, wait="auth"), "127.0.0.1", place.port
    )
    async with asyncio.timeout(30):
        found = await ended.lost
    made.waiter.cancel()
    if made.waiter.done() and not made.waiter.cancelled():
        made.waiter.exception()
    await connection.wait_closed()
    return found


def raw(connection: Any, kind: int, *parts: bytes) -> None:
    """Sends a packet that asyncssh would hold back."""
    former, connection._auth_complete = connection._auth_complete, True
    try:
        connection.send_packet(kind, *parts)
    finally:
        connection._auth_complete = former


SESSION = (String("session"), UInt32(0), UInt32(1 << 20), UInt32(1 << 15))


async def test_a_channel_before_the_login_ends_the_connection(place: Place) -> None:
    ended = await before_login(place, lambda found: raw(found, MSG_CHANNEL_OPEN, *SESSION))
    assert "before authentication" in str(ended)


async def test_a_client_that_says_it_has_logged_in_has_not(place: Place) -> None:
    def attack(found: Any) -> None:
        raw(found, MSG_USERAUTH_SUCCESS)
        raw(found, MSG_CHANNEL_OPEN, *SESSION)

    assert "Unexpected userauth success" in str(await before_login(place, attack))


async def test_logging_in_without_a_key_is_refused_in_every_way(place: Place) -> None:
    ways: tuple[dict[str, Any], ...] = ({"client_keys": []}, {"client_keys": [], "password": "x"})
    for given in ways:
        with pytest.raises(asyncssh.PermissionDenied):
            async with client(place, **given):
                raise AssertionError("it has logged in")
    methods = await asyncssh.get_server_auth_methods("127.0.0.1", place.port, "bot", config=None)
    assert list(methods) == ["publickey"]


async def test_a_second_login_on_a_connection_changes_nothing_and_then_ends_it(place: Place) -> None:
    async with client(place, "menu") as (connection, ended):
        wire: Any = connection
        again = (String("bot"), String("ssh-connection"), String("none"))
        wire.send_packet(MSG_USERAUTH_REQUEST, *again)  # ignored until something else came
        done = await connection.run("ls --url x", check=False)
        assert done.exit_status == 2  # still the menu's user
        wire.send_packet(MSG_USERAUTH_REQUEST, *again)
        async with asyncio.timeout(30):
            assert "userauth request" in str(await ended.lost)


async def test_a_flood_of_key_exchanges_ends_the_connection(place: Place) -> None:
    async with client(place, "menu") as (connection, ended):
        wire: Any = connection
        for _ in range(KEY_EXCHANGES + 5):
            if ended.lost.done():
                break
            wire._send_kexinit()
            wire._kexinit_sent = True
            async with asyncio.timeout(30):
                while not wire._kex_complete and not ended.lost.done():
                    await asyncio.sleep(0)
        async with asyncio.timeout(30):
            assert "Too many key exchanges" in str(await ended.lost)


async def test_a_packet_size_of_zero_ends_the_connection(place: Place) -> None:
    async with client(place, "menu") as (connection, ended):
        wire: Any = connection
        wire.send_packet(MSG_CHANNEL_OPEN, String("session"), UInt32(0), UInt32(1 << 20), UInt32(0))
        async with asyncio.timeout(30):
            assert "Invalid maximum packet size" in str(await ended.lost)


async def test_of_a_thousand_channels_a_few_are_opened(place: Place) -> None:
    async with client(place, "menu") as (connection, _):
        results = await asyncio.gather(
            *(connection.create_session(asyncssh.SSHClientSession) for _ in range(1000)),
            return_exceptions=True,
        )
        opened = [found for found in results if not isinstance(found, BaseException)]
        refused = [found for found in results if isinstance(found, asyncssh.ChannelOpenError)]
        assert len(opened) <= gateway.SESSIONS_OF_CONNECTION
        assert {found.code for found in refused} == {asyncssh.OPEN_RESOURCE_SHORTAGE}
        assert len(opened) + len(refused) == 1000


async def test_forwarding_subsystems_variables_and_breaks_are_refused(place: Place) -> None:
    async with client(place, "menu") as (connection, _):
        for opening in (
            connection.open_connection("127.0.0.1", place.port),
            connection.open_unix_connection("/tmp/x"),
            connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", place.port),
            connection.forward_remote_path("/tmp/x", "/tmp/y"),
        ):
            with pytest.raises((asyncssh.ChannelOpenError, asyncssh.ChannelListenError)):
                await opening
        channel, _session = await connection.create_session(asyncssh.SSHClientSession)
        wire: Any = channel
        for request in (
            (b"env", String("LD_PRELOAD"), String("/tmp/evil.so")),
            (b"env", String("LANG"), String("zh_CN.UTF-8")),
            (b"break", UInt32(500)),
            (b"auth-agent-req@openssh.com",),
            (b"x11-req", Boolean(False), String("MIT-MAGIC-COOKIE-1"), String("00" * 16), UInt32(0)),
        ):
            assert not await wire._make_request(*request), request
        done = await connection.run(subsystem="sftp", check=False)
        assert (done.exit_status, "no files" in str(done.stderr)) == (2, True)


async def test_a_command_with_a_line_break_is_one_command_that_is_refused(place: Place) -> None:
    async with client(place, "menu") as (connection, _):
        done = await connection.run("ls\nrm bot --yes", check=False)
        assert (done.exit_status, "line break" in str(done.stderr)) == (2, True)
    assert [view.name for view in instances.list_all(place.ctx)] == ["bot"]


@pytest.mark.parametrize("term", ["", "x" * 10_000, "xterm\x1b]0;evil\x07", "../../etc/passwd", "%n$(id)"])
async def test_a_hostile_type_of_terminal_does_nothing(place: Place, term: str) -> None:
    async with client(place, "menu") as (connection, _):
        process = await connection.create_process(term_type=term or "dumb", term_size=(80, 24))
        process.stdin.write("q\r")
        async with asyncio.timeout(30):
            shown = await process.stdout.read()
            await process.wait()
        assert "evil" not in shown
        assert process.exit_status == 0
        wire: Any = (await connection.create_session(asyncssh.SSHClientSession))[0]
        assert await wire._make_request(
            b"pty-req", String(term), UInt32(2**32 - 1), UInt32(2**32 - 1), UInt32(0), UInt32(0), String(b"")
        )


async def test_an_enormous_window_that_is_never_read_costs_the_server_little(place: Place) -> None:
    flood = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    view = await add_bot(place.ctx, place.folder / "flood", flood)
    await instances.start(place.ctx, view.id)
    [found] = [found for found in instances.list_all(place.ctx) if found.name == "flood"]
    async with client(place, "flood") as (connection, _):
        wire: Any = connection
        process = await connection.create_process(term_type="xterm", window=1 << 30, encoding=None)
        assert await process.stdout.read(1)
        wire._transport.pause_reading()
        server = psutil.Process(os.getpid())
        before = server.memory_info().rss
        end = place.ctx.live.supervisor(found.id).terminals["main"].tail
        begun = end.end
        async with asyncio.timeout(60):
            while end.end < begun + (48 << 20):
                await asyncio.sleep(0.01)
        assert server.memory_info().rss - before < 24 << 20


async def test_wrong_keys_are_counted_on_a_connection_and_slow_down_the_next(place: Place) -> None:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(OFFERS + 2)]
    limits_of_place = limits.FIRST_DELAY_S, limits.LONGEST_DELAY_S
    limits.FIRST_DELAY_S = limits.LONGEST_DELAY_S = 0.001
    try:
        with pytest.raises(asyncssh.DisconnectError, match="Too many keys"):
            async with client(place, client_keys=keys):
                raise AssertionError("it has logged in")
    finally:
        limits.FIRST_DELAY_S, limits.LONGEST_DELAY_S = limits_of_place
    assert [key.used_at for key in await ssh_keys.list_all(place.ctx)] == [None]


@pytest.mark.stress
async def test_thousands_of_wrong_keys_leave_nothing_behind_and_others_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LONGEST_DELAY_S", 0.0)  # or this would take hours
    async with ssh.gateway(tmp_path, ssh_handshakes_per_minute=100_000) as place:
        await _offer_wrong_keys(place)


async def _offer_wrong_keys(place: Place) -> None:
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(OFFERS)]

    async def offer() -> None:
        with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
            async with client(place, client_keys=keys, local_addr=("127.0.0.2", 0)):
                raise AssertionError("it has logged in")

    async def held() -> tuple[int, int, int, int]:
        async with asyncio.timeout(30):
            while any(isinstance(found, Connection) and found._transport for found in gc.get_objects()):
                await asyncio.sleep(0.01)
        gc.collect()
        objects = gc.get_objects()
        connections = sum(isinstance(found, Connection) for found in objects)
        sockets = len(psutil.Process().net_connections("tcp"))
        codes = [getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()]
        tasks = sum(code is not None and "ssh/" in code.co_filename for code in codes)
        return sockets, tasks, connections, len(objects)

    async def rounds(count: int) -> None:
        for number in range(count):
            await offer()
            if number % max(1, count // 5) == 0:
                async with client(place, "menu") as (connection, _):
                    assert (await connection.run("nothing", check=False)).exit_status == 2

    await rounds(5)
    before = await held()
    await rounds(WRONG_KEYS // OFFERS)
    after = await held()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < GROWN_OBJECTS


async def test_a_signature_with_sha_1_is_refused(place: Place) -> None:
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    await trust(place.ctx, "rsa", key.export_public_key().decode())
    with pytest.raises(asyncssh.PermissionDenied):
        async with client(place, client_keys=[key], signature_algs=["ssh-rsa"]):
            raise AssertionError("it has logged in")
    async with client(place, client_keys=[key]) as (connection, _):
        assert connection.get_extra_info("username") == "bot"


async def test_after_some_handshakes_without_a_login_an_address_is_not_answered(tmp_path: Path) -> None:
    async with ssh.gateway(tmp_path, ssh_handshakes_per_minute=3) as place:
        add_key(tmp_path, "stranger")
        stranger = asyncssh.read_private_key(tmp_path / "stranger")
        for _ in range(3):
            with pytest.raises(asyncssh.PermissionDenied):
                async with client(place, client_keys=[stranger]):
                    raise AssertionError("it has logged in")
        with pytest.raises((asyncssh.ConnectionLost, ConnectionError)):
            async with client(place):
                raise AssertionError("it was let in")


async def test_half_open_connections_leave_after_a_while_and_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "LOGIN_TIMEOUT_S", 1)
    async with ssh.gateway(tmp_path) as place:
        await add_bot(place.ctx, tmp_path / "bot", PATIENT_BOT)
        half = [
            await asyncio.open_connection("127.0.0.1", place.port)
            for _ in range(limits.CONNECTIONS_OF_ADDRESS)
        ]
        assert await half[-1][0].readline() == b"SSH-2.0-MaiLauncher\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        await reader.read()  # it is one too many: the end comes at once
        writer.close()
        async with asyncio.timeout(30):
            for reader, writer in half:
                await reader.read()
                writer.close()
                await writer.wait_closed()
        async with client(place, "menu") as (connection, _):
            assert (await connection.run("nothing", check=False)).exit_status == 2


async def test_what_is_no_ssh_ends_at_once(place: Place) -> None:
    for sent in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 100_000,
        b"SSH-1.5-x\r\n",
        os.urandom(5000) + b"\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(sent)
        async with asyncio.timeout(30):
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
