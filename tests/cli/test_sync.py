"""`sync`: imports what the bot has learned and lists pending changes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.support.bot_databases import BotDatabase, picture
from tests.support.context import free_port
from tests.support.program import Home, home

pytestmark = pytest.mark.slow


@pytest.fixture
def shared_home() -> Iterator[Home]:
    """A home with a server and a stopped bot called `bot`."""
    with home() as found:
        found.serve()
        assert found.run("add", str(found.bot("bot")), "--port", str(free_port())).returncode == 0
        yield found


def test_sync_synchronizes_and_shows_pending_changes(shared_home: Home) -> None:
    """An empty list did not say what to do."""
    nothing = shared_home.run("emoji", "ls", "bot")
    assert nothing.stderr == "No emojis: the bot has no database before its first start\n"
    image = shared_home.folder / "red.png"
    image.write_bytes(picture((255, 0, 0)))
    assert shared_home.run("emoji", "bot", "add", str(image)).returncode == 0
    shown = shared_home.run("sync", "bot", "--status")
    assert shown.returncode == 0, shown.stderr
    assert "after the bot's first start" in shown.stdout
    assert "start it once" in shown.stderr
    bot = BotDatabase(shared_home.folder / "bots" / "bot", "0.12")
    bot.learn_person("10001", "小林")
    nobody = shared_home.run("person", "ls", "bot")
    assert nobody.stderr.startswith("No persons here, but 1 in the bot's database: ")
    assert nobody.stderr.endswith("sync bot brings them in\n")
    assert shared_home.run("person", "ls", "bot", "小").stderr == "No persons match\n"
    done = shared_home.run("sync", "bot")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "Synchronised: 1 added, 0 changed, 0 gone from the bot, 1 pushed, 0 pending"
    )
    assert len(bot.emojis()) == 1
    again = json.loads(shared_home.run("sync", "bot", "--json").stdout)
    assert (again["added"], again["applied"], again["status"]["persons"]) == (0, 0, 1)
    assert json.loads(shared_home.run("sync", "bot", "--status", "--json").stdout)["family"] == "0.12"
    chinese = shared_home.run("sync", "bot", "--status", "--lang", "zh")
    assert "表情包" in chinese.stdout


def test_an_unusable_database_exits_with_its_status(shared_home: Home) -> None:
    folder = shared_home.folder / "bots" / "bot" / "data"
    folder.mkdir()
    (folder / "MaiBot.db").write_bytes(b"garbage" * 1000)
    refused = shared_home.run("sync", "bot")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    shown = shared_home.run("sync", "bot", "--status")
    assert shown.returncode == 6
    assert "damaged" in shown.stderr
    assert shared_home.run("sync", "nobody").returncode == 3


class Slow(BaseHTTPRequestHandler):
    """A server whose sync takes longer than its answer may."""

    def do_GET(self) -> None:
        bot = {
            "id": "a" * 40,
            "name": "bot",
            "status": "stopped",
            "path": "/",
            "port": 1,
            "version": "1",
            "services": [],
        }
        self.answer({"instances": [bot], "success": True})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        done = {"message": "The sync is still running", "complete": False, "problems": [], "status": {}}
        self.answer({"data": {"done": done}})

    def answer(self, body: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


def test_a_sync_that_is_not_complete_has_a_status_of_its_own() -> None:
    """It exited with status 0, and nothing was synchronised yet."""
    with home() as place, HTTPServer(("127.0.0.1", place.port), Slow) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        done = place.run("sync", "bot")
        other.shutdown()
        thread.join()
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == (
        "Error INCOMPLETE: The sync is still running; mailauncher sync --status shows the result\n"
    )
