"""A server in the foreground."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.context import free_port

READY = """
import gc
from mailauncher.settings import from_environment
from mailauncher.signals import Signals
from server import foreground

class Done(Exception): ...

async def ready(ctx):
    raise Done(gc.get_freeze_count())

try:
    foreground.run(from_environment(), Signals(), ready)
except Done as done:
    print(done)
"""


@pytest.mark.slow
def test_what_lives_as_long_as_the_server_is_exempt_from_garbage_collection(tmp_path: Path) -> None:
    """Each full collection looked at 100,000 objects that are never garbage, for up to 80 ms of the event loop."""
    environment = {
        **os.environ,
        "MAILAUNCHER_DATA": str(tmp_path / "data"),
        "MAILAUNCHER_WORKSPACE": str(tmp_path / "workspace"),
        "MAILAUNCHER_PORT": str(free_port()),
    }
    ended = subprocess.run([sys.executable, "-c", READY], env=environment, check=True, capture_output=True)
    assert int(ended.stdout) > 50_000
