"""`sync`: what the bot has learned comes, what waits is listed."""

import json
from collections.abc import Iterator

import pytest

from tests.support.bot_databases import BotDatabase, picture
from tests.support.context import free_port
from tests.support.program import Home, home

pytestmark = pytest.mark.slow


@pytest.fixture
def house() -> Iterator[Home]:
    """A home with a server and a stopped bot called `bot`."""
    with home() as found:
        found.serve()
        assert found.run("add", str(found.bot("bot")), "--port", str(free_port())).returncode == 0
        yield found


def test_sync_brings_both_in_step_and_shows_what_waits(house: Home) -> None:
    image = house.folder / "red.png"
    image.write_bytes(picture((255, 0, 0)))
    assert house.run("emoji", "bot", "add", str(image)).returncode == 0
    shown = house.run("sync", "bot", "--status")
    assert shown.returncode == 0, shown.stderr
    assert "after the bot's first start" in shown.stdout
    assert "start it once" in shown.stderr
    bot = BotDatabase(house.folder / "bots" / "bot", "0.12")
    bot.learn_person("10001", "小林")
    done = house.run("sync", "bot")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("In step: 1 added, 0 changed, 0 gone from the bot, 1 told to it, 0 pending")
    assert len(bot.emojis()) == 1
    again = json.loads(house.run("sync", "bot", "--json").stdout)
    assert (again["added"], again["applied"], again["status"]["persons"]) == (0, 0, 1)
    assert json.loads(house.run("sync", "bot", "--status", "--json").stdout)["family"] == "0.12"
    chinese = house.run("sync", "bot", "--status", "--lang", "zh")
    assert "表情包" in chinese.stdout


def test_a_database_in_trouble_ends_with_its_exit_status(house: Home) -> None:
    folder = house.folder / "bots" / "bot" / "data"
    folder.mkdir()
    (folder / "MaiBot.db").write_bytes(b"garbage" * 1000)
    refused = house.run("sync", "bot")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    shown = house.run("sync", "bot", "--status")
    assert shown.returncode == 6
    assert "damaged" in shown.stderr
    assert house.run("sync", "nobody").returncode == 3
