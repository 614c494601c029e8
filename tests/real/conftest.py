"""Fixtures of the tests with the real MaiBot."""

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For what uv and the bots leave in the temporary folder: locks, and sockets, whose paths have to be short."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield
