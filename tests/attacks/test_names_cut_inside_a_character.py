"""Linux keeps 15 bytes of the name of a process. One that was cut inside a character, anywhere on the machine, made the
keeper's reading of /proc fail: a stop left children behind or answered 500 for ever, and a start left a program that nobody
owned."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bots.versions import installed
from mailauncher import listeners
from mailauncher.errors import CommandFailed, Text
from mailauncher.system_text import readable, to_json
from resolvers import instances
from resolvers.context import Context
from terminals import keeper
from terminals.states import State
from tests.resolvers.test_supervision import STUBBORN
from tests.support.context import add_bot, free_port, lives

NAME = "启动QQ机器人.sh"
SCRIPT = '#!/bin/bash\ntrap "" INT TERM\necho up\nwhile :; do sleep 1; done\n'
LEAVES_A_CHILD = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    open("child", "w").write(str(os.getpid()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
while not os.path.exists("child"):
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(600)
"""


def script(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / NAME
    file.write_text(SCRIPT, "utf-8")
    file.chmod(0o700)
    return file


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[psutil.Process]:
    """A process with such a name that has nothing to do with the launcher."""
    with subprocess.Popen([script(tmp_path / "stranger")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with pytest.raises(UnicodeDecodeError):
            Path(f"/proc/{process.pid}/comm").read_bytes().decode()
        yield psutil.Process(process.pid)
        process.kill()


@pytest.mark.usefixtures("stranger")
async def test_a_stop_ends_what_the_bot_left_behind(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", LEAVES_A_CHILD)
    await instances.start(ctx, bot.id)
    child = int((tmp_path / "bot" / "child").read_text())
    assert (await instances.stop(ctx, bot.id)).instance.status is State.STOPPED
    assert not lives(child)


@pytest.mark.slow
@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("command", ["stop", "restart", "delete"])
async def test_a_bot_that_ignores_signals_is_ended(ctx: Context, tmp_path: Path, command: str) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", STUBBORN)
    await instances.supervise(ctx, bot.id, stop_timeout_s=0.2)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    done = await {"stop": instances.stop, "restart": instances.restart, "delete": instances.delete}[command](
        ctx, bot.id
    )
    assert done.complete
    assert not lives(pid)


async def test_a_bot_with_such_a_name_is_started_and_stopped(ctx: Context, tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    script(folder)
    new = instances.NewInstance("bot", str(folder), free_port(), f"./{NAME}", ())
    bot = await instances.add(ctx, new)
    await instances.supervise(ctx, bot.id, restart="no", stop_timeout_s=0.2)
    started = (await instances.start(ctx, bot.id)).instance
    assert started.status is State.RUNNING
    assert (await instances.stop(ctx, bot.id)).instance.status is State.STOPPED
    assert not lives(started.pid)


def test_a_process_is_known_by_its_start(stranger: psutil.Process) -> None:
    assert keeper.start_time(stranger.pid)
    assert stranger.pid in [pid for pid, _, _ in keeper.running_processes()]


@pytest.mark.slow
async def test_a_port_in_use_by_a_process_with_an_odd_name_is_told_in_plain_text(tmp_path: Path) -> None:
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.symlink_to(sys.executable)
    with subprocess.Popen(
        [odd, "-I", "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        owner = await asyncio.to_thread(listeners.listener, port)
        described = await asyncio.to_thread(listeners.describe, port)
        process.communicate(b"")
    assert owner == (process.pid, "caf\ufffd")
    assert described == Text(f" caf\ufffd（pid {process.pid}）", f"caf\ufffd (pid {process.pid})")


def test_no_error_names_a_file_with_a_lone_surrogate() -> None:
    error = CommandFailed("没有 caf\udce9", "no caf\udce9")
    assert error.text == Text("没有 caf\ufffd", "no caf\ufffd")
    assert str(error) == "no caf\ufffd"


async def test_the_journal_takes_any_name(ctx: Context) -> None:
    await ctx.store.journal.note("add", "test", Text("名 \udce9", "name \udce9"))
    [event] = await ctx.store.journal.after(0, 10)
    assert (event["zh"], event["en"]) == ("名 \ufffd", "name \ufffd")


def test_json_has_no_lone_surrogates() -> None:
    assert to_json({"name": "caf\udce9 \U0001f916"}) == '{"name":"caf\ufffd \U0001f916"}'.encode()
    assert readable("\ud83e\udd16 麦麦 \U0001f916") == "\ufffd\ufffd 麦麦 \U0001f916"


def test_a_tag_that_is_no_text_is_no_version(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", b"v\xe9"]):
        subprocess.run([*git, *words], check=True)
    assert installed.read(tmp_path) == installed.UNKNOWN
