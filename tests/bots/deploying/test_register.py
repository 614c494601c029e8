"""The tree moves to its place in one step; an upgrade can be interrupted anywhere, then completed or reverted."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bots.deploying import journal, register
from bots.deploying.journal import Entry
from bots.deploying.staging import remove
from bots.deploying.worker_context import WorkerContext
from mailauncher.errors import DeploymentFailed, InvalidPath
from resolvers.deploying import folders
from tests.bots.deploying.conftest import Prepare
from tests.support.plans import ID, Deployment, component


class Killed(BaseException):
    """Simulates SIGKILL."""


class Death:
    """Raises Killed before or after the nth call."""

    def __init__(self, moment: str) -> None:
        self.count = 0
        self._left = 0
        self._before = moment == "before"

    @contextmanager
    def awaited(self, call: int) -> Iterator[None]:
        self._left = call
        try:
            yield
        except Killed:
            self.count += 1
        self._left = 0

    def at(self, act: Callable[..., object]) -> Callable[..., object]:
        def stepped(*paths: Any, **folders: int) -> object:
            self._left -= 1
            if self._left == 0 and self._before:
                raise Killed
            done = act(*paths, **folders)
            if self._left == 0:
                raise Killed
            return done

        return stepped


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, component())


def tree(work: WorkerContext, text: str) -> None:
    work.staging.tree.mkdir(parents=True)
    (work.staging.tree / "version").write_text(text)


def begin(deployment: Deployment) -> None:
    journal.append(deployment.folder, Entry(kind="begun", step="register"))


def version(folder: Path) -> str:
    return (folder / "version").read_text()


# A new instance


def test_the_tree_moves_to_its_place_with_the_deployment_marker(
    deployment: Deployment, prepare: Prepare
) -> None:
    work = prepare(deployment)
    tree(work, "1")
    register.register(work)
    assert version(deployment.target) == "1"
    assert folders.is_ours(deployment.target, ID)
    assert register.is_registered(deployment.folder, deployment.plan)
    register.register(work)


def test_an_empty_folder_is_replaced(deployment: Deployment, prepare: Prepare) -> None:
    work = prepare(deployment)
    tree(work, "1")
    deployment.target.mkdir()
    register.register(work)
    assert version(deployment.target) == "1"


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling", "another"])
def test_what_has_appeared_in_the_target_is_not_changed(
    deployment: Deployment, prepare: Prepare, tmp_path: Path, what: str
) -> None:
    work = prepare(deployment)
    tree(work, "1")
    match what:
        case "file":
            deployment.target.write_text("mine")
        case "folder" | "another":
            deployment.target.mkdir()
            (deployment.target / register.MARKER).write_text("f" * 40 if what == "another" else "")
        case "link":
            (tmp_path / "mine").mkdir()
            deployment.target.symlink_to(tmp_path / "mine")
        case _:
            deployment.target.symlink_to("nowhere")
    before = deployment.target.lstat()
    with pytest.raises(InvalidPath):
        register.register(work)
    assert deployment.target.lstat() == before
    assert version(work.staging.tree) == "1"


def test_a_marker_that_is_a_link_in_the_repository_is_replaced(
    deployment: Deployment, prepare: Prepare, tmp_path: Path
) -> None:
    work = prepare(deployment)
    tree(work, "1")
    (tmp_path / "mine").write_text("mine")
    (work.staging.tree / register.MARKER).symlink_to(tmp_path / "mine")
    register.register(work)
    assert (tmp_path / "mine").read_text() == "mine"
    assert folders.is_ours(deployment.target, ID)


# Upgrades


@pytest.fixture
def upgrade(tmp_path: Path) -> Deployment:
    target = tmp_path / "bots" / "mai"
    upgrade = Deployment(tmp_path, component(), kind="upgrade", former=str(folders.former(target, ID)))
    target.mkdir(parents=True)
    (target / "version").write_text("1")
    (target / register.MARKER).write_text(ID)
    return upgrade


@pytest.fixture(params=["exchange", "renames"])
def manner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the atomic exchange of the file system, and without it."""
    if request.param == "renames":
        monkeypatch.setattr(register, "_exchange", lambda one, other: False)
    return str(request.param)


def former(upgrade: Deployment) -> Path:
    return Path(upgrade.plan.former)


@pytest.mark.usefixtures("manner")
def test_an_upgrade_swaps_the_trees_and_can_be_reverted(upgrade: Deployment, prepare: Prepare) -> None:
    work = prepare(upgrade)
    tree(work, "2")
    assert not register.is_registered(upgrade.folder, upgrade.plan)
    begin(upgrade)
    register.register(work)
    assert (version(upgrade.target), version(former(upgrade))) == ("2", "1")
    assert register.is_registered(upgrade.folder, upgrade.plan)
    register.register(work)
    assert version(upgrade.target) == "2"
    for taken_back in (True, False, False):
        assert register.revert(upgrade.folder, upgrade.plan) is taken_back
        assert version(upgrade.target) == "1"
        assert version(register.reverted(upgrade.plan)) == "2"
        assert not former(upgrade).exists()
    assert not register.is_registered(upgrade.folder, upgrade.plan)


@pytest.mark.usefixtures("manner")
def test_the_tree_of_the_previous_upgrade_is_kept_until_the_next_one_has_succeeded(
    upgrade: Deployment, prepare: Prepare
) -> None:
    for text in ("2", "3", "4"):
        upgrade.change()
        register.discard_earlier_swap(upgrade.folder)
        assert not register.is_registered(upgrade.folder, upgrade.plan)
        work = prepare(upgrade)
        tree(work, text)
        begin(upgrade)
        register.register(work)
        assert version(upgrade.target) == text
        assert version(former(upgrade)) == str(int(text) - 1)
    kept = [former(upgrade).name, register.earlier(upgrade.plan).name, upgrade.staging.name]
    assert sorted(upgrade.left) == sorted(kept)


@pytest.mark.usefixtures("manner")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("back", [False, True])
def test_an_upgrade_killed_at_any_rename_can_be_completed_or_reverted(
    upgrade: Deployment, prepare: Prepare, monkeypatch: pytest.MonkeyPatch, back: bool, moment: str
) -> None:
    """A revert of an upgrade that was killed between its last two renames moved the new tree onto the old one, and failed."""
    death = Death(moment)
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, death.at(getattr(os, name)))
    monkeypatch.setattr(register, "_exchange", death.at(register._exchange))
    former(upgrade).mkdir()
    (former(upgrade) / "version").write_text("0")
    for number in range(2, 10):
        upgrade.change()
        register.discard_earlier_swap(upgrade.folder)
        work = prepare(upgrade)
        old = version(upgrade.target)
        kept = version(former(upgrade)) if former(upgrade).exists() else None
        tree(work, str(number))
        begin(upgrade)
        with death.awaited(number - 1):
            register.register(work)
        if back:
            register.revert(upgrade.folder, upgrade.plan)
            assert version(upgrade.target) == old
            # It was thrown away, and with it the way back, exactly when an upgrade failed.
            assert (version(former(upgrade)) if former(upgrade).exists() else None) == kept
        else:
            register.register(work)
            assert version(upgrade.target) == str(number)
            assert version(former(upgrade)) == old
            assert register.is_registered(upgrade.folder, upgrade.plan)
        remove(work.staging.folder)
    assert death.count >= 3


def test_a_missing_instance_cannot_be_upgraded(upgrade: Deployment, prepare: Prepare) -> None:
    work = prepare(upgrade)
    tree(work, "2")
    begin(upgrade)
    remove(upgrade.target)
    with pytest.raises(DeploymentFailed):
        register.register(work)
    assert version(work.staging.tree) == "2"


def test_a_revert_without_an_upgrade_changes_nothing(upgrade: Deployment, deployment: Deployment) -> None:
    assert not register.revert(upgrade.folder, upgrade.plan)
    assert version(upgrade.target) == "1"
    assert not register.revert(deployment.folder, deployment.plan)
