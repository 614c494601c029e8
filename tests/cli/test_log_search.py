"""`mailauncher logs --grep`: lines of the past output of terminals."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.log_search import moment
from mailauncher.errors import InvalidParameter
from tests.support.context import free_port
from tests.support.program import Home, home

pytestmark = pytest.mark.slow

PRINTING = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("\\x1b[32m12:00 | INFO | hello world\\x1b[0m")
print("12:01 | ERROR | timed out after 30 s")
print("Traceback: TimedOut")
print("12:02 | INFO | a.b")
print("12:03 | INFO | a-b helloworld", flush=True)
for line in sys.stdin:
    pass
"""


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """Two running bots, `one` with a service, that have printed the same lines."""
    with home() as found:
        found.serve()
        for name, services in (("one", ("napcat",)), ("two", ())):
            folder = found.bot(name, PRINTING, *services)
            assert found.run("add", str(folder), "--port", str(free_port())).returncode == 0
            assert found.run("start", name).returncode == 0
        for words in (("one",), ("one", "-t", "napcat"), ("two",)):
            while "helloworld" not in found.run("logs", *words).stdout:
                pass
        yield found


def found(place: Home, *arguments: str) -> list[str]:
    shown = place.run("logs", *arguments)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.splitlines()


HELLO, ERROR, TRACEBACK = (
    "12:00 | INFO | hello world",
    "12:01 | ERROR | timed out after 30 s",
    "Traceback: TimedOut",
)
DOT, DASH = "12:02 | INFO | a.b", "12:03 | INFO | a-b helloworld"


@pytest.mark.parametrize(
    "options, wanted",
    [
        (["--grep", "a.b"], [DOT, DASH]),
        (["--grep", "a.b", "-F"], [DOT]),
        (["--grep", "^12:0[13]"], [ERROR, DASH]),
        (["--grep", "timed ?out"], [ERROR]),
        (["--grep", "timed ?out", "-i"], [ERROR, TRACEBACK]),
        (["--grep", "hello", "--word"], [HELLO]),
        (["--grep", ".", "--level", "error"], [ERROR, TRACEBACK]),
        (["--grep", "hello", "--since", "1h"], [HELLO, DASH]),
        (["--grep", "Traceback", "-C", "1"], [ERROR, TRACEBACK, DOT]),
        (["--grep", "hello", "-C", "1"], [HELLO, ERROR, "--", DOT, DASH]),
    ],
)
def test_lines_are_found_as_the_options_say(shared_home: Home, options: list[str], wanted: list[str]) -> None:
    assert found(shared_home, "two", *options) == wanted


def test_all_terminals_of_an_instance_or_of_all_are_searched_and_named(shared_home: Home) -> None:
    assert found(shared_home, "one", "--grep", "a.b", "-F", "--all") == [
        f"one/main:{DOT}",
        f"one/napcat:{DOT}",
    ]
    everywhere = [f"one/main:{DOT}", f"one/napcat:{DOT}", f"two/main:{DOT}"]
    assert sorted(found(shared_home, "--grep", "a.b", "-F", "--all")) == everywhere
    near = found(shared_home, "two", "--grep", "Traceback", "-C", "1", "--all")
    assert near == [f"two/main-{ERROR}", f"two/main:{TRACEBACK}", f"two/main-{DOT}"]


def test_nothing_found_is_status_1(shared_home: Home) -> None:
    shown = shared_home.run("logs", "two", "--grep", "no such line")
    assert (shown.returncode, shown.stdout, shown.stderr) == (1, "", "")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert shared_home.run("logs", "two", "--grep", ".", "--since", later).returncode == 1


def test_a_search_that_stops_at_its_limit_says_so(shared_home: Home) -> None:
    shown = shared_home.run("logs", "two", "--grep", "INFO", "--max", "2")
    assert shown.stdout.splitlines() == [HELLO, DOT]
    assert "stopped after 2 lines" in shown.stderr


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["two", "--grep", "("], "Invalid regular expression"),
        (["two", "-i"], "These options need --grep"),
        (["two", "--grep", "a", "-f"], "excludes -f and -n"),
        (["two", "--grep", "a", "-n", "1"], "excludes -f and -n"),
        (["two", "--grep", "a", "--since", "soon"], "Invalid time: soon"),
        (["--grep", "a"], "The instance is missing"),
        ([], "The instance is missing"),
    ],
)
def test_what_makes_no_sense_is_refused(shared_home: Home, arguments: list[str], reason: str) -> None:
    shown = shared_home.run("logs", *arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert reason in shown.stderr


def test_times_are_so_long_ago_or_iso_8601() -> None:
    ago = datetime.now(UTC) - datetime.fromisoformat(moment("90m"))
    assert timedelta(minutes=90) <= ago < timedelta(minutes=100)
    assert moment("2026-01-31T08:00+08:00") == "2026-01-31T00:00:00.000+00:00"
    assert re.fullmatch(r"2026-01-3[01]T.*\+00:00", moment("2026-01-31"))
    for wrong in ("999999d", "m", "-5m", "0001-01-01T00:00+10:00"):
        with pytest.raises(InvalidParameter):
            moment(wrong)
