"""The client of a keeper, when connections end at bad moments."""

import asyncio
import contextlib
import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from mailauncher.errors import CommandFailed, ConnectionFailed
from mailauncher.launch import Launch
from terminals import client as clients
from terminals import keeper, local
from terminals.client import Dial, KeeperClient
from terminals.local import LocalKeepers
from terminals.lost import keeper_pid
from terminals.terminal import INPUT_BYTES


@pytest.fixture
def keepers(tmp_path: Path) -> LocalKeepers:
    made = LocalKeepers(tmp_path, 1 << 20, 2, idle_s=1.0)  # on a busy machine a client comes late
    made.create_folders()
    return made


def client_of(
    dial: Dial, log: Path = Path("/nowhere"), on_lost: Callable[[], None] = lambda: None
) -> KeeperClient:
    return KeeperClient(
        dial,
        log=log,
        on_exit=lambda *_: None,
        on_log_error=lambda *_: None,
        on_refused=lambda *_: None,
        on_lost=on_lost,
    )


async def test_a_connection_that_an_ending_keeper_still_accepts_is_opened_again(
    keepers: LocalKeepers, tmp_path: Path
) -> None:
    """A command that came while an idle keeper ended failed with `The keeper is gone`."""
    ending = tmp_path / "ending"
    server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), ending)
    dials = itertools.count()

    async def dial(factory: Callable[[], asyncio.BaseProtocol], start: bool) -> bool:
        if next(dials) == 0:
            await asyncio.get_running_loop().create_unix_connection(factory, str(ending))
            return True
        return await keepers.dial("bot", factory, start)

    client = client_of(dial)
    async with server:
        assert await client.connect(start=True)
    assert (await client.status("main")).end == 0
    await client.end()


async def test_the_late_end_of_a_closed_connection_is_not_that_of_the_next(keepers: LocalKeepers) -> None:
    connections: list[asyncio.BaseProtocol] = []

    async def dial(factory: Callable[[], asyncio.BaseProtocol], start: bool) -> bool:
        def noted() -> asyncio.BaseProtocol:
            connections.append(factory())
            return connections[-1]

        return await keepers.dial("bot", noted, start)

    client = client_of(dial)
    await client.connect(start=True)
    client.close()
    await client.connect(start=True)
    request = asyncio.ensure_future(client.status("main"))
    await asyncio.sleep(0)
    connections[0].connection_lost(None)
    assert (await request).end == 0
    assert client.connected
    await client.end()
    client.close()
    await asyncio.sleep(0)  # the transport closes its socket then


async def test_a_keeper_that_is_not_ready_in_time_cannot_be_connected_to(
    keepers: LocalKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "START_TIMEOUT_S", 0)
    with pytest.raises(ConnectionFailed, match=r"keeper\.log"):
        await client_of(lambda factory, start: keepers.dial("bot", factory, start)).connect(start=True)


async def test_the_error_of_a_keeper_that_has_died_says_what_its_log_said_last(keepers: LocalKeepers) -> None:
    """It said that the keeper was gone, and nobody knew why."""
    client = client_of(lambda factory, start: keepers.dial("bot", factory, start), keepers.log("bot"))
    await client.connect(start=True)
    pid = keeper_pid(keepers.folder("bot"))
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with keepers.log("bot").open("ab") as log:
        log.write(b"Traceback\nMemoryError: \x1b[31m\xff\n\n")
    asked = asyncio.ensure_future(client.status("main"))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ConnectionFailed) as died:
        await asked
    assert died.value.text.en.endswith("its log ends with: MemoryError: \\x1b[31m\ufffd")
    assert died.value.text.zh.endswith("其日志最后一行：MemoryError: \\x1b[31m\ufffd")
    client.retire()


@pytest.mark.slow
async def test_no_request_is_too_large_for_a_keeper(
    keepers: LocalKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper hung up on 700,000 control characters, which are 4 MiB as JSON. That counted as its death, and ended the bot."""
    lost: list[None] = []
    client = client_of(
        lambda factory, start: keepers.dial("bot", factory, start), on_lost=lambda: lost.append(None)
    )
    cat = Launch(argv=("cat",), cwd="/", env=dict(os.environ))
    await client.spawn("main", "run-1", cat, 80, 24)
    for most in ("\x01" * INPUT_BYTES, "\U0001f600" * (INPUT_BYTES // 4)):
        await client.input("main", most)
    with pytest.raises(CommandFailed, match="too large"):
        await client.spawn("other", "run-2", replace(cat, env={"A": "x" * keeper.FRAME_LIMIT}), 80, 24)
    unusable = replace(cat, argv=("/" + "\x01" * (1 << 20),))  # the system's error quotes it
    with pytest.raises(CommandFailed, match="File name too long"):
        await client.spawn("other", "run-3", unusable, 80, 24)

    client.close()
    monkeypatch.setattr(keeper, "FRAME_LIMIT", clients._EARLIER_FRAME_LIMIT)  # as of a keeper of that time
    with pytest.raises(CommandFailed, match="4 MiB"):
        await client.input("main", "\x01" * INPUT_BYTES, answered=False)
    assert (await client.status("main")).alive
    assert not lost
    await client.signal("main", "SIGKILL", "tree")
    while (await client.status("main")).alive:
        await asyncio.sleep(0.01)
    await client.end()


HANG_UP = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import keeper
known = keeper.write_pid
def write_pid(lock):
    known(lock)
    os.kill(os.getpid(), signal.SIGHUP)
keeper.write_pid = write_pid
keeper.take_over(0, sys.argv[2], sys.argv[3], "1000000", "2", "1")
os._exit(7)
"""


def test_a_keeper_survives_a_hang_up_before_it_listens(tmp_path: Path) -> None:
    """Whoever found its lock and not yet its socket sent SIGHUP, which ended it unless it was quick: a start under load
    failed because the keeper was gone."""
    arguments = [str(Path(keeper.__file__).parent), str(tmp_path / "bot"), str(tmp_path / "socket")]
    assert subprocess.run([sys.executable, "-c", HANG_UP, *arguments], check=False).returncode == 7


def test_a_keeper_that_takes_no_more_connections_does_not_answer(keepers: LocalKeepers) -> None:
    """Commands to a stopped keeper ended with an internal error once 64 of them had tried to connect."""
    uvloop = pytest.importorskip("uvloop")
    path = str(keepers.socket("bot"))
    with contextlib.ExitStack() as sockets:

        def new() -> socket.socket:
            made = sockets.enter_context(socket.socket(socket.AF_UNIX))
            made.setblocking(False)
            return made

        listener = new()
        listener.bind(path)
        listener.listen(1)
        while new().connect_ex(path) != errno.EAGAIN:
            pass
        with pytest.raises(ConnectionFailed, match="does not answer"):
            uvloop.run(keepers.dial("bot", asyncio.Protocol, start=False))


def test_a_data_folder_with_a_long_path_needs_no_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk was full, a server did not start for want of a folder in which only earlier versions had sockets."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("sockets with long paths are in the temporary folder here")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    data = tmp_path / ("x" * 120)
    data.mkdir()
    assert LocalKeepers(data, 1 << 20, 2).socket("bot").is_relative_to(data)
