"""Deleting so that it can be undone: what is restored is what it was, and what is not is gone, here and in the bot."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mailauncher.errors import DuplicateResource, ResourceNotFound
from resolvers import emojis, persons, sync
from resolvers.context import Context
from resolvers.emojis import EmojiFilter, NewEmoji
from resolvers.persons import NewPerson, PersonFilter
from resolvers.syncing import deletions
from tests.support.bot_databases import BotDatabase, picture
from tests.support.context import add_bot, parts

RED = picture((255, 0, 0))
PATIENCE_S = 30


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():
            await asyncio.sleep(0.01)


async def aside(ctx: Context, instance_id: str) -> int:
    stores = ctx.store
    return len(await stores.emojis.aside(instance_id)) + len(await stores.persons.aside(instance_id))


async def test_what_is_restored_is_what_it_was(ctx: Context, tmp_path: Path) -> None:
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    one = await emojis.create(ctx, bot, NewEmoji("one", RED, "说明", ["a", "b"], "c"))
    two = await emojis.create(ctx, bot, NewEmoji("two", picture((0, 0, 255))))
    ada = await persons.create(ctx, bot, NewPerson("1", "ada", "阿达", profile={"likes": "tea"}))
    await emojis.delete_for_now(ctx, bot, [one.id, two.id])
    await persons.delete_for_now(ctx, bot, [ada.id])
    assert await emojis.search(ctx, bot, EmojiFilter(), 10, 0) == ([], 0)
    assert await persons.search(ctx, bot, PersonFilter("阿"), 10, 0) == ([], 0)
    for gone in (emojis.get(ctx, bot, one.id), emojis.delete(ctx, bot, [one.id])):
        with pytest.raises(ResourceNotFound):
            await gone
    assert await emojis.restore(ctx, bot, [one.id, two.id]) == [one, two]
    assert await persons.restore(ctx, bot, [ada.id]) == [ada]
    assert await emojis.search(ctx, bot, EmojiFilter("说", ("A",), "c"), 10, 0) == ([one], 1)
    assert await persons.search(ctx, bot, PersonFilter("阿"), 10, 0) == ([ada], 1)
    image = ctx.store.images.path(one.image_url.rpartition("/")[2])
    assert image.is_file()
    for kept in (ctx.store.emojis, ctx.store.persons):
        assert await kept.aside(bot) == []


async def test_a_name_that_was_given_away_is_not_taken_back(ctx: Context, tmp_path: Path) -> None:
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    one = await emojis.create(ctx, bot, NewEmoji("one", RED))
    two = await emojis.create(ctx, bot, NewEmoji("two", RED))
    await emojis.delete_for_now(ctx, bot, [one.id, two.id])
    other = await emojis.create(ctx, bot, NewEmoji("one", RED))
    with pytest.raises(DuplicateResource):
        await emojis.restore(ctx, bot, [two.id, one.id])
    assert await emojis.search(ctx, bot, EmojiFilter(), 10, 0) == ([other], 1)
    await emojis.delete(ctx, bot, [other.id])
    assert await emojis.restore(ctx, bot, [two.id, one.id]) == [two, one]


async def test_after_a_while_it_is_gone_and_cannot_be_restored(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    one = await emojis.create(ctx, bot, NewEmoji("one", RED))
    ada = await persons.create(ctx, bot, NewPerson("1"))
    monkeypatch.setattr(deletions, "UNDO_S", 0.05)
    await emojis.delete_for_now(ctx, bot, [one.id])
    await persons.delete_for_now(ctx, bot, [ada.id])
    image = ctx.store.images.path(one.image_url.rpartition("/")[2])

    async def gone() -> bool:
        return not await aside(ctx, bot) and not image.exists()

    await eventually(gone)
    with pytest.raises(ResourceNotFound):
        await emojis.restore(ctx, bot, [one.id])
    with pytest.raises(ResourceNotFound):
        await persons.restore(ctx, bot, [ada.id])


async def test_a_later_server_restores_or_completes_what_a_former_one_put_aside(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        bot = (await add_bot(ctx, tmp_path / "bot", "")).id
        one = await emojis.create(ctx, bot, NewEmoji("one", RED))
        two = await emojis.create(ctx, bot, NewEmoji("two", RED))
        await emojis.delete_for_now(ctx, bot, [one.id])
        # As one would be whose time was over while no server ran.
        await ctx.store.emojis.put_aside(bot, [two.id], 1, from_bot=False)
    async with parts(tmp_path) as ctx:

        async def only_one_is_left() -> bool:
            return await aside(ctx, bot) == 1

        await eventually(only_one_is_left)
        assert [view.name for view in await emojis.restore(ctx, bot, [one.id])] == ["one"]


async def test_the_bot_is_told_when_it_cannot_be_undone_any_more(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = BotDatabase(tmp_path / "bot", "1")
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    database.learn_emoji(RED)
    await sync.sync(ctx, bot)
    (theirs,), _ = await emojis.search(ctx, bot, EmojiFilter(), 10, 0)
    await emojis.delete_for_now(ctx, bot, [theirs.id], from_bot=True)
    await sync.sync(ctx, bot)
    assert (await sync.status(ctx, bot)).emojis_in_bot == 1
    assert await emojis.restore(ctx, bot, [theirs.id]) == [theirs]
    monkeypatch.setattr(deletions, "UNDO_S", 0.05)
    await emojis.delete_for_now(ctx, bot, [theirs.id], from_bot=True)

    async def deleted_there() -> bool:
        return (await sync.status(ctx, bot)).emojis_in_bot == 0

    await eventually(deleted_there)
    assert (await sync.status(ctx, bot)).emojis == 0


async def test_what_the_bot_loses_meanwhile_can_be_restored(ctx: Context, tmp_path: Path) -> None:
    database = BotDatabase(tmp_path / "bot", "1")
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    database.learn_emoji(RED)
    await sync.sync(ctx, bot)
    (theirs,), _ = await emojis.search(ctx, bot, EmojiFilter(), 10, 0)
    await emojis.delete_for_now(ctx, bot, [theirs.id])
    database.execute("DELETE FROM images")
    await sync.sync(ctx, bot)
    (back,) = await emojis.restore(ctx, bot, [theirs.id])
    assert (back.name, back.image_url, back.bot_key) == (theirs.name, theirs.image_url, None)


async def test_what_the_bot_changes_meanwhile_is_in_what_is_restored_after_the_next_sync(
    ctx: Context, tmp_path: Path
) -> None:
    """It was lost: the change counted as known although the row did not have it."""
    database = BotDatabase(tmp_path / "bot", "1")
    bot = (await add_bot(ctx, tmp_path / "bot", "")).id
    database.learn_emoji(RED)
    await sync.sync(ctx, bot)
    (theirs,), _ = await emojis.search(ctx, bot, EmojiFilter(), 10, 0)
    await emojis.delete_for_now(ctx, bot, [theirs.id])
    database.execute("UPDATE images SET description = 'changed'")  # its tags
    await sync.sync(ctx, bot)
    assert await emojis.restore(ctx, bot, [theirs.id]) == [theirs]
    await sync.sync(ctx, bot)
    assert (await emojis.get(ctx, bot, theirs.id)).tags == ["changed"]
