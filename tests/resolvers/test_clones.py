"""Clones: another instance with the same configuration and data, and ports of its own."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mailauncher.errors import (
    DuplicateResource,
    InstanceNotFound,
    InvalidParameter,
    InvalidPath,
    PortInUse,
    ResourceNotFound,
    ServiceUnavailable,
)
from resolvers import backups, deployments, instances, upgrades
from resolvers.instances import NewInstance, NewService
from terminals.states import State
from tests.support.context import add_bot, free_port, outputs
from tests.support.deploying import Bots, at_step, deploy, ended

pytestmark = pytest.mark.slow


async def test_a_clone_of_a_running_bot_has_its_data_and_runs_beside_it(bots: Bots) -> None:
    wanted = (NewService("napcat"), NewService("nonebot-ada"))
    async with bots.parts() as ctx:
        first = await deploy(ctx, "first", services=wanted, auto_start=True, accept_terms=True)
        await ended(ctx, first.instance_id)
        await outputs(ctx, f"{first.instance_id}_main", "初始化完成")
        data = bots.target("first") / "data" / "MaiBot.db"
        assert data.exists()
        with closing(sqlite3.connect(data)) as database:
            database.execute("CREATE TABLE mine (word TEXT)")
            database.execute("INSERT INTO mine VALUES ('kept')")
            database.commit()
            begun = await upgrades.clone(ctx, first.instance_id, "second")
            assert (begun.kind, begun.name) == ("clone", "second")
            done = await ended(ctx, begun.instance_id)
        assert (done.status, done.failure) == ("completed", None)
        one, two = (instances.get(ctx, d.instance_id) for d in (first, begun))
        assert (one.status, two.status) == (State.RUNNING, State.STOPPED)
        # It had told to fill in what was copied, and not what both share.
        assert [text.en for text in done.todo] == [f"One account, {two.port}"]
        assert (two.version, two.recipe) == (one.version, one.recipe)
        assert [service.name for service in two.services] == ["napcat", "nonebot-ada"]
        ports = [port for bot in (one, two) for port in (bot.port, *(s.port for s in bot.services))]
        assert len(set(ports)) == 6
        with closing(sqlite3.connect(bots.target("second") / "data" / "MaiBot.db")) as copied:
            assert copied.execute("SELECT word FROM mine").fetchall() == [("kept",)]
        await instances.start(ctx, two.id)
        await outputs(ctx, f"{two.id}_main", "初始化完成")
        assert instances.get(ctx, one.id).status is State.RUNNING
        assert (await instances.delete(ctx, two.id, files=True)).complete
        assert bots.left("second") == []
        assert (bots.target("first") / "bot.py").exists()


async def test_an_added_bot_is_cloned_into_one_that_can_be_upgraded(bots: Bots) -> None:
    async with bots.parts() as ctx:
        first = await deploy(ctx, "first", version="0.12.0")
        await ended(ctx, first.instance_id)
        await instances.delete(ctx, first.instance_id)  # its files stay
        added = await instances.add(ctx, NewInstance("mine", str(bots.target("first")), free_port()))
        begun = await upgrades.clone(ctx, added.id, "copy", path=str(bots.folder / "here" / "copy"))
        assert (await ended(ctx, begun.instance_id)).status == "completed"
        await upgrades.upgrade(ctx, begun.instance_id, "0.12.1")
        assert (await ended(ctx, begun.instance_id)).status == "completed"
        assert (bots.folder / "here" / "copy" / "VERSION").read_text() == "0.12.1"
        assert (bots.target("first") / "VERSION").read_text() == "0.12.0"


async def test_a_service_that_no_recipe_knows_comes_along(bots: Bots) -> None:
    async with bots.parts() as ctx:
        source = await add_bot(ctx, bots.folder / "source", extra="print('extra', flush=True)\ninput()\n")
        begun = await upgrades.clone(ctx, source.id, "copy")
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.failure) == ("completed", None)
        extra = instances.get(ctx, begun.instance_id).services[0]
        assert (extra.name, extra.path) == ("extra", str(bots.target("copy") / "extra"))
        assert extra.port != source.services[0].port
        await instances.start(ctx, begun.instance_id)
        await outputs(ctx, f"{begun.instance_id}_extra", "extra")
        (Path(source.services[0].path) / ".venv").mkdir()
        (Path(source.services[0].path) / ".venv" / "pyvenv.cfg").touch()
        with pytest.raises(InvalidParameter, match="extra"):
            await upgrades.clone(ctx, source.id, "another")


async def test_a_cancelled_clone_leaves_nothing_and_its_source_alone(bots: Bots) -> None:
    async with bots.parts() as ctx:
        source = await add_bot(ctx, bots.folder / "source")
        bots.hold("configure")
        begun = await upgrades.clone(ctx, source.id, "copy")
        await at_step(ctx, begun.instance_id, "configure")
        assert (await deployments.cancel(ctx, begun.instance_id)).status == "cancelled"
        assert bots.left("copy") == []
        assert [bot.id for bot in instances.list_all(ctx)] == [source.id]
        assert (bots.folder / "source" / "bot.py").exists()


async def test_a_clone_from_a_backup_has_what_was_backed_up_and_ports_of_its_own(bots: Bots) -> None:
    async with bots.parts(backups_kept=2) as ctx:
        first = await deploy(ctx, "first", version="0.12.0", accept_terms=True)
        await ended(ctx, first.instance_id)
        source = instances.get(ctx, first.instance_id)
        note, later = bots.target("first") / "data" / "note.txt", bots.target("first") / "data" / "later.txt"
        note.parent.mkdir(exist_ok=True)
        note.write_text("as it was")
        made = await backups.create(ctx, source.id)
        await backups.create(ctx, source.id)
        note.write_text("as it is")
        later.touch()
        bots.hold("fetch")
        begun = await upgrades.clone(ctx, source.id, "second", backup_id=made.id)
        await at_step(ctx, begun.instance_id, "fetch")
        with pytest.raises(ServiceUnavailable, match="second"):
            await backups.remove(ctx, source.id, made.id)
        newer = await backups.create(ctx, source.id)
        assert {backup.id for backup in await backups.list_of(ctx, source.id)} == {made.id, newer.id}
        bots.let_go()
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.failure) == ("completed", None)
        copy = instances.get(ctx, begun.instance_id)
        assert [text.en for text in done.todo] == [f"One account, {copy.port}"]
        assert (bots.target("second") / "data" / "note.txt").read_text() == "as it was"
        assert not (bots.target("second") / "data" / "later.txt").exists()
        assert (bots.target("second") / "bot.py").exists()
        assert copy.port != source.port
        assert f"PORT={copy.port}\n" in (bots.target("second") / ".env").read_text()
        assert note.read_text() == "as it is"
        await upgrades.upgrade(ctx, source.id, "0.12.1")
        await ended(ctx, source.id)
        with pytest.raises(InvalidParameter, match=r"0\.12\.0.* or use it all the same"):
            await upgrades.clone(ctx, source.id, "third", backup_id=newer.id)
        with pytest.raises(ResourceNotFound):
            await upgrades.clone(ctx, source.id, "third", backup_id="20200101T000000000Z-manual")
        forced = await upgrades.clone(ctx, source.id, "third", backup_id=newer.id, force=True)
        assert (await ended(ctx, forced.instance_id)).status == "completed"
        assert (bots.target("third") / "VERSION").read_text() == "0.12.1"
        assert (bots.target("third") / "data" / "note.txt").read_text() == "as it is"


async def test_a_clone_whose_backup_is_damaged_or_gone_says_so(bots: Bots) -> None:
    async with bots.parts() as ctx:
        source = await add_bot(ctx, bots.folder / "source")
        (bots.folder / "source" / "data").mkdir()
        made = await backups.create(ctx, source.id)
        file = ctx.backups.folder(source.id) / f"{made.id}.tar.gz"
        content = file.read_bytes()
        for name, damaged, reason in (("one", content[:-40], "cannot be used"), ("two", None, "deleted")):
            file.write_bytes(content)
            bots.hold("fetch")
            begun = await upgrades.clone(ctx, source.id, name, backup_id=made.id)
            await at_step(ctx, begun.instance_id, "fetch")
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            bots.let_go()
            done = await ended(ctx, begun.instance_id)
            assert done.failure is not None
            assert made.id in done.failure.text.en
            assert reason in done.failure.text.en


async def test_clones_that_are_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        source = await add_bot(ctx, bots.folder / "source")
        with pytest.raises(InstanceNotFound):
            await upgrades.clone(ctx, "0" * 40, "copy")
        with pytest.raises(DuplicateResource):
            await upgrades.clone(ctx, source.id, "source")
        with pytest.raises(PortInUse):
            await upgrades.clone(ctx, source.id, "copy", port=source.port)
        for port in (0, 65536):
            with pytest.raises(InvalidParameter):
                await upgrades.clone(ctx, source.id, "copy", port=port)
        with pytest.raises(InvalidParameter):
            await upgrades.clone(ctx, source.id, "a/b")
        with pytest.raises(InvalidPath):
            await upgrades.clone(ctx, source.id, "copy", path=f"{source.path}/inside")
        twice = await asyncio.gather(
            *(upgrades.clone(ctx, source.id, "copy") for _ in range(2)), return_exceptions=True
        )
        assert sum(isinstance(answer, DuplicateResource) for answer in twice) == 1
        bots.hold("fetch")
        begun = await deploy(ctx, "new")
        with pytest.raises(ServiceUnavailable):
            await upgrades.clone(ctx, begun.instance_id, "other")
        bots.let_go()
        await ended(ctx, begun.instance_id)
