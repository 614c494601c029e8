"""The commands that speak to a running server: `ls`, `start`, `stop`, `restart`, `add`, `rm`."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.support.context import free_port
from tests.support.program import BOT, ROOT, Home, home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow

TOKEN = "token-of-a-test-0123456789"


@pytest.fixture(scope="module")
def house() -> Iterator[Home]:
    """A home whose server all tests of this module use."""
    with home() as found:
        found.serve()
        yield found


@pytest.fixture
def bot(house: Home) -> Iterator[str]:
    """A stopped bot of this test's own, with one service; its name."""
    name = f"bot {len(list((house.folder / 'bots').glob('*')))}"
    folder = house.bot(name, BOT, "napcat")
    added = house.run("add", str(folder), "--port", str(free_port()))
    assert added.returncode == 0, added.stderr
    yield name
    house.run("rm", "--yes", name)


@pytest.fixture(scope="module")
def idle(house: Home) -> str:
    """A bot that nobody starts; its name."""
    assert house.run("add", str(house.bot("idle")), "--port", str(free_port())).returncode == 0
    return "idle"


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(house: Home, name: str) -> dict[str, Any]:
    found = json.loads(ok(house.run("ls", "--json")))
    (instance,) = (instance for instance in found if instance["name"] == name)
    return dict(instance)


def status(house: Home, name: str) -> tuple[str, str]:
    """Of the bot and its service."""
    instance = listed(house, name)
    (service,) = instance["services"]
    return instance["status"], service["status"]


def test_ls_shows_a_line_for_each_instance(house: Home, bot: str) -> None:
    lines = ok(house.run("ls")).splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "PORT", "VERSION", "ID", "SERVICES"]
    (line,) = (line for line in lines if line.startswith(f"{bot} "))
    assert "stopped" in line
    assert "napcat (stopped)" in line
    assert listed(house, bot)["id"][:8] in line


def test_an_instance_starts_restarts_and_stops_with_its_service(house: Home, bot: str) -> None:
    assert ok(house.run("start", bot)) == f"Instance {bot} started\n"
    assert status(house, bot) == ("running", "running")
    assert ok(house.run("restart", bot)) == f"Instance {bot} restarted\n"
    assert status(house, bot) == ("running", "running")
    assert ok(house.run("stop", bot)) == f"Instance {bot} stopped\n"
    assert status(house, bot) == ("stopped", "stopped")


def test_one_service_starts_restarts_and_stops_alone(house: Home, bot: str) -> None:
    assert "started" in ok(house.run("start", bot, "--service", "napcat"))
    assert status(house, bot) == ("stopped", "running")
    assert "started" in ok(house.run("restart", bot, "--service", "napcat"))
    assert "stopped" in ok(house.run("stop", bot, "--service", "napcat"))
    assert "started" in ok(house.run("restart", bot, "--service", "napcat"))
    assert status(house, bot) == ("stopped", "running")


def test_an_id_and_the_beginning_of_one_are_names_too(house: Home, bot: str) -> None:
    instance = str(listed(house, bot)["id"])
    assert bot in ok(house.run("start", instance))
    assert bot in ok(house.run("stop", instance[:8]))


def test_several_are_commanded_at_once_and_the_first_failure_is_the_status(house: Home, bot: str) -> None:
    other = house.bot(f"{bot} too")
    ok(house.run("add", str(other), "--port", str(free_port())))
    ok(house.run("start", bot))
    mixed = house.run("start", bot, f"{bot} too")
    assert mixed.returncode == 4
    assert mixed.stdout == f"Instance {bot} too started\n"
    assert mixed.stderr == f"Error INSTANCE_ALREADY_RUNNING: Instance {bot} is already running\n"
    report = json.loads(house.run("start", bot, f"{bot} too", "--json").stdout)
    assert [(entry["name"], entry["success"], entry["code"]) for entry in report] == [
        (bot, False, "INSTANCE_ALREADY_RUNNING"),
        (f"{bot} too", False, "INSTANCE_ALREADY_RUNNING"),
    ]
    assert len(ok(house.run("stop", bot, f"{bot} too", bot)).splitlines()) == 2
    ok(house.run("rm", "-y", f"{bot} too"))


def test_all_means_those_that_the_command_makes_sense_for(house: Home, bot: str) -> None:
    ok(house.run("start", "--all", "--service", "napcat"))
    assert status(house, bot) == ("stopped", "running")
    ok(house.run("start", "--all"))
    assert ok(house.run("start", "--all")) == ""
    assert status(house, bot) == ("running", "running")
    ok(house.run("stop", "--all"))
    assert status(house, bot) == ("stopped", "stopped")


def test_all_of_nothing_says_that_there_is_nothing_to_do(house: Home, bot: str) -> None:
    ok(house.run("start", "--all"))
    idle = house.run("start", "--all")
    assert (ok(idle), idle.stderr) == ("", "Nothing to start: no instance is stopped\n")
    ok(house.run("stop", "--all"))
    for verb in ("stop", "restart"):
        idle = house.run(verb, "--all")
        assert (ok(idle), idle.stderr) == ("", f"Nothing to {verb}: no instance runs\n")
    assert json.loads(ok(house.run("restart", "--all", "--json"))) == []
    assert status(house, bot) == ("stopped", "stopped")


def test_names_and_all_exclude_each_other_and_one_is_needed(house: Home) -> None:
    for arguments in ((), ("some", "--all")):
        refused = house.run("stop", *arguments)
        assert refused.returncode == 2
        assert "--all" in refused.stderr


@pytest.mark.parametrize(
    "arguments, exit_status, code",
    [
        (("start", "nobody"), 3, "INSTANCE_NOT_FOUND"),
        (("stop", "BOT"), 4, "INSTANCE_NOT_RUNNING"),
        (("start", "BOT", "--service", "nothing"), 3, "RESOURCE_NOT_FOUND"),
        (("logs", "BOT", "-t", "nothing"), 3, "TERMINAL_NOT_FOUND"),
        (("add", "/nowhere/at/all"), 2, "INVALID_PATH"),
        (("add", "/", "--port", "0"), 2, "INVALID_PARAMETER"),
        (("rm", "nobody", "--yes"), 3, "INSTANCE_NOT_FOUND"),
        (("rm", "BOT", "--files", "--yes"), 5, "PERMISSION_DENIED"),
        (("rm", "BOT"), 2, "INVALID_PARAMETER"),
        (("ls", "--url", "somewhere"), 2, "INVALID_PARAMETER"),
    ],
)
def test_a_failure_has_its_code_in_words_and_as_exit_status(
    house: Home, idle: str, arguments: tuple[str, ...], exit_status: int, code: str
) -> None:
    refused = house.run(*(idle if word == "BOT" else word for word in arguments))
    assert (refused.returncode, refused.stdout) == (exit_status, "")
    assert refused.stderr.startswith(f"Error {code}: ")
    assert len(refused.stderr.splitlines()) == 1


def test_what_dies_at_once_says_so_with_its_last_lines(house: Home) -> None:
    folder = house.bot("broken", "print('no luck today'); raise SystemExit(7)")
    ok(house.run("add", str(folder), "--port", str(free_port())))
    refused = house.run("start", "broken")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error COMMAND_FAILED: ")
    assert "7" in refused.stderr.splitlines()[0]
    assert "  no luck today" in refused.stderr.splitlines()
    ok(house.run("rm", "-y", "broken"))


def test_ls_says_under_what_failed_why_and_what_to_do(house: Home, bot: str) -> None:
    script = "raise ModuleNotFoundError(\"No module named 'tomlkit'\")"
    ok(house.run("add", str(house.bot("failing", script)), "--port", str(free_port())))
    assert house.run("start", "failing").returncode == 1
    lines = ok(house.run("ls")).splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("failing "))
    assert "failed" in lines[at]
    assert lines[at + 1].startswith("    ")
    assert "exited with code 1" in lines[at + 1]
    assert lines[at + 2].startswith("      The Python module tomlkit is missing")
    assert "退出码 1" in ok(house.run("ls", "--lang", "zh"))
    ok(house.run("rm", "-y", "failing"))
    assert all(not line.startswith(" ") for line in ok(house.run("ls")).splitlines())


def test_messages_follow_the_locale_and_lang_overrides_it(house: Home) -> None:
    chinese = house.run("start", "nobody", LANG="zh_CN.UTF-8")
    assert chinese.stderr == "错误 INSTANCE_NOT_FOUND: 未找到实例 'nobody'\n"
    assert house.run("start", "nobody", "--lang", "en", LANG="zh_CN.UTF-8").stderr.startswith("Error ")


def test_the_servers_own_messages_come_in_the_same_language(house: Home, bot: str) -> None:
    assert ok(house.run("--lang", "zh", "start", bot)) == f"实例 {bot} 已启动\n"
    assert "已在运行" in house.run("--lang", "zh", "start", bot).stderr


def test_add_takes_the_folders_name_and_a_relative_path(house: Home) -> None:
    folder = os.path.relpath(house.bot("relative"), ROOT)
    answer = json.loads(ok(house.run("add", folder, "--json", "--port", str(free_port()))))
    assert listed(house, "relative")["id"] == answer["instance_id"]
    ok(house.run("rm", "-y", "relative"))


@pytest.mark.parametrize("answer, left", [("n", True), ("y", False)])
def test_rm_asks_at_a_terminal(place: Home, answer: str, left: bool) -> None:
    place.serve()
    ok(place.run("add", str(place.bot("asked"))))
    screen = Screen(place, "rm", "asked")
    try:
        screen.expect(r"Stop and remove instance asked\? \[y/N\]")
        screen.type(f"{answer}\r")
        assert screen.wait() == int(left)
    finally:
        screen.close()
    assert ("asked" in ok(place.run("ls"))) is left


def test_a_locale_without_chinese_shows_the_rest(house: Home, bot: str) -> None:
    listing = house.run("ls", "--lang", "zh", PYTHONIOENCODING="latin-1")
    assert bot in ok(listing)


def test_rm_forgets_the_instance_and_keeps_its_files(house: Home) -> None:
    folder = house.bot("leaving")
    ok(house.run("add", str(folder), "--port", str(free_port())))
    ok(house.run("start", "leaving"))
    assert ok(house.run("rm", "leaving", "--yes")) == "Instance leaving deleted\n"
    assert "leaving" not in ok(house.run("ls"))
    assert (folder / "bot.py").exists()


def test_without_a_server_they_say_how_to_start_one(place: Home) -> None:
    refused = place.run("ls")
    assert refused.returncode == 6
    assert refused.stderr.startswith(f"Error CONNECTION_FAILED: No MaiLauncher runs at {place.url}")
    assert " -m mailauncher serve" in refused.stderr


def test_a_server_at_another_address_is_pointed_to(place: Home) -> None:
    port = free_port()
    place.serve("--port", str(port))
    refused = place.run("ls")
    assert refused.returncode == 6
    assert f"--url http://127.0.0.1:{port}" in refused.stderr


def test_the_token_of_the_settings_or_of_the_option_opens_the_door(place: Home) -> None:
    place.serve(MAILAUNCHER_TOKEN=TOKEN)
    assert place.run("ls").returncode == 5
    assert place.run("ls", "--token", TOKEN).returncode == 0
    assert place.run("ls", MAILAUNCHER_TOKEN=TOKEN).returncode == 0
    folder = place.bot("bot")
    assert place.run("add", str(folder), MAILAUNCHER_TOKEN=TOKEN).returncode == 0
    assert place.run("start", "bot", MAILAUNCHER_TOKEN=TOKEN).returncode == 0
    assert "ready" in ok(place.run("logs", "bot", MAILAUNCHER_TOKEN=TOKEN))


class Stranger(BaseHTTPRequestHandler):
    """Some other program's page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>Not me</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def test_something_else_on_the_port_is_not_taken_for_a_server(place: Home) -> None:
    with HTTPServer(("127.0.0.1", place.port), Stranger) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        refused = place.run("ls")
        thread.join()
    assert refused.returncode == 6
    assert refused.stderr == f"Error CONNECTION_FAILED: What answers at {place.url} is not MaiLauncher\n"


def test_the_servers_libraries_are_not_loaded_for_a_client(place: Home) -> None:
    listing = place.run("ls", PYTHONPROFILEIMPORTTIME="1")
    assert "mailauncher.cli.remote" in listing.stderr
    for library in ("strawberry", "graphql", "tortoise", "starlette", "uvicorn", "psutil", "rich"):
        assert f" {library}\n" not in listing.stderr
