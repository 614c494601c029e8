"""A pipe among the user's recipes kept the server from starting, and from ending, for ever; a link to /dev/zero there filled
the memory. A file in the place of a folder of the data, or a pipe in that of the lock, was a traceback."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from bots.catalogue import Catalogue
from bots.deploying import journal, plan
from bots.deploying.plan import JOURNAL_FILE
from bots.deploying.register import MARKER
from bots.fetching.download import _PartialFile
from mailauncher import files, lock, settings
from mailauncher.errors import ConnectionFailed, InvalidPath, LauncherError
from mailauncher.settings import SettingsError
from resolvers import instances
from resolvers.context import Context
from resolvers.deploying import folders, upgrade
from tests.support.context import add_bot, parts


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS: dict[str, Callable[[Path], None]] = {
    "file": lambda path: path.touch(),
    "pipe": os.mkfifo,
    "zero": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/ptmx"),
    "folder": lambda path: path.mkdir(),
    "loop": lambda path: path.symlink_to(path),
    "huge": huge,
}
ENDLESS = ["pipe", "zero", "terminal", "folder", "loop", "huge"]


def placed(path: Path, kind: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    return path


@pytest.mark.parametrize("kind", ENDLESS)
def test_one_reader_refuses_what_has_no_end(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match=r"regular file|larger|directory|symbolic links|No such device"):
        files.read(placed(tmp_path / "x", kind), 1 << 20)


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_recipe_that_is_no_file_is_a_problem_and_the_others_work(tmp_path: Path, kind: str) -> None:
    file = placed(tmp_path / "recipes" / "own.toml", kind)
    catalogue = Catalogue.load(tmp_path)
    assert [*catalogue.problems] == [file]
    assert "maibot" in catalogue.recipes


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_settings_file_that_is_no_file_is_told(tmp_path: Path, kind: str) -> None:
    file = placed(tmp_path / "settings.toml", kind)
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        settings.load({"MAILAUNCHER_CONFIG": str(file)})


@pytest.mark.parametrize("kind", ENDLESS)
def test_records_that_are_no_files_are_no_records(tmp_path: Path, kind: str) -> None:
    instance = "0" * 40
    assert upgrade.read_former(placed(tmp_path / "a" / upgrade.FORMER_FILE, kind).parent) is None
    assert not folders.is_ours(placed(tmp_path / "b" / MARKER, kind).parent, instance)
    assert _PartialFile(placed(tmp_path / "d.part.origin", kind).with_name("d")).origin() is None
    with pytest.raises(OSError, match=r"regular file|larger|directory|symbolic links|No such device"):
        plan.read(placed(tmp_path / "e" / plan.PLAN_FILE, kind).parent)
    if kind != "huge":  # a journal is read to a bound
        with pytest.raises(OSError, match=r"regular file|directory|symbolic links|No such device"):
            journal.read(placed(tmp_path / "f" / JOURNAL_FILE, kind).parent)


@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
def test_a_lock_that_is_no_file_is_told(tmp_path: Path, kind: str) -> None:
    placed(tmp_path / "lock", kind)
    with pytest.raises(LauncherError, match=r"data folder"), lock.hold(tmp_path, "http://localhost"):
        pass
    assert lock.holder(tmp_path) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run", "terminals", "recipes", "emojis", "cache", "deployments", "backups"])
@pytest.mark.parametrize("kind", ["file", "pipe", "zero"])
async def test_a_server_starts_or_says_what_is_in_the_way(tmp_path: Path, name: str, kind: str) -> None:
    placed(tmp_path / "data" / name, kind)
    told = (
        pytest.raises(InvalidPath, match=r"is not a folder$")
        if name in ("run", "terminals")
        else nullcontext()
    )
    with told:
        async with parts(tmp_path) as ctx:
            bot = await add_bot(ctx, tmp_path / "bot")
            assert (await instances.start(ctx, bot.id)).complete


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "keeper.lock", "main"])
async def test_a_start_says_what_is_in_the_keepers_way(ctx: Context, tmp_path: Path, name: str) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    folder = tmp_path / "data" / "terminals" / bot.id
    placed(folder / name if name else folder, "folder" if name == "keeper.lock" else "file")
    with pytest.raises(LauncherError) as caught:
        await instances.start(ctx, bot.id)
    assert str(folder / name) in caught.value.text.en
    assert isinstance(caught.value, ConnectionFailed) == (name != "main")
