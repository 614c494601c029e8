"""A keeper that did not answer while the server started cost its healthy bot the life: autostart ran into "terminal is
busy" and then ended what was in the way."""

import signal
from pathlib import Path

import psutil
import pytest

from resolvers import fleet, instances
from terminals import client
from terminals.states import State
from tests.resolvers.test_supervision import until
from tests.support.context import add_bot, lives, parts


@pytest.mark.slow
async def test_a_bot_is_taken_over_once_its_keeper_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        pid = (await instances.start(ctx, bot.id)).instance.pid
    keeper = psutil.Process(psutil.Process(pid).ppid())
    keeper.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(fleet, "ADOPTION_RETRY_S", 0.1)
    async with parts(tmp_path) as ctx:
        assert lives(pid)
        keeper.send_signal(signal.SIGCONT)
        monkeypatch.setattr(client, "ANSWER_TIMEOUT_S", 10)
        await until(ctx, bot.id, State.RUNNING)
        assert instances.get(ctx, bot.id).pid == pid
