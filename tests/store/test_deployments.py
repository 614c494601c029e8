"""Rows of deployments: the newest of each instance in memory, equal to the database."""

import pytest
from tortoise import connections

from store import deployments
from store.database import Database
from store.deployments import Deployments
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus
from tests.support.databases import no_room

ONE, TWO = "1" * 40, "2" * 40
DONE = DeploymentStatus.COMPLETED


async def begun(
    rows: Deployments, instance_id: str, kind: DeploymentKind = DeploymentKind.DEPLOY
) -> DeploymentRecord:
    return await rows.add(instance_id, kind, name="bot", version="1.0", start=True, created_at=5)


async def again(database: Database, *instances: str) -> tuple[Deployments, list[str]]:
    rows = Deployments(database)
    return rows, await rows.load(set(instances))


async def test_deployments_are_there_after_a_restart(database: Database) -> None:
    rows = Deployments(database)
    first = await begun(rows, ONE)
    assert (first.status, first.under_way, first.ended_at) == ("pending", True, None)
    done = await rows.change(first, status=DONE, ended_at=9, commit="c", seconds={"fetch": 1.5})
    assert rows.get(ONE) == done
    read, gone = await again(database, ONE)
    assert list(read) == [done]
    assert gone == []


async def test_only_the_newest_deployment_of_an_instance_is_listed(database: Database) -> None:
    rows = Deployments(database)
    first = await begun(rows, ONE)
    await begun(rows, TWO)
    upgrade = await begun(rows, ONE, DeploymentKind.UPGRADE)
    await rows.change(first, status=DONE)
    assert rows.get(ONE) == upgrade
    assert [record.instance_id for record in rows] == [TWO, ONE]
    read, _ = await again(database, ONE, TWO)
    assert list(read) == list(rows)


async def test_deployments_of_removed_instances_are_forgotten_unless_cancelled(database: Database) -> None:
    rows = Deployments(database)
    await begun(rows, ONE)
    cancelled = await rows.change(await begun(rows, TWO), status=DeploymentStatus.CANCELLED)
    read, gone = await again(database)
    assert list(read) == [cancelled]
    assert gone == [ONE]


async def test_only_the_newest_cancelled_deployments_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments, "CANCELLED_KEPT", 2)
    rows = Deployments(database)
    for number in range(4):
        await rows.change(await begun(rows, f"{number}" * 40), status=DeploymentStatus.CANCELLED)
    await begun(rows, "f" * 40)
    assert rows.prune_cancelled(["f" * 40]) == ["0" * 40, "1" * 40]
    assert len(list(rows)) == 3


async def test_old_rows_are_pruned_except_the_newest_of_each_instance(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments, "DEPLOYMENTS_KEPT", 3)
    monkeypatch.setattr(deployments, "_PRUNE_EVERY", 1)
    rows = Deployments(database)
    await begun(rows, ONE)
    for _ in range(8):
        await begun(rows, TWO)
    with database.session():
        found = await connections.get("default").execute_query_dict("SELECT instance_id FROM deployment")
    assert [row["instance_id"] for row in found].count(ONE) == 1
    assert len(found) <= 5


async def test_a_broken_row_is_left_out(database: Database) -> None:
    rows = Deployments(database)
    await begun(rows, ONE)
    await begun(rows, TWO)
    with database.session():
        await connections.get("default").execute_script("UPDATE deployment SET status = 'odd' WHERE id = 1")
    read, _ = await again(database, ONE, TWO)
    assert [record.instance_id for record in read] == [TWO]


async def test_the_usual_duration_of_a_step_is_the_average_of_recent_ones(database: Database) -> None:
    rows = Deployments(database)
    assert rows.average_seconds(DeploymentKind.DEPLOY, "fetch") is None
    for seconds in (100.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        await rows.change(await begun(rows, ONE), status=DONE, seconds={"fetch": seconds})
    read, _ = await again(database, ONE)
    for known in (rows, read):
        assert known.average_seconds(DeploymentKind.DEPLOY, "fetch") == 3.0
        assert known.average_seconds(DeploymentKind.DEPLOY, "check") is None
        assert known.average_seconds(DeploymentKind.UPGRADE, "fetch") is None


async def test_a_late_change_does_not_bring_back_a_forgotten_deployment(database: Database) -> None:
    rows = Deployments(database)
    record = await begun(rows, ONE)
    rows.forget(ONE)
    changed = await rows.change(record, status=DONE)
    assert changed.status is DONE
    assert rows.get(ONE) is None


async def test_a_change_that_finds_no_room_counts_and_is_stored_later(database: Database) -> None:
    """The end of a deployment on a full disk was in the log only: it was under way until the next start of the server."""
    rows = Deployments(database)
    first = await begun(rows, ONE)
    async with no_room(database, "deployment"):
        await rows.change(first, status=DeploymentStatus.FAILED, seconds={"x" * 10_000: 1.0})
        done = await rows.change(first, ended_at=9)
        assert (done.status, done.ended_at) == ("failed", 9)
        await rows.save_unsaved()
        read, _ = await again(database, ONE)
        assert list(read) == [first]
    await rows.save_unsaved()
    read, _ = await again(database, ONE)
    assert list(read) == [done] == list(rows)
