"""`mailauncher logs`: nothing is lost or repeated, and output to a file is readable."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.support.context import free_port
from tests.support.preloaded import Command
from tests.support.program import DEADLINE_S, Home, Running
from tests.support.screen import Screen

pytestmark = pytest.mark.slow

COUNTING = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
for number in range(20000):
    print(f"line {number}")
print("\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07plain\\rover it", flush=True)
for line in sys.stdin:
    for number in range(int(line)):
        print("more", number)
    print("done", flush=True)
"""
TICKING = """
import itertools, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
for number in itertools.count():
    print("tick", number, flush=True)
    time.sleep(0.01)
"""


def running(place: Home, script: str = COUNTING) -> Running:
    """A server with a running bot called `bot`. A counting one has printed its lines."""
    folder = place.bot("bot", script)
    server = place.serve()
    assert place.run("add", str(folder), "--port", str(free_port())).returncode == 0
    assert place.run("start", "bot").returncode == 0
    while script is COUNTING and lines(place, "-n", "1") != [
        "over it"
    ]:  # on a busy machine it prints for long
        pass
    return server


def lines(place: Home, *arguments: str) -> list[str]:
    shown = place.run("logs", "bot", *arguments)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.splitlines()


def test_without_a_terminal_lines_are_plain_text(place: Home) -> None:
    running(place)
    assert lines(place, "-n", "2") == ["line 19999", "over it"]


def test_lines_may_exceed_what_a_new_viewer_is_shown(place: Home) -> None:
    running(place)
    shown = lines(place, "-n", "15001")
    assert shown == [*(f"line {number}" for number in range(5000, 20000)), "over it"]
    assert len(lines(place)) < 15000
    assert lines(place, "-n", "100000")[:2] == ["line 0", "line 1"]
    assert lines(place, "-n", "0") == []


def test_a_terminal_gets_the_output_unchanged(place: Home) -> None:
    running(place)
    screen = Screen(place, "logs", "bot", "-n", "1")
    try:
        screen.expect(r"\x1b\[31mred\x1b\[0m")
        screen.expect("over it")
        assert screen.wait() == 0
    finally:
        screen.close()


def test_following_continues_across_a_restart_of_the_server(place: Home) -> None:
    server = running(place)
    follower = place.start("logs", "bot", "-f", "-n", "1")
    follower.expect("over it\n")
    assert server.end() == 0
    place.serve()  # starts what was running
    follower.expect("line 19999\nover it\n")
    follower.process.send_signal(signal.SIGINT)
    assert follower.wait() == 0
    numbered = [line for line in follower.text.splitlines() if line.startswith("line ")]
    assert numbered == [f"line {number}" for number in range(20000)]
    assert "[connection lost" in follower.errors
    assert "Traceback" not in follower.errors


def test_following_goes_on_where_it_was_when_servers_are_killed(place: Home) -> None:
    server = running(place, TICKING)
    follower = place.start("logs", "bot", "-f")
    for number in (100, 200):
        follower.expect(rf"tick {number}\n")
        server.end(signal.SIGKILL)
        server = place.serve()
    follower.expect("tick 300\n")
    assert follower.end() == 0
    shown = [line for line in follower.text.splitlines() if line.startswith("tick")]
    assert shown == [f"tick {number}" for number in range(len(shown))]
    assert follower.errors.count("connection lost") == 2


def test_following_says_so_when_the_server_no_longer_has_what_was_shown(place: Home) -> None:
    """After a power cut the log may end before the offset reached: the follower ended with INVALID_PARAMETER."""
    server = running(place)
    follower = place.start("logs", "bot", "-f", "-n", "1")
    follower.expect("over it\n")
    assert server.end() == 0
    follower_waits_for(follower, "connection lost")
    for folder in (place.data / "terminals").iterdir():
        shutil.rmtree(folder)
    place.serve()
    follower_waits_for(follower, "no longer has the output that was shown")
    follower.expect("over it\n[\\s\\S]*over it\n")
    assert follower.end() == 0


def follower_waits_for(follower: Running, words: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while words not in follower.errors:
        assert time.monotonic() < deadline, follower.errors
        time.sleep(0.02)


def test_following_ends_when_the_instance_is_deleted(place: Home) -> None:
    running(place)
    follower = place.start("logs", "bot", "--follow")
    follower.expect("over it\n")
    assert place.run("rm", "bot", "--yes").returncode == 0
    assert follower.wait() == 3
    assert "TERMINAL_NOT_FOUND" in follower.errors


def test_a_closed_pipe_ends_it_without_a_traceback(place: Home) -> None:
    running(place)
    reader, writer = os.pipe()
    command = [*place.command, "logs", "bot", "-n", "20000"]
    follower = Command(
        command, cwd=place.root, env=place.environment(), stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert os.read(reader, 1)
    os.close(reader)
    assert follower.communicate(timeout=DEADLINE_S)[1] == ""
    assert follower.returncode == 1


def test_the_log_of_a_stopped_bot_is_read_without_opening_a_shell(place: Home) -> None:
    running(place)
    assert place.run("stop", "bot").returncode == 0
    assert lines(place, "-n", "1") == ["over it"]
    assert lines(place)[-1] == "over it"
    screen = Screen(place, "logs", "bot", "-n", "1")
    try:
        screen.expect("over it")
        assert screen.wait() == 0
    finally:
        screen.close()
    assert [process.name() for process in place.processes() if process.name() == "sh"] == []
