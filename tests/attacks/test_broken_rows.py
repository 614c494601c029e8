"""A row that somebody had edited by hand kept the whole server from starting."""

import sqlite3
from pathlib import Path

import pytest

from resolvers import instances
from store.database import FILE_NAME
from tests.support.context import add_bot, parts


@pytest.mark.parametrize(
    "change", ["supervision = '{broken'", "supervision = '[]'", "port = 'x'", "id = '../../evil'"]
)
async def test_an_invalid_row_is_ignored_and_the_others_are_loaded(tmp_path: Path, change: str) -> None:
    async with parts(tmp_path) as ctx:
        broken = await add_bot(ctx, tmp_path / "broken")
        good = await add_bot(ctx, tmp_path / "good")
    database = sqlite3.connect(tmp_path / "data" / FILE_NAME)
    database.execute("PRAGMA ignore_check_constraints = ON")
    database.execute(f"UPDATE instance SET {change} WHERE id = ?", (broken.id,))  # noqa: S608 - from above
    database.commit()
    database.close()
    async with parts(tmp_path) as ctx:
        assert [view.id for view in instances.list_all(ctx)] == [good.id]
