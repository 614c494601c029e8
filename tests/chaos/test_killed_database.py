"""PostgreSQL is killed and started again: what was acknowledged is there, and what needs no database goes on."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauncher.errors import Code
from resolvers import instances
from store.journal import EventFilter
from store.persons import Persons
from store.search_index import Criteria
from terminals.states import State
from tests.support import databases, postgres
from tests.support.context import add_bot, outputs, settings_for, until
from tests.support.http import client, failure
from tests.support.server import Launcher, running
from tests.support.stress import sized

pytestmark = [pytest.mark.slow, pytest.mark.stress, databases.NEEDS_POSTGRESQL]
KILLS = sized(3, 20)
WRITERS = 4


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    """One of the test's own, which has written what it has acknowledged."""
    own = postgres.Cluster(synchronous_commit="on")
    yield own
    own.remove()


async def kinds(launcher: Launcher) -> list[str]:
    """What the journal has, oldest first."""
    return [row["kind"] for row in await launcher.ctx.store.journal.page(EventFilter(), 100)]


async def settled(persons: Persons, bot: str) -> set[str]:
    """The user ids of all persons, once rows and index agree: what was asked last goes on, although nobody waits for its answer
    any more."""
    async with asyncio.timeout(30):
        while True:
            found = {row["user_id"] for row in await persons.oldest_first(bot, 0, 100_000)}
            if await persons.count(bot, Criteria("-")) == len(found):
                return found
            await asyncio.sleep(0.1)


async def test_what_is_acknowledged_survives_a_database_that_is_killed_again_and_again(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    chance = random.Random(4)
    async with running(settings_for(tmp_path, database_url=cluster.url())) as launcher:
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        acknowledged: set[str] = set()
        refused = 0

        async def write(writer: int) -> None:
            nonlocal refused
            async with client(launcher) as rest:
                for number in itertools.count():
                    name = f"{writer}-{number}"
                    answer = await rest.post(f"/api/v1/resource/{bot.id}/person", json={"user_id": name})
                    if answer.is_success:
                        acknowledged.add(name)
                        continue
                    failure(answer, Code.SERVICE_UNAVAILABLE)
                    assert int(answer.headers["retry-after"]) > 0
                    refused += 1
                    await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as writers:
            tasks = [writers.create_task(write(number)) for number in range(WRITERS)]
            for _ in range(KILLS):
                before = len(acknowledged)
                while len(acknowledged) < before + chance.randrange(5, 30):
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(cluster.stop)
                known = refused
                while refused == known:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(cluster.start)
            before = len(acknowledged)
            while len(acknowledged) < before + WRITERS:
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
        found = await settled(launcher.ctx.store.persons, bot.id)
        assert acknowledged <= found


async def test_what_needs_no_database_goes_on_without_it(tmp_path: Path, cluster: postgres.Cluster) -> None:
    async with (
        running(settings_for(tmp_path, database_url=cluster.url())) as launcher,
        client(launcher) as rest,
    ):
        ctx = launcher.ctx
        bot = await add_bot(ctx, tmp_path / "bot")
        await asyncio.to_thread(cluster.stop)
        await instances.start(ctx, bot.id)
        running_bot = await until(ctx, bot.id, State.RUNNING)
        assert running_bot.services == ()
        await outputs(ctx, f"{bot.id}_main", "ready")
        assert (await rest.get("/api/v1/instances")).json()["instances"][0]["status"] == "running"
        refused = await rest.post(f"/api/v1/resource/{bot.id}/person/search", json={})
        failure(refused, Code.SERVICE_UNAVAILABLE)
        assert int(refused.headers["retry-after"]) > 0
        await instances.stop(ctx, bot.id)
        await until(ctx, bot.id, State.STOPPED)
        await asyncio.to_thread(cluster.start)
        async with asyncio.timeout(30):
            while not await ctx.store.journal.save_unsaved():
                await asyncio.sleep(0.05)
        assert await kinds(launcher) == ["add", "supervise", "start", "stop"]
