"""The parts of a server without its front doors, and small bots to run in them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from mailauncher.settings import Settings, load
from resolvers import instances, terminals
from resolvers.context import Context
from resolvers.opening import open_context
from resolvers.views import InstanceView

OUTPUT_TIMEOUT_S = 30
PATIENT_BOT = """
import fcntl, os, signal, sys
lock = open("held", "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open("twice", "a").write(str(os.getpid()))
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
for line in sys.stdin:
    print("heard", line.strip(), flush=True)
    if line.startswith("exit"):
        sys.exit(int(line.split()[1]))
"""
"""Holds a lock while it lives, so that a second process of it is noticed; hears lines; `exit N` ends it with N."""


_GIVEN: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _GIVEN:  # the system may name one twice that nobody has bound meanwhile
            _GIVEN.add(port)
            return port


def settings_for(folder: Path, **given: object) -> Settings:
    """Settings of a server in a folder of the test's own: quick, quiet, on a free port."""
    values: dict[str, object] = {
        "data": str(folder / "data"),
        "workspace": str(folder / "workspace"),
        "host": "127.0.0.1",
        "port": free_port(),
        "shell": "/bin/sh",
        "start_grace_s": 0.3,
        "stop_timeout_s": 3.0,
        "stop_bots_at_exit": True,
        "sources_maibot": [(folder / "no-repository").absolute().as_uri()],
    }
    return load({}, **(values | given))


@asynccontextmanager
async def parts(folder: Path, **given: object) -> AsyncIterator[Context]:
    """A running context with settings fit for tests."""
    async with open_context(settings_for(folder, **given)) as ctx:
        yield ctx


async def add_bot(ctx: Context, folder: Path, script: str = PATIENT_BOT, **services: str) -> InstanceView:
    """An instance in `folder`, made of a `bot.py` and a `main.py` for each service. It is not restarted by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bot.py").write_text(script, "utf-8")
    for name, text in services.items():
        (folder / name.replace("_", "-")).mkdir()
        (folder / name.replace("_", "-") / "main.py").write_text(text, "utf-8")
    found = [
        instances.NewService(
            name=name.replace("_", "-"), port=free_port(), run_command="{python} -I -S main.py"
        )
        for name in services
    ]
    new = instances.NewInstance(folder.name, str(folder), free_port(), "{python} -I -S bot.py", tuple(found))
    added = await instances.add(ctx, new)
    return await instances.supervise(ctx, added.id, restart="no")


def lives(pid: int | None) -> bool:
    """Whether a process exists and is not merely waiting to be collected by its parent."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes_in(folder: Path) -> list[int]:
    """Living processes that were started with, or in, a folder."""
    found = psutil.process_iter(["cmdline", "cwd"])
    named = [
        p.pid for p in found if str(folder) in " ".join([p.info["cwd"] or "", *(p.info["cmdline"] or ())])
    ]
    return [pid for pid in named if lives(pid)]


async def outputs(ctx: Context, session_id: str, wanted: str, after: int | None = 0) -> str:
    """What a terminal prints until `wanted` is in it."""
    seen = ""
    output = terminals.output(ctx, session_id, after)
    try:
        async with asyncio.timeout(OUTPUT_TIMEOUT_S):
            async for piece in output:
                seen += piece.data
                if wanted in seen:
                    return seen
    except TimeoutError:
        terminal = terminals.find(ctx, session_id)
        status = await terminal.client.status(terminal.name)
        raise AssertionError(f"{wanted!r} not in {seen!r}; {status}") from None
    finally:
        await output.aclose()
    raise AssertionError(seen)
