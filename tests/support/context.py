"""The parts of a server without its front doors, and small bots to run in them."""

import asyncio
import contextlib
import errno
import random
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from mailauncher.events import InstanceChanged
from mailauncher.settings import Settings, load
from resolvers import instances, terminals
from resolvers.context import Context
from resolvers.lifespan import open_context
from resolvers.views import InstanceView
from terminals.states import State
from tests.support.databases import prepare, url_for

PATIENCE_S = 30
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


RESERVED = 200
_reserved: deque[tuple[int, socket.socket]] = deque(maxlen=RESERVED)
"""The ports given last, and what keeps them from being given to other processes of these tests."""


def free_port() -> int:
    """A port that nothing listens on now and that no other test is given, also in other processes. The system gives it to
    nobody who has not asked for it, so that it is still free when a bot is started again."""
    return _free_port_between(10_000, 28_000)


def first_port() -> int:
    """A port for a recipe, from which deployments plan upward: none of those that `free_port` gives follows it."""
    return _free_port_between(28_000, 32_000)


def _free_port_between(first: int, end: int) -> int:
    while True:
        port = random.randrange(first, end)
        with contextlib.suppress(OSError):
            reservation = _reserve(port)
            try:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                raise
            if len(_reserved) == RESERVED:
                _reserved[0][1].close()
            _reserved.append((port, reservation))
            return port


def _reserve(port: int) -> socket.socket:
    """Until it is closed, or this process ends, no other gets this port here. Raises OSError if another has it.

    By an abstract address (Linux), which leaves no file; elsewhere only this process knows of it.
    """
    if port in (given for given, _ in _reserved):
        raise OSError(errno.EADDRINUSE, "given already")
    reservation = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            reservation.bind(f"\0mailauncher-test-port-{port}")
        except OSError:
            reservation.close()
            raise
    return reservation


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
    if "database_url" not in given:
        values["database_url"] = url_for(folder / "data")
    return load({}, **(values | given))


@asynccontextmanager
async def parts(folder: Path, **given: object) -> AsyncIterator[Context]:
    """A running context with settings fit for tests."""
    settings = settings_for(folder, **given)
    prepare(settings)
    async with open_context(settings) as ctx:
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


async def until(
    ctx: Context, instance_id: str, *wanted: State, other_than: int | None = None
) -> InstanceView:
    """Waits for an instance to have one of these statuses, with another process than `other_than`. A status that lasts for a
    moment only cannot be waited for: of two changes at once the last one is seen."""
    with ctx.bus.subscribe(InstanceChanged) as changes:
        async with asyncio.timeout(PATIENCE_S):
            while (now := instances.get(ctx, instance_id)).status not in wanted or (
                other_than is not None and now.pid == other_than
            ):
                await anext(changes)
    return now


def lives(pid: int | None) -> bool:
    """Whether a process exists and is not merely waiting to be collected by its parent."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_end(*pids: int) -> None:
    """Waits for the ends of processes, which may long have come. Whoever collects orphans here may take seconds to do so:
    `psutil` would wait for that as well."""
    deadline = time.monotonic() + PATIENCE_S
    while any(lives(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        time.sleep(0.005)


async def has_ended(*pids: int) -> None:
    """Waits for the ends of processes, which may long have come."""
    await asyncio.to_thread(wait_for_end, *pids)


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
        async with asyncio.timeout(PATIENCE_S):
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
