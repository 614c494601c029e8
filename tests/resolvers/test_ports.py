"""Another port for a bot that exists, in all files that name it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bots.documents import file, toml
from mailauncher.errors import InsufficientSpace, InvalidParameter, PortInUse
from mailauncher.grants import Grant, Scope
from resolvers import configuration, instances, ports
from resolvers.context import Context
from resolvers.views import InstanceView
from tests.support.configured import PORT, SERVICE, add_on_its_port, listening, write_configs, write_recipes
from tests.support.context import add_bot, free_port, outputs, parts

LISTENING_BOT = """
import socket, sys
servers = [socket.create_server(("127.0.0.1", port)) for port in ({port}, {other})]
print("listening", flush=True)
sys.stdin.read()
"""
ACCOUNTS = """
[[config]]
name = "onebot"
path = "config/onebot11.json"
also = "config/onebot11_*.json"
set = { "clients.0.url" = "ws://127.0.0.1:{main}" }
"""


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    write_recipes(tmp_path / "data")
    (tmp_path / "data/recipes/napcat.toml").write_text(SERVICE + ACCOUNTS, "utf-8")
    async with parts(tmp_path) as context:
        yield context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "talker"
    write_configs(folder)
    return folder


@pytest_asyncio.fixture
async def bot(ctx: Context, folder: Path) -> InstanceView:
    view = await add_on_its_port(ctx, folder, PORT)
    config = folder / "napcat/config"
    config.mkdir(parents=True)
    (config / "webui.json").write_text(json.dumps({"port": view.services[0].port, "main": {"port": PORT}}))
    for name in ("onebot11.json", "onebot11_10001.json"):
        (config / name).write_text(json.dumps({"clients": [{"url": f"ws://localhost:{PORT}/onebot"}]}))
    return view


async def test_a_port_that_is_free_is_not_taken(ctx: Context, bot: InstanceView) -> None:
    assert await ports.taken(ctx, bot.id) == []
    moved = await ports.move(ctx, bot.id)
    assert (moved.ports, moved.changes) == ((), ())


async def test_a_taken_port_becomes_a_free_one_wherever_it_stands(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    async with listening(PORT):
        with pytest.raises(PortInUse):
            await instances.start(ctx, bot.id)
        [taken] = await ports.taken(ctx, bot.id)
        assert (taken.name, taken.port) == ("main", PORT)
        assert "pid" in taken.owner.en
        moved = await ports.move(ctx, bot.id)
        [(name, former, port)] = [(one.name, one.former, one.port) for one in moved.ports]
        assert (name, former, port) == ("main", PORT, taken.free)
        assert instances.get(ctx, bot.id).port == port
        await instances.start(ctx, bot.id)
    text = (folder / "config/bot_config.toml").read_text("utf-8")
    assert toml.read(text)["server"]["port"] == port
    assert "# 端口" in text
    assert f"PORT={port}\n" in (folder / ".env").read_text("utf-8")
    config = folder / "napcat/config"
    assert json.loads((config / "webui.json").read_text())["main"]["port"] == port
    for account in ("onebot11.json", "onebot11_10001.json"):
        # what somebody has made of the rest of the value stays
        assert json.loads((config / account).read_text())["clients"] == [
            {"url": f"ws://localhost:{port}/onebot"}
        ]


async def test_every_changed_file_has_a_revision_from_before(ctx: Context, bot: InstanceView) -> None:
    port = free_port()
    moved = await ports.move(ctx, bot.id, {"main": port})
    names = [change.view.location.name for change in moved.changes]
    assert set(names) == {"bot", "env", "adapter", "onebot", "onebot.onebot11_10001"}
    assert set(names[-2:]) == {"bot", "env"}  # those of the program itself come last
    before = (await configuration.history(ctx, bot.id, "env"))[1]
    await configuration.restore(ctx, bot.id, "env", before.number)
    assert instances.get(ctx, bot.id).port == PORT


async def test_a_running_bot_has_to_be_restarted(ctx: Context, bot: InstanceView) -> None:
    assert not (await ports.move(ctx, bot.id, {"main": free_port()})).restart_needed
    await instances.start(ctx, bot.id)
    assert (await ports.move(ctx, bot.id, {"main": free_port()})).restart_needed


async def test_two_ports_may_change_places(ctx: Context, bot: InstanceView, folder: Path) -> None:
    webui = free_port()
    await ports.move(ctx, bot.id, {"webui": webui})
    await ports.move(ctx, bot.id, {"main": webui, "webui": PORT})
    found = toml.read((folder / "config/bot_config.toml").read_text("utf-8"))
    assert (found["server"]["port"], found["webui"]["port"]) == (webui, PORT)


@pytest.mark.parametrize("port", [0, -1, 65536])
async def test_what_is_no_port_is_refused(ctx: Context, bot: InstanceView, port: int) -> None:
    with pytest.raises(InvalidParameter):
        await ports.move(ctx, bot.id, {"main": port})


async def test_an_unknown_port_is_refused_and_the_known_ones_are_named(
    ctx: Context, bot: InstanceView
) -> None:
    with pytest.raises(InvalidParameter, match="main, webui, napcat"):
        await ports.move(ctx, bot.id, {"nothing": free_port()})


async def test_a_port_of_somebody_else_is_refused_before_anything_changes(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    before = (folder / ".env").read_bytes()
    other = await add_bot(ctx, folder.parent / "other")
    port = free_port()
    async with listening(port):
        for taken in (other.port, port, 8001):
            with pytest.raises(PortInUse):
                await ports.move(ctx, bot.id, {"main": taken})
    assert (folder / ".env").read_bytes() == before


async def test_a_file_with_a_syntax_error_is_named_and_the_port_stays(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    (folder / "napcat/config/webui.json").write_text("{")
    with pytest.raises(InvalidParameter, match=r"webui\.json"):
        await ports.move(ctx, bot.id, {"main": free_port()})
    assert instances.get(ctx, bot.id).port == PORT
    assert f"PORT={PORT}\n" in (folder / ".env").read_text("utf-8")


@pytest.mark.parametrize("stays_full", [False, True])
async def test_ports_of_two_programs_that_could_not_all_be_moved_stay_together(
    ctx: Context, bot: InstanceView, folder: Path, monkeypatch: pytest.MonkeyPatch, stays_full: bool
) -> None:
    """If the disk stays full, as after a kill, nothing is written back. The bot had its new port then, and the adapter looked for it at the former one, also after another attempt."""
    adapter = folder / "napcat/config/webui.json"
    files = [folder / ".env", folder / "config/bot_config.toml", adapter]
    before = [path.read_bytes() for path in files]
    service = json.loads(adapter.read_text())["port"]
    write = file.write_bytes
    done: list[str] = []

    def failing(folder: Path, path: str, *given: Any, **named: Any) -> Any:
        done.append(path)
        if len(done) in broken:
            raise InsufficientSpace(f"{path} 未改动", f"{path} was not changed")
        return write(folder, path, *given, **named)

    monkeypatch.setattr(file, "write_bytes", failing)
    # Of the bot's files, the adapter's twice, and those of two accounts.
    for nth in range(1, 7):
        done.clear()
        broken = range(nth, 100 if stays_full else nth + 1)
        async with listening(PORT), listening(service):
            with pytest.raises(InsufficientSpace) as caught:
                await ports.move(ctx, bot.id)
        if not stays_full:
            assert [path.read_bytes() for path in files] == before
            assert instances.get(ctx, bot.id).port == PORT
            continue
        if nth > 1:
            assert "give the same command again" in caught.value.text.en
            assert done[0] in caught.value.text.en
        broken = range(0)
        async with listening(PORT), listening(service):
            await ports.move(ctx, bot.id)
        view = instances.get(ctx, bot.id)
        found = json.loads(adapter.read_text())
        assert (found["main"]["port"], found["port"]) == (view.port, view.services[0].port)
        assert f"PORT={view.port}\n" in (folder / ".env").read_text("utf-8")
        assert view.port != PORT
        assert view.services[0].port != service
        await ports.move(ctx, bot.id, {"main": PORT, "napcat": service})


async def test_a_port_that_no_file_has_is_not_moved(ctx: Context, bot: InstanceView, folder: Path) -> None:
    """It was said to be moved, and those who look for the bot there were sent elsewhere."""
    (folder / ".env").unlink()
    (folder / "config/bot_config.toml").write_text("[webui]\nport = 8001\n")
    async with listening(PORT):
        [taken] = await ports.taken(ctx, bot.id)
        assert (taken.port, taken.free) == (PORT, None)
        with pytest.raises(PortInUse, match="no known configuration file has it"):
            await ports.move(ctx, bot.id)
    with pytest.raises(InvalidParameter, match="no port named main; they have: webui, napcat"):
        await ports.move(ctx, bot.id, {"main": free_port()})
    assert instances.get(ctx, bot.id).port == PORT
    assert json.loads((folder / "napcat/config/webui.json").read_text())["main"]["port"] == PORT


async def test_a_key_for_one_instance_learns_no_name_of_another_that_has_a_port(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    limited = replace(ctx, grant=Grant(Scope.ADMIN, frozenset({bot.id})))
    port = free_port()
    other = await add_bot(ctx, folder.parent / "secret", LISTENING_BOT.format(port=PORT, other=port))
    await instances.start(ctx, other.id)
    await outputs(ctx, f"{other.id}_main", "listening")
    [taken] = await ports.taken(ctx, bot.id)
    assert "of instance secret" in taken.owner.en
    [taken] = await ports.taken(limited, bot.id)
    assert "pid" in taken.owner.en
    assert "secret" not in taken.owner.en + taken.owner.zh
    for given in (port, other.port):
        with pytest.raises(PortInUse) as caught:
            await ports.move(limited, bot.id, {"main": given})
        assert "secret" not in caught.value.text.en + caught.value.text.zh
        with pytest.raises(PortInUse) as caught:
            await configuration.set_value(limited, bot.id, "env", ["PORT"], str(given))
        assert "secret" not in caught.value.text.en + caught.value.text.zh
    with pytest.raises(PortInUse, match="instance secret"):
        await ports.move(ctx, bot.id, {"main": other.port})


async def test_what_was_not_started_here_has_a_port_also_in_the_folder_of_the_bot(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    """A start was refused for want of the port, and no port was taken."""
    (folder / "stray.py").write_text(LISTENING_BOT.format(port=PORT, other=free_port()))
    stray = await asyncio.create_subprocess_exec(
        sys.executable,
        "stray.py",
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert stray.stdout is not None
        await stray.stdout.readline()
        with pytest.raises(PortInUse, match=f"pid {stray.pid}"):
            await instances.start(ctx, bot.id)
        [taken] = await ports.taken(ctx, bot.id)
        assert f"pid {stray.pid}" in taken.owner.en
        await ports.move(ctx, bot.id)
        await instances.start(ctx, bot.id)
    finally:
        await stray.communicate(b"")


async def test_what_a_bot_itself_listens_on_is_not_taken(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    (folder / "bot.py").write_text(LISTENING_BOT.format(port=PORT, other=free_port()))
    await instances.start(ctx, bot.id)
    await outputs(ctx, f"{bot.id}_main", "listening")
    assert await ports.taken(ctx, bot.id) == []


@pytest.mark.parametrize(
    "url, moves",
    [
        ("ws://127.0.0.1:{port}/{port}", True),
        ("ws://user:{port}@LOCALHOST:{port}", True),
        ("[::1]:{port}", True),
        ("0.0.0.0:{port}", True),
        (" {port} ", True),
        ("ws://bot{port}.example.com:{port}/x", False),
        ("ws://192.168.1.9:{port}", False),
        ("ws://localhost.example.com:{port}", False),
        ("ws://not-localhost:{port}", False),
        ("ws://10.127.0.0.1:{port}", False),
        ("ws://[fe80::1]:{port}", False),
        ("ws://127.0.0.1:{port}0", False),
    ],
)
async def test_only_addresses_of_this_machine_get_the_new_port(
    ctx: Context, bot: InstanceView, folder: Path, url: str, moves: bool
) -> None:
    account = folder / "napcat/config/onebot11.json"
    before = url.format(port=PORT)
    account.write_text(json.dumps({"clients": [{"url": before}]}))
    port = free_port()
    await ports.move(ctx, bot.id, {"main": port})
    [client] = json.loads(account.read_text())["clients"]
    head, _, tail = before.partition(f"@LOCALHOST:{PORT}" if "@" in url else str(PORT))
    expected = f"{head}@LOCALHOST:{port}" if "@" in url else f"{head}{port}{tail}"
    assert client["url"] == (expected if moves else before)


async def test_two_bots_that_move_at_once_get_different_ports(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    folder = folder.parent / "other"
    write_configs(folder)
    port = PORT + 1  # the next free one is the same for both
    for name in ("bot_config.toml", "../.env"):
        file = folder / "config" / name
        file.write_text(file.read_text("utf-8").replace(str(PORT), str(port)), "utf-8")
    other = await add_on_its_port(ctx, folder, port)
    async with listening(PORT), listening(port):
        moved = await asyncio.gather(*(ports.move(ctx, each.id) for each in (bot, other)))
    found = [one.port for each in moved for one in each.ports if one.name == "main"]
    assert len(set(found)) == 2
