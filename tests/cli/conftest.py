"""What the tests of the command line share."""

from collections.abc import Iterator

import pytest

from tests.support.program import Home, home


@pytest.fixture
def place() -> Iterator[Home]:
    """A home of this test's own."""
    with home() as found:
        yield found
