"""`mailauncher logs`: nothing is lost or repeated, and output to a file is readable."""

import os
import signal
import subprocess

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
