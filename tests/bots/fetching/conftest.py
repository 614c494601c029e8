"""A repository and a server of repositories, for a user whose configuration of git is empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git import GitServer, Repository, released, serving


@pytest.fixture(autouse=True)
def git_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration of git, which does not exist yet."""
    file = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(file))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return file


@pytest.fixture
def repository(tmp_path: Path, git_configuration: Path) -> Repository:
    """Two tags, the branches `main` and `dev`."""
    return released(
        tmp_path / "served" / "bot", None, {"1.0.0": {"a": "1"}, "1.1.0": {"a": "2"}}, {"dev": {"a": "3"}}
    )


@pytest.fixture
def server(tmp_path: Path, git_configuration: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir(exist_ok=True)
    with serving(tmp_path / "served") as server:
        yield server
