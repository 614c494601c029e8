"""`mailauncher attach` in a real terminal."""

import random
import re
import signal
import termios
import time
from collections.abc import Iterator

import pytest

from tests.support.context import free_port
from tests.support.program import DEADLINE_S, Home, home
from tests.support.screen import Screen
from tests.support.stress import sized

pytestmark = pytest.mark.slow

ECHOING = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "size":
        print("size", *os.get_terminal_size(), flush=True)
    elif line.strip() == "full":
        print("\\x1b[?1049h\\x1b[?25lfull screen", flush=True)
    else:
        print("heard", line.strip(), flush=True)
"""
COLLECTING = """
import signal, sys, termios
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
print("ready", flush=True)
with open("typed", "a", buffering=1) as typed:
    for line in sys.stdin:
        typed.write(line)
"""


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """A home with a server and a running bot called `bot`."""
    with home() as found:
        found.serve()
        folder = found.bot("bot", ECHOING)
        assert found.run("add", str(folder), "--port", str(free_port())).returncode == 0
        assert found.run("start", "bot").returncode == 0
        yield found


@pytest.fixture
def screen(shared_home: Home) -> Iterator[Screen]:
    found = Screen(shared_home, "attach", "bot")
    found.expect("ready")
    yield found
    found.close()


def test_it_shows_the_output_and_types_into_the_bot(screen: Screen) -> None:
    screen.type("你好\r")
    screen.expect("heard 你好")


def test_the_bots_terminal_takes_the_size_of_this_one(screen: Screen) -> None:
    screen.type("size\r")
    screen.expect("size 100 30")
    termios.tcsetwinsize(screen.terminal, (20, 60))
    size = ""
    while size != "60 20":  # the signal and the keys have different ways
        screen.type("size\r")
        size = screen.expect(r"size (\d+ \d+)\r\n")[1]


def test_ctrl_c_goes_to_the_bot(screen: Screen) -> None:
    screen.type("\x03")
    screen.expect("interrupted")
    screen.type("still here\r")
    screen.expect("heard still here")


def test_ctrl_bracket_detaches_and_restores_the_terminal(screen: Screen) -> None:
    assert screen.settings() != screen.before
    screen.type("\x1d")
    screen.expect("Detached")
    assert screen.wait() == 0
    assert screen.settings() == screen.before


def test_a_full_screen_and_a_hidden_cursor_are_undone(screen: Screen) -> None:
    screen.type("full\r")
    screen.expect("full screen")
    screen.type("\x1d")
    screen.expect(r"\x1b\[\?1049l[\s\S]*\x1b\[\?25h[\s\S]*Detached")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_restores_the_terminal(screen: Screen, number: signal.Signals) -> None:
    screen.process.send_signal(number)
    assert screen.wait() == 128 + number
    assert screen.settings() == screen.before


def test_it_comes_back_after_a_killed_server_and_types_once_what_was_typed_meanwhile(place: Home) -> None:
    """`attach` ended with the server."""
    server = place.serve()
    place.run("add", str(place.bot("bot", ECHOING)), "--port", str(free_port()))
    place.run("start", "bot")
    screen = Screen(place, "attach", "bot")
    try:
        screen.expect("ready")
        screen.type("before\r")
        screen.expect("heard before")
        server.end(signal.SIGKILL)
        screen.expect("connection lost, reconnecting")
        screen.type("meanwhile\r")
        place.serve()
        screen.expect("connected again")
        screen.expect("heard meanwhile")
        screen.type("size\r")
        screen.expect("size 100 30")
        screen.type("after\r\x1d")
        screen.expect("Detached")
        assert screen.wait() == 0
        assert screen.settings() == screen.before
    finally:
        screen.close()
    shown = place.run("logs", "bot").stdout
    heard = [line for line in shown.splitlines() if line.startswith("heard")]
    assert heard == ["heard before", "heard meanwhile", "heard after"]


@pytest.mark.stress
def test_every_line_typed_while_servers_are_killed_arrives_once_and_in_order(place: Home) -> None:
    server = place.serve()
    folder = place.bot("bot", COLLECTING)
    place.run("add", str(folder), "--port", str(free_port()))
    place.run("start", "bot")
    screen = Screen(place, "attach", "bot")
    typed = 0
    try:
        screen.expect("ready")
        for _ in range(sized(3, 30)):
            for killed in (False, True):
                for _ in range(random.randrange(20)):
                    typed += 1
                    screen.type(f"{typed}\r")
                    time.sleep(random.random() / 100)
                if not killed:
                    server.end(signal.SIGKILL)
            server = place.serve()
            screen.expect("connected again")
        screen.type("\x1d")
        screen.expect("Detached")
        assert screen.wait() == 0
    finally:
        screen.close()
    deadline = time.monotonic() + DEADLINE_S
    while len(lines := (folder / "typed").read_text().splitlines()) < typed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert lines == [str(number) for number in range(1, typed + 1)]


def test_without_the_server_ctrl_bracket_detaches_and_says_what_may_not_have_arrived(place: Home) -> None:
    server = place.serve()
    place.run("add", str(place.bot("bot")), "--port", str(free_port()))
    place.run("start", "bot")
    screen = Screen(place, "attach", "bot")
    try:
        screen.expect("ready")
        assert server.end() == 0
        screen.expect("connection lost, reconnecting")
        screen.type("lost\x1d")
        screen.expect("What was typed last may not have arrived")
        assert screen.wait() == 6
        assert screen.settings() == screen.before
    finally:
        screen.close()


def test_it_ends_when_the_instance_is_deleted(place: Home) -> None:
    place.serve()
    place.run("add", str(place.bot("bot")), "--port", str(free_port()))
    place.run("start", "bot")
    screen = Screen(place, "attach", "bot")
    try:
        screen.expect("ready")
        assert place.run("rm", "bot", "--yes").returncode == 0
        screen.expect("Error TERMINAL_NOT_FOUND")
        assert screen.wait() == 3
        assert screen.settings() == screen.before
    finally:
        screen.close()


def test_the_terminal_of_a_stopped_bot_is_a_shell(place: Home) -> None:
    place.serve()
    folder = place.bot("bot")
    place.run("add", str(folder), "--port", str(free_port()))
    screen = Screen(place, "attach", "bot")
    try:
        screen.expect("Ctrl-]")
        screen.type("pwd\r")
        screen.expect(re.escape(str(folder)))
    finally:
        screen.close()


def test_attach_without_a_terminal_is_rejected(shared_home: Home) -> None:
    refused = shared_home.run("attach", "bot")
    assert refused.returncode == 2
    assert "logs -f" in refused.stderr
