"""What emojis and persons share: an error of a bulk command names the item at fault, whatever the number of items."""

import base64
from pathlib import Path

import pytest

from mailauncher.errors import InvalidParameter
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
