"""What installs clients from the registries is tried in the long form only: `pytest -m stress --stress`."""

from pathlib import Path

import pytest

LONG = ("test_npm.py", "test_pypi.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name in LONG and not config.getoption("--stress") else None
