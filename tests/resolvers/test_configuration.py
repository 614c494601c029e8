"""Configuration files of an instance: every change is atomic, recorded as a revision, and can be undone."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bots.documents import file
from bots.documents.errors import DocumentSyntaxError
from mailauncher import in_place
from mailauncher.errors import (
    Conflict,
    DatabaseError,
    FileTooLarge,
    InstanceNotFound,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PortInUse,
    ResourceNotFound,
)
from resolvers import config_diffs, configuration, instances, services
from resolvers.configuring import diff
from resolvers.context import Context
from resolvers.views import InstanceView
from store import revisions
from tests.support.bind_mount import bind_mount
from tests.support.configured import BOT, ENV, write_configs, write_recipes
from tests.support.context import PATIENCE_S, PATIENT_BOT, add_bot, free_port, parts

NOBODY = "0" * 40


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    write_recipes(tmp_path / "data")
    async with parts(tmp_path) as context:
        yield context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_configs(tmp_path / "talker")
    return tmp_path / "talker"


@pytest_asyncio.fixture
async def bot(ctx: Context, folder: Path) -> InstanceView:
    return await add_bot(ctx, folder, PATIENT_BOT, napcat=PATIENT_BOT)


async def text(ctx: Context, bot: InstanceView, name: str) -> str:
    return (await configuration.read(ctx, bot.id, name)).text


async def sources(ctx: Context, bot: InstanceView, name: str) -> list[str]:
    return [revision.source for revision in await configuration.history(ctx, bot.id, name)]


async def test_files_that_are_mounts_of_their_own_are_saved(
    ctx: Context, bot: InstanceView, folder: Path, tmp_path: Path
) -> None:
    """A file that was given to a container on its own (`-v file:file`) could never be saved: INTERNAL_ERROR, no reason."""
    for name, path, patch in (
        ("bot", "config/bot_config.toml", {"ai": {"api_key": "x"}}),
        ("env", ".env", {"A": "1"}),
    ):
        own = tmp_path / name
        own.write_bytes((folder / path).read_bytes())
        own.chmod(0o640)
        with bind_mount(own, folder / path):
            change = await configuration.merge(ctx, bot.id, name, patch)
            assert own.read_text("utf-8") == change.view.text == await text(ctx, bot, name)
            assert stat.S_IMODE(own.stat().st_mode) == 0o640
            made, former = await configuration.history(ctx, bot.id, name)
            assert (made.source, former.source) == ("api", "disk")
            await configuration.restore(ctx, bot.id, name, former.number)
            assert own.read_bytes() == (BOT if name == "bot" else ENV).encode()
    assert not list(folder.rglob(".mailauncher-*"))


async def test_a_file_that_a_killed_server_was_writing_in_place_is_completed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recipes(tmp_path / "data")
    write_configs(tmp_path / "talker")
    place = tmp_path / "talker/config/bot_config.toml"
    with bind_mount(tmp_path / "talker/talker.txt", place):
        async with parts(tmp_path) as ctx:
            await add_bot(ctx, tmp_path / "talker", PATIENT_BOT)
            with monkeypatch.context() as killed:
                # As a kill leaves it: what was written is there in part, and nothing is tidied up.
                killed.setattr(in_place, "_put", lambda file, content, _: os.pwrite(file, content[:20], 0))
                killed.setattr(in_place, "_remove", lambda *_: None)
                file.write(tmp_path / "talker", "config/bot_config.toml", "written = 'in part, then whole'\n")
            assert place.read_text() == "written = 'in part, "
        async with parts(tmp_path):
            assert place.read_text() == "written = 'in part, then whole'\n"
            assert not list(place.parent.glob(".mailauncher-*"))


# Which files there are


async def test_an_instance_has_the_files_of_its_recipe_the_standard_ones_and_those_of_its_services(
    ctx: Context, bot: InstanceView
) -> None:
    found = await configuration.list_of(ctx, bot.id)

    assert [(entry.location.name, entry.location.path, entry.exists) for entry in found] == [
        ("bot", "config/bot_config.toml", True),
        ("model", "config/model_config.toml", False),
        ("env", ".env", True),
        ("adapter", "napcat/config/webui.json", False),
    ]
    assert {entry.location.name for entry in found if entry.location.restart} == {"model", "env", "adapter"}


async def test_files_that_exist_are_listed_and_those_that_the_version_never_has_are_not(
    ctx: Context, bot: InstanceView, folder: Path, tmp_path: Path
) -> None:
    """`plugins/*/config.toml` was in no list, and `lpmm` in that of every bot, as not there yet."""
    for path in ("plugins/mute/config.toml", "plugins/表情/config.toml", "elsewhere/config.toml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("on = true\n")
    (tmp_path / "plugins").rename(folder / "plugins")
    (folder / "plugins" / "without").mkdir()
    (folder / "plugins" / "a\nb").mkdir()
    (folder / "plugins" / "a\nb" / "config.toml").touch()
    (folder / "plugins" / "outside").symlink_to(tmp_path / "elsewhere")

    listed = [entry.location.name for entry in await configuration.list_of(ctx, bot.id)]
    assert listed == ["bot", "model", "env", "adapter", "extra.mute", "extra.表情"]
    change = await configuration.set_value(ctx, bot.id, "extra.表情", ["on"], False)
    assert (change.changed, (folder / "plugins/表情/config.toml").read_text()) == (True, "on = false\n")

    (folder / "config/lpmm_config.toml").touch()
    assert "lpmm" in {entry.location.name for entry in await configuration.list_of(ctx, bot.id)}
    (folder / "plugins/mute/config.toml").unlink()
    with pytest.raises(ResourceNotFound):
        await configuration.read(ctx, bot.id, "extra.mute")


async def test_a_value_that_the_program_maintains_is_not_set(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    """`inner.version`, by which a bot knows how old a file is, could be set like any other."""
    await configuration.set_value(ctx, bot.id, "model", ["inner", "version"], "1.0")  # none is there
    written = (folder / "config/model_config.toml").read_text()
    for change in (
        configuration.set_value(ctx, bot.id, "model", ["inner", "version"], "2.0"),
        configuration.merge(ctx, bot.id, "model", {"inner": None}),
        configuration.unset(ctx, bot.id, "model", ["inner", "version"]),
    ):
        with pytest.raises(InvalidParameter) as caught:
            await change
        assert caught.value.field == "inner.version"
    assert (folder / "config/model_config.toml").read_text() == written
    await configuration.merge(ctx, bot.id, "model", {"inner": {"version": "1.0"}, "a": 1})
    await configuration.write_text(ctx, bot.id, "model", "[inner]\nversion = '2.0'\n")


async def test_a_hosted_service_has_its_file_where_it_is_installed(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    with pytest.raises(ResourceNotFound):
        await configuration.read(ctx, bot.id, "plugin")
    (folder / "plugins" / "plugin").mkdir(parents=True)

    await configuration.merge(ctx, bot.id, "plugin", {"plugin": {"enabled": True}})

    assert (folder / "plugins/plugin/config.toml").read_text() == "[plugin]\nenabled = true\n"


async def test_a_service_outside_the_instance_has_its_file_there(
    ctx: Context, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main.py").touch()
    (folder / "bot.py").touch()
    service = instances.NewService("napcat", str(tmp_path / "elsewhere"), free_port())
    added = await instances.add(
        ctx, instances.NewInstance("talker", str(folder), free_port(), None, (service,))
    )

    await configuration.merge(ctx, added.id, "adapter", {"a": 1})

    assert (tmp_path / "elsewhere/config/webui.json").read_text() == '{\n  "a": 1\n}\n'


async def test_an_unknown_instance_or_file_is_not_found(ctx: Context, bot: InstanceView) -> None:
    with pytest.raises(InstanceNotFound):
        await configuration.list_of(ctx, NOBODY)
    with pytest.raises(InstanceNotFound):
        await configuration.read(ctx, NOBODY, "bot")
    with pytest.raises(ResourceNotFound, match="nothing") as caught:
        await configuration.merge(ctx, bot.id, "nothing", {})
    assert "model" in caught.value.text.zh


async def test_a_missing_file_is_empty_and_created_by_the_first_change(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    view = await configuration.read(ctx, bot.id, "lpmm")
    assert (view.text, view.exists, view.config()) == ("", False, {})

    await configuration.merge(ctx, bot.id, "lpmm", {"lpmm": {"version": "0.1"}})

    assert (folder / "config/lpmm_config.toml").read_text() == '[lpmm]\nversion = "0.1"\n'
    assert await sources(ctx, bot, "lpmm") == ["api"]


# Changes


async def test_a_merge_leaves_all_other_text_unchanged(ctx: Context, bot: InstanceView, folder: Path) -> None:
    (folder / ".env").chmod(0o640)

    change = await configuration.merge(ctx, bot.id, "env", {"HOST": "0.0.0.0", "NEW": "a b"})

    assert (folder / ".env").read_text("utf-8") == ENV.replace("127.0.0.1", "0.0.0.0") + "NEW='a b'\n"
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o640
    assert change.keys == ("HOST", "NEW")
    assert change.changed


async def test_an_empty_change_writes_nothing(ctx: Context, bot: InstanceView, folder: Path) -> None:
    before = (folder / "config/bot_config.toml").stat()
    view = await configuration.read(ctx, bot.id, "bot")

    change = await configuration.merge(ctx, bot.id, "bot", view.config())

    assert not change.changed
    assert not change.restart_needed
    assert (folder / "config/bot_config.toml").stat().st_mtime_ns == before.st_mtime_ns
    assert (folder / "config/bot_config.toml").stat().st_ino == before.st_ino
    assert len(await configuration.history(ctx, bot.id, "bot")) == 1


async def test_values_are_set_and_unset_by_path(ctx: Context, bot: InstanceView) -> None:
    await configuration.set_value(ctx, bot.id, "bot", ["server", "hosts", "1"], "::1")
    await configuration.unset(ctx, bot.id, "bot", ["version"])

    assert await text(ctx, bot, "bot") == BOT.replace('version = "1.0.0"\n', "").replace(
        '"127.0.0.1", # 本机\n', '"127.0.0.1", # 本机\n    "::1",\n'
    )


async def test_a_text_with_invalid_syntax_is_not_written(ctx: Context, bot: InstanceView) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        await configuration.write_text(ctx, bot.id, "bot", "a = 1\nb = = 2\n")
    assert (caught.value.line, caught.value.column) == (2, 5)
    assert await text(ctx, bot, "bot") == BOT

    await configuration.write_text(ctx, bot.id, "bot", "\ufeffa = 1\r\n")
    assert await text(ctx, bot, "bot") == "a = 1\r\n"
    problem = await configuration.problem(ctx, bot.id, "env", "two words = 1")
    assert problem is not None
    assert await configuration.problem(ctx, bot.id, "env", "WORD=1") is None


async def test_a_file_with_invalid_syntax_can_be_read_as_text_and_fixed(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    (folder / "config/bot_config.toml").write_text("a = = 1\n")
    view = await configuration.read(ctx, bot.id, "bot")
    assert view.text == "a = = 1\n"
    with pytest.raises(DocumentSyntaxError):
        view.config()
    with pytest.raises(DocumentSyntaxError):
        await configuration.merge(ctx, bot.id, "bot", {"b": 1})

    await configuration.write_text(ctx, bot.id, "bot", "a = 1\n", {view.etag})
    assert (await configuration.read(ctx, bot.id, "bot")).config() == {"a": 1}


@pytest.mark.parametrize(
    "content, error",
    [
        ("键 = 1\n".encode("gbk"), InvalidParameter),
        (b"#" * (file.LIMIT_BYTES + 1), FileTooLarge),
        (None, InvalidPath),
    ],
    ids=["GBK", "too large", "a link outside"],
)
async def test_an_unsafe_or_too_large_file_is_refused_and_unchanged(
    ctx: Context, bot: InstanceView, folder: Path, content: bytes | None, error: type[LauncherError]
) -> None:
    path = folder / ".env"
    if content is None:
        path.rename(folder.parent / "elsewhere.env")
        path.symlink_to("../elsewhere.env")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(error):
        await configuration.read(ctx, bot.id, "env")
    with pytest.raises(error):
        await configuration.merge(ctx, bot.id, "env", {"A": "1"})
    assert path.read_bytes() == before


async def test_a_full_disk_changes_nothing(
    ctx: Context, bot: InstanceView, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await configuration.read(ctx, bot.id, "env")
    port = bot.port

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InsufficientSpace):
            await configuration.merge(ctx, bot.id, "env", {"PORT": str(free_port())})
    assert (folder / ".env").read_text("utf-8") == ENV
    assert instances.get(ctx, bot.id).port == port
    assert await sources(ctx, bot, "env") == ["disk"]


# Two at once


async def test_of_two_writers_with_the_same_etag_one_gets_a_conflict(ctx: Context, bot: InstanceView) -> None:
    seen = {(await configuration.read(ctx, bot.id, "bot")).etag}

    results = await asyncio.gather(
        configuration.merge(ctx, bot.id, "bot", {"one": 1}, seen),
        configuration.merge(ctx, bot.id, "bot", {"two": 2}, seen),
        return_exceptions=True,
    )

    assert sorted(isinstance(result, Conflict) for result in results) == [False, True]
    config = (await configuration.read(ctx, bot.id, "bot")).config()
    assert ("one" in config) != ("two" in config)


async def test_unconditional_writers_lose_nothing(ctx: Context, bot: InstanceView) -> None:
    await asyncio.gather(
        *(configuration.merge(ctx, bot.id, "env", {f"N{i}": str(i)}) for i in range(20)),
        *(configuration.set_value(ctx, bot.id, "bot", [f"n{i}"], i) for i in range(20)),
    )

    variables = (await configuration.read(ctx, bot.id, "env")).config()
    config = (await configuration.read(ctx, bot.id, "bot")).config()
    assert {f"N{i}" for i in range(20)} <= variables.keys()
    assert {f"n{i}" for i in range(20)} <= config.keys()


async def test_what_the_bot_writes_between_reading_and_writing_is_kept(
    ctx: Context, bot: InstanceView, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash was compared before the new text was made only."""
    path, write, times = folder / ".env", file.write_bytes, 0

    def meddled(*args: Any, **named: Any) -> file.Loaded:
        nonlocal times
        times += 1
        if times == 1:
            path.write_text(ENV + "BOT=was here\n", "utf-8")
        return write(*args, **named)

    monkeypatch.setattr(file, "write_bytes", meddled)
    await configuration.merge(ctx, bot.id, "env", {"NEW": "1"})

    assert path.read_text("utf-8") == ENV + "BOT=was here\nNEW=1\n"
    assert await sources(ctx, bot, "env") == ["api", "disk", "disk"]


async def test_a_conditional_write_after_the_bots_is_a_conflict(
    ctx: Context, bot: InstanceView, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = file.write_bytes

    def meddled(*args: Any, **named: Any) -> file.Loaded:
        (folder / ".env").write_text("BOT=was here\n")
        return write(*args, **named)

    seen = {(await configuration.read(ctx, bot.id, "env")).etag}
    monkeypatch.setattr(file, "write_bytes", meddled)
    with pytest.raises(Conflict):
        await configuration.merge(ctx, bot.id, "env", {"NEW": "1"}, seen)
    assert (folder / ".env").read_text() == "BOT=was here\n"


async def test_a_condition_of_any_content_needs_an_existing_file(ctx: Context, bot: InstanceView) -> None:
    await configuration.merge(ctx, bot.id, "env", {"A": "1"}, {configuration.ANY})
    with pytest.raises(Conflict):
        await configuration.merge(ctx, bot.id, "lpmm", {"a": 1}, {configuration.ANY})


# Revisions


async def test_each_content_is_a_revision_and_can_be_restored(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    await configuration.merge(ctx, bot.id, "bot", {"a": 1})
    (folder / "config/bot_config.toml").write_text("b = 2 # by an editor\n")
    await configuration.read(ctx, bot.id, "bot")
    found = await configuration.history(ctx, bot.id, "bot")
    assert [revision.source for revision in found] == ["disk", "api", "disk"]

    change = await configuration.restore(ctx, bot.id, "bot", found[-1].number)

    assert change.changed
    assert await text(ctx, bot, "bot") == BOT
    assert await sources(ctx, bot, "bot") == ["restore", "disk", "api", "disk"]
    assert not (await configuration.restore(ctx, bot.id, "bot", found[-1].number)).changed
    with pytest.raises(ResourceNotFound):
        await configuration.restore(ctx, bot.id, "env", found[-1].number)


async def test_a_content_that_is_not_utf8_is_a_revision_and_can_be_restored(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    gbk = "# 麦麦\nA=1\n".encode("gbk")
    (folder / ".env").write_bytes(gbk)
    await ctx.configs.record_all(bot.id, "deploy")
    await configuration.write_text(ctx, bot.id, "env", "A=2\n")
    found = await configuration.history(ctx, bot.id, "env")
    assert [revision.source for revision in found] == ["api", "deploy", "disk"]

    await configuration.restore(ctx, bot.id, "env", found[1].number)

    assert (folder / ".env").read_bytes() == gbk


REWRITING = """
import socket
with open("config/bot_config.toml", "a") as file:
    file.write("by = 'the bot'\\n")
with socket.create_server(("127.0.0.1", {port})) as server:
    while True:
        server.accept()
"""


@pytest.mark.slow
async def test_what_a_bot_and_an_editor_wrote_is_recorded_unread_when_it_starts_and_is_ready(
    ctx: Context, tmp_path: Path
) -> None:
    """Revisions began when somebody first read the file: after a broken edit and a restart there was nothing to restore."""
    folder = tmp_path / "bot"
    (folder / "config").mkdir(parents=True)
    file = folder / "config/bot_config.toml"
    file.write_text("a = 1\n")
    bot = await add_bot(ctx, folder)
    (folder / "bot.py").write_text(REWRITING.format(port=bot.port))
    file.write_text("a = 2 # edited\n")

    await instances.start(ctx, bot.id)

    expected = ["a = 2 # edited\nby = 'the bot'\n", "a = 2 # edited\n", "a = 1\n"]
    async with asyncio.timeout(PATIENCE_S):
        # It is recorded in the background, of which no event tells.
        while len(found := await ctx.configs.revisions.older_than(bot.id, "bot", None, 9)) < len(expected):
            await asyncio.sleep(0.05)
    assert [
        await configuration.revision_text(ctx, bot.id, "bot", revision.number) for revision in found
    ] == expected


async def test_revisions_are_bounded_by_number_and_by_size(
    ctx: Context, bot: InstanceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "REVISIONS_KEPT", 3)
    for i in range(5):
        await configuration.merge(ctx, bot.id, "env", {"A": str(i)})
    assert len(await configuration.history(ctx, bot.id, "env")) == 3
    monkeypatch.setattr(revisions, "REVISIONS_KEPT_BYTES", 10)
    await configuration.merge(ctx, bot.id, "env", {"A": "last"})
    assert len(await configuration.history(ctx, bot.id, "env")) == 2


async def test_revisions_are_paged(ctx: Context, bot: InstanceView) -> None:
    for i in range(5):
        await configuration.merge(ctx, bot.id, "env", {"A": str(i)})
    first = await configuration.history(ctx, bot.id, "env", 4)
    rest = await configuration.history(ctx, bot.id, "env", 4, first[-1].number)
    assert (len(first), len(rest)) == (4, 2)
    for wrong in (0, 101):
        with pytest.raises(InvalidParameter):
            await configuration.history(ctx, bot.id, "env", wrong)


async def test_revisions_are_deleted_with_their_instance(ctx: Context, bot: InstanceView) -> None:
    await configuration.merge(ctx, bot.id, "env", {"A": "1"})
    await instances.delete(ctx, bot.id)
    assert await ctx.configs.revisions.newest(bot.id, "env") is None


async def test_a_diff_shows_what_changed_and_no_secret(ctx: Context, bot: InstanceView) -> None:
    await configuration.merge(
        ctx, bot.id, "bot", {"ai": {"api_key": "sk-other-secret"}, "server": {"hosts": ["::1"]}}
    )
    newest = (await configuration.history(ctx, bot.id, "bot"))[0]

    shown = await config_diffs.of_revision(ctx, bot.id, "bot", newest.number)

    assert '-    "127.0.0.1", # 本机\n+    "::1", # 本机\n' in shown
    assert '-api_key = "***" # 密钥\n+api_key = "***" # 密钥\n' in shown
    assert "secret" not in shown
    assert await config_diffs.of_revision(ctx, bot.id, "bot", newest.number, newest.number) == ""


@pytest.mark.slow
async def test_a_diff_since_the_start_has_all_changes_of_the_running_program(
    ctx: Context, bot: InstanceView
) -> None:
    """A diff was of one revision and the one before: of two changes since the start it showed the last one."""

    async def since_start(name: str) -> str | None:
        return await config_diffs.since_start(ctx, await configuration.read(ctx, bot.id, name))

    await configuration.merge(ctx, bot.id, "env", {"BEFORE": "1"})
    assert await since_start("env") is None
    await instances.start(ctx, bot.id)
    assert await since_start("env") == ""
    for name in ("FIRST", "SECOND"):
        await configuration.merge(ctx, bot.id, "env", {name: "1"})
    shown = await since_start("env") or ""
    changes = [line for line in shown.splitlines()[2:] if line.startswith(("+", "-"))]
    assert changes == ["+FIRST=1", "+SECOND=1"]
    await instances.restart(ctx, bot.id)
    assert await since_start("env") == ""


@pytest.mark.slow
async def test_a_service_started_alone_has_what_was_on_disk(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    """Files were recorded before the start of the bot only: after an edit and a start of the service alone, the diff since
    its start showed what the service had read."""
    path = folder / "napcat/config/webui.json"
    path.parent.mkdir()
    path.write_text('{"a": 1}\n')
    await configuration.read(ctx, bot.id, "adapter")
    path.write_text('{"a": 2}\n')
    await services.restart(ctx, bot.id, "napcat")
    assert await config_diffs.since_start(ctx, await configuration.read(ctx, bot.id, "adapter")) == ""


@pytest.mark.slow
async def test_a_diff_since_the_start_begins_at_the_oldest_kept_revision(
    ctx: Context, bot: InstanceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more changes since the start than revisions are kept, the whole file was shown as added."""
    monkeypatch.setattr(revisions, "REVISIONS_KEPT", 3)
    await instances.start(ctx, bot.id)
    for i in range(5):
        await configuration.merge(ctx, bot.id, "env", {"A": str(i)})
    shown = await config_diffs.since_start(ctx, await configuration.read(ctx, bot.id, "env")) or ""
    changes = [line for line in shown.splitlines()[2:] if line.startswith(("+", "-"))]
    assert changes == ["-A=2", "+A=4"]


def test_a_diff_is_bounded() -> None:
    old = "".join(f"a{i} = 1\n" for i in range(20_000)).encode()
    new = "".join(f"a{i} = 2\n" for i in range(20_000)).encode()

    shown = diff.unified("toml", old, new, "x", "y")

    assert shown.count("\n") == diff.LINES + 1
    assert diff.unified("toml", old, old, "x", "y") == ""
    assert diff.unified("toml", b"", b"a = 1\n", "x", "y") == "--- x\n+++ y\n@@ -0,0 +1,1 @@\n+a = 1\n"


async def test_the_journal_names_keys_and_never_values(ctx: Context, bot: InstanceView) -> None:
    await configuration.merge(ctx, bot.id, "env", {"API_KEY": "hidden value", "B": "hidden too"})

    rows = [row for row in await ctx.store.journal.after(0, 100) if row["kind"] == "config"]
    assert len(rows) == 1
    assert "API_KEY, B" in rows[0]["en"]
    assert "hidden" not in rows[0]["en"] + rows[0]["zh"]


async def test_a_file_can_be_read_while_the_database_is_broken(
    ctx: Context, bot: InstanceView, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise DatabaseError("坏了", "broken")

    monkeypatch.setattr(type(ctx.configs.revisions), "add", broken)
    edited = f"{BOT}# edited"
    (folder / "config/bot_config.toml").write_text(edited, "utf-8")
    assert await text(ctx, bot, "bot") == edited
    with pytest.raises(DatabaseError):  # the earlier content could not be kept
        await configuration.merge(ctx, bot.id, "bot", {"a": 1})
    assert (folder / "config/bot_config.toml").read_text("utf-8") == edited


# Ports and restarts


async def test_a_changed_port_is_the_instances_port(ctx: Context, bot: InstanceView) -> None:
    port, other = free_port(), free_port()

    await configuration.merge(ctx, bot.id, "bot", {"server": {"port": port}})
    assert instances.get(ctx, bot.id).port == port
    await configuration.merge(ctx, bot.id, "env", {"PORT": str(other)})
    assert instances.get(ctx, bot.id).port == other
    await configuration.set_value(ctx, bot.id, "adapter", ["port"], port)
    found = instances.get(ctx, bot.id).service("napcat")
    assert found is not None
    assert found.port == port
    record = ctx.store.registry.get(bot.id)
    assert record is not None
    assert record.port == other


async def test_a_changed_port_of_another_program_changes_no_row(ctx: Context, bot: InstanceView) -> None:
    await configuration.merge(ctx, bot.id, "adapter", {"main": {"port": free_port()}})
    assert instances.get(ctx, bot.id) == bot


async def test_the_bot_is_started_on_its_new_port(ctx: Context, bot: InstanceView) -> None:
    """The port that it was added with was still looked at."""
    port = free_port()
    await configuration.merge(ctx, bot.id, "bot", {"server": {"port": port}})
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with listener:
        with pytest.raises(PortInUse):
            await instances.start(ctx, bot.id)
    await instances.start(ctx, bot.id)


async def test_a_port_of_another_program_is_refused_before_anything_is_written(
    ctx: Context, bot: InstanceView, folder: Path
) -> None:
    napcat = bot.service("napcat")
    assert napcat is not None
    other = await add_bot(ctx, folder.parent / "other")
    for taken in (other.port, napcat.port):
        with pytest.raises(PortInUse):
            await configuration.merge(ctx, bot.id, "bot", {"server": {"port": taken}, "a": 1})
    for wrong in (0, 65536, "eighty", True, [1]):
        with pytest.raises(InvalidParameter) as caught:
            await configuration.merge(ctx, bot.id, "bot", {"server": {"port": wrong}})
        assert caught.value.field == "server.port"
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT
    assert instances.get(ctx, bot.id).port == bot.port


@pytest.mark.slow
async def test_a_running_bot_needs_a_restart_if_its_recipe_says_so(ctx: Context, bot: InstanceView) -> None:
    async def needs(name: str, patch: dict[str, Any]) -> bool:
        return (await configuration.merge(ctx, bot.id, name, patch)).restart_needed

    assert not await needs("env", {"A": "stopped"})
    await instances.start(ctx, bot.id)
    assert await needs("env", {"A": "running"})
    assert not await needs("bot", {"a": "hot"})
    assert await needs("bot", {"webui": {"port": 8002}})
    assert await needs("bot", {"webui": None})
    assert await needs("adapter", {"a": 1})
