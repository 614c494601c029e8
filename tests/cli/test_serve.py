"""`mailauncher serve`, as a script or a person at a terminal meets it."""

import json
import os
import re
import signal
import socket

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mailauncher import __version__, lock
from tests.support.context import free_port
from tests.support.program import Home, Running

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
    """Nothing of what it logged is worse than information."""
    assert not re.search(r"Traceback| (?:warning|error|critical) ", server.errors), server.errors


def test_it_outlives_its_terminal_where_nohup_says_so(place: Home) -> None:
    server = place.start("serve", through=("nohup",))
    server.expect("listening on")
    server.process.send_signal(signal.SIGHUP)
    assert place.run("ls").returncode == 0
    assert server.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_one_line_and_ends_with_0_on_a_signal(place: Home, number: signal.Signals) -> None:
    server = place.serve()
    assert server.end(number) == 0
    assert server.text == f"MaiLauncher {__version__} listening on {place.url}\n"
    assert_quiet(server)
    assert place.left() == []


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


def test_a_signal_ends_everything_it_runs(place: Home) -> None:
    place.bot("one")
    server = place.serve()
    assert place.run("add", str(place.bot("two")), "--port", str(free_port())).returncode == 0
    assert place.run("start", "two").returncode == 0
    assert len(place.processes()) > 1
    assert server.end() == 0
    assert_quiet(server)
    assert place.left() == []


def test_a_signal_before_it_is_ready_ends_it_with_0_too(place: Home) -> None:
    server = place.start("serve")
    while lock.holder(place.data) is None:
        assert server.process.poll() is None
    assert server.end(signal.SIGTERM) == 0
    assert_quiet(server)


def test_a_second_signal_ends_what_ignores_the_first(place: Home) -> None:
    """Unasked, the stubborn bot would have been given more time than this test has."""
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


def test_viewers_and_subscribers_do_not_hold_it_up(place: Home) -> None:
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


def test_a_second_server_on_the_same_data_folder_says_who_holds_it(place: Home) -> None:
    server = place.serve()
    second = place.run("serve", "--port", str(free_port()))
    assert second.returncode == 4
    assert second.stdout == ""
    assert f"pid {server.process.pid}, {place.url}" in second.stderr
    assert second.stderr.startswith("Error CONFLICT: ")
    assert len(second.stderr.splitlines()) == 1


def test_two_servers_with_their_own_folders_and_ports_do_not_meet(place: Home) -> None:
    place.serve()
    other = place.serve("--port", str(free_port()), "--data", str(place.folder / "other"))
    assert other.end() == 0


@pytest.mark.slow
def test_bots_run_on_after_its_end_and_the_next_server_takes_over(place: Home) -> None:
    """`stop_bots_at_exit` is off by default."""
    folder = place.bot("steady")
    first = place.serve(MAILAUNCHER_STOP_BOTS_AT_EXIT="")
    assert place.run("add", str(folder), "--port", str(free_port())).returncode == 0
    assert place.run("start", "steady").returncode == 0
    before = place.run("ls", "--json").stdout
    assert first.end() == 0
    second = place.serve()
    assert place.run("ls", "--json").stdout == before
    assert "Ran on, taken over: steady\n" in second.errors
    assert "Started again" not in second.errors
    assert second.end() == 0
    third = place.serve()
    third.expect("listening on")
    while "Started again: steady\n" not in third.errors:
        assert third.process.poll() is None
    assert "taken over" not in third.errors
    assert third.end() == 0
    assert place.left() == []


def test_a_killed_server_leaves_its_data_folder_usable(place: Home) -> None:
    place.serve().end(signal.SIGKILL)
    assert place.serve().end() == 0


def test_a_port_that_is_taken_is_refused_with_the_name_of_the_process(place: Home) -> None:
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
def test_a_setting_that_cannot_be_used_is_one_sentence_and_status_2(
    place: Home, given: dict[str, str], said: str
) -> None:
    refused = place.run("serve", **given)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_data_folder_that_cannot_be_made_is_refused(place: Home) -> None:
    refused = place.run("serve", "--data", "/proc/nowhere")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error INVALID_PATH: ")
