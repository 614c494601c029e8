"""Supervision through GraphQL: restart policy, resource usage, log search and new events."""

from pathlib import Path

import pytest

from resolvers import instances
from tests.support.context import add_bot, outputs, settings_for
from tests.support.graphql import ask, conversing
from tests.support.server import Launcher, running

SUPERVISE = """mutation ($input: SuperviseInstanceInput!) { superviseInstance(input: $input) {
  instance { supervision { restart restartDelayS crashLimit autostart stopTimeoutS } } } }"""
SEARCH = """query ($id: ID!, $text: String!) { searchTerminal(sessionId: $id, text: $text) { matches { line } next } }"""


async def test_the_policy_is_stored_and_null_restores_the_default(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    wish = {"id": bot.id, "restart": "ALWAYS", "restartDelayS": 5, "crashLimit": 2, "autostart": False}
    changed = (await ask(launcher, SUPERVISE, input=wish)).result["instance"]["supervision"]
    assert changed == {
        "restart": "ALWAYS",
        "restartDelayS": 5,
        "crashLimit": 2,
        "autostart": False,
        "stopTimeoutS": None,
    }
    again = (await ask(launcher, SUPERVISE, input={"id": bot.id, "restart": None})).result["instance"][
        "supervision"
    ]
    assert again == changed | {"restart": "ON_FAILURE"}


@pytest.mark.parametrize("wish", [{"crashLimit": 0}, {"restartDelayS": -1}, {"stopTimeoutS": 1e9}])
async def test_a_policy_out_of_bounds_changes_nothing(
    launcher: Launcher, tmp_path: Path, wish: dict[str, float]
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    before = instances.supervision(launcher.ctx, bot.id)
    answer = await ask(launcher, SUPERVISE, input={"id": bot.id, **wish})
    assert answer.code == "INVALID_PARAMETER"
    assert instances.supervision(launcher.ctx, bot.id) == before


async def test_a_text_is_found_in_what_a_terminal_printed(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    await instances.start(launcher.ctx, bot.id)
    session = f"{bot.id}_main"
    await outputs(launcher.ctx, session, "ready")
    assert (await ask(launcher, SEARCH, id=session, text="READY")).result == {
        "matches": [{"line": "ready"}],
        "next": None,
    }
    assert (await ask(launcher, SEARCH, id=session, text="")).code == "INVALID_PARAMETER"


@pytest.mark.slow
async def test_a_running_program_has_resource_usage_and_a_stopped_one_does_not(tmp_path: Path) -> None:
    query = "query ($id: ID!) { instance(id: $id) { usage { cpuPercent memory processes } } }"
    async with running(settings_for(tmp_path, metrics_interval_s=0.1)) as launcher:
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        assert (await ask(launcher, query, id=bot.id)).result == {"usage": None}
        await instances.start(launcher.ctx, bot.id)
        usage = None
        while usage is None:
            usage = (await ask(launcher, query, id=bot.id)).result["usage"]
    assert usage["memory"] > 1 << 20
    assert usage["processes"] == 1


async def test_the_journal_can_be_followed_from_a_cursor(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    async with conversing(launcher) as talk:
        operation = await talk.follow("subscription { events(after: 0) { id kind instanceId } }")
        await instances.start(launcher.ctx, bot.id)
        seen = [(await talk.value(operation)) for _ in range(3)]
    assert [event["kind"] for event in seen] == ["add", "supervise", "start"]
    assert {event["instanceId"] for event in seen} == {bot.id}
