"""A path with control characters was accepted, and steered the terminal of whoever listed instances; and a deployment that
had to wait was put wherever the folder above its own had meanwhile been made to lead."""

from pathlib import Path

import pytest

from bots.backups import restore
from bots.database import connect
from mailauncher.errors import Code, InvalidPath, LauncherError, PermissionDenied
from resolvers import backups, configuration, instances, sync, upgrades
from resolvers.deploying import folders
from tests.support.context import add_bot, parts, settings_for
from tests.support.deploying import Bots, at_step, deploy, ended
from tests.support.unprivileged import nobodys_folder


@pytest.mark.parametrize("sign", ["\n", "\x1b", "\x7f", "\x9b", "\u2028"])
def test_a_path_with_control_characters_is_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        folders.new_folder(settings_for(tmp_path), str(tmp_path / f"a{sign}b"))
    assert all(sign not in text for text in caught.value.text)


@pytest.mark.parametrize("name", ["聊天 机器人", "聊天\u3000机器人", "पुस्तक", "a\u200db", "🤖"])
def test_a_path_in_any_script_is_accepted(tmp_path: Path, name: str) -> None:
    assert folders.new_folder(settings_for(tmp_path), str(tmp_path / name)) == tmp_path / name


@pytest.mark.slow
async def test_a_folder_above_that_has_become_a_link_is_not_followed(bots: Bots) -> None:
    above, elsewhere = bots.folder / "above", bots.folder / "elsewhere"
    elsewhere.mkdir()
    async with bots.parts(deployments_at_once=1) as ctx:
        bots.hold("fetch")
        first = await deploy(ctx, "first")
        await at_step(ctx, first.instance_id, "fetch")
        second = await deploy(ctx, "second", path=str(above / "second"))
        above.rmdir()
        above.symlink_to(elsewhere)
        bots.let_go()
        done = await ended(ctx, second.instance_id)
        assert done.failure is not None
        assert (done.status, done.failure.code) == ("failed", "INVALID_PATH")
        assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
async def test_of_a_folder_that_may_not_be_entered_every_answer_says_so(tmp_path: Path) -> None:
    """Whether something is there was asked in a way that fails where a folder above may not be entered: an internal error."""
    with nobodys_folder() as home:
        async with parts(tmp_path) as ctx:
            bot = await add_bot(ctx, home / "above" / "bot")
            (home / "above").chmod(0)
            told = []
            for asked in (
                configuration.list_of(ctx, bot.id),
                configuration.read(ctx, bot.id, "bot"),
                sync.status(ctx, bot.id),
                sync.database(ctx, bot.id),
                sync.sync(ctx, bot.id),
                backups.create(ctx, bot.id),
                upgrades.rollback(ctx, bot.id),
                instances.start(ctx, bot.id),
                deploy(ctx, "new", path=str(home / "above" / "new")),
            ):
                try:
                    await asked
                except LauncherError as error:
                    told.append(error.code)
            assert Code.INTERNAL_ERROR not in told
            assert len(told) >= 5
            with pytest.raises(PermissionDenied):
                restore.recover(Path(bot.path))
            with pytest.raises(PermissionDenied):
                connect.exists(Path(bot.path))
            folders.require_space(Path(bot.path), 0)
