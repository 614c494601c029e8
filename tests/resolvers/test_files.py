"""The files of an instance: listed, read and changed, and nothing beyond its folder."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bots.browsing import view
from bots.browsing.listing import FileOrder
from bots.browsing.tree import FileKind
from bots.browsing.view import FileView
from mailauncher import trees
from mailauncher.errors import (
    Conflict,
    DuplicateResource,
    InstanceNotFound,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ResourceNotFound,
    ServiceUnavailable,
)
from resolvers import files, instances
from resolvers.context import Context
from resolvers.running.live_instances import StatusOverride
from schema.scalars import _instant_out
from store.journal import EventFilter
from terminals.states import State
from tests.support.bind_mount import bind_mount
from tests.support.context import add_bot, parts
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import until


class Bot:
    """An instance, and its folder."""

    def __init__(self, ctx: Context, instance_id: str, folder: Path) -> None:
        self.ctx, self.id, self.folder = ctx, instance_id, folder

    def names(self) -> set[str]:
        return {entry.name for entry in self.folder.iterdir()}

    async def listed(self, path: str = "", **given: object) -> list[FileView]:
        return (await files.folder(self.ctx, self.id, path, **given)).entries  # type: ignore[arg-type]

    async def upload(self, path: str, *sent: bytes, replace: bool = False) -> FileView:
        return await files.upload(self.ctx, self.id, path, pieces(*sent), replace=replace)


async def pieces(*sent: bytes) -> AsyncIterator[bytes]:
    for piece in sent:
        yield piece


@pytest_asyncio.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with parts(tmp_path) as ctx:
        view = await add_bot(ctx, tmp_path / "bot")
        yield Bot(ctx, view.id, tmp_path / "bot")


async def test_a_folder_is_listed_in_pages_by_name_size_and_time(bot: Bot) -> None:
    (bot.folder / "Data").mkdir()
    for number, name in enumerate(("b", "a", "C")):
        (bot.folder / "Data" / name).write_bytes(bytes(10 * number))
        os.utime(bot.folder / "Data" / name, (number, number))
    (bot.folder / "Data" / "inner").mkdir()
    os.utime(bot.folder / "Data" / "inner", (99, 99))

    async def seen(order: FileOrder, **given: object) -> list[str]:
        found, after = [], None
        while True:
            page = await files.folder(bot.ctx, bot.id, "Data", order, first=2, after=after, **given)  # type: ignore[arg-type]
            found += [entry.name for entry in page.entries]
            if not page.more:
                return found
            after = page.cursor

    assert await seen(FileOrder.NAME) == ["inner", "a", "b", "C"]
    assert await seen(FileOrder.MODIFIED) == ["inner", "C", "a", "b"]
    assert [name for name in await seen(FileOrder.SIZE) if name != "inner"] == ["C", "a", "b"]
    assert await seen(FileOrder.NAME, query="IN") == ["inner"]
    [file] = [entry for entry in await bot.listed("Data") if entry.name == "C"]
    assert (file.path, file.kind, file.size, file.modified_at) == ("Data/C", FileKind.FILE, 20, 2000)
    for bad in ("x", "1", "/a", "1/\\"):
        with pytest.raises((InvalidParameter, InvalidPath)):
            await files.folder(bot.ctx, bot.id, after=bad)
    for first in (0, 501):
        with pytest.raises(InvalidParameter):
            await files.folder(bot.ctx, bot.id, first=first)


async def test_a_file_is_uploaded_read_edited_moved_and_deleted(bot: Bot) -> None:
    made = await files.create_folder(bot.ctx, bot.id, "notes")
    assert (made.kind, made.path) == (FileKind.FOLDER, "notes")
    sent = await bot.upload("notes/a.txt", b"one\r\n", b"two")
    assert (sent.path, sent.size) == ("notes/a.txt", 8)
    read = await files.text(bot.ctx, bot.id, "notes/a.txt")
    assert read.text == "one\r\ntwo"
    written = await files.write_text(bot.ctx, bot.id, "notes/a.txt", "three", read.etag)
    assert (bot.folder / "notes" / "a.txt").read_text("utf-8") == "three"
    with pytest.raises(Conflict):
        await files.write_text(bot.ctx, bot.id, "notes/a.txt", "four", read.etag)
    assert (await files.text(bot.ctx, bot.id, "notes/a.txt")).etag == written.etag
    with pytest.raises(DuplicateResource):
        await bot.upload("notes/a.txt", b"other")
    with pytest.raises(DuplicateResource):
        await files.write_text(bot.ctx, bot.id, "notes/a.txt", "other", create=True)
    await files.write_text(bot.ctx, bot.id, "notes/new.txt", "new", create=True)
    (bot.folder / "notes" / "a.txt").chmod(0o640)
    await bot.upload("notes/a.txt", b"other", replace=True)
    assert (bot.folder / "notes" / "a.txt").stat().st_mode & 0o777 == 0o640
    moved = await files.rename(bot.ctx, bot.id, "notes/a.txt", "b.txt")
    assert (moved.path, (bot.folder / "b.txt").read_text("utf-8")) == ("b.txt", "other")
    await bot.upload("notes/a.txt", b"")
    with pytest.raises(DuplicateResource):
        await files.rename(bot.ctx, bot.id, "b.txt", "notes/a.txt")
    with pytest.raises(InvalidPath):
        await files.rename(bot.ctx, bot.id, "notes", "notes/itself")
    with pytest.raises(InvalidParameter) as caught:
        await files.delete(bot.ctx, bot.id, "notes")
    assert caught.value.field == "recursive"
    await files.delete(bot.ctx, bot.id, "notes", recursive=True)
    await files.delete(bot.ctx, bot.id, "b.txt")
    assert bot.names() == {"bot.py"}
    events = await bot.ctx.store.journal.page(EventFilter(bot.id, kinds=("files",)), 50)
    assert [event["caller"] for event in events] == ["server"] * len(events)
    assert len(events) == 9


async def test_what_is_not_there_or_no_file_is_refused_in_words(bot: Bot) -> None:
    os.mkfifo(bot.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(bot.folder / "socket"))
        (bot.folder / "folder").mkdir()
        (bot.folder / "binary").write_bytes(b"\0\1")
        (bot.folder / "latin").write_bytes(b"caf\xe9")
        kinds = {entry.name: entry.kind for entry in await bot.listed()}
        assert (kinds["pipe"], kinds["socket"]) == (FileKind.OTHER, FileKind.OTHER)
        for name in ("pipe", "socket", "folder"):
            for reading in (files.text, files.download):
                with pytest.raises(InvalidPath):
                    await reading(bot.ctx, bot.id, name)
            with pytest.raises(InvalidPath):
                await bot.upload(name, b"x", replace=True)
            with pytest.raises(LauncherError):
                await files.write_text(bot.ctx, bot.id, name, "x")
    for name in ("binary", "latin"):
        with pytest.raises(InvalidParameter):
            await files.text(bot.ctx, bot.id, name)
    for path in ("nothing", "nothing/inside", "bot.py/inside"):
        with pytest.raises((ResourceNotFound, InvalidPath)):
            await files.text(bot.ctx, bot.id, path)
        with pytest.raises((ResourceNotFound, InvalidPath)):
            await files.delete(bot.ctx, bot.id, path)
    with pytest.raises(ResourceNotFound):
        await bot.upload("nothing/inside", b"x")
    for path in ("", "."):
        with pytest.raises(InvalidPath):
            await files.delete(bot.ctx, bot.id, path, recursive=True)
    with pytest.raises(InstanceNotFound):
        await files.folder(bot.ctx, "nobody")
    await files.delete(bot.ctx, bot.id, "pipe")
    assert "pipe" not in bot.names()


async def test_a_link_is_shown_and_never_followed_out_of_the_folder(bot: Bot, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret", "utf-8")
    (bot.folder / "data").mkdir()
    (bot.folder / "data" / "inside").write_text("inside", "utf-8")
    for name, target in {
        "within": "data",
        "away": str(outside),
        "up": "../outside/secret",
        "nowhere": "nothing",
        "circle": "circle",
    }.items():
        (bot.folder / name).symlink_to(target)
    links = {entry.name: entry for entry in await bot.listed() if entry.kind is FileKind.LINK}
    assert {name: link.target_kind for name, link in links.items()} == {
        "within": FileKind.FOLDER,
        "away": None,
        "up": None,
        "nowhere": None,
        "circle": None,
    }
    assert links["up"].target == "../outside/secret"
    assert [entry.path for entry in await bot.listed("within")] == ["within/inside"]
    assert (await files.text(bot.ctx, bot.id, "within/inside")).text == "inside"
    for attempt in (
        files.folder(bot.ctx, bot.id, "away"),
        files.text(bot.ctx, bot.id, "away/secret"),
        files.download(bot.ctx, bot.id, "up"),
        files.write_text(bot.ctx, bot.id, "up", "changed"),
        files.write_text(bot.ctx, bot.id, "away/new", "new"),
        files.create_folder(bot.ctx, bot.id, "away/new"),
        files.delete(bot.ctx, bot.id, "away/secret"),
        files.rename(bot.ctx, bot.id, "away/secret", "stolen"),
        files.rename(bot.ctx, bot.id, "data", "away/data"),
        bot.upload("up", b"changed", replace=True),
        bot.upload("away/new", b"new"),
    ):
        with pytest.raises(InvalidPath):
            await attempt
    await files.delete(bot.ctx, bot.id, "away", recursive=True)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text("utf-8") == "secret"
    assert not [name for name in bot.names() if name.startswith(".mailauncher-upload")]


async def test_what_is_mounted_in_the_folder_is_shown_and_left_alone(bot: Bot, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret", "utf-8")
    (bot.folder / "volume" / "data").mkdir(parents=True)
    with bind_mount(outside, bot.folder / "volume" / "data"):
        [entry] = await bot.listed("volume")
        assert entry.mounted
        for attempt in (
            files.folder(bot.ctx, bot.id, "volume/data"),
            files.download(bot.ctx, bot.id, "volume/data/secret"),
            files.write_text(bot.ctx, bot.id, "volume/data/secret", "changed"),
            files.delete(bot.ctx, bot.id, "volume", recursive=True),
            files.rename(bot.ctx, bot.id, "volume", "elsewhere"),
            bot.upload("volume/data/new", b"new"),
        ):
            with pytest.raises(InvalidPath):
                await attempt
    assert (outside / "secret").read_text("utf-8") == "secret"


async def test_the_records_of_the_launcher_are_shown_and_not_changed(bot: Bot) -> None:
    (bot.folder / ".mailauncher-deployed").write_text(bot.id, "utf-8")
    (bot.folder / "alias").symlink_to(".mailauncher-deployed")
    for attempt in (
        files.delete(bot.ctx, bot.id, ".mailauncher-deployed"),
        files.rename(bot.ctx, bot.id, ".mailauncher-deployed", "free"),
        files.rename(bot.ctx, bot.id, "bot.py", ".mailauncher-new"),
        files.write_text(bot.ctx, bot.id, "alias", "another"),
        bot.upload(".mailauncher-deployed", b"another", replace=True),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    assert (await files.text(bot.ctx, bot.id, ".mailauncher-deployed")).text == bot.id


async def test_a_name_that_is_no_utf8_is_shown_and_reached(bot: Bot) -> None:
    with (bot.folder / os.fsdecode(b"caf\xe9")).open("wb") as file:
        file.write(b"text")
    [entry] = [entry for entry in await bot.listed() if entry.name != "bot.py"]
    assert (entry.name, entry.path) == ("caf\ufffd", "caf\\xe9")
    assert (await files.text(bot.ctx, bot.id, entry.path)).text == "text"
    await files.rename(bot.ctx, bot.id, entry.path, "café")
    assert bot.names() == {"bot.py", "café"}


async def test_an_upload_that_ends_early_leaves_nothing(bot: Bot) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(2 << 20)
        begun.set()
        await go_on.wait()

    sending = asyncio.create_task(files.upload(bot.ctx, bot.id, "large", stalled()))
    await begun.wait()
    assert len(bot.names()) == 2
    assert [entry.name for entry in await bot.listed()] == ["bot.py"]
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert bot.names() == {"bot.py"}


async def test_an_upload_whose_client_leaves_while_it_begins_leaves_nothing(bot: Bot) -> None:
    """It stayed, with its descriptors, until the server was started again."""
    open_before = len(list(Path("/dev/fd").iterdir()))
    async with bot.ctx.locks.changes(bot.id):
        sending = asyncio.create_task(bot.upload("new", b"x"))
        await asyncio.sleep(0)
        sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert bot.names() == {"bot.py"}
    assert len(list(Path("/dev/fd").iterdir())) == open_before


async def test_of_two_uploads_of_one_name_the_second_is_refused(bot: Bot) -> None:
    answers = await asyncio.gather(
        *(bot.upload("same", bytes(1 << 20)) for _ in range(4)), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(DuplicateResource) == 3
    assert bot.names() == {"bot.py", "same"}


async def test_no_more_than_some_files_are_uploaded_at_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.browsing.bot_folders.UPLOADS_AT_ONCE", 1)
    async with bot.ctx.folders.uploading():
        with pytest.raises(ServiceUnavailable):
            await bot.upload("more", b"x")
    await bot.upload("more", b"x")


async def test_nothing_is_changed_while_the_folder_is_exchanged(bot: Bot) -> None:
    """What was changed then was lost with the folder that was replaced."""

    async def exchanged() -> AsyncIterator[bytes]:
        yield b"first"
        (bot.folder / "new").mkdir()
        bot.folder.rename(bot.folder.with_name("former"))
        (bot.folder.with_name("former") / "new").rename(bot.folder)

    bot.ctx.live.override(bot.id, StatusOverride(State.INSTALLING))
    for attempt in (
        bot.upload("file", b"x"),
        files.create_folder(bot.ctx, bot.id, "folder"),
        files.write_text(bot.ctx, bot.id, "bot.py", "x"),
        files.rename(bot.ctx, bot.id, "bot.py", "b.py"),
        files.delete(bot.ctx, bot.id, "bot.py"),
    ):
        with pytest.raises(ServiceUnavailable):
            await attempt
    assert [entry.name for entry in await bot.listed()] == ["bot.py"]
    bot.ctx.live.override(bot.id, None)
    with pytest.raises(Conflict):
        await files.upload(bot.ctx, bot.id, "file", exchanged())
    assert bot.names() == set()


async def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    with small_disk(2048) as disk:
        async with parts(tmp_path) as ctx:
            view = await add_bot(ctx, disk / "bot")
            bot = Bot(ctx, view.id, disk / "bot")
            await bot.upload("kept", b"former")
            filler = fill(disk, 64)
            for attempt in (
                bot.upload("kept", bytes(1 << 20), replace=True),
                bot.upload("new", *[bytes(100_000)] * 5),
                files.write_text(ctx, bot.id, "kept", "x" * 500_000),
            ):
                with pytest.raises(InsufficientSpace):
                    await attempt
            assert bot.names() == {"bot.py", "kept"}
            assert (disk / "bot" / "kept").read_bytes() == b"former"
            filler.unlink()
            await instances.delete(ctx, view.id)


async def test_what_a_killed_server_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        view = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / f".mailauncher-upload-00000000-{'1' * 16}").write_bytes(bytes(100))
    removed = tmp_path / "bot" / f".mailauncher-removed-00000000-{'2' * 16}"
    (removed / "deep").mkdir(parents=True)
    (removed / "deep" / "file").write_bytes(b"x")
    async with parts(tmp_path) as ctx:
        bot = Bot(ctx, view.id, tmp_path / "bot")
        assert [entry.name for entry in await bot.listed()] == ["bot.py"]
        await until(lambda: bot.names() == {"bot.py"})


async def test_a_folder_that_cannot_be_removed_is_in_its_place_again(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bot.folder / "data").mkdir()
    (bot.folder / "data" / "file").write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "data/file")

    monkeypatch.setattr("mailauncher.trees.remove", refuse)
    with pytest.raises(PermissionDenied, match=r"'data/file' cannot be removed.* in its place again"):
        await files.delete(bot.ctx, bot.id, "data", recursive=True)
    assert bot.names() == {"bot.py", "data"}


@pytest.mark.parametrize("fails", [False, True])
async def test_an_upgrade_that_begins_while_a_folder_is_removed_is_left_alone(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The second step looked for what the first had taken away in the new tree: it stayed in the former one for good, or
    was put back into a tree that was being copied."""
    (bot.folder / "data").mkdir()
    (bot.folder / "data" / "file").write_bytes(b"x")
    former = bot.folder.with_name("former")
    remove = trees.remove

    def upgrade(*given: Any, **more: Any) -> None:
        bot.ctx.live.override(bot.id, StatusOverride(State.INSTALLING))
        bot.folder.rename(former)
        bot.folder.mkdir()
        if fails:
            raise PermissionError(13, "Permission denied", "file")
        remove(*given, **more)

    monkeypatch.setattr(trees, "remove", upgrade)
    deleting = files.delete(bot.ctx, bot.id, "data", recursive=True)
    if not fails:
        assert (await deleting).path == "data"
    else:
        with pytest.raises(PermissionDenied, match=r"is called \.mailauncher-removed-"):
            await deleting
    assert bot.names() == set()
    assert [found.name[:20] for found in former.iterdir() if found.name != "bot.py"] == (
        [".mailauncher-removed"] if fails else []
    )


async def test_a_time_that_cannot_be_told_is_the_nearest_one(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It made the whole folder unreadable. A file system may keep the year 30000; where it does not, an earlier one is the last."""
    assert _instant_out(view.LATEST_MS) == "9999-12-31T23:59:59.999Z"
    assert _instant_out(view.EARLIEST_MS) == "1000-01-01T00:00:00.000Z"
    monkeypatch.setattr(view, "EARLIEST_MS", 2000)
    monkeypatch.setattr(view, "LATEST_MS", 5000)
    for seconds in (1, 3, 9):
        os.utime(bot.folder / "bot.py", (seconds, seconds))
        [found] = await bot.listed()
        assert found.modified_at == max(2000, min(1000 * seconds, 5000))
