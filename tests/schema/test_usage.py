"""What programs and the machine use, over GraphQL."""

from pathlib import Path

import pytest

from resolvers import instances
from tests.support.context import PATIENT_BOT, add_bot
from tests.support.graphql import ask, conversing
from tests.support.server import Launcher

HISTORY = """query ($begin: DateTime!, $end: DateTime, $session: ID) {
  usageHistory(begin: $begin, end: $end, sessionId: $session) {
    stepS at cpu { least mean most } memory { least mean most } } }"""
LONG_AGO = "2001-01-01T00:00:00Z"

pytestmark = pytest.mark.slow


async def test_usage_is_told_after_each_sample_and_kept_until_the_instance_is_deleted(
    launcher: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    other = await add_bot(launcher.ctx, tmp_path / "other")
    await instances.start(launcher.ctx, bot.id)
    await instances.start(launcher.ctx, other.id)
    async with conversing(launcher) as socket:
        selection = "{ sessionId instanceId usage { memory processes } }"
        of_all = await socket.begin(f"subscription {{ usageChanged {selection} }}")
        of_one = await socket.begin(
            f"subscription ($id: ID) {{ usageChanged(instanceId: $id) {selection} }}", id=bot.id
        )
        while len(programs := await socket.value(of_all)) < 3:
            pass
        assert all(program["usage"]["memory"] > 0 for program in programs)
        while len(programs := await socket.value(of_one)) < 2:
            pass
        assert {program["sessionId"] for program in programs} == {f"{bot.id}_main", f"{bot.id}_napcat"}
        await socket.value(of_all)  # the samples before this one are in the history
        for session in (None, f"{bot.id}_main", f"{bot.id}_napcat"):
            answer = await ask(launcher, HISTORY, begin=LONG_AGO, session=session)
            found = answer.data["usageHistory"]
            assert answer.errors == []
            assert (found["stepS"], len(found["at"])) == (3600, len(found["memory"]["mean"]))
            assert 0 < found["memory"]["least"][0] <= found["memory"]["mean"][0] <= found["memory"]["most"][0]
            assert 0 <= found["cpu"]["least"][0] <= found["cpu"]["mean"][0] <= found["cpu"]["most"][0]
    folder = launcher.ctx.settings.data_folder / "usage" / bot.id
    assert len(list(folder.iterdir())) == 2
    await instances.delete(launcher.ctx, bot.id)
    assert not folder.exists()


async def test_a_period_that_cannot_be_is_refused(launcher: Launcher) -> None:
    answer = await ask(launcher, HISTORY, begin="2026-01-02T00:00:00Z", end="2026-01-01T00:00:00Z")
    assert [error["extensions"]["code"] for error in answer.errors] == ["INVALID_PARAMETER"]
    answer = await ask(launcher, HISTORY, begin=LONG_AGO, session="nobody_main")
    assert [error["extensions"]["code"] for error in answer.errors] == ["INSTANCE_NOT_FOUND"]
