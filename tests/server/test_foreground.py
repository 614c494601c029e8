"""A server in the foreground."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.foreground import COLLECTION_THRESHOLDS
from tests.support.context import free_port

READY = """
import gc
from mailauncher.settings import from_environment
from mailauncher.signals import Signals
from server import foreground

class Done(Exception): ...

async def ready(ctx):
    raise Done(gc.get_freeze_count(), gc.get_threshold())

try:
    foreground.run(from_environment(), Signals(), ready)
except Done as done:
    print(*done.args)
"""


INTERRUPTED = """
import asyncio, os, signal
from mailauncher.settings import from_environment
from mailauncher.signals import Signals
from server import foreground

make = foreground._loop_factory()

def interrupted():
    loop = make()
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # an exception of the handler would come here, and nobody would know the loop
        pass
    print("made", flush=True)
    return loop

foreground._loop_factory = lambda: interrupted
foreground.run(from_environment(), Signals(), None)
"""


IMPORTED = """
import sys
from mailauncher.settings import from_environment
from mailauncher.signals import Signals
from server import foreground

class Done(Exception): ...

async def ready(ctx):
    raise Done

try:
    foreground.run(from_environment(), Signals(), ready)
except Done:
    print(*sys.modules)
"""


def run_code(code: str, folder: Path, **given: str) -> "subprocess.CompletedProcess[bytes]":
    """Runs it as a process of its own, with a data folder and a port of its own."""
    environment = {
        **os.environ,
        "MAILAUNCHER_DATA": str(folder / "data"),
        "MAILAUNCHER_WORKSPACE": str(folder / "workspace"),
        "MAILAUNCHER_PORT": str(free_port()),
        **given,
    }
    return subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)


@pytest.mark.slow
def test_a_signal_while_the_event_loop_is_made_takes_effect_once_it_can_be_closed(tmp_path: Path) -> None:
    ended = run_code(INTERRUPTED, tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"made\n", b"")


@pytest.mark.slow
def test_collections_of_garbage_are_few_and_do_not_look_at_what_lives_as_long_as_the_server(
    tmp_path: Path,
) -> None:
    """Each full collection looked at 100,000 objects that are never garbage, for up to 80 ms of the event loop; and of those
    there were nine while a thousand clients connected, each of which all of them waited for."""
    ended = run_code(READY, tmp_path)
    frozen, thresholds = ended.stdout.decode().split(maxsplit=1)
    assert int(frozen) > 50_000
    assert thresholds.strip() == str(COLLECTION_THRESHOLDS)


@pytest.mark.slow
def test_the_ssh_gateway_is_imported_only_where_it_is_on(tmp_path: Path) -> None:
    for on in ("true", "false"):
        given = {"MAILAUNCHER_SSH": on, "MAILAUNCHER_SSH_PORT": str(free_port())}
        modules = run_code(IMPORTED, tmp_path, **given).stdout.decode().split()
        assert "server.ssh_door" in modules
        assert {"asyncssh", "ssh", "ssh.gateway"} <= set(modules) or on == "false"
        gateway = [name for name in modules if name.partition(".")[0] in ("asyncssh", "ssh", "cryptography")]
        assert gateway == [] or on == "true"
