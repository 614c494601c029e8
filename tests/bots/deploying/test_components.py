"""Fetching the files of a component from any source, completely."""

import os
import shutil
import sqlite3
import sys
import zipfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bots.deploying import components, copying
from bots.deploying.interrupt import Cancelled
from bots.deploying.plan import Component, Source
from bots.deploying.worker_context import WorkerContext
from bots.recipe import Archive
from mailauncher.beneath import Root
from mailauncher.errors import Code, DeploymentFailed, DownloadFailed, LauncherError
from tests.bots.deploying.conftest import Prepare
from tests.support.context import free_port
from tests.support.deployable import SAMPLE
from tests.support.exchanger import exchanging
from tests.support.git import released
from tests.support.plans import Deployment, component


def nothing(*_: Any) -> None:
    """Ignores progress and notes."""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """An instance in use."""
    folder = tmp_path / "old"
    names = ("bot.py", "config/bot_config.toml", "logs/app.log", "src/logs/it.py", "src/__pycache__/x.pyc")
    for name in (*names, ".venv/pyvenv.cfg", ".venv/bin/python", ".mailauncher-deployed"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "data").mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fetch(work: WorkerContext, wanted: Component) -> str:
    return components.fetch(work, wanted, nothing, nothing)


# Folders


def test_the_bundled_sample_is_copied(tmp_path: Path, prepare: Prepare) -> None:
    main = component(bundled="sample")
    work = prepare(Deployment(tmp_path, main))
    assert components.fetched_commit(work, main) is None
    assert fetch(work, main) == ""
    assert components.fetched_commit(work, main) == ""
    assert (work.staging.tree / "bot.py").read_bytes() == (SAMPLE / "bot.py").read_bytes()
    assert not list(work.staging.tree.rglob("__pycache__"))


def test_a_copy_has_no_environment_caches_or_logs(bot: Path, tmp_path: Path, prepare: Prepare) -> None:
    main = component(Source(folder=str(bot)))
    work = prepare(Deployment(tmp_path, main))
    fetch(work, main)
    assert sorted(
        str(p.relative_to(work.staging.tree)) for p in work.staging.tree.rglob("*") if p.is_file()
    ) == [
        "bot.py",
        "config/bot_config.toml",
        "src/logs/it.py",
    ]


def test_a_database_in_use_is_copied_with_its_log(bot: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(bot / "data" / "MaiBot.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE person (name TEXT)")
        writer.execute("INSERT INTO person VALUES ('麦麦')")
        writer.commit()
        writer.execute("INSERT INTO person VALUES ('not yet')")
        copying.tree(bot, tmp_path / "new", nothing, nothing)
        assert names(tmp_path / "new" / "data") == ["MaiBot.db"]
    with closing(sqlite3.connect(tmp_path / "new" / "data" / "MaiBot.db")) as copy:
        assert copy.execute("SELECT name FROM person").fetchall() == [("麦麦",)]


def test_a_damaged_database_is_copied_unchanged(bot: Path, tmp_path: Path) -> None:
    broken = b"SQLite format 3\0" + os.urandom(5000)
    (bot / "data" / "MaiBot.db").write_bytes(broken)
    (bot / "data" / "other.db").write_bytes(b"no database at all")
    copying.tree(bot, tmp_path / "new", nothing, nothing)
    assert (tmp_path / "new" / "data" / "MaiBot.db").read_bytes() == broken
    assert (tmp_path / "new" / "data" / "other.db").read_bytes() == b"no database at all"


def test_links_are_copied_as_links_and_pipes_are_skipped(bot: Path, tmp_path: Path) -> None:
    (bot / "outside").symlink_to("/etc")
    (bot / "nowhere").symlink_to("gone")
    os.mkfifo(bot / "pipe")
    (bot / "two\nlines").write_text("x")
    copying.tree(bot, tmp_path / "new", nothing, nothing)
    assert (tmp_path / "new" / "outside").readlink() == Path("/etc")
    assert (tmp_path / "new" / "nowhere").is_symlink()
    assert (tmp_path / "new" / "two\nlines").exists()
    assert not (tmp_path / "new" / "pipe").exists()


def test_a_second_copy_brings_changes(bot: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    copying.tree(bot, new, nothing, nothing)
    same = (new / "bot.py").stat().st_ino
    (bot / "config" / "bot_config.toml").write_text("changed")
    (bot / "added").write_text("new")
    copying.tree(bot, new, nothing, nothing)
    assert (new / "config" / "bot_config.toml").read_text() == "changed"
    assert (new / "added").exists()
    assert (new / "bot.py").stat().st_ino == same


def test_a_copy_does_not_follow_links_out_of_its_folder(bot: Path, tmp_path: Path) -> None:
    """A new version may have a link where the user has a folder."""
    outside, new = tmp_path / "outside", tmp_path / "new"
    outside.mkdir()
    new.mkdir()
    (new / "config").symlink_to(outside)
    (new / "bot.py").symlink_to(outside / "bot.py")
    with Root(bot) as source, Root(new) as target:
        copying.file(source, "bot.py", target)
        assert (new / "bot.py").read_text() == "bot.py"
        with pytest.raises(DeploymentFailed):
            copying.file(source, "config/bot_config.toml", target)
    assert names(outside) == []


@pytest.mark.slow
def test_a_copy_has_nothing_from_where_an_exchanged_folder_leads(bot: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number in range(20):
        (bot / "config" / f"{number}").write_text("here")
        (elsewhere / f"{number}").write_text("elsewhere")
    with exchanging(bot / "config", elsewhere):
        for number in range(20):
            made = tmp_path / f"copy-{number}"
            with suppress(OSError, DeploymentFailed):
                copying.tree(bot, made, nothing, nothing)
            copied = [path for path in made.rglob("*") if path.is_file() and not path.is_symlink()]
            assert "elsewhere" not in {path.read_text() for path in copied if not path.parent.is_symlink()}


def test_a_linked_tree_shares_its_files_and_nothing_of_where_links_lead(bot: Path, tmp_path: Path) -> None:
    (bot / "outside").symlink_to(tmp_path)
    (bot / "config").chmod(0o500)
    made = tmp_path / "made"
    copying.linked_tree(bot, made)
    assert sorted(path.relative_to(made) for path in made.rglob("*")) == sorted(
        path.relative_to(bot) for path in bot.rglob("*")
    )
    assert (made / "bot.py").samefile(bot / "bot.py")
    assert (made / "outside").readlink() == tmp_path
    assert (made / "config").stat().st_mode & 0o777 == 0o500


def test_a_copy_can_be_cancelled(bot: Path, tmp_path: Path, prepare: Prepare) -> None:
    main = component(Source(folder=str(bot)))
    work = prepare(Deployment(tmp_path, main))
    work.interrupt.requested = True
    with pytest.raises(Cancelled):
        fetch(work, main)
    assert components.fetched_commit(work, main) is None


def test_services_are_not_copied_twice(bot: Path, tmp_path: Path, prepare: Prepare) -> None:
    (bot / "napcat").mkdir()
    (bot / "napcat" / "large").touch()
    main = component(Source(folder=str(bot)))
    service = component(Source(folder=str(bot / "napcat")), name="napcat", place="napcat")
    work = prepare(Deployment(tmp_path, main, service))
    fetch(work, main)
    assert not (work.staging.tree / "napcat").exists()
    fetch(work, service)
    assert (work.staging.tree / "napcat" / "large").exists()


def test_a_missing_source_folder_is_reported(tmp_path: Path, prepare: Prepare) -> None:
    main = component(Source(folder=str(tmp_path / "gone")))
    with pytest.raises(DeploymentFailed, match="does not exist"):
        fetch(prepare(Deployment(tmp_path, main)), main)


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("config", ["config/bot_config.toml"]),
        ("config/*.toml", ["config/bot_config.toml"]),
        ("*.py", ["bot.py"]),
        ("nothing/*", []),
        ("**/*.toml", ["config/bot_config.toml"]),
    ],
)
def test_keep_patterns_match_files_and_folders(bot: Path, pattern: str, found: list[str]) -> None:
    with Root(bot) as root:
        assert list(copying.matching(root, (pattern, pattern))) == found


# Where it goes


def test_a_service_replaces_what_is_in_its_place(tmp_path: Path, prepare: Prepare) -> None:
    repository = released(tmp_path / "origin", tags={"1": {"napcat/old": "x", "bot.py": "x"}})
    adapter = released(tmp_path / "adapter", tags={"2": {"main.py": "x"}})
    main = component(Source(git=(repository.url,), ref="1"))
    service = component(
        Source(git=(adapter.url,), ref="2", commit=adapter.head), name="napcat", place="napcat"
    )
    work = prepare(Deployment(tmp_path, main, service))
    fetch(work, main)
    assert fetch(work, service) == adapter.head
    assert names(work.staging.tree / "napcat") == [".git", "main.py"]
    assert components.fetched_commit(work, service) == adapter.head
    assert components.fetched_commit(work, main) == repository.head


@pytest.mark.parametrize("link, place", [("napcat", "napcat"), ("plugins", "plugins/napcat")])
def test_a_service_is_not_put_through_a_link_out_of_the_tree(
    tmp_path: Path, prepare: Prepare, link: str, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    repository = released(tmp_path / "origin")
    (repository.folder / link).symlink_to(outside)
    repository.commit()
    repository.tag("1")
    main = component(Source(git=(repository.url,), ref="1"))
    service = component(name="napcat", place=place, bundled="sample/napcat")
    work = prepare(Deployment(tmp_path, main, service))
    fetch(work, main)
    try:
        fetch(work, service)
    except DeploymentFailed:
        assert "/" in place
    assert names(outside) == ["precious"]


def test_a_clone_that_was_changed_is_fetched_again(tmp_path: Path, prepare: Prepare) -> None:
    repository = released(tmp_path / "origin", tags={"1": {"bot.py": "x"}})
    main = component(Source(git=(repository.url,), ref="1"))
    work = prepare(Deployment(tmp_path, main))
    commit = fetch(work, main)
    assert components.fetched_commit(work, main) == commit
    shutil.rmtree(work.staging.tree / ".git")
    assert components.fetched_commit(work, main) is None


def test_a_component_without_a_source_must_be_part_of_the_main_program(
    tmp_path: Path, prepare: Prepare
) -> None:
    main, brought, missing = (
        component(bundled="sample"),
        component(name="napcat", place="napcat"),
        component(name="other", place="other"),
    )
    work = prepare(Deployment(tmp_path, main, brought, missing))
    fetch(work, main)
    fetch(work, brought)
    with pytest.raises(DeploymentFailed):
        fetch(work, missing)


# Archives


def archive(path: Path, files: dict[str, str]) -> str:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return path.as_uri()


class Downloads:
    """Replaces the network: `download` copies files."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def fetch(self, urls: tuple[str, ...], to: Path, **_: Any) -> None:
        self.asked.append(urls)
        shutil.copyfile(urls[0].removeprefix("file://"), to)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    downloads = Downloads()
    monkeypatch.setattr(components, "download", downloads.fetch)
    return downloads


def test_archives_for_this_machine_are_merged(tmp_path: Path, prepare: Prepare, downloads: Downloads) -> None:
    one = archive(tmp_path / "one.zip", {"top/a": "1", "top/sub/b": "1"})
    two = archive(tmp_path / "two.zip", {"b": "2", "c": "2"})
    given = {"urls": (two,), "kind": "zip", "platform": sys.platform, "machine": components.machine()}
    here = msgspec.convert(given | {"to": "native"}, Archive)
    main = component(
        archives=(
            Archive(urls=(one,), kind="zip", strip=1),
            Archive(urls=(two,), kind="zip", to="sub"),
            Archive(urls=("https://example.org/never",), kind="zip", platform="win32"),
            here,
        )
    )
    work = prepare(Deployment(tmp_path, main))
    shares: list[float] = []
    components.fetch(work, main, shares.append, nothing)
    found = {
        str(p.relative_to(work.staging.tree)): p.read_text()
        for p in work.staging.tree.rglob("*")
        if p.is_file()
    }
    assert found == {"a": "1", "sub/b": "2", "sub/c": "2", "native/b": "2", "native/c": "2"}
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert downloads.asked == [(one,), (two,)]


def test_a_machine_without_an_archive_is_named(tmp_path: Path, prepare: Prepare) -> None:
    main = component(archives=(Archive(urls=("https://example.org/x",), kind="zip", platform="win32"),))
    with pytest.raises(DeploymentFailed, match=sys.platform):
        fetch(prepare(Deployment(tmp_path, main)), main)


def test_a_download_that_fails_is_called_by_the_name_of_its_file(tmp_path: Path, prepare: Prepare) -> None:
    """It was called by a hash, such as "28da9d8fe0931265.deb"."""
    nowhere = f"http://127.0.0.1:{free_port()}/some/linuxqq_3.2.30_amd64.deb?key=1"
    main = component(archives=(Archive(urls=(nowhere,), kind="deb"),))
    with pytest.raises(DownloadFailed, match=r"Downloading linuxqq_3\.2\.30_amd64\.deb failed: "):
        fetch(prepare(Deployment(tmp_path, main)), main)


def test_an_archive_with_a_path_outside_is_refused(
    tmp_path: Path, prepare: Prepare, downloads: Downloads
) -> None:
    bad = archive(tmp_path / "bad.zip", {"../../../../pwned": "x"})
    main = component(archives=(Archive(urls=(bad,), kind="zip"),))
    work = prepare(Deployment(tmp_path, main))
    with pytest.raises(LauncherError) as refused:
        fetch(work, main)
    assert refused.value.code is Code.DEPLOYMENT_FAILED
    assert not work.staging.tree.exists()
    assert not (tmp_path / "pwned").exists()
