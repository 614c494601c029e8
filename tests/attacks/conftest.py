from pathlib import Path

import pytest

from tests.support.deploying import Bots


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bots:
    """A repository to deploy from, and the folder of a server that does."""
    return Bots(tmp_path, monkeypatch)
