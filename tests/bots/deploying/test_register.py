"""What was made takes its place at once and whole; an upgrade can be interrupted anywhere, finished, and taken back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailauncher.bots.deploying import journal, register
from mailauncher.bots.deploying.journal import Entry
from mailauncher.bots.deploying.staging import remove
from mailauncher.bots.deploying.work import Work
from mailauncher.errors import DeploymentFailed, InvalidPath
from resolvers import places
from tests.bots.deploying.conftest import Prepare
from tests.support.plans import ID, Deployment, component


class Killed(BaseException):
    """Stands for SIGKILL: nothing runs after it."""


class Death:
    """Comes at one of some calls: before an odd one, after an even one."""

    def __init__(self) -> None:
        self.count = 0
        self._left = 0
        self._before = False

    @contextmanager
    def awaited(self, call: int) -> Iterator[None]:
        self._left, self._before = call, call % 2 == 1
        try:
            yield
        except Killed:
            self.count += 1
        self._left = 0

    def at(self, act: Callable[[Path, Path], object]) -> Callable[[Path, Path], object]:
        def stepped(one: Path, other: Path) -> object:
            self._left -= 1
            if self._left == 0 and self._before:
                raise Killed
            done = act(one, other)
            if self._left == 0:
                raise Killed
            return done

        return stepped


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, component())


def tree(work: Work, text: str) -> None:
    work.staging.tree.mkdir(parents=True)
    (work.staging.tree / "version").write_text(text)


def begin(deployment: Deployment) -> None:
    journal.append(deployment.folder, Entry(kind="begun", step="register"))


def version(folder: Path) -> str:
    return (folder / "version").read_text()


# A new instance


def test_the_tree_takes_its_place_with_the_mark_that_lets_it_be_deleted(
    deployment: Deployment, prepare: Prepare
) -> None:
    work = prepare(deployment)
    tree(work, "1")
    register.register(work)
    assert version(deployment.target) == "1"
    assert places.is_ours(deployment.target, ID)
    assert register.registered(deployment.folder, deployment.plan)
    register.register(work)


def test_an_empty_folder_gives_way(deployment: Deployment, prepare: Prepare) -> None:
    work = prepare(deployment)
    tree(work, "1")
    deployment.target.mkdir()
    register.register(work)
    assert version(deployment.target) == "1"


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling", "another"])
def test_what_has_come_into_being_meanwhile_is_left_alone(
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


def test_a_mark_that_the_repository_brings_as_a_link_is_replaced(
    deployment: Deployment, prepare: Prepare, tmp_path: Path
) -> None:
    work = prepare(deployment)
    tree(work, "1")
    (tmp_path / "mine").write_text("mine")
    (work.staging.tree / register.MARKER).symlink_to(tmp_path / "mine")
    register.register(work)
    assert (tmp_path / "mine").read_text() == "mine"
    assert places.is_ours(deployment.target, ID)


# Upgrades


@pytest.fixture
def upgrade(tmp_path: Path) -> Deployment:
    target = tmp_path / "bots" / "mai"
    upgrade = Deployment(tmp_path, component(), kind="upgrade", former=str(places.former(target, ID)))
    target.mkdir(parents=True)
    (target / "version").write_text("1")
    (target / register.MARKER).write_text(ID)
    return upgrade


@pytest.fixture(params=["exchange", "renames"])
def manner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the file system's own exchange, and where it has none."""
    if request.param == "renames":
        monkeypatch.setattr(register, "_exchange", lambda one, other: False)
    return str(request.param)


def former(upgrade: Deployment) -> Path:
    return Path(upgrade.plan.former)


@pytest.mark.usefixtures("manner")
def test_an_upgrade_exchanges_the_trees_and_can_be_taken_back(upgrade: Deployment, prepare: Prepare) -> None:
    work = prepare(upgrade)
    tree(work, "2")
    assert not register.registered(upgrade.folder, upgrade.plan)
    begin(upgrade)
    register.register(work)
    assert (version(upgrade.target), version(former(upgrade))) == ("2", "1")
    assert register.registered(upgrade.folder, upgrade.plan)
    register.register(work)
    assert version(upgrade.target) == "2"
    for taken_back in (True, False, False):
        assert register.revert(upgrade.folder, upgrade.plan) is taken_back
        assert version(upgrade.target) == "1"
        assert version(register.reverted(upgrade.plan)) == "2"
        assert not former(upgrade).exists()
    assert not register.registered(upgrade.folder, upgrade.plan)


@pytest.mark.usefixtures("manner")
def test_the_next_upgrade_removes_what_the_one_before_it_left(upgrade: Deployment, prepare: Prepare) -> None:
    for text in ("2", "3", "4"):
        upgrade.change()
        register.forget_earlier(upgrade.folder)
        assert not register.registered(upgrade.folder, upgrade.plan)
        work = prepare(upgrade)
        tree(work, text)
        begin(upgrade)
        register.register(work)
        assert version(upgrade.target) == text
        assert version(former(upgrade)) == str(int(text) - 1)
    assert sorted(upgrade.left) == sorted([former(upgrade).name, upgrade.staging.name])


@pytest.mark.usefixtures("manner")
@pytest.mark.parametrize("back", [False, True])
def test_whatever_rename_an_upgrade_dies_before_or_after_it_can_go_on_or_back(
    upgrade: Deployment, prepare: Prepare, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    death = Death()
    monkeypatch.setattr(Path, "rename", death.at(Path.rename))
    monkeypatch.setattr(register, "_exchange", death.at(register._exchange))
    for number in range(2, 15):
        upgrade.change()
        register.forget_earlier(upgrade.folder)
        work = prepare(upgrade)
        old = version(upgrade.target)
        tree(work, str(number))
        begin(upgrade)
        with death.awaited(number - 1):
            register.register(work)
        if back:
            register.revert(upgrade.folder, upgrade.plan)
            assert version(upgrade.target) == old
        else:
            register.register(work)
            assert version(upgrade.target) == str(number)
            assert version(former(upgrade)) == old
            assert register.registered(upgrade.folder, upgrade.plan)
        remove(work.staging.folder)
    assert death.count >= 3


def test_an_instance_that_is_gone_cannot_be_upgraded(upgrade: Deployment, prepare: Prepare) -> None:
    work = prepare(upgrade)
    tree(work, "2")
    begin(upgrade)
    remove(upgrade.target)
    with pytest.raises(DeploymentFailed):
        register.register(work)
    assert version(work.staging.tree) == "2"


def test_nothing_is_taken_back_that_never_came(upgrade: Deployment, deployment: Deployment) -> None:
    assert not register.revert(upgrade.folder, upgrade.plan)
    assert version(upgrade.target) == "1"
    assert not register.revert(deployment.folder, deployment.plan)
