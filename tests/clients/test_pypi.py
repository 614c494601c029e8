"""The GraphQL client that people use in Python, as PyPI has it, with each of its transports."""

import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.graphql_clients import FOLDER, install, require_recorded, trial
from tests.support.server import Launcher

LOCK = FOLDER / "pypi" / "requirements.lock"


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.alone
async def test_every_transport_of_gql_works(launcher: Launcher, tmp_path: Path) -> None:
    """In an environment of its own: none of it is needed by this program or its other tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "venv" / "bin" / "python"
        await install([sys.executable, "-m", "venv", folder / "venv"], folder)
        await install([python, "-m", "pip", "-q", "install", "--require-hashes", "-r", LOCK], folder)
        async with trial(launcher, tmp_path) as server:
            script = FOLDER / "pypi" / "gql_client.py"
            found = await server.requests_of(100, [python, script], folder, {})
    require_recorded({"gql": found}, tmp_path)
