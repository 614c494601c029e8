"""Fixtures of the command line's tests."""

from collections.abc import Iterator

import pytest

from tests.support.program import Home, home


@pytest.fixture
def place() -> Iterator[Home]:
    """A separate home for this test."""
    with home() as found:
        yield found
