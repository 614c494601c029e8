"""The client commands `ls`, `start`, `stop`, `restart`, `add` and `rm`."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from cli import client, program
from tests.support.context import free_port
from tests.support.preloaded import ROOT
from tests.support.program import BOT, Home, home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow

TOKEN = "token-of-a-test-0123456789"


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """A home with a server for all tests of this module."""
    with home() as found:
        found.serve()
        yield found


@pytest.fixture
def bot(shared_home: Home) -> Iterator[str]:
    """The name of a stopped bot for this test only, with one service."""
    name = f"bot {len(list((shared_home.folder / 'bots').glob('*')))}"
    folder = shared_home.bot(name, BOT, "napcat")
    (folder / "napcat/config").mkdir()
    (folder / "napcat/config/webui.json").write_text(f'{{"port": {free_port()}}}', "utf-8")
    added = shared_home.run("add", str(folder), "--port", str(free_port()))
    assert added.returncode == 0, added.stderr
    yield name
    shared_home.run("rm", "--yes", name)


@pytest.fixture(scope="module")
def idle(shared_home: Home) -> str:
    """The name of a bot that no test starts."""
    assert shared_home.run("add", str(shared_home.bot("idle")), "--port", str(free_port())).returncode == 0
    return "idle"


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(shared_home: Home, name: str) -> dict[str, Any]:
    found = json.loads(ok(shared_home.run("ls", "--json")))
    (instance,) = (instance for instance in found if instance["name"] == name)
    return dict(instance)


def status(shared_home: Home, name: str) -> tuple[str, str]:
    """The status of the bot and of its service."""
    instance = listed(shared_home, name)
    (service,) = instance["services"]
    return instance["status"], service["status"]


def events(shared_home: Home) -> list[tuple[str, str]]:
    """Kind and caller of the newest events, in their order."""
    query = "{ events(last: 10) { edges { node { kind caller } } } }"
    answer = httpx.post(f"{shared_home.url}/graphql", json={"query": query}, trust_env=False).json()
    nodes = [edge["node"] for edge in answer["data"]["events"]["edges"]]
    return [(node["kind"], node["caller"]) for node in nodes]


def test_what_the_server_knows_is_completed(shared_home: Home, idle: str) -> None:
    """Only commands and options were."""

    def completed(line: str, **given: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        done = shared_home.run(_MAILAUNCHER_COMPLETE="complete_bash", **words, **given)
        assert done.stderr == ""
        return done.stdout.split()

    assert idle in completed("mailauncher start ")
    assert completed(f"mailauncher start {idle} id") == []
    assert completed(f"mailauncher config show {idle} w") == ["webui"]
    assert "napcat" in completed("mailauncher deploy new --service n")
    assert completed(f"mailauncher logs {idle} -t m") == ["main"]
    assert idle in completed("mailauncher disk ")
    assert completed(f"mailauncher disk {idle} --drop f") == ["former", "failed"]
    assert completed("mailauncher deploy new --recipe sample --version l") == ["latest"]
    made = ok(shared_home.run("backup", idle)).split()[-1]
    assert completed(f"mailauncher restore {idle} ") == [made]
    assert completed("mailauncher start ", MAILAUNCHER_PORT=str(free_port())) == []


def test_ls_shows_a_line_for_each_instance(shared_home: Home, bot: str) -> None:
    lines = ok(shared_home.run("ls")).splitlines()
    headings = ["NAME", "STATUS", "UP", "CPU", "MEM", "RESTARTS", "PORT", "VERSION", "ID", "SERVICES"]
    assert lines[0].split() == headings
    (line,) = (line for line in lines if line.startswith(f"{bot} "))
    assert "stopped" in line
    assert "napcat (stopped)" in line
    assert listed(shared_home, bot)["id"][:8] in line


def test_ls_fits_into_a_narrow_terminal(shared_home: Home, bot: str) -> None:
    screen = Screen(shared_home, "ls", COLUMNS="60", NO_COLOR="1")
    try:
        screen.expect(r"NAME +STATUS +UP +CPU +MEM +RESTARTS +PORT +VERSION\r\n")
        screen.expect(rf"{bot} +stopped +0 +\d+ +unknown\r\n    napcat \(stopped\)\r\n")
    finally:
        screen.close()


def test_an_instance_starts_restarts_and_stops_with_its_service(shared_home: Home, bot: str) -> None:
    assert ok(shared_home.run("start", bot)) == f"Instance {bot} started\n"
    assert status(shared_home, bot) == ("running", "running")
    assert ok(shared_home.run("restart", bot)) == f"Instance {bot} restarted\n"
    assert status(shared_home, bot) == ("running", "running")
    assert ok(shared_home.run("stop", bot)) == f"Instance {bot} stopped\n"
    assert status(shared_home, bot) == ("stopped", "stopped")


def test_one_service_starts_restarts_and_stops_alone(shared_home: Home, bot: str) -> None:
    assert "started" in ok(shared_home.run("start", bot, "--service", "napcat"))
    assert status(shared_home, bot) == ("stopped", "running")
    restarted = f"The NapCat service of instance {bot} restarted\n"  # it said "started"
    assert ok(shared_home.run("restart", bot, "--service", "napcat")) == restarted
    assert "killed" in ok(shared_home.run("kill", bot, "--service", "napcat"))
    assert ok(shared_home.run("restart", bot, "--service", "napcat")) == restarted
    assert status(shared_home, bot) == ("stopped", "running")


def test_an_instance_is_found_by_id_or_prefix_of_its_id(shared_home: Home, bot: str) -> None:
    instance = str(listed(shared_home, bot)["id"])
    assert bot in ok(shared_home.run("start", instance))
    assert bot in ok(shared_home.run("stop", instance[:8]))


def test_a_command_for_several_instances_exits_with_the_first_failure(shared_home: Home, bot: str) -> None:
    other = shared_home.bot(f"{bot} too")
    ok(shared_home.run("add", str(other), "--port", str(free_port())))
    ok(shared_home.run("start", bot))
    mixed = shared_home.run("start", bot, f"{bot} too")
    assert mixed.returncode == 4
    assert mixed.stdout == f"Instance {bot} too started\n"
    assert mixed.stderr == f"Error INSTANCE_ALREADY_RUNNING: Instance {bot} is already running\n"
    report = json.loads(shared_home.run("start", bot, f"{bot} too", "--json").stdout)
    assert [(entry["name"], entry["success"], entry["code"]) for entry in report] == [
        (bot, False, "INSTANCE_ALREADY_RUNNING"),
        (f"{bot} too", False, "INSTANCE_ALREADY_RUNNING"),
    ]
    assert len(ok(shared_home.run("stop", bot, f"{bot} too", bot)).splitlines()) == 2
    ok(shared_home.run("rm", "-y", f"{bot} too"))


def test_all_selects_the_instances_to_which_the_command_applies(shared_home: Home, bot: str) -> None:
    ok(shared_home.run("start", "--all", "--service", "napcat"))
    assert status(shared_home, bot) == ("stopped", "running")
    ok(shared_home.run("start", "--all"))
    assert ok(shared_home.run("start", "--all")) == ""
    assert status(shared_home, bot) == ("running", "running")
    ok(shared_home.run("stop", "--all"))
    assert status(shared_home, bot) == ("stopped", "stopped")


def test_all_says_when_there_is_nothing_to_do(shared_home: Home, bot: str) -> None:
    ok(shared_home.run("start", "--all"))
    idle = shared_home.run("start", "--all")
    assert (ok(idle), idle.stderr) == ("", "Nothing to start: no instance is stopped\n")
    ok(shared_home.run("stop", "--all"))
    for verb in ("stop", "restart", "kill"):
        idle = shared_home.run(verb, "--all")
        assert (ok(idle), idle.stderr) == ("", f"Nothing to {verb}: no instance is running\n")
    assert json.loads(ok(shared_home.run("restart", "--all", "--json"))) == []
    assert status(shared_home, bot) == ("stopped", "stopped")


def test_exactly_one_of_names_and_all_is_required(shared_home: Home) -> None:
    for arguments in ((), ("some", "--all")):
        refused = shared_home.run("stop", *arguments)
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
def test_a_failure_prints_its_code_and_exits_with_its_status(
    shared_home: Home, idle: str, arguments: tuple[str, ...], exit_status: int, code: str
) -> None:
    refused = shared_home.run(*(idle if word == "BOT" else word for word in arguments))
    assert (refused.returncode, refused.stdout) == (exit_status, "")
    assert refused.stderr.startswith(f"Error {code}: ")
    assert all(line.startswith("  ") for line in refused.stderr.splitlines()[1:])


def test_a_bot_that_exits_immediately_is_reported_with_its_last_lines(shared_home: Home) -> None:
    folder = shared_home.bot("broken", "print('no luck today'); raise SystemExit(7)")
    ok(shared_home.run("add", str(folder), "--port", str(free_port())))
    refused = shared_home.run("start", "broken")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error COMMAND_FAILED: ")
    assert "7" in refused.stderr.splitlines()[0]
    assert "  no luck today" in refused.stderr.splitlines()
    ok(shared_home.run("rm", "-y", "broken"))


def test_ls_explains_each_failure_below_its_instance(shared_home: Home, bot: str) -> None:
    script = "raise ModuleNotFoundError(\"No module named 'tomlkit'\")"
    ok(shared_home.run("add", str(shared_home.bot("failing", script)), "--port", str(free_port())))
    assert shared_home.run("start", "failing").returncode == 1
    lines = ok(shared_home.run("ls")).splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("failing "))
    assert "failed" in lines[at]
    assert lines[at + 1].startswith("    ")
    assert "exited with code 1" in lines[at + 1]
    assert lines[at + 2].startswith("      The Python module tomlkit is missing")
    assert "退出码 1" in ok(shared_home.run("ls", "--lang", "zh"))
    ok(shared_home.run("rm", "-y", "failing"))
    assert all(not line.startswith(" ") for line in ok(shared_home.run("ls")).splitlines())


def test_messages_follow_the_locale_and_lang_overrides_it(shared_home: Home) -> None:
    chinese = shared_home.run("start", "nobody", LANG="zh_CN.UTF-8")
    assert chinese.stderr.startswith("错误 INSTANCE_NOT_FOUND: 未找到实例 'nobody'\n  列出实例：")
    assert shared_home.run("start", "nobody", "--lang", "en", LANG="zh_CN.UTF-8").stderr.startswith("Error ")


def test_the_servers_messages_are_in_the_same_language(shared_home: Home, bot: str) -> None:
    assert ok(shared_home.run("--lang", "zh", "start", bot)) == f"实例 {bot} 已启动\n"
    assert "已在运行" in shared_home.run("--lang", "zh", "start", bot).stderr


def test_add_accepts_a_relative_path_and_uses_the_folders_name(shared_home: Home) -> None:
    folder = os.path.relpath(shared_home.bot("relative"), ROOT)
    answer = json.loads(ok(shared_home.run("add", folder, "--json", "--port", str(free_port()))))
    assert listed(shared_home, "relative")["id"] == answer["instance_id"]
    ok(shared_home.run("rm", "-y", "relative"))


def test_a_folder_with_a_script_is_added_with_the_command_that_runs_it(shared_home: Home) -> None:
    """It was refused for want of a run command, which only GraphQL could give."""
    folder = shared_home.folder / "scripted"
    folder.mkdir()
    (folder / "start.sh").write_text("#!/bin/sh\necho ready\nexec sleep 600\n")
    (folder / "start.sh").chmod(0o755)
    refused = shared_home.run("add", str(folder))
    assert refused.returncode == 2
    assert "--run" in refused.stderr
    ok(shared_home.run("add", str(folder), "--run", "./start.sh", "--port", str(free_port())))
    ok(shared_home.run("start", "scripted"))
    assert shared_home.run("logs", "scripted").stdout == "ready\n"
    ok(shared_home.run("stop", "scripted"))
    ok(shared_home.run("rm", "-y", "scripted"))


def test_add_tells_what_it_found_and_the_option_for_what_is_taken(shared_home: Home) -> None:
    """Of a bot with PORT=18300 in its .env it said that port 8000 is another bot's, and nothing of `--port`."""
    folder, port = shared_home.bot("reading", BOT, "napcat"), free_port()
    (folder / ".env").write_text(f"PORT={port}\n", "utf-8")
    told = ok(shared_home.run("add", str(folder)))
    assert [line.split() for line in told.splitlines()[1:]] == [
        ["name", "reading"],
        ["kind", "maibot", "unknown"],
        ["port", str(port)],
        ["service", "napcat", "8095"],
    ]
    for given, option in (("--port", "--name"), ("--name", "--port")):
        value = str(free_port()) if given == "--port" else "another"
        other = shared_home.bot(f"below {given}/reading")
        (other / ".env").write_text(f"PORT={port}\n", "utf-8")
        refused = shared_home.run("add", str(other), given, value)
        assert refused.returncode == 4
        assert f"{option} gives another one" in refused.stderr.splitlines()[-1]
    ok(shared_home.run("rm", "-y", "reading"))


def test_edit_renames_and_shows_notes_and_tags(shared_home: Home) -> None:
    ok(shared_home.run("add", str(shared_home.bot("labelled")), "--port", str(free_port())))
    ok(shared_home.run("edit", "labelled", "--name", "小麦 2", "--tag", "测试", "--tag", "groups"))
    shown = ok(shared_home.run("edit", "小麦 2", "--notes", "QQ 10001"))
    assert shown == "小麦 2\n#测试 #groups\nQQ 10001\n"
    assert json.loads(ok(shared_home.run("edit", "小麦 2", "--tag", "", "--json")))["tags"] == []
    assert shared_home.run("edit", "小麦 2", "--name", "/").returncode == 2
    ok(shared_home.run("rm", "-y", "小麦 2"))


def test_rm_asks_at_a_terminal(shared_home: Home) -> None:
    """Ctrl-C at a question had the status of the answer no."""
    ok(shared_home.run("add", str(shared_home.bot("asked")), "--port", str(free_port())))
    for answer, status in (("n\r", 1), ("\x04", 1), ("\x03", 130), ("y\r", 0)):
        screen = Screen(shared_home, "rm", "asked")
        try:
            screen.expect(r"Stop and remove instance asked\? \[y/N\]")
            screen.type(answer)
            assert screen.wait() == status
        finally:
            screen.close()
        assert ("asked" in ok(shared_home.run("ls"))) is (status != 0)


def test_misuse_of_arguments_is_told_in_a_sentence(
    shared_home: Home, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port of an address that is too large, a token with a line break, a name that is not UTF-8 and a number of lines
    that is too large ended in a traceback; a device without an end filled the memory."""
    for name, value in shared_home.environment().items():
        monkeypatch.setenv(name, value)
    for arguments, status in [
        (["ls", "--url", "http://localhost:99999"], 2),
        (["ls", "--url", "http://[::1"], 2),
        (["ls", "--url", "http://\udcff"], 2),
        (["ls", "--url", "http://localhost/\xe9"], 2),
        (["ls", "--token", "a\nb"], 2),
        (["ls", "--token", "\udcff"], 2),
        (["logs", bot, "-t", "\udcff"], 2),
        (["logs", bot, "-n", "9" * 40], 2),
        (["person", "import", bot, "/dev/zero"], 2),
        (["emoji", "add", bot, "/dev/zero"], 1),
    ]:
        with monkeypatch.context() as changed:
            changed.setattr(client, "UPLOAD_BYTES", 1 << 20)
            changed.setattr(sys, "argv", ["mailauncher", *arguments])
            streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
            changed.setattr(sys, "stdout", streams[0])
            changed.setattr(sys, "stderr", streams[1])
            with pytest.raises(SystemExit) as ended:
                program.run()
            sys.stderr.flush()
            streams[1].seek(0)
            told = streams[1].read()
        assert ended.value.code == status, (arguments, told)
        assert "Error" in told


def test_characters_outside_the_locale_do_not_fail(shared_home: Home, bot: str) -> None:
    listing = shared_home.run("ls", "--lang", "zh", PYTHONIOENCODING="latin-1")
    assert bot in ok(listing)


def test_rm_removes_instances_and_keeps_their_files(shared_home: Home) -> None:
    """It took one name, `stop` many."""
    names = ("leaving", "leaving too")
    for name in names:
        ok(shared_home.run("add", str(shared_home.bot(name)), "--port", str(free_port())))
    ok(shared_home.run("start", "leaving"))
    assert shared_home.run("rm", *names, "nobody", "--yes").returncode == 3
    assert all(name in ok(shared_home.run("ls")) for name in names)
    screen = Screen(shared_home, "rm", *names)
    try:
        screen.expect(r"Stop and remove instances leaving, leaving too\? \[y/N\]")
        screen.type("n\r")
        assert screen.wait() == 1
    finally:
        screen.close()
    deleted = ok(shared_home.run("rm", *names, "--yes"))
    assert deleted == "Instance leaving deleted\nInstance leaving too deleted\n"
    assert "leaving" not in ok(shared_home.run("ls"))
    callers = dict(events(shared_home))
    assert (callers["start"], callers["delete"]) == ("cli", "cli")  # by GraphQL, by REST
    assert all((shared_home.folder / "bots" / name / "bot.py").exists() for name in names)


def test_commands_without_a_server_say_how_to_start_one(place: Home) -> None:
    refused = place.run("ls")
    assert refused.returncode == 6
    assert refused.stderr.startswith(f"Error CONNECTION_FAILED: No MaiLauncher runs at {place.url}")
    assert " -m mailauncher serve" in refused.stderr


def test_a_server_at_another_address_is_suggested(place: Home) -> None:
    port = free_port()
    place.serve("--port", str(port))
    refused = place.run("ls")
    assert refused.returncode == 6
    assert f"--url http://127.0.0.1:{port}" in refused.stderr


def test_the_token_comes_from_the_settings_or_the_option(place: Home) -> None:
    place.serve(MAILAUNCHER_TOKEN=TOKEN)
    assert place.run("ls").returncode == 5
    assert place.run("ls", "--token", TOKEN).returncode == 0
    assert place.run("ls", MAILAUNCHER_TOKEN=TOKEN).returncode == 0
    folder = place.bot("bot")
    added = place.run("add", str(folder), "--port", str(free_port()), MAILAUNCHER_TOKEN=TOKEN)
    assert added.returncode == 0
    assert place.run("start", "bot", MAILAUNCHER_TOKEN=TOKEN).returncode == 0
    assert "ready" in ok(place.run("logs", "bot", MAILAUNCHER_TOKEN=TOKEN))


class Stranger(BaseHTTPRequestHandler):
    """The page of another program."""

    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


@pytest.mark.parametrize("page", [b"<title>Not me</title>", b"[" * 3000])
def test_another_program_on_the_port_is_not_mistaken_for_the_server(
    place: Home, page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback for JSON that is nested too deeply."""
    monkeypatch.setattr(Stranger, "page", page)
    with HTTPServer(("127.0.0.1", place.port), Stranger) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        refused = place.run("ls")
        thread.join()
    assert refused.returncode == 6
    assert refused.stderr == f"Error CONNECTION_FAILED: The server at {place.url} is not MaiLauncher\n"


class Silent(Stranger):
    """A server that has begun a command, and whose answer has no end as long as the client is there."""

    asked, left = threading.Event(), threading.Event()
    page = json.dumps(
        {
            "success": True,
            "instances": [
                {
                    "id": "a" * 40,
                    "name": "bot",
                    "status": "stopped",
                    "path": "/",
                    "port": 1,
                    "version": "",
                    "services": [],
                }
            ],
        }
    ).encode()

    def do_POST(self) -> None:
        self.asked.set()
        with suppress(OSError):  # the client has gone
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.left.wait(0.5):
                self.wfile.write(b"X-More: to come\r\n")


def test_ctrl_c_ends_a_command_to_which_the_server_gives_no_answer(place: Home) -> None:
    """It went on waiting for the answer."""
    with ThreadingHTTPServer(("127.0.0.1", place.port), Silent) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            waiting = place.start("start", "bot")
            assert Silent.asked.wait(30)
            assert waiting.end() == 130
        finally:
            Silent.left.set()
            server.shutdown()
            serving.join()
    assert "No longer waiting" in waiting.errors


@pytest.mark.parametrize(
    "command, number, module, status",
    [
        ("ls", signal.SIGINT, "pathlib", 130),
        ("ls", signal.SIGINT, "cli.console", 130),
        ("serve", signal.SIGTERM, "cli.console", 0),
        ("serve", signal.SIGTERM, "server.app", 0),
        ("demo", signal.SIGINT, "server.app", 0),
    ],
)
def test_a_signal_during_the_start_ends_a_command_quietly_with_its_own_status(
    place: Home, command: str, number: signal.Signals, module: str, status: int
) -> None:
    """While modules were imported, Ctrl-C printed a traceback, and SIGTERM killed a server instead of ending it."""
    (place.folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == '{module}': os.kill(os.getpid(), {number.value})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    ended = place.run(command, PYTHONPATH=str(place.folder))
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")
    assert not place.data.exists()


def test_client_commands_do_not_load_the_servers_libraries(place: Home) -> None:
    listing = place.run("ls", PYTHONPROFILEIMPORTTIME="1")
    assert "cli.client" in listing.stderr
    for library in ("strawberry", "graphql", "tortoise", "starlette", "uvicorn", "asyncio", "psutil", "rich"):
        assert f" {library}\n" not in listing.stderr


def test_add_makes_a_name_of_a_folder_whose_name_cannot_be_one(shared_home: Home) -> None:
    """It was refused as an invalid name, which nobody had given."""
    for folder, name in (("MaiBot (1)", "MaiBot 1"), ("麦麦 机器人（二号）", "麦麦 机器人 二号")):
        added = shared_home.run("add", str(shared_home.bot(folder)), "--port", str(free_port()))
        assert added.returncode == 0, added.stderr
        assert f"named '{name}', since the folder's name '{folder}'" in added.stderr
        ok(shared_home.run("rm", "-y", name))
    refused = shared_home.run("add", str(shared_home.bot("((()))")), "--port", str(free_port()))
    assert refused.returncode == 2
    assert "'((()))' cannot be the name of an instance: give one with --name" in refused.stderr
