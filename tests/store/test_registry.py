"""The registry: memory and database agree, whatever fails."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from mailauncher.errors import DatabaseError
from store import models
from store.database import Database
from store.records import InstanceRecord, ServiceRecord
from store.registry import Registry
from tests.support.databases import permit, refuse


def record(number: int, **changes: Any) -> InstanceRecord:
    """An instance with two services, unlike those of other numbers."""
    values: dict[str, Any] = {
        "id": f"{number:040x}",
        "name": f"麦麦 {number}",
        "path": f"/srv/bots/{number}",
        "port": 8000 + number,
        "version": "1.2.1",
        "installed_at": 1_700_000_000_000 + number,
        "recipe": "maibot",
        "run_command": "{python} bot.py --quick" if number % 2 else None,
        "services": (
            ServiceRecord(name="napcat", path=f"/srv/bots/{number}/napcat", port=9000 + number, alias="ada"),
            ServiceRecord(name="extra", path="/srv/extra", port=0, run_command="node index.js", wanted=True),
        ),
    }
    return InstanceRecord(**(values | changes))


async def reloaded(database: Database) -> Registry:
    """What the next server would find."""
    registry = Registry(database)
    await registry.load()
    return registry


async def test_an_empty_database_gives_an_empty_registry(database: Database) -> None:
    registry = await reloaded(database)
    assert (len(registry), list(registry), registry.get("0" * 40)) == (0, [], None)


async def test_an_added_instance_is_there_at_once_and_after_a_restart(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    assert registry.get(record(1).id) == record(1)
    assert list(await reloaded(database)) == [record(1)]


async def test_the_order_is_that_of_adding_also_after_a_restart(database: Database) -> None:
    registry = Registry(database)
    added = [record(n, installed_at=at) for at, n in enumerate((3, 1, 2))]
    for one in added:
        await registry.add(one)
    assert list(registry) == added
    assert list(await reloaded(database)) == added


async def test_services_keep_their_order(database: Database) -> None:
    registry = Registry(database)
    services = tuple(ServiceRecord(name=f"s{n}", path="/srv", port=n) for n in (5, 3, 4))
    await registry.add(record(1, services=services))
    (found,) = await reloaded(database)
    assert [service.name for service in found.services] == ["s5", "s3", "s4"]


async def test_a_service_is_found_by_its_name() -> None:
    found = record(1).service("extra")
    assert found is not None
    assert found.run_command == "node index.js"
    assert record(1).service("nothing") is None


async def test_an_instance_is_removed_with_its_services(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await registry.add(record(2))
    await registry.remove(record(1).id)
    assert list(registry) == list(await reloaded(database)) == [record(2)]
    with database.session():
        assert await models.Service.filter(instance_id=record(1).id).count() == 0


async def test_removing_an_unknown_instance_does_nothing(database: Database) -> None:
    await Registry(database).remove("0" * 40)


@pytest.mark.parametrize("names", [["main"], ["napcat"], ["main", "napcat", "extra"], ["extra"]])
@pytest.mark.parametrize("wanted", [True, False])
async def test_the_wanted_state_is_stored(database: Database, names: list[str], wanted: bool) -> None:
    registry = Registry(database)
    await registry.add(record(1, wanted=not wanted))
    await registry.add(record(2))
    await registry.set_wanted(record(1).id, names, wanted)
    found = registry.get(record(1).id)
    assert found is not None
    assert found.wanted is (wanted if "main" in names else not wanted)
    for service, former in zip(found.services, record(1).services, strict=True):
        assert service.wanted is (wanted if service.name in names else former.wanted)
    assert list(await reloaded(database)) == list(registry)
    assert registry.get(record(2).id) == record(2)


async def test_the_wanted_state_of_an_unknown_instance_is_ignored(database: Database) -> None:
    registry = Registry(database)
    await registry.set_wanted("0" * 40, ["main"], True)
    assert len(registry) == 0


async def test_the_wanted_state_of_an_unknown_service_is_ignored(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await registry.set_wanted(record(1).id, ["nothing"], True)
    assert list(registry) == list(await reloaded(database)) == [record(1)]


async def test_the_supervision_policy_is_stored(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await registry.set_supervision(
        record(1).id, lambda _: {"restart": "always", "limits": [1, 2.5], "词": None}
    )
    assert list(registry) == list(await reloaded(database))
    assert next(iter(registry)).supervision == {"restart": "always", "limits": [1, 2.5], "词": None}


# Failures


@pytest.mark.parametrize("table", ["instance", "service"])
async def test_an_addition_that_fails_changes_nothing_anywhere(database: Database, table: str) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await refuse(database, "INSERT", table)
    with pytest.raises(DatabaseError):
        await registry.add(record(2))
    assert list(registry) == list(await reloaded(database)) == [record(1)]


@pytest.mark.parametrize("same", ["id", "name", "path"])
async def test_two_instances_with_the_same_id_name_or_folder_cannot_both_be_stored(
    database: Database, same: str
) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    with pytest.raises(DatabaseError):
        await registry.add(record(2, **{same: getattr(record(1), same)}))
    assert list(registry) == list(await reloaded(database)) == [record(1)]


async def test_two_services_of_one_name_cannot_both_be_stored(database: Database) -> None:
    registry = Registry(database)
    twice = record(1).services[0]
    with pytest.raises(DatabaseError):
        await registry.add(record(1, services=(twice, twice)))
    assert list(registry) == list(await reloaded(database)) == []


async def test_a_removal_that_fails_changes_nothing_anywhere(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await refuse(database, "DELETE", "instance")
    with pytest.raises(DatabaseError):
        await registry.remove(record(1).id)
    assert list(registry) == list(await reloaded(database)) == [record(1)]


@pytest.mark.parametrize("table", ["instance", "service"])
async def test_a_wanted_state_and_ports_that_cannot_be_written_count_and_are_stored_later(
    database: Database, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They follow what has been done: a stop that was done, or a file that had been written with a port, answered with an
    error of the database. Later, each attempt was logged, every two seconds."""
    registry = Registry(database)
    await registry.add(record(1))
    await refuse(database, "UPDATE", table)
    assert not await registry.set_wanted(record(1).id, ["main", "napcat"], True)
    await registry.set_ports(record(1).id, {"main": 1, "napcat": 2})
    [changed] = registry
    assert changed.wanted
    assert (changed.port, changed.services[0].port) == (1, 2)
    for _ in range(3):
        await registry.save_unsaved()
    assert list(await reloaded(database)) == [record(1)]
    await permit(database, "UPDATE", table)
    await registry.save_unsaved()
    assert list(await reloaded(database)) == [changed]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [message.partition(" ")[0] for message in told] == ["database", "not", "stored"]


async def test_a_change_of_supervision_that_fails_changes_nothing_anywhere(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    await refuse(database, "UPDATE", "instance")
    with pytest.raises(DatabaseError):
        await registry.set_supervision(record(1).id, lambda _: {"restart": "always"})
    assert list(registry) == list(await reloaded(database)) == [record(1)]


async def test_a_writer_that_fails_does_not_hold_up_the_next(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    with pytest.raises(DatabaseError):
        await registry.add(record(1))
    async with asyncio.timeout(5):
        await registry.add(record(2))


async def test_concurrent_writers_leave_memory_and_database_equal(database: Database) -> None:
    registry = Registry(database)
    await asyncio.gather(*(registry.add(record(n, services=())) for n in range(20)))
    changes: list[Coroutine[Any, Any, object]]
    changes = [registry.set_wanted(record(n).id, ["main"], n % 3 == 0) for n in range(20)]
    changes += [registry.remove(record(n).id) for n in range(0, 20, 5)]
    await asyncio.gather(*changes)
    assert len(registry) == 16
    assert list(registry) == list(await reloaded(database))


async def test_records_are_immutable(database: Database) -> None:
    registry = Registry(database)
    await registry.add(record(1))
    held = registry.get(record(1).id)
    await registry.set_wanted(record(1).id, ["main"], True)
    assert held == record(1)
