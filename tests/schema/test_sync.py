"""Synchronization with the bot through GraphQL: status, sync, and what the bot has learned."""

import base64
from pathlib import Path
from typing import Any

import pytest

from resolvers import emojis
from tests.support.bot_databases import BotDatabase, picture
from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

STATUS = """query ($id: ID!) { instance(id: $id) { syncStatus {
    database family problem emojisInBot personsInBot emojis persons pending lastSync lastError
    changes { kind id name change when } problems { kind name code message } } } }"""
SYNC = """mutation ($input: SyncResourcesInput!) { syncResources(input: $input) {
    message complete added changed gone applied pending problems { kind name code message }
    status { emojis persons pending } } }"""
LEARNED = """query ($id: ID!) { instance(id: $id) {
    emojis { edges { node { origin pendingChange learned { path usage recordedAt } } } }
    persons { edges { node { userId origin learned { platform memory times knownSince } } } } } }"""


async def status(launcher: Launcher, instance_id: str) -> dict[str, Any]:
    answer = await ask(launcher, STATUS, {"Accept-Language": "en"}, id=instance_id)
    return dict(answer.result["syncStatus"])


async def sync(launcher: Launcher, instance_id: str) -> Any:
    return await ask(launcher, SYNC, {"Accept-Language": "en"}, input={"instanceId": instance_id})


async def test_a_sync_imports_what_the_bot_has_learned(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    bot = BotDatabase(tmp_path / "bot", "0.12")
    key = bot.learn_emoji(picture((255, 0, 0)))
    bot.learn_person("10001", "小林", memory="喜欢猫")
    done = (await sync(launcher, view.id)).result
    assert (done["complete"], done["added"], done["pending"], done["problems"]) == (True, 2, 0, [])
    assert done["message"].startswith("Synchronised: 2 added")
    assert done["status"] == {"emojis": 1, "persons": 1, "pending": 0}
    found = (await ask(launcher, LEARNED, id=view.id)).result
    (emoji,) = (edge["node"] for edge in found["emojis"]["edges"])
    assert emoji["learned"]["path"] == f"data/emoji_registed/{key}.png"
    assert (emoji["origin"], emoji["pendingChange"], emoji["learned"]["usage"]) == ("BOT", None, 3)
    (person,) = (edge["node"] for edge in found["persons"]["edges"])
    assert person["learned"]["platform"] == "qq"
    assert "喜欢猫" in person["learned"]["memory"]
    assert person["learned"]["knownSince"].endswith("Z")


async def test_the_status_lists_pending_changes_and_when_they_are_pushed(
    launcher: Launcher, tmp_path: Path
) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    data = base64.b64encode(picture((255, 0, 0))).decode()
    made = await emojis.create(launcher.ctx, view.id, emojis.NewEmoji("红", data))
    assert await status(launcher, view.id) == {
        "database": False,
        "family": None,
        "problem": None,
        "emojisInBot": 0,
        "personsInBot": 0,
        "emojis": 1,
        "persons": 0,
        "pending": 1,
        "lastSync": None,
        "lastError": None,
        "changes": [{"kind": "EMOJI", "id": made.id, "name": "红", "change": "ADD", "when": "WITH_DATABASE"}],
        "problems": [],
    }
    found = (await ask(launcher, LEARNED, id=view.id)).result
    (edge,) = found["emojis"]["edges"]
    assert edge["node"] == {"origin": "USER", "pendingChange": "ADD", "learned": None}


async def test_sync_failures_have_a_code_and_a_solution(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    assert (await sync(launcher, "0" * 40)).code == "INSTANCE_NOT_FOUND"
    (tmp_path / "bot" / "data").mkdir()
    (tmp_path / "bot" / "data" / "MaiBot.db").write_bytes(b"garbage" * 1000)
    refused = await sync(launcher, view.id)
    assert refused.code == "DATABASE_ERROR"
    found = await status(launcher, view.id)
    assert found["database"]
    assert "replace it with a backup" in found["problem"]
    assert found["problem"] == found["lastError"] == refused.error["message"]
    chinese = (await ask(launcher, STATUS, id=view.id)).result["syncStatus"]["problem"]
    assert "已损坏" in chinese


async def test_a_problem_of_one_emoji_has_its_code(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    bot = BotDatabase(tmp_path / "bot", "1")
    bot.learn_emoji(picture((255, 0, 0)), "开心")
    bot.execute("UPDATE images SET full_path = 'data/emoji/gone.png'")
    done = (await sync(launcher, view.id)).result
    (problem,) = done["problems"]
    assert (problem["kind"], problem["name"], problem["code"]) == ("EMOJI", "开心", "RESOURCE_NOT_FOUND")
    assert problem["message"].startswith("No such image file")
