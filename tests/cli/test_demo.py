"""`mailauncher demo`: one command starts bots, and nothing is left afterwards."""

import json
import re
import signal
import socket
import time
import tomllib
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailauncher import lock
from tests.support.context import free_port
from tests.support.program import DEADLINE_S, Home, Running

pytestmark = pytest.mark.slow


def instances(place: Home) -> list[dict[str, Any]]:
    listed = place.run("ls", "--json")
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


def working(place: Home) -> dict[str, Any]:
    """The bot that works; the others come a little later."""
    (bot,) = [bot for bot in instances(place) if bot["name"] == "demo"]
    return bot


def wait_for_others(place: Home, *states: str) -> None:
    """Until the bots that need somebody are in these states, in the order of their names."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = {bot["name"]: bot["status"] for bot in instances(place) if bot["name"] != "demo"}
        if [found[name] for name in sorted(found)] == list(states):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def demonstrate(place: Home, *arguments: str) -> Running:
    demo = place.start("demo", *arguments)
    demo.expect("attach demo")
    return demo


def bot_port(folder: Path) -> int:
    text = (folder / "bots" / "demo" / ".env").read_text("utf-8")
    return int(re.findall(r"^PORT=(\d+)$", text, flags=re.MULTILINE)[0])


def test_it_runs_a_bot_with_its_services_and_leaves_nothing(place: Home) -> None:
    """The address of the bot's web page was told nowhere."""
    demo = place.start(
        "demo", MAILAUNCHER_DATABASE_URL="sqlite:///nowhere/at/all.db"
    )  # the user's is not touched
    demo.expect("attach demo")
    bot = working(place)
    services = bot["services"]
    assert (bot["name"], bot["status"]) == ("demo", "running")
    assert {s["name"]: s["status"] for s in services} == {"napcat": "running", "nonebot-ada": "running"}
    shown = place.run("ls").stdout
    page = re.search(r"\n    web page: (http://127\.0\.0\.1:\d+/)\n", shown)
    assert page is not None, shown
    heading, row = place.run("web", "demo").stdout.splitlines()
    assert (heading.split(), row.split()) == (
        ["INSTANCE", "PROGRAM", "URL", "TOKEN"],
        ["demo", "main", page[1], "-"],
    )
    for address in (f"{place.url}/", f"{place.url}/graphql", f"{place.url}/api/v1/docs"):
        assert f" {address}\n" in demo.text
    assert demo.text.startswith("MaiLauncher ")
    end(place, demo, signal.SIGINT)


def test_one_bot_fails_with_a_way_out_and_one_asks_and_both_are_helped(place: Home) -> None:
    demo = demonstrate(place)
    wait_for_others(place, "running", "failed")
    shown = place.run("ls").stdout
    assert "waiting for terms" in shown
    assert "A configuration file has a syntax error (line 8)" in shown
    assert place.run("accept", "demo-asking").returncode == 0
    assert place.run("restart", "demo-asking").returncode == 0
    revisions = json.loads(place.run("config", "history", "demo-broken", "bot", "--json").stdout)
    assert len(revisions) > 1
    restored = place.run("config", "restore", "demo-broken", "bot", revisions[-1]["id"])
    assert restored.returncode == 0, restored.stderr
    assert place.run("start", "demo-broken", "--ready").returncode == 0
    assert place.run("backups", "demo").stdout.count("manual") == 1
    end(place, demo, signal.SIGINT)


def test_it_leaves_nothing_when_its_terminal_is_closed(place: Home) -> None:
    end(place, demonstrate(place), signal.SIGHUP)


def end(place: Home, demo: Running, number: signal.Signals) -> None:
    """Ends a demonstration, of which no process and no file is left."""
    assert len(place.processes()) > 1
    assert list(place.temporary.iterdir()) != []
    assert demo.end(number) == 0
    assert "Traceback" not in demo.errors
    assert place.left() == []
    assert list(place.temporary.iterdir()) == []
    assert not place.data.exists()
    if number is not signal.SIGHUP:
        assert demo.errors.endswith("left nothing behind\n")


def test_a_signal_during_the_start_of_the_bot_leaves_nothing_behind(place: Home) -> None:
    demo = place.start("demo", MAILAUNCHER_START_GRACE_S="5")
    while not any("bot.py" in command for command in commands_of(place)):
        assert demo.process.poll() is None
        time.sleep(0.05)  # nobody tells, and looking through all processes takes a processor
    assert demo.end() == 0
    assert "Traceback" not in demo.errors
    assert place.left() == []
    assert list(place.temporary.iterdir()) == []


def commands_of(place: Home) -> list[str]:
    """The command lines of all processes in the demonstration's folder."""
    running = psutil.process_iter(["cmdline", "cwd"])
    inside = (process for process in running if str(process.info["cwd"]).startswith(str(place.temporary)))
    return [" ".join(process.info["cmdline"]) for process in inside]


def test_a_kept_demonstration_continues_with_the_same_bot_and_the_users_changes(place: Home) -> None:
    folder = place.folder / "kept"
    demo = demonstrate(place, "--keep", str(folder))
    assert lock.holder(folder / "data") == (demo.process.pid, place.url)
    require_agreeing_ports(place, folder)
    assert demo.end() == 0
    assert lock.holder(folder / "data") is None
    config = folder / "bots" / "demo" / "config" / "bot_config.toml"
    changed = config.read_text("utf-8").replace("麦麦", "小麦")
    config.write_text(changed, "utf-8")
    demo = demonstrate(place, "--keep", str(folder))
    greeting = "输入 /help 查看命令"
    read(place, f"(?s){greeting}.*{greeting}")  # of both
    assert demo.end() == 0
    assert f"demo --keep {folder}" in demo.errors
    former = bot_port(folder)
    with socket.create_server(("127.0.0.1", former)):
        demo = demonstrate(place, "--keep", str(folder))
        bot = working(place)
    assert (bot["status"], bot["port"]) == ("running", bot_port(folder))
    assert bot["port"] != former  # that one was in use
    assert demo.end() == 0
    assert config.read_text("utf-8") == changed
    assert place.left() == []


def require_agreeing_ports(place: Home, folder: Path) -> None:
    """In all files, the launcher, and what the programs say."""
    bot = working(place)
    ports = {s["name"]: s["port"] for s in bot["services"]}
    root = folder / "bots" / "demo"
    adapter = tomllib.loads((root / "nonebot-ada" / "config.toml").read_text("utf-8"))
    assert bot["port"] == bot_port(folder) == adapter["maibot_server"]["port"]
    assert ports["nonebot-ada"] == adapter["napcat_server"]["port"]
    assert ports["napcat"] == json.loads((root / "napcat" / "config" / "webui.json").read_bytes())["port"]
    for terminal, said in (
        ("main", f"已监听 127.0.0.1:{bot['port']}"),
        ("napcat", f"http://127.0.0.1:{ports['napcat']}/"),
        ("nonebot", f"ws://127.0.0.1:{ports['nonebot-ada']}"),
    ):
        read(place, said, "-t", terminal)


def read(place: Home, pattern: str, *options: str) -> None:
    """Waits for output of the demonstration. The reader is ended: it would wait for a later server."""
    reader = place.start("logs", "demo", "-f", *options)
    reader.expect(pattern)
    reader.close()


def test_a_foreign_folder_is_rejected_unchanged(place: Home) -> None:
    folder = place.folder / "letters"
    folder.mkdir()
    (folder / "to-mother.txt").write_text("Dear")
    refused = place.run("demo", "--keep", str(folder))
    assert refused.returncode == 2
    assert "to-mother.txt" in refused.stderr
    assert [path.name for path in folder.iterdir()] == ["to-mother.txt"]


def test_a_port_in_use_is_reported_with_a_remedy_and_nothing_is_left(place: Home) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        refused = place.run("demo")
        other = free_port()
        assert demonstrate(place, "--port", str(other)).end() == 0
    assert refused.returncode == 4
    assert "--port" in refused.stderr
    assert list(place.temporary.iterdir()) == []
