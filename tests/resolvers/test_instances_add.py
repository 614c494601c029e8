"""Adding an existing folder: what is taken, what is refused, and that a refusal leaves nothing behind."""

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mailauncher.errors import (
    Code,
    DatabaseError,
    DuplicateResource,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PortInUse,
)
from mailauncher.events import InstanceChanged
from resolvers import instances, system
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.instances import SERVICES_LIMIT, NewInstance, NewService
from resolvers.views import InstanceView
from terminals.states import State
from tests.support.context import free_port, parts
from tests.support.unprivileged import nobodys_folder

PORT, OTHER_PORT, SERVICE_PORT = (free_port() for _ in range(3))


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """A folder that might be a bot's."""
    return bot_in(tmp_path / "bot")


def bot_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bot.py").touch()
    return folder


def new(folder: object, **changes: Any) -> NewInstance:
    values: dict[str, Any] = {"name": "麦麦", "path": str(folder), "port": PORT}
    return NewInstance(**(values | changes))


async def add(ctx: Context, folder: object, **changes: Any) -> InstanceView:
    return await instances.add(ctx, new(folder, **changes))


async def refused(
    ctx: Context, folder: object, error: type[LauncherError], field: str | None = None, **changes: Any
) -> LauncherError:
    """The refusal; afterwards everything is as before."""
    before = list(ctx.store.registry), ctx.live.views, ctx.live.version, await ctx.store.journal.last()
    with pytest.raises(error) as caught:
        await add(ctx, folder, **changes)
    assert caught.value.field == field
    assert before == (
        list(ctx.store.registry),
        ctx.live.views,
        ctx.live.version,
        await ctx.store.journal.last(),
    )
    return caught.value


# What is taken


async def test_an_added_instance_has_everything_the_reference_says(ctx: Context, bot: Path) -> None:
    (bot / "pyproject.toml").write_text('[project]\nversion = "0.12.3"', "utf-8")
    before = int(time.time() * 1000)
    view = await add(ctx, bot)
    assert re.fullmatch(r"[0-9a-f]{40}", view.id)
    assert before <= int(view.installed_at) <= int(time.time() * 1000)
    assert (view.name, view.path, view.port, view.version) == ("麦麦", str(bot), PORT, "0.12.3")
    assert (view.status, view.recipe, view.services) == (State.STOPPED, "maibot", ())
    assert (view.pid, view.started_at, view.failure) == (None, None, None)


async def test_an_added_instance_is_listed_at_once_and_after_a_restart(tmp_path: Path, bot: Path) -> None:
    async with parts(tmp_path) as ctx:
        view = await add(ctx, bot, services=(NewService("extra", str(bot), SERVICE_PORT, "node x.js"),))
        assert instances.list_all(ctx) == [view]
        assert instances.stats(ctx).total == 1
    async with parts(tmp_path) as ctx:
        assert instances.list_all(ctx) == [view]


async def test_adding_is_published_and_noted_in_the_journal(ctx: Context, bot: Path) -> None:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        view = await add(ctx, bot)
        async with asyncio.timeout(5):
            assert await anext(changes) == InstanceChanged(view.id)
    (event,) = await system.events(ctx)
    assert (event.kind, event.instance_id, event.caller) == ("add", view.id, "server")
    assert "麦麦" in event.text.zh


async def test_adding_changes_nothing_in_the_folder(ctx: Context, bot: Path) -> None:
    (bot / "napcat").mkdir()
    (bot / "napcat" / "index.js").touch()

    def state() -> set[tuple[str, int]]:
        return {(str(path), path.stat().st_mtime_ns) for path in (bot, *bot.rglob("*"))}

    before = state()
    await add(ctx, bot)
    assert state() == before


async def test_two_instances_never_have_the_same_id(ctx: Context, tmp_path: Path) -> None:
    ids = set()
    for number in range(5):
        ids.add((await add(ctx, bot_in(tmp_path / str(number)), name=str(number), port=free_port())).id)
    assert len(ids) == 5


async def test_a_run_command_replaces_that_of_the_recipe(ctx: Context, bot: Path) -> None:
    view = await add(ctx, bot, run_command="{python} 'my bot.py'")
    record = ctx.store.registry.get(view.id)
    assert record is not None
    assert record.run_command == "{python} 'my bot.py'"


async def test_an_empty_run_command_means_that_of_the_recipe(ctx: Context, bot: Path) -> None:
    record = ctx.store.registry.get((await add(ctx, bot, run_command="")).id)
    assert record is not None
    assert record.run_command is None


# Names


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "x" * 64,
        "麦" * 64,
        "maibot-stable_1.2 x",
        "हिन्दी",
        "Ünïcode",
        "٣",
        "...",
        "-",
    ],
)
async def test_a_name_may_have_letters_of_any_script(ctx: Context, bot: Path, name: str) -> None:
    assert (await add(ctx, bot, name=name)).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 65,
        ".",
        "..",
        " a",
        "a ",
        "a\u3000",
        "a/b",
        "a\\b",
        "../a",
        "a\nb",
        "a\n",
        "a\tb",
        "a\0b",
        "\x1b[2J",
        "a😀",
        "a\u200bb",
        "a\u202eb",
        "a\ud800",
        "a:b",
        "a*b",
        "<b>",
        "a\u00a0b",
    ],
)
async def test_any_other_name_is_refused(ctx: Context, bot: Path, name: str) -> None:
    error = await refused(ctx, bot, InvalidParameter, "name", name=name)
    assert error.code is Code.INVALID_PARAMETER


async def test_a_name_that_is_taken_is_refused(ctx: Context, bot: Path, tmp_path: Path) -> None:
    await add(ctx, bot)
    await refused(ctx, tmp_path, DuplicateResource, "name", port=OTHER_PORT)


async def test_names_that_differ_in_case_are_different(ctx: Context, bot: Path, tmp_path: Path) -> None:
    await add(ctx, bot, name="Bot")
    assert (await add(ctx, bot_in(tmp_path), name="bot", port=OTHER_PORT)).name == "bot"


# Ports


@pytest.mark.parametrize("port", [1, 65535])
async def test_every_valid_port_is_accepted(ctx: Context, bot: Path, port: int) -> None:
    assert (await add(ctx, bot, port=port)).port == port


@pytest.mark.parametrize("port", [0, -1, 65536, 1 << 40])
async def test_an_invalid_port_is_refused(ctx: Context, bot: Path, port: int) -> None:
    await refused(ctx, bot, InvalidParameter, "port", port=port)
    if port:
        services = (NewService("extra", str(bot), port, "x"),)
        await refused(ctx, bot, InvalidParameter, "port", services=services)


async def test_a_port_of_another_instance_is_refused(ctx: Context, bot: Path, tmp_path: Path) -> None:
    await add(ctx, bot)
    error = await refused(ctx, bot_in(tmp_path), PortInUse, "port", name="other")
    assert "麦麦" in error.text.zh
    assert str(PORT) in error.text.en


async def test_a_port_of_another_instances_service_is_refused(
    ctx: Context, bot: Path, tmp_path: Path
) -> None:
    await add(ctx, bot, services=(NewService("extra", str(bot), SERVICE_PORT, "x"),))
    await refused(ctx, bot_in(tmp_path), PortInUse, "port", name="other", port=SERVICE_PORT)
    services = (NewService("extra", str(bot), SERVICE_PORT, "x"),)
    await refused(ctx, bot_in(tmp_path), PortInUse, "port", name="other", port=OTHER_PORT, services=services)
    services = (NewService("extra", str(bot), PORT, "x"),)
    await refused(ctx, bot_in(tmp_path), PortInUse, "port", name="other", port=OTHER_PORT, services=services)


async def test_two_programs_of_one_instance_cannot_have_the_same_port(ctx: Context, bot: Path) -> None:
    """It was taken, and then the second of them could never start."""
    with_main = (NewService("a", str(bot), PORT, "x"),)
    await refused(ctx, bot, InvalidParameter, "port", services=with_main)
    with_each_other = (
        NewService("a", str(bot), SERVICE_PORT, "x"),
        NewService("b", str(bot), SERVICE_PORT, "x"),
    )
    await refused(ctx, bot, InvalidParameter, "port", services=with_each_other)


async def test_services_without_ports_do_not_conflict(ctx: Context, bot: Path, tmp_path: Path) -> None:
    services = (NewService("a", str(bot), None, "x"), NewService("b", str(bot), 0, "x"))
    assert [s.port for s in (await add(ctx, bot, services=services)).services] == [0, 0]
    await add(ctx, bot_in(tmp_path), name="other", port=OTHER_PORT, services=services)


FILES = {
    "0.6.3": {".env": f"HOST=127.0.0.1\nPORT={PORT}\n"},
    "0.12.3": {".env": f"PORT='{PORT}'\nWEBUI_PORT=8001\n"},
    "1.2.1": {"config/bot_config.toml": f"[maim_message]\nws_server_port = {PORT}\n", ".env": "PORT=1\n"},
    "unknown": {".env": f"PORT={PORT}\n"},
}


@pytest.mark.parametrize("version", FILES)
async def test_ports_are_read_from_the_folder(ctx: Context, bot: Path, version: str) -> None:
    """Whatever a bot's files said, it was added with port 8000, and its services with ports that earlier versions had."""
    project = f'[project]\nversion = "{version}"' if version != "unknown" else ""
    adapter = {
        "nonebot-ada/main.py": "",
        "nonebot-ada/config.toml": f"[napcat_server]\nport = {SERVICE_PORT}\n",
    }
    for name, text in ({"pyproject.toml": project} | FILES[version] | adapter).items():
        (bot / name).parent.mkdir(exist_ok=True)
        (bot / name).write_text(text, "utf-8")
    view = await add(ctx, bot, port=None)
    assert (view.version, view.port) == (version, PORT)
    assert [(s.name, s.port) for s in view.services] == [("nonebot-ada", SERVICE_PORT)]
    assert await instances.added(ctx, view.id) == instances.ADDED


async def test_a_bot_whose_files_name_no_port_has_the_usual_one(
    ctx: Context, bot: Path, tmp_path: Path
) -> None:
    await add(ctx, bot, port=8000)
    error = await refused(ctx, bot_in(tmp_path), PortInUse, "port", name="other", port=None)
    assert "names no port, so the usual one was taken" in error.text.en
    (tmp_path / ".env").write_text("PORT=8000\n", "utf-8")
    error = await refused(ctx, tmp_path, PortInUse, "port", name="other", port=None)
    assert "The bot's configuration has this port" in error.text.en


async def test_whoever_adds_a_bot_is_told_of_its_terms_and_of_another_port(ctx: Context, bot: Path) -> None:
    """A bot with another port in its files, and one whose terms nobody had accepted, were added without a word."""
    (bot / ".env").write_text(f"PORT={OTHER_PORT}\n", "utf-8")
    (bot / "EULA.md").write_text("be nice", "utf-8")
    told = await instances.added(ctx, (await add(ctx, bot)).id)
    first, port, terms = told.en.splitlines()
    assert first == instances.ADDED.en
    assert f"{OTHER_PORT} and not {PORT}" in port
    assert "EULA.md" in terms
    assert len(told.zh.splitlines()) == 3


async def test_a_folder_with_nothing_to_run_is_refused(ctx: Context, tmp_path: Path) -> None:
    """An empty folder was added, and only its start said that there is nothing to run."""
    for port in (PORT, None):
        error = await refused(ctx, tmp_path, InvalidPath, "path", port=port)
        assert "bot.py" in error.text.en
    assert (await add(ctx, tmp_path, run_command="./own")).path == str(tmp_path)


LISTENING = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("started", ["in its folder", "by its path"])
async def test_a_running_bot_is_added_with_the_port_that_it_listens_on(
    ctx: Context, bot: Path, started: str
) -> None:
    """Only a start needs the port to be free."""
    (bot / "bot.py").write_text(LISTENING, "utf-8")
    inside = started == "in its folder"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "bot.py" if inside else str(bot / "bot.py"),
        cwd=bot if inside else None,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        assert (await add(ctx, bot, port=port)).port == port
    finally:
        await process.communicate(b"")


async def test_a_port_that_another_process_listens_on_is_refused(ctx: Context, bot: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        await refused(ctx, bot, PortInUse, "port", port=server.sockets[0].getsockname()[1])


# Folders


@pytest.mark.parametrize("path", ["{bot}/", "{bot}/.", "{bot}/../bot", "{bot}//", " {bot} "])
async def test_differently_written_paths_of_a_folder_are_stored_alike(
    ctx: Context, bot: Path, path: str
) -> None:
    assert (await add(ctx, path.format(bot=bot))).path == str(bot)


@pytest.mark.parametrize("form", ["~/a bot", "~\\a bot", "~//a bot/"])
async def test_a_tilde_means_the_workspace(ctx: Context, form: str) -> None:
    folder = bot_in(ctx.settings.workspace_folder / "a bot")
    assert (await add(ctx, form)).path == str(folder)


async def test_a_tilde_alone_is_the_workspace_itself(ctx: Context) -> None:
    bot_in(ctx.settings.workspace_folder)
    assert (await add(ctx, "~")).path == str(ctx.settings.workspace_folder)


async def test_a_backslash_is_taken_for_a_slash(ctx: Context, bot: Path) -> None:
    assert (await add(ctx, str(bot).replace("/", "\\"))).path == str(bot)


async def test_a_link_is_resolved_to_its_folder(ctx: Context, bot: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bot)
    assert (await add(ctx, tmp_path / "link")).path == str(bot)
    await refused(ctx, bot, DuplicateResource, "path", name="other", port=OTHER_PORT)
    (tmp_path / "second").symlink_to("bot")
    await refused(ctx, tmp_path / "second", DuplicateResource, "path", name="other", port=OTHER_PORT)


@pytest.mark.parametrize("path", ["{bot}", "{bot}/", "{bot}/x/..", "{bot}\\"])
async def test_a_folder_that_is_managed_already_is_refused(ctx: Context, bot: Path, path: str) -> None:
    (bot / "x").mkdir()
    await add(ctx, bot)
    error = await refused(
        ctx, path.format(bot=bot), DuplicateResource, "path", name="other", port=free_port()
    )
    assert "麦麦" in error.text.zh


@pytest.mark.parametrize(
    "path",
    [
        "",
        "  ",
        "bot",
        "./bot",
        "../bot",
        ".",
        "C:\\MaiBot\\MaiBot-1",
        "D:/MaiBot",
        "~root/bot",
        "~~",
        "/nowhere/at/all",
        "~/nowhere",
        "/tmp/a\0b",
        "/" + "x" * 300,
        "/x" * 3000,
        "/dev/null",
        "/\udcff",
        "file:///tmp",
        "\n",
    ],
)
async def test_an_invalid_or_missing_path_is_refused(ctx: Context, path: str) -> None:
    error = await refused(ctx, path, InvalidPath, "path")
    assert (error.code, error.info.http) == (Code.INVALID_PATH, 400)
    assert len(error.text.en) < 5000


async def test_the_path_of_a_file_is_refused(ctx: Context, bot: Path) -> None:
    await refused(ctx, bot / "bot.py", InvalidPath, "path")
    await refused(ctx, bot / "bot.py" / "below", InvalidPath, "path")


async def test_a_broken_link_is_refused(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    await refused(ctx, tmp_path / "dangling", InvalidPath, "path")
    await refused(ctx, tmp_path / "loop", InvalidPath, "path")


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400])
def test_a_folder_that_may_not_be_read_or_entered_is_refused(mode: int) -> None:
    """One that could be listed but not entered was an internal error: what stands in it cannot be asked for."""
    with nobodys_folder() as folder:
        folder.chmod(mode)
        with pytest.raises(InvalidPath):
            folders.existing_folder(Path("/nowhere"), str(folder))
        folder.chmod(0o500)
        assert folders.existing_folder(Path("/nowhere"), str(folder)) == folder


async def test_a_folder_whose_name_is_not_utf8_is_refused(ctx: Context, tmp_path: Path) -> None:
    strange = tmp_path / "a\udcff"
    strange.mkdir()
    (tmp_path / "link").symlink_to(strange)
    await refused(ctx, strange, InvalidPath, "path")
    await refused(ctx, tmp_path / "link", InvalidPath, "path")


# Services


async def test_services_in_the_folder_are_found(ctx: Context, bot: Path) -> None:
    for file in ("napcat/index.js", "nonebot-ada/main.py"):
        (bot / file).parent.mkdir()
        (bot / file).touch()
    found = {s.name: (s.path, s.port, s.status) for s in (await add(ctx, bot)).services}
    assert found == {
        "napcat": (str(bot / "napcat"), 8095, State.STOPPED),
        "nonebot-ada": (str(bot / "nonebot-ada"), 18002, State.STOPPED),
    }


async def test_with_explicit_services_no_others_are_looked_for(ctx: Context, bot: Path) -> None:
    (bot / "napcat").mkdir()
    (bot / "napcat" / "index.js").touch()
    assert (await add(ctx, bot, services=())).services == ()


async def test_a_service_has_the_folder_of_its_name_and_its_usual_port(ctx: Context, bot: Path) -> None:
    (bot / "napcat").mkdir()
    (service,) = (await add(ctx, bot, services=(NewService("napcat"),))).services
    assert (service.path, service.port) == (str(bot / "napcat"), 8095)


async def test_a_service_may_have_another_folder_and_another_port(
    ctx: Context, bot: Path, tmp_path: Path
) -> None:
    (tmp_path / "napcat").mkdir()
    (service,) = (
        await add(ctx, bot, services=(NewService("napcat", str(tmp_path / "napcat"), 3001),))
    ).services
    assert (service.path, service.port) == (str(tmp_path / "napcat"), 3001)


async def test_a_service_is_stored_under_its_own_name(ctx: Context, bot: Path) -> None:
    (bot / "nonebot-ada").mkdir()
    (service,) = (await add(ctx, bot, services=(NewService("nonebot"),))).services
    assert service.name == "nonebot-ada"


async def test_an_unknown_service_needs_a_run_command(ctx: Context, bot: Path) -> None:
    await refused(ctx, bot, InvalidParameter, "install_services", services=(NewService("x", str(bot)),))
    (service,) = (await add(ctx, bot, services=(NewService("x", str(bot), None, "node x.js"),))).services
    assert (service.name, service.port) == ("x", 0)


@pytest.mark.parametrize(
    "name", ["", "main", "Main", "a b", "a/b", "../a", "a_b", "-a", ".a", "麦麦", "a\n", "x" * 65, "x" * 9999]
)
async def test_a_service_whose_name_is_not_fit_for_a_terminal_is_refused(
    ctx: Context, bot: Path, name: str
) -> None:
    services = (NewService(name, str(bot), None, "x"),)
    error = await refused(ctx, bot, InvalidParameter, "install_services", services=services)
    assert len(error.text.en) < 200


@pytest.mark.parametrize("twice", [("x", "x"), ("nonebot", "nonebot-ada")])
async def test_a_service_named_twice_is_refused(ctx: Context, bot: Path, twice: tuple[str, ...]) -> None:
    services = tuple(NewService(name, str(bot), port, "x") for name, port in zip(twice, (1, 2), strict=True))
    await refused(ctx, bot, InvalidParameter, "install_services", services=services)


async def test_too_many_services_are_refused(ctx: Context, bot: Path) -> None:
    services = tuple(NewService(f"s{n}", str(bot), None, "x") for n in range(SERVICES_LIMIT + 1))
    await refused(ctx, bot, InvalidParameter, "services", services=services)
    assert len((await add(ctx, bot, services=services[:-1])).services) == SERVICES_LIMIT


@pytest.mark.parametrize("path", [None, "napcat", "/nowhere/napcat", "~/napcat", "{bot}/bot.py"])
async def test_a_service_without_a_folder_is_refused(ctx: Context, bot: Path, path: str | None) -> None:
    given = path.format(bot=bot) if path else None
    await refused(ctx, bot, InvalidPath, "path", services=(NewService("napcat", given),))


@pytest.mark.parametrize("command", ["'open", "   ", "a\0b"])
async def test_a_run_command_that_cannot_be_parsed_is_refused(ctx: Context, bot: Path, command: str) -> None:
    await refused(ctx, bot, InvalidParameter, "run_cmd", run_command=command)
    services = (NewService("x", str(bot), None, command),)
    await refused(ctx, bot, InvalidParameter, "run_cmd", services=services)


# Several at once, and failures


async def test_a_folder_that_is_added_twice_at_once_is_added_once(ctx: Context, bot: Path) -> None:
    found = await asyncio.gather(
        *(add(ctx, bot, name=f"bot {n}", port=free_port()) for n in range(5)), return_exceptions=True
    )
    assert len([one for one in found if isinstance(one, InstanceView)]) == 1
    assert len([one for one in found if isinstance(one, DuplicateResource)]) == 4
    assert len(instances.list_all(ctx)) == 1


async def test_an_instance_that_cannot_be_stored_is_not_listed(
    ctx: Context, bot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise DatabaseError("数据库错误", "Database error")

    with monkeypatch.context() as patch:
        patch.setattr(ctx.store.registry, "add", full)
        await refused(ctx, bot, DatabaseError)
    assert (await add(ctx, bot)).name == "麦麦"
