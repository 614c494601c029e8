"""A name of two million letters, or a search for one, kept the server for a second."""

from pathlib import Path

import pytest

from mailauncher import names
from resolvers import instances
from resolvers.context import Context
from tests.support.context import add_bot


class Folded(str):
    """Counts how often it is folded."""

    __slots__ = ()
    times = 0

    def casefold(self) -> str:
        type(self).times += 1
        return super().casefold()


def test_a_name_that_is_too_long_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_is_allowed", lambda _: pytest.fail("it was looked through"))
    assert not names.is_instance_name("é" * 2_000_000)
    assert not names.is_instance_name("")


async def test_a_search_by_name_is_folded_once_and_not_at_all_if_it_is_longer_than_any_name(
    ctx: Context, tmp_path: Path
) -> None:
    for name in ("one", "two", "Straße"):
        await add_bot(ctx, tmp_path / name)
    found = instances.list_all(ctx, search=Folded("STRASSE"))
    assert [view.name for view in found] == ["Straße"]
    assert instances.list_all(ctx, search=Folded("ß" * 2_000_000)) == []
    assert Folded.times == 1
