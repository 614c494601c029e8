"""Ports that nobody listens on, and that connections which are being closed still occupy: a start waits for them."""

import asyncio
import os
import signal
import socket
import struct
from pathlib import Path

import pytest

from mailauncher import listeners
from mailauncher.errors import PortInUse
from mailauncher.events import InstanceChanged
from resolvers import instances
from resolvers.context import Context
from resolvers.views import InstanceView, WaitingFor
from terminals.states import State
from tests.support.context import add_bot, outputs

pytestmark = pytest.mark.slow

BOT = """
import socket
listener = socket.socket()  # without SO_REUSEADDR
listener.bind(("127.0.0.1", int(open("port").read())))
listener.listen()
print("listening", flush=True)
accepted = []
while True:
    accepted.append(listener.accept())
    print("accepted", flush=True)
"""


def connect(port: int) -> socket.socket:
    """A client that keeps its connection, and whose end leaves nothing to wait for."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return client


async def until_it_waits(ctx: Context, instance_id: str) -> InstanceView:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        while True:
            found = instances.get(ctx, instance_id)
            if (reason := found.details.reason) and "connections that are being closed" in reason.en:
                assert found.status is State.STARTING
                assert found.details.waiting_for is WaitingFor.PORT
                return found
            await anext(changes)


async def until_running(ctx: Context, instance_id: str, after: int) -> int:
    """Waits until the bot listens again. Returns where its output ends."""
    await outputs(ctx, f"{instance_id}_main", "listening", after)
    with ctx.bus.subscribe(InstanceChanged) as changes:
        while (found := instances.get(ctx, instance_id)).status is not State.RUNNING:
            await anext(changes)
    assert found.failure is None
    return ctx.live.supervisor(instance_id).main_program.terminal.tail.end


async def test_a_start_waits_for_connections_of_the_process_before_and_says_so(
    ctx: Context, tmp_path: Path
) -> None:
    """Such a port counted as taken by another process: the start was refused, and no further one was tried."""
    bot = await add_bot(ctx, tmp_path / "bot", BOT)
    (tmp_path / "bot" / "port").write_text(str(bot.port))
    await instances.supervise(ctx, bot.id, restart="always", restart_delay_s=0, stop_timeout_s=0.5)
    await instances.start(ctx, bot.id)
    end = await until_running(ctx, bot.id, 0)

    client = connect(bot.port)
    await outputs(ctx, f"{bot.id}_main", "accepted", end)
    restart = asyncio.create_task(instances.restart(ctx, bot.id))
    await until_it_waits(ctx, bot.id)
    assert await asyncio.to_thread(listeners.use_of, bot.port) is listeners.Use.CLOSING
    await ctx.ports.require_free(ctx.grant, [bot.port], ctx.store.registry.get(bot.id))  # a plan may have it
    end = ctx.live.supervisor(bot.id).main_program.terminal.end
    client.close()
    assert (await restart).complete
    end = await until_running(ctx, bot.id, end)

    client = connect(bot.port)
    await outputs(ctx, f"{bot.id}_main", "accepted", end)
    pid = instances.get(ctx, bot.id).pid
    assert pid is not None
    end = ctx.live.supervisor(bot.id).main_program.terminal.tail.end
    os.kill(pid, signal.SIGKILL)
    await until_it_waits(ctx, bot.id)
    assert (await instances.stop(ctx, bot.id)).instance.status is State.STOPPED  # a stop need not wait for it
    start = asyncio.create_task(instances.start(ctx, bot.id))
    waiting = await until_it_waits(ctx, bot.id)
    assert instances.with_reason(ctx, bot.id, instances.ADDED).en.endswith(
        f"Port {waiting.port} still has connections that are being closed, which usually takes a minute at most"
    )
    client.close()
    await start
    await until_running(ctx, bot.id, end)


async def test_a_start_that_waited_in_vain_is_refused(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("terminals.preparation.CLOSING_PORT_S", 0.0)
    bot = await add_bot(ctx, tmp_path / "bot")
    with socket.socket() as listener:  # without SO_REUSEADDR
        listener.bind(("127.0.0.1", bot.port))
        listener.listen()
        client = connect(bot.port)
        listener.accept()[0].close()
    with client, pytest.raises(PortInUse, match=f"Port {bot.port} still has connections"):
        await instances.start(ctx, bot.id)
    assert instances.get(ctx, bot.id).status is State.FAILED
