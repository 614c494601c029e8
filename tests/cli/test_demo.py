"""`mailauncher demo`: one command to a running bot, and nothing left of it afterwards."""

import json
import re
import signal
import socket
import tomllib
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailauncher import lock
from tests.support.context import free_port
from tests.support.program import Home, Running

pytestmark = pytest.mark.slow


def instances(place: Home) -> list[dict[str, Any]]:
    listed = place.run("ls", "--json")
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found


def demonstrate(place: Home, *arguments: str) -> Running:
    demo = place.start("demo", *arguments)
    demo.expect("attach demo")
    return demo


def bot_port(folder: Path) -> int:
    text = (folder / "bots" / "demo" / ".env").read_text("utf-8")
    return int(re.findall(r"^PORT=(\d+)$", text, flags=re.MULTILINE)[0])


def test_it_ends_in_a_server_with_a_running_bot_and_its_services(place: Home) -> None:
    demo = demonstrate(place)
    (bot,) = instances(place)
    services = bot["services"]
    assert (bot["name"], bot["status"]) == ("demo", "running")
    assert {s["name"]: s["status"] for s in services} == {"napcat": "running", "nonebot-ada": "running"}
    for address in (f"{place.url}/", f"{place.url}/graphql", f"{place.url}/api/v1/docs"):
        assert f" {address}\n" in demo.text
    assert demo.text.startswith("MaiLauncher ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_leaves_no_process_and_no_file(place: Home, number: signal.Signals) -> None:
    demo = demonstrate(place)
    assert len(place.processes()) > 1
    assert list(place.temporary.iterdir()) != []
    assert demo.end(number) == 0
    assert "Traceback" not in demo.errors
    assert place.left() == []
    assert list(place.temporary.iterdir()) == []
    assert not place.data.exists()


def test_a_signal_while_the_bot_is_being_started_leaves_nothing_either(place: Home) -> None:
    demo = place.start("demo", MAILAUNCHER_START_GRACE_S="5")
    while not any("bot.py" in command for command in commands_of(place)):
        assert demo.process.poll() is None
    assert demo.end() == 0
    assert "Traceback" not in demo.errors
    assert place.left() == []
    assert list(place.temporary.iterdir()) == []


def commands_of(place: Home) -> list[str]:
    """The command lines of what runs in the demonstration's folder."""
    running = psutil.process_iter(["cmdline", "cwd"])
    inside = (process for process in running if str(process.info["cwd"]).startswith(str(place.temporary)))
    return [" ".join(process.info["cmdline"]) for process in inside]


def test_every_file_and_the_launcher_agree_on_the_ports(place: Home) -> None:
    folder = place.folder / "kept"
    demonstrate(place, "--keep", str(folder))
    (bot,) = instances(place)
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
        place.start("logs", "demo", "-f", "-t", terminal).expect(said)


def test_a_kept_demonstration_goes_on_with_the_same_bot_and_its_users_changes(place: Home) -> None:
    folder = place.folder / "kept"
    assert demonstrate(place, "--keep", str(folder)).end() == 0
    config = folder / "bots" / "demo" / "config" / "bot_config.toml"
    changed = config.read_text("utf-8").replace("麦麦", "小麦")
    config.write_text(changed, "utf-8")
    demo = demonstrate(place, "--keep", str(folder))
    first = place.run("logs", "demo", "-n", "1000")
    assert first.stdout.count("输入 /help 查看命令") == 2, first.stdout
    assert demo.end() == 0
    assert config.read_text("utf-8") == changed
    assert f"demo --keep {folder}" in demo.errors
    assert place.left() == []


def test_a_kept_demonstration_moves_away_from_a_port_that_was_taken_meanwhile(place: Home) -> None:
    folder = place.folder / "kept"
    assert demonstrate(place, "--keep", str(folder)).end() == 0
    former = bot_port(folder)
    with socket.create_server(("127.0.0.1", former)):
        demonstrate(place, "--keep", str(folder))
        (bot,) = instances(place)
    assert bot["status"] == "running"
    assert bot["port"] == bot_port(folder) != former


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(place: Home) -> None:
    folder = place.folder / "letters"
    folder.mkdir()
    (folder / "to-mother.txt").write_text("Dear")
    refused = place.run("demo", "--keep", str(folder))
    assert refused.returncode == 2
    assert "to-mother.txt" in refused.stderr
    assert [path.name for path in folder.iterdir()] == ["to-mother.txt"]


def test_a_taken_port_is_named_with_the_way_out_and_nothing_is_left(place: Home) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        refused = place.run("demo")
        other = free_port()
        assert demonstrate(place, "--port", str(other)).end() == 0
    assert refused.returncode == 4
    assert "--port" in refused.stderr
    assert list(place.temporary.iterdir()) == []


def test_the_users_own_database_is_not_touched(place: Home) -> None:
    demo = place.start("demo", MAILAUNCHER_DATABASE_URL="sqlite:///nowhere/at/all.db")
    demo.expect("attach demo")
    assert demo.end() == 0


def test_while_it_runs_its_data_folder_is_locked(place: Home) -> None:
    folder = place.folder / "kept"
    demo = demonstrate(place, "--keep", str(folder))
    holder = lock.holder(folder / "data")
    assert holder == (demo.process.pid, place.url)
    demo.end()
    assert lock.holder(folder / "data") is None
