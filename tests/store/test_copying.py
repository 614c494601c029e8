"""A store is copied from one database to the other: every row, its numbers, and what is found."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tortoise import connections

from mailauncher.errors import Conflict, DatabaseError, Text
from mailauncher.events import Bus
from mailauncher.grants import Scope
from store import copying, models
from store.copying import copy
from store.database import Database
from store.deployments import Deployments
from store.emojis import Emojis, criteria
from store.journal import Journal
from store.persons import Persons
from store.records import DeploymentKind
from store.registry import Registry
from store.revisions import Revisions
from store.snapshots import LastSync, Snapshots
from store.ssh_keys import SshKeyRecord, SshKeys
from tests.store.test_emojis import emoji, person
from tests.store.test_registry import record
from tests.support import databases

BOT = record(1).id
pytestmark = databases.NEEDS_POSTGRESQL
each_way = pytest.mark.parametrize(
    "kinds", [("sqlite", "postgresql"), ("postgresql", "sqlite")], ids=["to-postgresql", "to-sqlite"]
)


@asynccontextmanager
async def opened(folder: Path, kinds: tuple[str, str]) -> AsyncIterator[tuple[Database, Database]]:
    """The first of the two has a row in each table."""
    source = await Database.open(*databases.location(folder / "from", kinds[0]))
    await fill(source)
    target = await Database.open(*databases.location(folder / "to", kinds[1]))
    try:
        yield source, target
    finally:
        await target.close()
        await source.close()


async def fill(database: Database) -> None:
    await Registry(database).add(record(1))
    await Registry(database).set_wanted(BOT, ["main"], True)
    await Deployments(database).add(
        BOT, DeploymentKind.DEPLOY, name="bot", version="1.0", start=True, created_at=5
    )
    journal = Journal(database, Bus())
    await journal.note("add", "cli", Text("添加", "added"), BOT)
    await Revisions(database).add(BOT, "bot", b"\0\xff\n", "h", caller="rest", source="api")
    emojis = Emojis(database)
    many = [emoji(f"熊猫头{number}", "打工人 50%", ("猫猫",), "work") for number in range(1100)]
    made = await emojis.add(BOT, many)
    await emojis.remove(BOT, [made[-1]["id"]])
    await Persons(database).add(BOT, [person("10001", "Cat", "阿猫")])
    await Persons(database).add(BOT, [person("10002")])
    snapshots = Snapshots(database)
    await snapshots.save(BOT, "person", {"k": {"platform": "qq", "nul": "\0"}}, 7)
    await snapshots.save_last_sync(BOT, LastSync(9, Text("失败", "failed")))
    keys = await SshKeys.read(database, Bus())
    await keys.add(
        SshKeyRecord(
            name="laptop",
            key="ssh-ed25519 AAAA",
            fingerprint="SHA256:AAAA",
            authority=False,
            principals=(),
            scope=Scope.READ,
            instances=None,
            added_at=5,
        )
    )


async def all_of(database: Database) -> dict[str, list[object]]:
    with database.session():
        connection = connections.get("default")
    return {
        copying._name(table): [row async for rows in copying._batches(connection, table) for row in rows]
        for table in copying.TABLES
    }


def test_every_table_is_copied() -> None:
    every = {
        model
        for model in vars(models).values()
        if isinstance(model, type) and model.__module__ == models.__name__
    }
    assert every == set(copying.TABLES)


@pytest.mark.slow
@each_way
async def test_a_copy_has_every_row_and_finds_it(tmp_path: Path, kinds: tuple[str, str]) -> None:
    async with opened(tmp_path, kinds) as (source, target):
        counts: dict[str, int] = {}
        assert await copy(source, target, counts.__setitem__)
        assert counts["emoji"] == 1099
        assert min(counts.values()) > 0
        assert await all_of(target) == await all_of(source)
        emojis = Emojis(target)
        for text in ("猫", "熊猫", "工人 50"):
            found = criteria(text, ["猫猫"], "work")
            assert await emojis.count(BOT, found) == 1099
            assert [row["name"] for row in await emojis.page(BOT, found, 1)] == ["熊猫头1098"]
        # The number of the row that was removed is not given again.
        [new] = await emojis.add(BOT, [emoji("new")])
        assert new["seq"] == 1101
        await Journal(target, Bus()).note("stop", "cli", Text("停止", "stopped"))
        assert len((await all_of(target))["event"]) == 2


@pytest.mark.slow
@each_way
async def test_a_copy_can_be_repeated_and_replaces_other_content_only_if_told_to(
    tmp_path: Path, kinds: tuple[str, str]
) -> None:
    async with opened(tmp_path, kinds) as (source, target):
        assert await copy(source, target, lambda *_: None)
        assert not await copy(source, target, lambda *_: None)
        await Emojis(target).add(BOT, [emoji("of the target")])
        before = await all_of(target)
        with pytest.raises(Conflict):
            await copy(source, target, lambda *_: None)
        assert await all_of(target) == before
        assert await copy(source, target, lambda *_: None, replace=True)
        assert await all_of(target) == await all_of(source)
        assert await Emojis(target).count(BOT, criteria("of the", [], None)) == 0
        assert await Emojis(target).count(BOT, criteria("猫", [], None)) == 1099


@each_way
async def test_a_copy_that_differs_leaves_the_target_as_it_was(
    tmp_path: Path, kinds: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, kinds) as (source, target):
        real = copying._insert

        async def spoilt(
            target: Database, transaction: object, table: object, rows: list[dict[str, object]]
        ) -> None:
            if table is models.Sync:
                rows = [row | {"en": "spoilt"} for row in rows]
            await real(target, transaction, table, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(copying, "_insert", spoilt)
        with pytest.raises(DatabaseError, match="differs at sync 1"):
            await copy(source, target, lambda *_: None)
        assert all(rows == [] for rows in (await all_of(target)).values())
        assert await Emojis(target).count(BOT, criteria("猫", [], None)) == 0
