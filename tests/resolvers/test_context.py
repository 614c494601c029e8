"""The parts of a server: opened in order, closed in reverse, nothing left behind."""

import asyncio
import threading
from pathlib import Path

import pytest

from mailauncher.errors import DatabaseError, InvalidPath
from mailauncher.settings import Settings
from resolvers import instances
from resolvers.lifespan import open_context
from tests.support.context import free_port, parts, processes_in, settings_for


async def refused(settings: Settings, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        async with open_context(settings):
            pass
    return str(caught.value)


async def test_folders_are_made_where_they_are_missing(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        assert ctx.settings.data_folder.stat().st_mode & 0o777 == 0o700
        assert ctx.settings.workspace_folder.is_dir()


@pytest.mark.parametrize("name", ["data", "workspace"])
async def test_a_folder_that_cannot_be_made_is_refused_with_its_setting(tmp_path: Path, name: str) -> None:
    """It ended in a traceback."""
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "below"
    assert name in await refused(settings_for(tmp_path, **{name: str(folder)}), InvalidPath)


async def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workspace").touch()
    assert "workspace" in await refused(settings_for(tmp_path), InvalidPath)


async def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_url="")
    settings.data_folder.mkdir()
    (settings.data_folder / "mailauncher.db").write_bytes(b"no database" * 1000)
    before = asyncio.all_tasks()
    await refused(settings, DatabaseError)
    assert asyncio.all_tasks() == before
    for thread in threading.enumerate():
        if "_connection_worker" in thread.name:
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
    assert processes_in(tmp_path) == []


async def test_closing_leaves_no_process_and_no_task(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with parts(tmp_path) as ctx:
        assert instances.list_all(ctx) == []
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert processes_in(tmp_path) == []


async def test_a_second_opening_finds_what_the_first_left(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "bot.py").touch()
    async with parts(tmp_path) as ctx:
        view = await instances.add(ctx, instances.NewInstance("bot", str(tmp_path / "bot"), free_port()))
    async with parts(tmp_path) as ctx:
        assert instances.get(ctx, view.id) == view
