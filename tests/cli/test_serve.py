"""`mailauncher serve`, started by a script or at a terminal."""

import json
import os
import re
import signal
import socket
import sys

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mailauncher import __version__, lock
from tests.support.context import free_port
from tests.support.program import DEADLINE_S, Home, Running

pytestmark = pytest.mark.slow

STUBBORN = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def assert_quiet(server: Running) -> None:
    """The server logged no warnings or errors."""
    assert not re.search(r"Traceback| (?:warning|error|critical) ", server.errors), server.errors


def test_the_server_outlives_its_terminal_under_nohup(place: Home) -> None:
    server = place.start("serve", through=("nohup",))
    server.expect("listening on")
    server.process.send_signal(signal.SIGHUP)
    assert place.run("ls").returncode == 0
    assert server.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_prints_one_line_and_exits_with_0_on_a_signal(place: Home, number: signal.Signals) -> None:
    server = place.serve()
    assert server.end(number) == 0
    assert server.text == f"MaiLauncher {__version__} listening on {place.url}\n"
    assert_quiet(server)
    assert place.left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
@pytest.mark.parametrize("named", ["file", "abstract"])
def test_systemd_is_told_when_the_server_is_ready(place: Home, named: str) -> None:
    """The service counted as started, and as running, while its server failed again and again."""
    address = str(place.folder / "notify") if named == "file" else f"@{place.folder.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.settimeout(DEADLINE_S)
        server = place.start("serve", NOTIFY_SOCKET=address)
        assert systemd.recv(100) == b"READY=1"
        assert place.run("ls").returncode == 0
        place.bot(
            "asks", "import os, time\nprint(os.environ.get('NOTIFY_SOCKET'), flush=True)\ntime.sleep(60)"
        )
        added = place.run("add", str(place.folder / "bots/asks"), "--port", str(free_port()))
        assert added.returncode == 0, added.stderr
        assert place.run("start", "asks").returncode == 0
        assert place.run("logs", "asks").stdout.splitlines() == ["None"]
        assert server.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_server_that_fails_does_not_say_that_it_is_ready(place: Home) -> None:
    address = str(place.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.setblocking(False)
        with lock.hold(place.data, place.url):
            assert place.run("serve", NOTIFY_SOCKET=address).returncode == 4
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_localhost_means_both_loopback_addresses(place: Home, host: str) -> None:
    if host == "::1" and not has_ipv6():
        return
    place.serve()
    with socket.create_connection((host, place.port)):
        pass


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_a_signal_stops_all_bots_with_stop_bots_at_exit(place: Home) -> None:
    place.bot("one")
    server = place.serve()
    assert place.run("add", str(place.bot("two")), "--port", str(free_port())).returncode == 0
    assert place.run("start", "two").returncode == 0
    assert len(place.processes()) > 1
    assert server.end() == 0
    assert_quiet(server)
    assert place.left() == []


def test_a_signal_before_readiness_exits_with_0_too(place: Home) -> None:
    server = place.start("serve")
    while lock.holder(place.data) is None:
        assert server.process.poll() is None
    assert server.end(signal.SIGTERM) == 0
    assert_quiet(server)


def test_a_second_signal_kills_what_ignores_the_first(place: Home) -> None:
    """Without the second signal, the bot would get more time than this test may take."""
    folder = place.bot("stubborn", STUBBORN)
    server = place.serve()
    assert place.run("add", str(folder), "--port", str(free_port())).returncode == 0
    assert place.run("start", "stubborn").returncode == 0
    server.process.send_signal(signal.SIGINT)
    while "stopping" not in server.errors:
        assert server.process.poll() is None
    assert server.end() == 0
    assert "Traceback" not in server.errors
    assert place.left() == []


def close_code(viewer: ClientConnection) -> int | None:
    """Reads to the end."""
    try:
        while True:
            viewer.recv()
    except ConnectionClosed:
        return viewer.close_code


def test_viewers_and_subscribers_do_not_delay_the_exit(place: Home) -> None:
    folder = place.bot("bot")
    server = place.serve()
    place.run("add", str(folder), "--port", str(free_port()))
    place.run("start", "bot")
    instance = json.loads(place.run("ls", "--json").stdout)[0]["id"]
    question = {"query": "subscription { systemMetrics { cpu { usage } } }"}
    accept = {"Accept": "text/event-stream"}
    with (
        httpx.stream("POST", f"{place.url}/graphql", json=question, headers=accept) as events,
        connect(f"ws://127.0.0.1:{place.port}/ws/{instance}_main", proxy=None) as viewer,
    ):
        assert "event" in next(events.iter_text())
        while "ready" not in str(viewer.recv()):
            pass
        server.process.send_signal(signal.SIGINT)
        assert close_code(viewer) == 1012
    assert server.wait() == 0
    assert_quiet(server)
    assert place.left() == []


def test_a_second_server_on_the_same_data_folder_names_the_first(place: Home) -> None:
    server = place.serve()
    second = place.run("serve", "--port", str(free_port()))
    assert second.returncode == 4
    assert second.stdout == ""
    assert f"pid {server.process.pid}, {place.url}" in second.stderr
    assert second.stderr.startswith("Error CONFLICT: ")
    assert len(second.stderr.splitlines()) == 1


def test_two_servers_with_separate_folders_and_ports_run_side_by_side(place: Home) -> None:
    place.serve()
    other = place.serve("--port", str(free_port()), "--data", str(place.folder / "other"))
    assert other.end() == 0


def listed(place: Home) -> list[dict[str, object]]:
    """The instances without what changes by itself."""
    found: list[dict[str, object]] = json.loads(place.run("ls", "--json").stdout)
    return [{key: value for key, value in instance.items() if key != "details"} for instance in found]


@pytest.mark.slow
def test_bots_keep_running_after_the_server_and_the_next_one_adopts_them(place: Home) -> None:
    """`stop_bots_at_exit` is off by default."""
    folder = place.bot("steady")
    first = place.serve(MAILAUNCHER_STOP_BOTS_AT_EXIT="")
    assert place.run("add", str(folder), "--port", str(free_port())).returncode == 0
    assert place.run("start", "steady").returncode == 0
    before = listed(place)
    assert first.end() == 0
    assert "Still running: steady. The next server takes them over" in first.errors
    second = place.serve()
    assert listed(place) == before
    assert "Still running, reattached: steady\n" in second.errors
    assert "Restarted" not in second.errors
    assert second.end() == 0
    assert "Still running: steady." not in second.errors  # it stops bots
    third = place.serve()
    third.expect("listening on")
    while "Restarted: steady\n" not in third.errors:
        assert third.process.poll() is None
    assert "taken over" not in third.errors
    assert third.end() == 0
    assert place.left() == []


def test_a_killed_server_leaves_its_data_folder_usable(place: Home) -> None:
    place.serve().end(signal.SIGKILL)
    assert place.serve().end() == 0


def test_a_port_in_use_is_reported_with_the_name_of_the_process(place: Home) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        refused = place.run("serve")
    assert refused.returncode == 4
    assert refused.stderr.startswith(f"Error PORT_IN_USE: 127.0.0.1:{place.port} is in use by ")
    assert f"(pid {os.getpid()})" in refused.stderr
    assert "--port" in refused.stderr
    assert not (place.data / "mailauncher.db").exists()


@pytest.mark.parametrize(
    "given, said",
    [
        ({"MAILAUNCHER_PORT": "none"}, "port (MAILAUNCHER_PORT)"),
        ({"MAILAUNCHER_HOST": "0.0.0.0"}, "MAILAUNCHER_TOKEN"),
        ({"MAILAUNCHER_CONFIG": "/nowhere/at/all.toml"}, "/nowhere/at/all.toml"),
        ({"MAILAUNCHER_HOST": "192.0.2.1", "MAILAUNCHER_TOKEN": "long-enough-a-token"}, "192.0.2.1"),
    ],
)
def test_an_invalid_setting_is_one_line_and_status_2(place: Home, given: dict[str, str], said: str) -> None:
    refused = place.run("serve", **given)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_data_folder_that_cannot_be_created_is_rejected(place: Home) -> None:
    refused = place.run("serve", "--data", "/proc/nowhere")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error INVALID_PATH: ")
