"""Cloning the right commit from the first source that has it."""

import os
from pathlib import Path

import pytest

from bots.deploying import cloning as cloning_module
from bots.deploying.plan import Source
from bots.deploying.report import StepFailed
from bots.deploying.worker_context import WorkerContext
from mailauncher.errors import Code, InvalidParameter, Text
from tests.bots.deploying.conftest import Prepare
from tests.support.context import free_port
from tests.support.git import Repository, released, serving
from tests.support.plans import Deployment, component
from tests.support.small_disk import small_disk


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return released(tmp_path / "origin", tags={"1.0": {"bot.py": "one"}, "2.0": {"bot.py": "two"}})


class Cloning:
    """Records notes and progress of one clone."""

    def __init__(self, work: WorkerContext) -> None:
        self.work = work
        self.notes: list[Text] = []
        self.shares: list[float] = []

    def clone(self, *urls: str, ref: str = "1.0", commit: str = "", pinned: bool = False) -> tuple[Path, str]:
        source = Source(git=urls, ref=ref, commit=commit, pinned=pinned)
        return cloning_module.clone(self.work, source, self.shares.append, self.notes.append)

    def failed(self, *urls: str, ref: str = "1.0", commit: str = "") -> StepFailed:
        with pytest.raises(StepFailed) as failed:
            self.clone(*urls, ref=ref, commit=commit)
        assert list(self.work.staging.folder.glob("parts/*")) == []
        return failed.value


@pytest.fixture
def cloning(tmp_path: Path, prepare: Prepare) -> Cloning:
    return Cloning(prepare(Deployment(tmp_path, component())))


def test_a_tag_is_cloned_without_history(repository: Repository, cloning: Cloning) -> None:
    commit = repository.git("rev-parse", "1.0")
    made, found = cloning.clone(repository.url, commit=commit)
    assert found == commit
    assert (made / "bot.py").read_text() == "one"
    assert _at(made).git("rev-list", "--all", "--count") == "1"
    assert cloning.shares[-1] > 0.8
    assert cloning.notes == []


def test_an_annotated_tag_leads_to_its_commit(repository: Repository, cloning: Cloning) -> None:
    repository.tag("3.0", annotated=True)
    assert cloning.clone(repository.url, ref="3.0", commit=repository.head)[1] == repository.head


def test_the_newest_commit_of_a_branch_is_cloned(repository: Repository, cloning: Cloning) -> None:
    commit = repository.branch("dev", {"bot.py": "newest"})
    assert cloning.clone(repository.url, ref="dev")[1] == commit


def test_an_earlier_commit_of_a_branch_is_checked_out(
    repository: Repository, cloning: Cloning, tmp_path: Path
) -> None:
    commit = repository.git("rev-parse", "1.0")
    made, found = cloning.clone(repository.url, ref="main", commit=commit, pinned=True)
    assert (found, (made / "bot.py").read_text()) == (commit, "one")
    assert _at(made).git("status", "--porcelain") == ""
    other = released(tmp_path / "other", tags={"1.0": {"bot.py": "another"}})
    made, found = cloning.clone(other.url, repository.url, ref="main", commit=commit, pinned=True)
    assert (found, (made / "bot.py").read_text()) == (commit, "one")
    assert len(cloning.notes) == 1


def test_after_an_unreachable_source_the_next_one_is_used(repository: Repository, cloning: Cloning) -> None:
    dead = f"http://127.0.0.1:{free_port()}/MaiBot.git"
    cloning.clone(dead, repository.url)
    (note,) = cloning.notes
    assert dead in note.zh
    assert dead in note.en
    assert "Failed to connect" in note.en


def test_an_interrupted_clone_is_removed_and_repeated_from_the_next_source(
    repository: Repository, cloning: Cloning, tmp_path: Path
) -> None:
    repository.commit({"large": os.urandom(100_000)})
    repository.tag("4.0")
    with serving(tmp_path) as server:
        server.cut_after = 40_000
        server.manner = "cut"
        made, _ = cloning.clone(server.url(repository), repository.url, ref="4.0")
    assert (made / "large").stat().st_size == 100_000
    assert list(made.parent.iterdir()) == [made]
    assert len(cloning.notes) == 1


def test_a_mirror_with_another_commit_under_the_tag_is_refused(
    repository: Repository, cloning: Cloning, tmp_path: Path
) -> None:
    other = released(tmp_path / "other", tags={"1.0": {"bot.py": "something else"}})
    commit = repository.git("rev-parse", "1.0")
    made, found = cloning.clone(other.url, repository.url, commit=commit)
    assert found == commit
    assert (made / "bot.py").read_text() == "one"
    assert "another commit" in cloning.notes[0].en


def test_a_tag_that_was_moved_in_every_source_is_not_found(repository: Repository, cloning: Cloning) -> None:
    failed = cloning.failed(repository.url, commit="f" * 40)
    assert failed.error.code is Code.VERSION_NOT_FOUND


def test_a_version_that_the_first_source_does_not_have_is_not_found(
    repository: Repository, cloning: Cloning
) -> None:
    failed = cloning.failed(repository.url, "file:///nowhere/at/all", ref="9.9")
    assert failed.error.code is Code.VERSION_NOT_FOUND
    assert "9.9" in failed.error.text.zh


def test_a_version_that_only_a_mirror_lacks_is_a_failed_download(
    repository: Repository, cloning: Cloning
) -> None:
    failed = cloning.failed("file:///nowhere/at/all", repository.url, ref="9.9")
    assert failed.error.code is Code.DOWNLOAD_FAILED
    assert failed.lines


@pytest.mark.parametrize("status", [404, 401, 503])
def test_a_server_that_requires_a_login_is_a_failed_download_without_a_prompt(
    repository: Repository, cloning: Cloning, tmp_path: Path, status: int
) -> None:
    with serving(tmp_path) as server:
        server.manner = status
        failed = cloning.failed(server.url(repository))
    assert failed.error.code is Code.DOWNLOAD_FAILED


@pytest.mark.slow
def test_a_silent_source_is_given_up(
    repository: Repository, cloning: Cloning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloning_module, "SILENCE_S", 1.0)
    with serving(tmp_path) as server:
        server.manner = "hang"
        cloning.clone(server.url(repository), repository.url)
    assert "no output" in cloning.notes[0].en


def test_passwords_in_urls_are_not_shown(repository: Repository, tmp_path: Path, prepare: Prepare) -> None:
    with serving(tmp_path) as server:
        server.manner = 401
        url = server.url(repository, "me:s3cr%40t-word")
        deployment = Deployment(tmp_path, component(Source(git=(url,), ref="1.0")))
        work = prepare(deployment)
        cloning = Cloning(work)
        failed = cloning.failed(url)
    shown = (
        (tmp_path / "output").read_text() + str(failed.error.text) + str(failed.lines) + str(cloning.notes)
    )
    assert "127.0.0.1" in shown
    assert "s3cr" not in shown


@pytest.mark.slow
def test_a_full_disk_is_reported_as_such(repository: Repository, tmp_path: Path, prepare: Prepare) -> None:
    repository.commit({"large": os.urandom(900_000)})
    repository.tag("4.0")
    with small_disk(700) as disk:
        deployment = Deployment(
            tmp_path, component(), folder=str(disk / "mai"), staging=str(disk / ".mai.new")
        )
        cloning = Cloning(prepare(deployment))
        with pytest.raises(StepFailed) as failed:
            cloning.clone(repository.url, "file:///a/mirror", ref="4.0")
        assert failed.value.error.code is Code.INSUFFICIENT_SPACE
        assert cloning.notes == []


# Strangers


@pytest.mark.parametrize("ref", ["--upload-pack=touch pwned", "-x", "a b", "..", "a\nb", "refs/../x", ""])
def test_an_invalid_ref_is_refused(cloning: Cloning, repository: Repository, ref: str) -> None:
    with pytest.raises(InvalidParameter):
        cloning.clone(repository.url, ref=ref)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/pwned",
        "--upload-pack=touch",
        "ssh://-oProxyCommand=touch/x",
        "ssh://host.example.org/a/b",
        "/etc",
        "file::x",
    ],
)
def test_only_urls_with_the_plans_transports_are_used(cloning: Cloning, url: str) -> None:
    """The plan of these tests has http, https and file."""
    with pytest.raises(InvalidParameter):
        cloning.clone(url)


def test_hooks_and_submodules_of_a_repository_are_ignored(
    repository: Repository, cloning: Cloning, tmp_path: Path
) -> None:
    pwned = tmp_path / "pwned"
    hook = f"#!/bin/sh\ntouch {pwned}\n"
    repository.commit(
        {
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% {pwned}\n',
            "hooks/post-checkout": hook,
            ".githooks/post-checkout": hook,
            "two\nlines": "a name with a line break",
            ".gitattributes": "* filter=evil\n",
        }
    )
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.head},x")
    repository.git("commit", "--quiet", "-m", "submodule")
    repository.tag("evil")
    made, _ = cloning.clone(repository.url, ref="evil")
    assert not pwned.exists()
    assert (made / "two\nlines").is_file()
    assert not list((made / ".git").glob("hooks/*"))


def _at(folder: Path) -> Repository:
    """An existing repository."""
    found = object.__new__(Repository)
    found.folder = folder
    return found
