"""Whatever is killed while bots are deployed, and whenever: each is whole in the end or was never there, and can be tried
again."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from bots.deploying.journal import Entry
from tests.support import deployable
from tests.support.git import Repository, serving
from tests.support.site import Bot, Site, kill, site
from tests.support.stress import sized
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SEED = 20251122
AT_ONCE = 3
KILLS = sized(1, 17)
POWER_CUTS = sized(1, 5)
ROUNDS = sized(2, 6)
LINES = 18
"""Of the journal of a deployment that is not started."""


@pytest_asyncio.fixture
async def place(tmp_path: Path, releases: Repository) -> AsyncIterator[Site]:
    async with site(tmp_path, releases) as found:
        yield found


async def deployed(place: Site, name: str) -> Bot:
    """An instance that was deployed, whole; one that never came to be is deployed now."""
    bots = await place.bots()
    if name not in bots:
        assert place.beside(name) == []
        await place.deploy(name)
        bots = await place.bots()
    instance_id = bots[name]["id"]
    status = await place.ended(instance_id)
    assert (status["status"], status["progress"]) == ("completed", 100), status
    bot = await place.settled(name)
    await place.require_whole(bot, deployable.STABLE)
    assert place.beside(name) == [name]
    return bot


async def usual_s(place: Site) -> float:
    """How long a deployment takes here."""
    began = time.monotonic()
    await place.deploy("first")
    await place.delete(await deployed(place, "first"))
    return time.monotonic() - began


async def over(place: Site, names: list[str]) -> None:
    """They are all whole, and go."""
    for bot in await asyncio.gather(*(deployed(place, name) for name in names)):
        await place.delete(bot)


def steps(entries: list[Entry]) -> list[Entry]:
    """Where one step ends or the next begins."""
    return [e for e in entries if e.kind in ("begun", "done", "completed") and not e.component]


def reached(place: Site, instance_id: str, count: int) -> bool:
    return len(steps(place.entries(instance_id))) >= count


@pytest.mark.stress
@pytest.mark.parametrize(
    "strike, first", [(Site.restart, 0), (Site.power_cut, 1)], ids=["restart", "power_cut"]
)
async def test_a_deployment_interrupted_between_any_two_steps_is_resumed(
    place: Site, strike: Callable[[Site], Awaitable[None]], first: int
) -> None:
    """The short form strikes at every fourth one, either way at others."""
    began = await place.deploy("first", auto_start=True)
    bot = await deployed(place, "first")
    assert bot["status"] == "running"
    boundaries = steps(place.entries(began))
    assert [b.step for b in boundaries if b.kind == "done"] == [
        "check",
        "fetch",
        "services",
        "configure",
        "register",
        "start",
    ]
    await place.delete(bot)
    numbered = list(enumerate(boundaries, 1))
    before: list[str] = []
    for number, boundary in sized(numbered[first::4], numbered):
        name, starts = f"bot{number}", boundary.step in ("start", None)
        begun = await place.deploy(name, auto_start=starts)
        await until(partial(reached, place, begun, number))
        await strike(place)
        if starts:
            await place.settled(name, "running")
        await over(place, before)
        before = [name]
    await over(place, before)
    await require_nothing_left(place)


async def test_a_bot_that_ran_runs_again_if_a_power_cut_left_its_deployment_complete_but_not_recorded(
    place: Site,
) -> None:
    begun = await place.deploy("first", auto_start=True)
    bot = await deployed(place, "first")
    assert bot["status"] == "running"
    await place.stop_everything()
    with closing(sqlite3.connect(place.server.data / "mailauncher.db")) as database:
        database.execute(
            "UPDATE deployment SET status = 'installing', ended_at = NULL WHERE instance_id = ?", (begun,)
        )
        database.commit()
    await place.server.start()
    await place.settled("first", "running")
    await over(place, ["first"])


async def require_nothing_left(place: Site) -> None:
    """Every deployment is over and deleted."""
    assert await place.bots() == {}
    assert list(place.server.workspace.iterdir()) == []
    assert list((place.server.data / "deployments").iterdir()) == []


async def killed_at_random(place: Site, times: int, strike: Callable[[], Awaitable[None]]) -> None:
    """So many times some deployments begin, each at a moment of its own, and then `strike` is called."""
    chance = random.Random(SEED)
    span_s = await usual_s(place)
    for number in range(times):
        names = [f"bot{number}-{letter}" for letter in "abc"[:AT_ONCE]]
        auto = chance.random() < 0.3

        async def begin(name: str, after_s: float, auto: bool) -> None:
            await asyncio.sleep(after_s)
            await place.begin(place.deploy(name, auto_start=auto))

        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(begin(name, chance.random() * span_s, auto and name.endswith("a")))
            await asyncio.sleep(span_s)
            await strike()
        await over(place, names)
    await require_nothing_left(place)


@pytest.mark.stress
async def test_a_server_killed_at_random_moments_of_deployments_goes_on_with_them(place: Site) -> None:
    """Fifty moments in the long form."""
    assert sized(3, 50) <= KILLS * AT_ONCE
    await killed_at_random(place, KILLS, place.restart)


@pytest.mark.stress
async def test_after_a_power_cut_at_any_moment_deployments_go_on(place: Site) -> None:
    await killed_at_random(place, POWER_CUTS, place.power_cut)


async def cut_short(place: Site, name: str) -> Bot:
    """An instance whose deployment has failed: where it should stand there is nothing, or all of it."""
    bot = (await place.bots())[name]
    assert bot["status"] == "failed"
    if place.target(name).exists():
        await place.require_whole(bot, deployable.STABLE)
    assert set(place.beside(name)) <= {name, f".{name}.mailauncher-{bot['id'][:8]}"}
    assert place.workers(bot["id"]) == []
    return bot


@pytest.mark.stress
@pytest.mark.parametrize("victim", ["worker", "keeper"])
async def test_a_worker_or_keeper_killed_at_any_line_of_the_journal_can_be_replaced(
    place: Site, victim: str
) -> None:
    """A worker that was killed is a failure that says so; one that died with its keeper is run again."""
    chance = random.Random(SEED)
    hit = failures = 0

    async def struck(name: str, line: int, pause_s: float, again: bool) -> None:
        nonlocal hit, failures
        begun = await place.deploy(name)
        find = place.workers if victim == "worker" else place.keepers
        await until(lambda: len(place.entries(begun)) >= line and bool(line or find(begun)))
        await asyncio.sleep(pause_s)
        pids = find(begun)
        kill(*pids)
        hit += len(pids)
        status = await place.ended(begun)
        if status["status"] == "failed":
            assert "SIGKILL" in status["message"]
            failures += 1
            bot = await cut_short(place, name)
            await (place.retry(begun) if again else place.delete(bot))
        await over(place, [name])

    for number in range(ROUNDS):
        async with asyncio.TaskGroup() as tasks:
            for letter in "abc"[:AT_ONCE]:
                moment = chance.randrange(LINES), chance.random() * 0.03, chance.random() < 0.5
                tasks.create_task(struck(f"bot{number}{letter}", *moment))
    assert hit > ROUNDS
    assert failures > 0 if victim == "worker" else failures == 0


def at_step(place: Site, instance_id: str, step: str) -> bool:
    """Whether it is there by now."""
    return any(entry.step == step for entry in steps(place.entries(instance_id)))


async def test_a_clone_over_http_and_an_installation_by_uv_go_on_after_power_cuts_in_each(
    tmp_path: Path, releases: Repository
) -> None:
    with serving(releases.folder.parent) as repositories:
        async with site(tmp_path, releases, repositories.url(releases)) as place:
            await place.server.end(signal.SIGTERM)
            place.recipe("space_mb = 5", 'space_mb = 5, python = ">=3.11", packages = ["colorama==0.4.6"]')
            await place.server.start()
            await place.server.ask("GET", "/deploy/versions")
            repositories.manner = "hang"
            seen = len(repositories.requests)
            begun = await place.deploy("bot")
            await asyncio.to_thread(repositories.wait_for_requests, seen + 1)
            await place.power_cut()
            repositories.manner = "serve"
            for step in ("environment", "dependencies"):
                await until(partial(at_step, place, begun, step))
                await place.power_cut()
            bot = await deployed(place, "bot")
            python = place.target("bot") / ".venv/bin/python"
            asked = [str(python), "-c", "import colorama; print(colorama.__version__)"]
            done = await asyncio.to_thread(subprocess.run, asked, capture_output=True, text=True, check=True)
            assert done.stdout == "0.4.6\n"
            await place.delete(bot)
            await require_nothing_left(place)
