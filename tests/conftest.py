"""Fixtures that every test may use."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from resolvers.context import Context
from tests.support.context import parts, settings_for
from tests.support.deployable import sample_repository
from tests.support.git import Repository
from tests.support.server import Launcher, running

# A shell starts what it puts into the background with SIGINT ignored, and so would be everything that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that the sample bot can be deployed from. Not to be changed."""
    return sample_repository(tmp_path_factory.mktemp("releases") / "maibot")


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    """The parts of a server of this test's own, without its front doors."""
    async with parts(tmp_path) as context:
        yield context


@pytest_asyncio.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    """A server of this test's own."""
    async with running(settings_for(tmp_path)) as server:
        yield server
