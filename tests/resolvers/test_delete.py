"""Deleting: the processes end, the instance is forgotten, and files stay unless they are ours to remove."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from bots.deploying.register import MARKER
from mailauncher.errors import InstanceNotFound, PermissionDenied
from mailauncher.events import InstanceChanged
from resolvers import instances, system, terminals
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.views import InstanceView
from tests.support.context import PATIENT_BOT, add_bot, lives, outputs, parts, processes_in
from tests.support.deployable import use
from tests.support.deploying import deploy, ended
from tests.support.git import Repository
from tests.support.waiting import until


async def deployed(ctx: Context, folder: Path) -> InstanceView:
    """An instance whose folder has the marker of a deployment."""
    bot = await add_bot(ctx, folder)
    (folder / MARKER).write_text(bot.id, "utf-8")
    return bot


async def refused(ctx: Context, bot: InstanceView) -> None:
    """The files are not deleted, and nothing else happened either."""
    before = set(Path(bot.path).rglob("*"))
    with pytest.raises(PermissionDenied) as caught:
        await instances.delete(ctx, bot.id, files=True)
    assert caught.value.field == "files"
    assert instances.get(ctx, bot.id).name == bot.name
    assert set(Path(bot.path).rglob("*")) == before


# The instance


async def test_a_deleted_instance_is_no_longer_listed_and_its_files_stay(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        outcome = await instances.delete(ctx, bot.id)
        assert outcome.complete
        assert "bot" in outcome.message.zh
        assert instances.list_all(ctx) == []
        with pytest.raises(InstanceNotFound):
            instances.get(ctx, bot.id)
    assert (tmp_path / "bot" / "bot.py").exists()
    async with parts(tmp_path) as ctx:
        assert instances.list_all(ctx) == []


async def test_an_unknown_instance_cannot_be_deleted(ctx: Context) -> None:
    with pytest.raises(InstanceNotFound):
        await instances.delete(ctx, "0" * 40)


@pytest.mark.slow
async def test_deleting_ends_every_process_first(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    assert lives(pid)
    await instances.delete(ctx, bot.id)
    assert not lives(pid)
    assert processes_in(tmp_path / "bot") == []


@pytest.mark.slow
async def test_deleting_ends_the_shells_and_the_keeper_and_their_logs(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await ctx.live.supervisor(bot.id).terminals["main"].open_shell()
    await terminals.send_input(ctx, f"{bot.id}_main", "echo done-$((2+2))\n")
    await outputs(ctx, f"{bot.id}_main", "done-4")
    assert processes_in(tmp_path / "bot")
    await instances.delete(ctx, bot.id)
    assert processes_in(tmp_path / "bot") == []
    assert not (ctx.settings.data_folder / "terminals" / bot.id).exists()


async def test_a_deletion_is_published_and_noted_in_the_journal(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    with ctx.bus.subscribe(InstanceChanged) as changes:
        await instances.delete(ctx, bot.id)
        async with asyncio.timeout(5):
            assert await anext(changes) == InstanceChanged(bot.id, removed=True)
    *_, last = await system.events(ctx)
    assert (last.kind, last.instance_id) == ("delete", bot.id)


async def test_of_two_deletions_at_once_one_finds_no_instance(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    found = await asyncio.gather(
        instances.delete(ctx, bot.id), instances.delete(ctx, bot.id), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["CommandOutcome", "InstanceNotFound"]
    assert instances.list_all(ctx) == []


async def test_name_folder_and_port_of_a_deleted_instance_are_free_again(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.delete(ctx, bot.id)
    again = await instances.add(ctx, instances.NewInstance(bot.name, bot.path, bot.port))
    assert again.id != bot.id


# The files


async def test_the_folder_of_a_deployed_instance_is_removed_when_asked_for(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await deployed(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "data").mkdir()
    (tmp_path / "bot" / "data" / "MaiBot.db").write_bytes(b"x")
    await instances.delete(ctx, bot.id, files=True)
    assert not (tmp_path / "bot").exists()
    assert tmp_path.exists()


@pytest.mark.slow
async def test_a_running_bot_has_ended_before_its_files_are_removed(ctx: Context, tmp_path: Path) -> None:
    bot = await deployed(ctx, tmp_path / "bot")
    pid = (await instances.start(ctx, bot.id)).instance.pid
    await instances.delete(ctx, bot.id, files=True)
    assert not lives(pid)
    assert not (tmp_path / "bot").exists()


async def test_the_folder_of_a_deployed_instance_stays_when_not_asked_for(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await deployed(ctx, tmp_path / "bot")
    await instances.delete(ctx, bot.id)
    assert (tmp_path / "bot" / MARKER).exists()


async def test_a_folder_that_somebody_else_made_is_never_removed(ctx: Context, tmp_path: Path) -> None:
    await refused(ctx, await add_bot(ctx, tmp_path / "bot"))


@pytest.mark.slow
async def test_a_refusal_leaves_the_bot_running(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    pid = (await instances.start(ctx, bot.id)).instance.pid
    await refused(ctx, bot)
    assert lives(pid)


@pytest.mark.parametrize("content", ["", "\n", "0" * 40, "yes", "\udcff"])
async def test_a_folder_with_the_marker_of_another_instance_is_not_removed(
    ctx: Context, tmp_path: Path, content: str
) -> None:
    """A deployed folder that was copied has the marker of the one that it was copied from."""
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / MARKER).write_bytes(content.encode("utf-8", "surrogateescape"))
    await refused(ctx, bot)


async def test_a_marker_may_end_with_a_line_break(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / MARKER).write_text(f"{bot.id}\n", "utf-8")
    await instances.delete(ctx, bot.id, files=True)
    assert not (tmp_path / "bot").exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_a_folder_whose_marker_is_not_a_regular_file_is_not_removed(
    ctx: Context, tmp_path: Path, kind: str
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "elsewhere").write_text(bot.id, "utf-8")
    marker = tmp_path / "bot" / MARKER
    if kind == "link":
        marker.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(marker)  # reading it would never end
    else:
        marker.mkdir()
    await refused(ctx, bot)


async def test_a_folder_that_has_become_a_link_is_not_removed_nor_what_it_leads_to(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await deployed(ctx, tmp_path / "bot")
    (tmp_path / "bot").rename(tmp_path / "precious")
    (tmp_path / "bot").symlink_to("precious")
    await refused(ctx, bot)
    assert (tmp_path / "precious" / "bot.py").exists()


async def test_a_folder_that_is_reached_through_a_new_link_is_not_removed(
    ctx: Context, tmp_path: Path
) -> None:
    """The folder itself is no link, but the one above it has become one: to somebody else's folder of that name."""
    bot = await deployed(ctx, tmp_path / "bots" / "bot")
    (tmp_path / "bots").rename(tmp_path / "precious")
    (tmp_path / "bots").symlink_to("precious")
    await refused(ctx, bot)
    assert (tmp_path / "precious" / "bot" / "bot.py").exists()


async def test_links_inside_the_folder_are_removed_and_not_followed(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "diary.txt").touch()
    bot = await deployed(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "folder").symlink_to(tmp_path / "precious")
    (tmp_path / "bot" / "file").symlink_to(tmp_path / "precious" / "diary.txt")
    await instances.delete(ctx, bot.id, files=True)
    assert not (tmp_path / "bot").exists()
    assert (tmp_path / "precious" / "diary.txt").exists()


async def test_an_instance_whose_folder_is_missing_can_be_deleted_without_files_only(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await deployed(ctx, tmp_path / "bot")
    (tmp_path / "bot").rename(tmp_path / "moved")
    with pytest.raises(PermissionDenied):
        await instances.delete(ctx, bot.id, files=True)
    await instances.delete(ctx, bot.id)
    assert instances.list_all(ctx) == []


async def test_files_that_cannot_be_removed_are_named(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def stuck(name: str, *, dir_fd: int | None = None) -> None:
        if name == "stuck":
            raise OSError(16, "Device or resource busy", name)
        unlink(name, dir_fd=dir_fd)

    bot = await deployed(ctx, tmp_path / "bot")
    (tmp_path / "bot/data/in").mkdir(parents=True)
    (tmp_path / "bot/data/in/stuck").touch()
    monkeypatch.setattr(os, "unlink", stuck)
    with pytest.raises(PermissionDenied) as caught:
        await instances.delete(ctx, bot.id, files=True)
    for text in caught.value.text:
        assert str(folders.deleted(tmp_path / "bot", bot.id) / "data/in/stuck") in text
    assert instances.list_all(ctx) == []


async def test_the_end_of_the_server_interrupts_the_removal_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM waited until all files of a deleted bot were gone, for minutes."""
    reached, unlink = threading.Event(), os.unlink
    async with parts(tmp_path) as ctx:

        def slow(name: str, *, dir_fd: int | None = None) -> None:
            if str(name).startswith("slow-"):
                reached.set()
                ctx.deployer.removals._closing.wait()
            unlink(name, dir_fd=dir_fd)

        bot = await deployed(ctx, tmp_path / "bot")
        for number in range(9):
            (tmp_path / f"bot/slow-{number}").touch()
        monkeypatch.setattr(os, "unlink", slow)
        deletion = asyncio.create_task(instances.delete(ctx, bot.id, files=True))
        await until(reached.is_set)
    await asyncio.wait([deletion])
    left = folders.deleted(tmp_path / "bot", bot.id)
    assert len(list(left.glob("slow-*"))) == 8


@pytest.mark.slow
async def test_an_interrupted_deletion_is_completed_by_the_next_server(
    tmp_path: Path, releases: Repository
) -> None:
    """A server was killed after the row was gone, and before the files were."""
    use(releases.url, tmp_path / "data")
    async with parts(tmp_path, sources_maibot=[releases.url]) as ctx:
        folder = await put_aside(ctx)
        await ctx.store.registry.remove(next(iter(ctx.store.registry)).id)
    async with parts(tmp_path, sources_maibot=[releases.url]) as ctx:
        async with asyncio.timeout(20):
            while any(folder.parent.iterdir()):
                await asyncio.sleep(0.01)
        assert (await ended(ctx, (await deploy(ctx)).instance_id)).status == "completed"


@pytest.mark.slow
async def test_an_interrupted_deletion_can_be_repeated(tmp_path: Path, releases: Repository) -> None:
    """A server was killed after the files were put aside, and before the row was gone."""
    use(releases.url, tmp_path / "data")
    async with parts(tmp_path, sources_maibot=[releases.url]) as ctx:
        folder = await put_aside(ctx)
    async with parts(tmp_path, sources_maibot=[releases.url]) as ctx:
        await instances.delete(ctx, next(iter(ctx.store.registry)).id, files=True)
        assert list(folder.parent.iterdir()) == []


async def put_aside(ctx: Context) -> Path:
    """The folder of a bot that was deployed, and is not there any more."""
    bot = await ended(ctx, (await deploy(ctx)).instance_id)
    folder = Path(ctx.live.view(bot.instance_id).path)
    folder.rename(folders.deleted(folder, bot.instance_id))
    return folder
