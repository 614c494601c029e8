"""Whatever is killed while bots are upgraded, and whenever: each is wholly the old version or wholly the new one."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from bots.deploying.journal import Entry
from tests.support.git import Repository
from tests.support.site import Bot, Site, kill, site
from tests.support.stress import sized
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.stress]

SEED = 20251122
VERSIONS = ("0.12.1", "0.12.2")
BOTS: dict[str, tuple[bool, list[str] | None]] = {
    "alone": (True, []),
    "with services": (True, None),
    "stopped": (False, None),
}
"""Whether each runs, and its services where they are not both."""
STRIKES = sized(1, 5)
SWITCHED = ("stop", "configure", "register", "start")
"""The steps in which an instance changes."""
MINE = {"data/mine": "precious", "config/mine.toml": "mine = true\n"}


@pytest_asyncio.fixture
async def place(tmp_path: Path, releases: Repository, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A site with these bots, or those that a test names, in the older version, each with files of its user's."""
    async with site(tmp_path, releases) as found:
        for name in getattr(request, "param", BOTS):
            runs, services = BOTS[name]
            wishes = {} if services is None else {"install_services": services}
            begun = await found.deploy(name, auto_start=runs, version=VERSIONS[0], **wishes)
            assert (await found.ended(begun))["status"] == "completed"
            for path, text in MINE.items():
                file = found.target(name) / path
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, "utf-8")
        yield found


def other(version: str) -> str:
    return VERSIONS[1 - VERSIONS.index(version)]


async def upgrade(place: Site, bot: Bot, version: str) -> None:
    await place.command("upgradeInstance", id=bot["id"], version=version, force=True)  # back as well


async def whole(place: Site, name: str) -> Bot:
    """A bot whose upgrade has ended: it is one of the versions, what is its user's is there, and it runs if it ran."""
    status = await place.ended((await place.bots())[name]["id"])
    bot = await place.settled(name, "running" if BOTS[name][0] else "stopped")
    await place.require_whole(bot, bot["version"])
    for path, text in MINE.items():
        assert (place.target(name) / path).read_text("utf-8") == text
    held = f".{name}.mailauncher-{bot['id'][:8]}"
    allowed = {name, f"{held}.former"} | ({held} if status["status"] == "failed" else set())
    assert set(place.beside(name)) <= allowed
    return bot


async def settle(place: Site, name: str, version: str) -> None:
    """It is that version, or still the old one and is upgraded when that is asked for again."""
    bot = await whole(place, name)
    if bot["version"] != version:
        status = await place.ended(bot["id"])
        await (place.retry(bot["id"]) if status["status"] == "failed" else upgrade(place, bot, version))
        again = await whole(place, name)
        assert again["version"] == version, (status, await place.ended(bot["id"]))


def steps(entries: list[Entry]) -> list[Entry]:
    """Where one of the steps that change an instance ends or begins."""
    return [entry for entry in entries if entry.kind in ("begun", "done") and entry.step in SWITCHED]


def reached(place: Site, instance_id: str, count: int) -> bool:
    return len(steps(place.entries(instance_id))) >= count


Strike = Callable[[Site, str], Awaitable[object]]


async def server(place: Site, _: str) -> None:
    await place.restart()


async def power(place: Site, _: str) -> None:
    await place.power_cut()


async def worker(place: Site, instance_id: str) -> None:
    kill(*place.workers(instance_id))


async def keeper(place: Site, instance_id: str) -> None:
    kill(*place.keepers(instance_id))


STRUCK_AT = sized(
    [(server, 1), (server, 5), (power, 4), (power, 8), (worker, 4), (keeper, 6)],
    [
        *itertools.product((server, power), range(1, 9)),
        *itertools.product((worker,), range(3, 7)),
        *itertools.product((keeper,), range(1, 9, 2)),
    ],
)
"""What is ended, and when it is: after so many of `steps`."""


@pytest.mark.parametrize("place", [("alone",)], indirect=True, ids=[""])
async def test_an_upgrade_interrupted_at_any_boundary_of_its_exchange_is_complete_or_absent(
    place: Site,
) -> None:
    bot = (await place.bots())["alone"]
    for strike, number in STRUCK_AT:
        version = other(bot["version"])
        await upgrade(place, bot, version)
        await until(partial(reached, place, bot["id"], number))
        await strike(place, bot["id"])
        await settle(place, "alone", version)
        bot = (await place.bots())["alone"]
        assert bot["version"] == version


@pytest.mark.parametrize("strike", sized([power], [server, power]))
async def test_upgrades_interrupted_at_any_moment_are_complete_or_absent(place: Site, strike: Strike) -> None:
    chance = random.Random(SEED)
    began = time.monotonic()
    for name, bot in (await place.bots()).items():
        await upgrade(place, bot, VERSIONS[1])
        await settle(place, name, VERSIONS[1])
    span_s = (time.monotonic() - began) / len(BOTS)
    for number in range(STRIKES):
        version = VERSIONS[number % 2]

        async def begin(bot: Bot, after_s: float, version: str = version) -> None:
            await asyncio.sleep(after_s)
            await place.begin(upgrade(place, bot, version))

        async with asyncio.TaskGroup() as tasks:
            for bot in (await place.bots()).values():
                tasks.create_task(begin(bot, chance.random() * span_s))
            await asyncio.sleep(span_s)
            await strike(place, "")
        await asyncio.gather(*(settle(place, name, version) for name in BOTS))
