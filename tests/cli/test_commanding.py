"""What `ls` shows of a bot that does not work, and how `start`, `stop`, `restart` and `rm` wait for the end."""

import json
import re
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.support.context import free_port
from tests.support.program import Home, home

pytestmark = pytest.mark.slow

ASKING = "print('Settings of last year found', flush=True)\nprint('got', input('Keep them? '), flush=True)\nimport time; time.sleep(600)"
LISTENING = "import socket\nlistener = socket.create_server(('127.0.0.1', {port}))\nlistener.accept()\nlistener.accept()\ninput()"
DYING = "import time; time.sleep(0.5); raise SystemExit('no luck today')"
SLOW_TO_STOP = """
import os, signal, threading, time
stopping = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stopping.set())
print("ready", flush=True)
stopping.wait()
while not os.path.exists("may stop"):
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Home]:
    """A home with a server for all tests of this module."""
    with home() as found:
        found.serve()
        yield found


def add(place: Home, name: str, script: str, *services: str) -> None:
    port = free_port()
    folder = place.bot(name, script.replace("{port}", str(port)), *services)
    assert place.run("add", str(folder), "--port", str(port)).returncode == 0


def stops(place: Home) -> int:
    """How many stops the server has been asked for."""
    query = "{ instances { recentEvents(first: 20) { kind } } }"
    found = httpx.post(f"{place.url}/graphql", json={"query": query}, trust_env=False).json()["data"][
        "instances"
    ]
    return sum(event["kind"] == "stop" for instance in found for event in instance["recentEvents"])


def test_a_question_is_in_ls_and_makes_a_start_that_waits_for_readiness_fail(place: Home) -> None:
    """`ls` said running, and nothing told of the question. Nor did any command fail."""
    add(place, "asking", ASKING)
    asked = place.run("start", "asking", "--ready")
    assert (asked.returncode, asked.stdout) == (7, "")
    first, *more = asked.stderr.splitlines()
    assert first.startswith("Error INCOMPLETE: Instance asking: it waits for an answer in its terminal")
    assert "mailauncher attach asking" in first
    assert more == ["  Keep them?"]
    lines = place.run("ls").stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("asking "))
    assert re.search(r"asking +waiting for input +\d+s .* 0 ", lines[at])
    assert lines[at + 1] == "    asks: Keep them?"
    assert "mailauncher attach asking" in lines[at + 2]
    assert "等待回答" in place.run("ls", "--lang", "zh").stdout
    (shown,) = json.loads(place.run("ls", "--json").stdout)
    assert (shown["details"]["waiting_for"], shown["details"]["question"]) == ("input", "Keep them?")
    assert place.run("rm", "-y", "asking").stdout == "Instance asking deleted\n"


def test_a_start_that_waits_for_readiness_ends_with_it_or_with_the_reason(place: Home) -> None:
    add(place, "good", LISTENING)
    add(place, "bad", DYING)
    assert place.run("start", "good", "--ready").stdout == "Instance good started\n"
    assert place.run("restart", "good", "--ready").stdout == "Instance good restarted\n"
    assert re.search(r"good +running +", place.run("ls").stdout)
    late = place.run("start", "bad", "--ready", "--wait", "1")
    assert late.returncode == 7
    assert "and the command continues" in late.stderr
    assert re.search(r"bad +(waiting to restart|running \(not ready\)|starting)", place.run("ls").stdout)
    died = place.run("restart", "bad", "--ready")
    assert died.returncode == 1
    assert "exited with code 1" in died.stderr
    assert "  no luck today" in died.stderr.splitlines()
    for name in ("good", "bad"):
        place.run("rm", "-y", name)


def test_a_service_is_waited_for_alone_and_by_any_of_its_names(place: Home) -> None:
    """Nothing says when the service is ready, so it has to run for a while and ask nothing."""
    add(place, "served", DYING, "nonebot-ada")
    (place.folder / "bots" / "served" / "nonebot-ada" / "main.py").write_text("input('Scan the code? ')")
    asked = place.run("start", "served", "--service", "nonebot", "--ready")
    assert asked.returncode == 7
    assert asked.stderr.startswith("Error INCOMPLETE: nonebot-ada of instance served: it waits for an answer")
    assert asked.stderr.endswith("\n  Scan the code?\n")
    assert "nonebot-ada (waiting for input)" in place.run("ls").stdout
    stopped = place.run("stop", "served", "--service", "nonebot")
    assert stopped.returncode == 0
    place.run("rm", "-y", "served")


def test_a_bot_that_does_not_stop_is_killed(place: Home) -> None:
    add(place, "endless", SLOW_TO_STOP)
    assert place.run("start", "endless").returncode == 0
    assert place.run("stop", "endless", "--no-wait").returncode == 0
    assert place.run("kill", "endless").stdout == "Instance endless killed\n"
    assert re.search(r"endless +stopped", place.run("ls").stdout)
    place.run("rm", "-y", "endless")


def test_a_stop_that_takes_long_ends_when_the_bot_has_or_with_a_status_of_its_own(place: Home) -> None:
    """`stop` answered "is stopping" with status 0 after eight seconds, and the next command was refused: the bot still ran."""
    add(place, "slow", SLOW_TO_STOP)
    consent = place.folder / "bots" / "slow" / "may stop"
    assert place.run("start", "slow").returncode == 0
    late = place.run("stop", "slow", "--wait", "0")
    assert (late.returncode, late.stdout) == (7, "")
    assert late.stderr == (
        "Error INCOMPLETE: Instance slow: not stopped within 0 s, and the command continues: stopping\n"
    )
    waiting = place.start("stop", "slow")
    while stops(place) < 2:
        assert waiting.process.poll() is None
    consent.touch()
    waiting.expect("Instance slow stopped\n")
    assert waiting.wait() == 0
    assert re.search(r"slow +stopped", place.run("ls").stdout)

    consent.unlink()
    assert place.run("start", "slow").returncode == 0
    waiting = place.start("stop", "slow")
    while not re.search(r"slow +stopping", place.run("ls").stdout):
        assert waiting.process.poll() is None
    assert waiting.end(signal.SIGINT) == 130
    consent.touch()
    assert place.run("rm", "-y", "slow").stdout == "Instance slow deleted\n"
    assert "slow" not in place.run("ls").stdout


def test_a_service_that_the_bot_runs_itself_is_in_ls_and_has_no_program(place: Home) -> None:
    """The adapter of MaiBot 1.x was nowhere: `ls` showed no service, and a command said only that there was none."""
    folder = place.bot("plugged", DYING)
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.1"\n')
    assert "nonebot-ada" not in place.run("add", str(folder), "--port", str(free_port())).stdout
    assert "nonebot-ada" not in place.run("ls").stdout
    (folder / "plugins" / "napcat_adapter").mkdir(parents=True)
    place.run("rm", "-y", "plugged")
    assert re.search(r"plugin +nonebot-ada", place.run("add", str(folder), "--port", str(free_port())).stdout)
    assert "nonebot-ada (plugin)" in place.run("ls").stdout
    assert json.loads(place.run("ls", "--json").stdout)[0]["hosted_services"] == ["nonebot-ada"]
    for command in (("start", "plugged", "--service", "nonebot"), ("logs", "plugged", "-t", "nonebot-ada")):
        refused = place.run(*command)
        assert refused.returncode == 3
        assert "nonebot-ada for version 1.2.1 is a plugin that the bot runs" in refused.stderr
    place.run("rm", "-y", "plugged")
