"""Tests of the store run on each of the databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from store.database import Database
from tests.support import databases


@pytest.fixture(params=databases.KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A data folder and the URL of its database, which has every migration and no rows; empty: a file in the folder."""
    return databases.location(tmp_path, request.param)


@pytest_asyncio.fixture
async def database(location: tuple[Path, str]) -> AsyncIterator[Database]:
    opened = await Database.open(*location)
    yield opened
    await opened.close()
