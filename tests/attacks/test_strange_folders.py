"""A path with control characters was accepted, and steered the terminal of whoever listed instances; and a deployment that
had to wait was put wherever the folder above its own had meanwhile been made to lead."""

from pathlib import Path

import pytest

from mailauncher.errors import InvalidPath
from resolvers import places
from tests.support.context import settings_for
from tests.support.deploying import Bots, at_step, deploy, ended


@pytest.mark.parametrize("sign", ["\n", "\x1b", "\x7f", "\x9b", "\u2028"])
def test_a_path_that_would_steer_a_terminal_is_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        places.new_folder(settings_for(tmp_path), str(tmp_path / f"a{sign}b"))
    assert all(sign not in text for text in caught.value.text)


@pytest.mark.parametrize("name", ["聊天 机器人", "聊天\u3000机器人", "पुस्तक", "a\u200db", "🤖"])
def test_a_path_in_any_script_is_not(tmp_path: Path, name: str) -> None:
    assert places.new_folder(settings_for(tmp_path), str(tmp_path / name)) == tmp_path / name


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
