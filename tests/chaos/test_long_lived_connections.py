"""Memory of connections that live for days."""

import asyncio
import gc
import json
import math
import os
import sys
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import psutil
import pytest

from mailauncher.events import InstanceChanged
from resolvers import terminals
from tests.support.graphql import client, conversing
from tests.support.server import Launcher
from tests.support.stress import sized
from tests.support.viewer import start_bot, viewing

WARM_UP, EVENTS = sized((400, 500), (2_000, 20_000))
BYTES_PER_EVENT = sized(300, 60)
"""What is bounded, such as the last output of a terminal, is filled first; the rest of the process is not quite still."""
RESIDENT_BYTES = sized(math.inf, 4 << 20)
"""How much the process of a command may grow. The short form says nothing of that: it is over before the process is still."""
PATIENCE_S = 30
ECHOING = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    print("heard", line.strip(), "." * 100, flush=True)
"""
CHANGES = "subscription { instanceChanged { id instance { name status services { name } } } }"
OUTPUT = (
    "subscription ($id: ID!) { terminalOutput(sessionId: $id) { ... on TerminalOutput { data offset } } }"
)

Read = Callable[[str], Awaitable[None]]
"""Reads until a text has arrived."""


@asynccontextmanager
async def terminal_socket(launcher: Launcher, session_id: str) -> AsyncIterator[Read]:
    async with viewing(launcher, session_id) as viewer:

        async def read(wanted: str) -> None:
            await viewer.until_shown(wanted)
            viewer.shown, viewer.messages = "", []

        yield read


@asynccontextmanager
async def command(launcher: Launcher, session_id: str) -> AsyncIterator[Read]:
    """`mailauncher logs -f`, whose own memory does not grow either."""
    del session_id
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mailauncher", "logs", "bot", "-f", "-n", "1", "--url", launcher.url),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"MAILAUNCHER_DATA": str(launcher.ctx.settings.data_folder)},
    )
    assert process.stdout is not None
    output, used, resident = process.stdout, psutil.Process(process.pid), 0

    async def read(wanted: str) -> None:
        nonlocal resident
        while wanted not in (line := (await output.readline()).decode()):
            assert line, "logs -f has ended"
        if wanted == shown(WARM_UP):
            resident = used.memory_info().rss

    try:
        yield read
        assert used.memory_info().rss - resident < RESIDENT_BYTES
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def subscription(launcher: Launcher, document: str, **variables: str) -> AsyncIterator[Read]:
    async with conversing(launcher) as socket:
        operation_id = await socket.follow(document, **variables)

        async def read(wanted: str) -> None:
            while wanted not in json.dumps(await socket.next(operation_id)):
                pass

        yield read


@asynccontextmanager
async def event_stream(launcher: Launcher, document: str, **variables: str) -> AsyncIterator[Read]:
    body, accept = {"query": document, "variables": variables}, {"Accept": "text/event-stream"}
    async with (
        client(launcher) as http,
        http.stream("POST", "/graphql", json=body, headers=accept, timeout=None) as response,
    ):
        lines = response.aiter_lines()

        async def read(wanted: str) -> None:
            while wanted not in await anext(lines):
                pass

        yield read


Open = Callable[[Launcher, str], AbstractAsyncContextManager[Read]]
OF_OUTPUT: dict[str, Open] = {
    "terminal socket": terminal_socket,
    "logs -f": command,
    "output over a socket": lambda launcher, session_id: subscription(launcher, OUTPUT, id=session_id),
    "output as an event stream": lambda launcher, session_id: event_stream(launcher, OUTPUT, id=session_id),
}
OF_CHANGES: dict[str, Open] = {
    "changes over a socket": lambda launcher, _: subscription(launcher, CHANGES),
    "changes as an event stream": lambda launcher, _: event_stream(launcher, CHANGES),
}
KINDS = [*OF_OUTPUT, *OF_CHANGES]


def shown(number: int) -> str:
    return f"heard {number} ."


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("kinds", sized([KINDS], [[kind] for kind in KINDS]), ids=", ".join)
async def test_no_long_lived_connection_grows_with_its_events(
    launcher: Launcher, tmp_path_factory: pytest.TempPathFactory, kinds: list[str]
) -> None:
    """A subscription left 1.1 KB with each event, over WebSocket and server-sent events alike."""
    ctx = launcher.ctx
    bot = await start_bot(launcher, tmp_path_factory.mktemp("bots") / "bot", ECHOING)
    session_id = f"{bot}_main"
    async with AsyncExitStack() as stack:

        async def opened(known: dict[str, Open]) -> list[Read]:
            wanted = [known[kind] for kind in kinds if kind in known]
            return [await stack.enter_async_context(kind(launcher, session_id)) for kind in wanted]

        outputs, changes = await opened(OF_OUTPUT), await opened(OF_CHANGES)

        async def follow(first: int, last: int) -> int:
            """The memory in use after these events of each connection, in bytes."""
            for number in range(first, last + 1):
                async with asyncio.timeout(PATIENCE_S):
                    if outputs:
                        await terminals.send_input(ctx, session_id, f"{number}\n")
                    if changes:
                        ctx.bus.publish(InstanceChanged(bot))
                    for read in outputs:
                        await read(shown(number))
                    for read in changes:
                        await read(bot)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await follow(1, WARM_UP)
            grown = await follow(WARM_UP + 1, WARM_UP + EVENTS) - before
        finally:
            tracemalloc.stop()
        assert grown / EVENTS < BYTES_PER_EVENT
