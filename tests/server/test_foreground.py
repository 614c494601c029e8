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


@pytest.mark.slow
def test_collections_of_garbage_are_few_and_do_not_look_at_what_lives_as_long_as_the_server(
    tmp_path: Path,
) -> None:
    """Each full collection looked at 100,000 objects that are never garbage, for up to 80 ms of the event loop; and of those
    there were nine while a thousand clients connected, each of which all of them waited for."""
    environment = {
        **os.environ,
        "MAILAUNCHER_DATA": str(tmp_path / "data"),
        "MAILAUNCHER_WORKSPACE": str(tmp_path / "workspace"),
        "MAILAUNCHER_PORT": str(free_port()),
    }
    ended = subprocess.run([sys.executable, "-c", READY], env=environment, check=True, capture_output=True)
    frozen, thresholds = ended.stdout.decode().split(maxsplit=1)
    assert int(frozen) > 50_000
    assert thresholds.strip() == str(COLLECTION_THRESHOLDS)
