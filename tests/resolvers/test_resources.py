"""What emojis and persons share: an error of a bulk command names the item at fault, whatever the number of items."""

import base64
from pathlib import Path

import pytest

from mailauncher.errors import Conflict, InvalidParameter
from resolvers import emojis, persons
from resolvers.context import Context
from resolvers.emojis import EmojiChange, NewEmoji
from resolvers.persons import NewPerson, PersonChange
from tests.support.context import add_bot
from tests.support.pictures import picture

TOO_LONG = "x" * 129


@pytest.mark.parametrize("before", [0, 2])
async def test_an_error_in_a_bulk_command_names_the_item(ctx: Context, tmp_path: Path, before: int) -> None:
    bot = (await add_bot(ctx, tmp_path / "bot")).id
    data = base64.b64encode(picture()).decode()
    new_emojis = [NewEmoji(f"n{place}", data) for place in range(before + 1)]
    new_persons = [NewPerson(f"n{place}") for place in range(before + 1)]
    emoji_ids = [view.id for view in await emojis.create_many(ctx, bot, new_emojis)]
    person_ids = [view.id for view in await persons.create_many(ctx, bot, new_persons)]
    emoji_changes = [EmojiChange(one) for one in emoji_ids[:before]]
    person_changes = [PersonChange(one) for one in person_ids[:before]]
    not_json = {"profile": float("nan")}
    for command, field in (
        (emojis.create_many(ctx, bot, [*new_emojis[:before], NewEmoji("", data)]), f"emojis.{before}.name"),
        (persons.create_many(ctx, bot, [*new_persons[:before], NewPerson("")]), f"persons.{before}.user_id"),
        (
            emojis.update_many(ctx, bot, [*emoji_changes, EmojiChange(emoji_ids[before], name=TOO_LONG)]),
            f"emojis.{before}.name",
        ),
        (
            persons.update_many(
                ctx, bot, [*person_changes, PersonChange(person_ids[before], nickname=TOO_LONG)]
            ),
            f"persons.{before}.nickname",
        ),
        (
            persons.update_many(
                ctx, bot, [*person_changes, PersonChange(person_ids[before], profile=not_json)]
            ),
            f"persons.{before}.profile",
        ),
        (emojis.update(ctx, bot, EmojiChange(emoji_ids[0], name=TOO_LONG)), "name"),
        (persons.update(ctx, bot, PersonChange(person_ids[0], profile=not_json)), "profile"),
    ):
        with pytest.raises(InvalidParameter) as refusal:
            await command
        assert refusal.value.field == field


async def test_a_change_is_refused_where_somebody_else_has_made_another(ctx: Context, tmp_path: Path) -> None:
    bot = (await add_bot(ctx, tmp_path / "bot")).id
    emoji = await emojis.create(ctx, bot, NewEmoji("cat", base64.b64encode(picture()).decode()))
    person = await persons.create(ctx, bot, NewPerson("1"))
    other = await persons.create(ctx, bot, NewPerson("2"))
    await emojis.update(ctx, bot, EmojiChange(emoji.id, tags=["soft"], if_match=emoji.etag))
    named = await persons.update(ctx, bot, PersonChange(person.id, nickname="Ada", if_match=person.etag))
    assert named.etag != person.etag
    for command, field in (
        (emojis.update(ctx, bot, EmojiChange(emoji.id, name="dog", if_match=emoji.etag)), "if_match"),
        (persons.update(ctx, bot, PersonChange(person.id, nickname="B", if_match=person.etag)), "if_match"),
        (
            persons.update_many(
                ctx,
                bot,
                [
                    PersonChange(other.id, nickname="C"),
                    PersonChange(person.id, profile={"a": 1}, if_match=person.etag),
                ],
            ),
            "persons.1.if_match",
        ),
    ):
        with pytest.raises(Conflict) as refusal:
            await command
        assert refusal.value.field == field
    assert (await persons.get(ctx, bot, other.id)).nickname == ""  # all or none
    ((before, after),) = await persons.update_many(
        ctx, bot, [PersonChange(person.id, nickname="", if_match=named.etag)]
    )
    assert (before.nickname, after.nickname, after.etag) == ("Ada", "", person.etag)
    changes = [
        PersonChange(person.id, nickname="D", if_match=named.etag),
        PersonChange("0" * 40, nickname="E"),
        PersonChange(other.id, nickname="F", if_match=other.etag),
    ]
    ((_, left),) = await persons.update_many(ctx, bot, changes, skip_changed=True)
    assert (left.id, left.nickname) == (other.id, "F")
    assert await persons.get(ctx, bot, person.id) == after
