"""Reading the version of a bot from its folder, which is untrusted."""

import os
import subprocess
from pathlib import Path

import pytest

from bots.documents.file import LIMIT_BYTES
from bots.versions.installed import LENGTH, UNKNOWN, read
from tests.support.unprivileged import NOBODY

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *words: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(folder), *words],
        env={"PATH": os.environ["PATH"], **IDENTITY},
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with one commit, tagged 1.2.1."""
    folder = tmp_path / "bot"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    git(folder, "tag", "1.2.1")
    return folder


def project(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return folder


# Where it stands


def test_the_checked_out_tag_is_the_version(repository: Path) -> None:
    assert read(repository) == "1.2.1"


def test_an_annotated_tag_counts(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(repository, "tag", "-a", "1.2.2", "-m", "the second")
    assert read(repository) == "1.2.2"


def test_the_tag_precedes_the_project_file(repository: Path) -> None:
    project(repository, '[project]\nversion = "0.11.6"')
    assert read(repository) == "1.2.1"


def test_without_a_tag_the_project_file_is_used(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    project(repository, '[project]\nversion = "1.3.0"')
    assert read(repository) == "1.3.0"


def test_a_linked_worktree_has_the_version_of_its_own_commit(repository: Path, tmp_path: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"), "1.2.1")
    assert read(tmp_path / "linked") == "1.2.1"
    assert read(repository) == UNKNOWN


def test_a_folder_without_information_has_an_unknown_version(tmp_path: Path) -> None:
    assert read(tmp_path) == UNKNOWN
    assert read(tmp_path / "nowhere") == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[project",
        'project = "1.0"',
        "[project]\nname = 'x'",
        "[project]\nversion = 1.0",
        "[project]\nversion = ''",
        "[project]\nversion = '  '",
        '[project]\nversion = "1\\n2"',
        '[project]\nversion = "1\\u001b[2J"',
        "a = " + "[" * 20_000,
        "#" * LIMIT_BYTES + "\n[project]\nversion = '1.0'",
    ],
    ids=range(11),
)
def test_an_unusable_project_file_gives_an_unknown_version(tmp_path: Path, text: str) -> None:
    assert read(project(tmp_path / "bot", text)) == UNKNOWN


def test_blanks_around_a_version_are_removed(tmp_path: Path) -> None:
    assert read(project(tmp_path / "bot", "[project]\nversion = ' 1.0 '")) == "1.0"


def test_a_long_version_is_truncated(tmp_path: Path) -> None:
    assert read(project(tmp_path / "bot", f'[project]\nversion = "{"1" * 1000}"')) == "1" * LENGTH


def test_a_project_file_that_is_not_utf8_gives_an_unknown_version(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b'[project]\nversion = "\xff"')
    assert read(tmp_path) == UNKNOWN


@pytest.mark.parametrize("kind", ["fifo", "folder", "endless", "loop"])
def test_a_project_file_that_is_not_a_regular_file_does_not_block(tmp_path: Path, kind: str) -> None:
    """Opening a pipe blocks until another process writes to it: a thread for each such folder, for ever."""
    file = tmp_path / "pyproject.toml"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "endless" else file)
    assert read(tmp_path) == UNKNOWN


def test_an_inaccessible_folder_has_an_unknown_version(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    folder.mkdir(0o400)
    (tmp_path / "other").mkdir()
    assert read(folder) == UNKNOWN


def test_without_git_the_project_file_is_used(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(repository, '[project]\nversion = "1.3.0"')
    monkeypatch.setenv("PATH", "/nowhere")
    assert read(repository) == "1.3.0"


# What is not trusted


@pytest.mark.parametrize(
    "url,settings",
    [
        ("ext::{program}", {"protocol.ext.allow": "always"}),
        ("ssh://host/bot.git", {"core.sshCommand": "{program}"}),
        ("git://host/bot.git", {"core.gitProxy": "{program}"}),
    ],
    ids=["ext", "ssh", "proxy"],
)
def test_a_repository_cannot_run_a_program_to_fetch_missing_objects(
    repository: Path, tmp_path: Path, url: str, settings: dict[str, str]
) -> None:
    """A repository may declare itself incomplete and name a program that fetches the rest: reading it ran that program."""
    witness = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\n", "utf-8")
    program.chmod(0o755)
    git(repository, "config", "core.repositoryformatversion", "1")
    git(repository, "config", "extensions.partialClone", "origin")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "remote.origin.url", url.format(program=program))
    for name, value in settings.items():
        git(repository, "config", name, value.format(program=program))
    for part in (repository / ".git" / "objects").glob("??"):
        for file in part.iterdir():
            file.unlink()
    assert read(repository) == UNKNOWN
    assert not witness.exists()


@pytest.mark.parametrize("name", ["core.fsmonitor", "core.pager", "pager.describe", "alias.describe"])
def test_a_repository_cannot_run_its_own_program(repository: Path, tmp_path: Path, name: str) -> None:
    witness = tmp_path / "was-run"
    git(repository, "config", name, f"{'!' if 'alias' in name else ''}touch {witness}")
    assert read(repository) == "1.2.1"
    assert not witness.exists()


def test_a_repositorys_hooks_are_not_run(repository: Path, tmp_path: Path) -> None:
    witness = tmp_path / "was-run"
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        file = repository / ".git" / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {witness}\n", "utf-8")
        file.chmod(0o755)
    assert read(repository) == "1.2.1"
    assert not witness.exists()


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"])
def test_the_servers_git_variables_are_ignored(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A server that was started from a git hook answered with the version of the repository of that hook."""
    monkeypatch.setenv(variable, str(tmp_path))
    assert read(repository) == "1.2.1"


def test_the_servers_git_settings_are_ignored(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "was-run"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.describe")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!touch {witness}")
    monkeypatch.setenv("GIT_TRACE", str(witness))
    assert read(repository) == "1.2.1"
    assert not witness.exists()


@pytest.mark.parametrize("git_folder", ["missing", "empty", "file", "dangling"])
def test_a_repository_around_the_folder_is_ignored(repository: Path, git_folder: str) -> None:
    """git searches parent folders for a repository: a bot in a subfolder got the version of the project around it."""
    folder = repository / "bot"
    folder.mkdir()
    inner = folder / ".git"
    if git_folder == "empty":
        inner.mkdir()
    elif git_folder == "file":
        inner.write_text("no repository")
    elif git_folder == "dangling":
        inner.symlink_to("nowhere")
    assert read(folder) == UNKNOWN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_repository_of_another_user_is_ignored_even_if_marked_safe(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (repository, repository / ".git"):
        os.chown(path, NOBODY, NOBODY)
    (tmp_path / ".gitconfig").write_text("[safe]\n\tdirectory = *\n", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(repository) == UNKNOWN


def test_a_repository_is_not_changed(repository: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        files = (path for path in repository.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    before = state()
    read(repository)
    assert state() == before
