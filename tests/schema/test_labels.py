"""The name, notes and tags of an instance."""

import asyncio
from pathlib import Path

import pytest

from store.registry import Registry
from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow
EDIT = """mutation ($input: EditInstanceInput!) { editInstance(input: $input) {
  message instance { id name notes tags path } } }"""
ENGLISH = {"Accept-Language": "en"}


async def test_labels_are_changed_one_by_one_and_stored(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    for change in (
        {"name": "小麦 2"},
        {"notes": "账号 10001\n不要升级"},
        {"tags": [" 测试 ", "groups", "测试"]},
    ):
        assert (await ask(launcher, EDIT, input={"id": bot.id, **change})).errors == []
    answer = await ask(launcher, EDIT, ENGLISH, input={"id": bot.id})
    labels = {"name": "小麦 2", "notes": "账号 10001\n不要升级", "tags": ["测试", "groups"]}
    expected = {"id": bot.id, "path": str(tmp_path / "bot"), **labels}
    assert answer.data["editInstance"] == {"message": "changed", "instance": expected}
    stored = Registry(launcher.ctx.store.registry._database)
    await stored.load()
    (record,) = stored
    assert (record.name, record.notes, list(record.tags)) == tuple(labels.values())
    events = (
        await ask(launcher, '{ events(kinds: ["edit"]) { edges { node { message } } } }', ENGLISH)
    ).result
    assert events["edges"][0]["node"]["message"] == "renamed bot to 小麦 2"
    answer = await ask(launcher, EDIT, input={"id": bot.id, "notes": "", "tags": []})
    assert (answer.result["instance"]["notes"], answer.result["instance"]["tags"]) == ("", [])


async def test_of_two_that_want_a_name_at_once_one_gets_it(launcher: Launcher, tmp_path: Path) -> None:
    bots = [await add_bot(launcher.ctx, tmp_path / name) for name in ("one", "other")]
    answers = await asyncio.gather(
        *(ask(launcher, EDIT, input={"id": bot.id, "name": "wanted"}) for bot in bots)
    )
    assert sorted(answer.code if answer.errors else "" for answer in answers) == ["", "DUPLICATE_RESOURCE"]


async def test_labels_that_cannot_be_are_refused(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    refused: list[tuple[str, object]] = [
        ("name", ""),
        ("name", "a/b"),
        ("name", "x" * 65),
        ("notes", "x" * 4001),
        ("notes", "\x1b[31m"),
        ("tags", ["x"] * 21),
        ("tags", [" "]),
        ("tags", ["x" * 33]),
        ("tags", ["a\nb"]),
    ]
    for field, value in refused:
        answer = await ask(launcher, EDIT, input={"id": bot.id, field: value})
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", field)
    assert launcher.ctx.live.view(bot.id).name == "bot"
