"""The texts of a version that is not installed: fetched alone, once, and from whoever has that very version."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mailauncher.bots import terms
from mailauncher.bots.consent import TEXT_BYTES
from mailauncher.bots.sources import LOCAL_SCHEMES, Sources, remote_refs
from mailauncher.bots.terms import Terms
from mailauncher.bots.versions import Resolved, find
from mailauncher.errors import DownloadFailed
from tests.support.git import GitServer, Manner, Repository, released, serving

BOTH = ("EULA.md", "PRIVACY.md")
PASSWORD = "sesame-0451"

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return released(
        tmp_path / "served" / "bot",
        None,
        {
            "1.0.0": {"EULA.md": "协议一\n", "PRIVACY.md": "隐私\n", "large.bin": os.urandom(300_000)},
            "1.1.0": {"EULA.md": b"\xef\xbb\xbf\xff\r\n", "docs/EULA.md": "elsewhere", "PRIVACY.md": None},
        },
        {"dev": {"EULA.md": "dev"}},
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as server:
        yield server


@pytest.fixture
def found(tmp_path: Path) -> Terms:
    return Terms(tmp_path / "data")


async def resolved(repository: Repository, name: str) -> Resolved:
    version = find(await remote_refs([repository.url], LOCAL_SCHEMES), name)
    assert version
    return version


def served(*urls: str) -> Sources:
    return Sources(urls, LOCAL_SCHEMES)


def left(tmp_path: Path) -> list[str]:
    """What stands in the folder for repositories."""
    return [path.name for path in (tmp_path / "data/cache/git").glob("*")]


async def test_the_texts_are_those_of_the_version_byte_for_byte(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms
) -> None:
    first = await found.read(served(server.url(repository)), await resolved(repository, "1.0.0"), BOTH)
    assert first.texts == {"EULA.md": "协议一\n".encode(), "PRIVACY.md": "隐私\n".encode()}
    assert first.commit == repository.git("rev-parse", "1.0.0")
    second = await found.read(served(server.url(repository)), await resolved(repository, "1.1.0"), BOTH)
    assert second.texts == {"EULA.md": b"\xef\xbb\xbf\xff\r\n", "PRIVACY.md": None}
    assert left(tmp_path) == []


async def test_an_annotated_tag_has_the_texts_of_its_commit(repository: Repository, found: Terms) -> None:
    repository.commit({"EULA.md": "signed"})
    repository.tag("1.2.0", annotated=True)
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert (read.commit, read.texts["EULA.md"]) == (repository.head, b"signed")


async def test_texts_may_stand_in_folders(repository: Repository, found: Terms) -> None:
    names = ("docs/EULA.md", "docs", "nowhere/EULA.md")
    read = await found.read(served(repository.url), await resolved(repository, "1.1.0"), names)
    assert read.texts == {"docs/EULA.md": b"elsewhere", "docs": None, "nowhere/EULA.md": None}


async def test_a_link_in_the_tree_is_no_text(repository: Repository, found: Terms) -> None:
    (repository.folder / "EULA.md").unlink()
    (repository.folder / "EULA.md").symlink_to("/etc/passwd")
    repository.commit()
    repository.tag("1.2.0")
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert read.texts == {"EULA.md": None, "PRIVACY.md": None}


async def test_the_second_question_needs_no_network(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms
) -> None:
    version = await resolved(repository, "1.0.0")
    first = await found.read(served(server.url(repository)), version, BOTH)
    server.manner = 500
    server.requests.clear()
    assert await found.read(served(server.url(repository)), version, BOTH) == first
    assert await Terms(tmp_path / "data").read(served(server.url(repository)), version, BOTH) == first
    assert server.requests == []


async def test_other_texts_of_the_same_version_are_fetched(repository: Repository, found: Terms) -> None:
    version = await resolved(repository, "1.1.0")
    await found.read(served(repository.url), version, ["EULA.md"])
    read = await found.read(served(repository.url), version, ["docs/EULA.md"])
    assert read.texts["docs/EULA.md"] == b"elsewhere"


async def test_many_who_ask_at_once_make_one_fetch(
    repository: Repository, server: GitServer, found: Terms
) -> None:
    version = await resolved(repository, "1.0.0")
    sources = served(server.url(repository))
    await found.read(sources, version, BOTH)
    alone = len(server.requests)
    server.requests.clear()
    again = Terms(repository.folder.parent.parent / "other")
    read = await asyncio.gather(*(again.read(sources, version, BOTH) for _ in range(20)))
    assert len({str(one) for one in read}) == 1
    assert len(server.requests) == alone


async def test_files_that_are_no_texts_are_not_fetched(
    repository: Repository, server: GitServer, found: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forget = shutil.rmtree

    def weigh(place: Path, *, ignore_errors: bool) -> None:
        sizes.append(sum(file.stat().st_size for file in place.rglob("*") if file.is_file()))
        forget(place, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", weigh)
    await found.read(served(server.url(repository)), await resolved(repository, "1.0.0"), BOTH)
    assert 0 < max(sizes) < 100_000


async def test_a_branch_has_the_texts_of_its_newest_commit(repository: Repository, found: Terms) -> None:
    version = await resolved(repository, "dev")
    repository.git("switch", "--quiet", "dev")
    commit = repository.commit({"EULA.md": "newer"})
    read = await found.read(served(repository.url), version, BOTH)
    assert read.texts["EULA.md"] == b"newer"
    assert read.commit == commit != version.commit


async def test_a_mirror_whose_tag_is_another_commit_is_passed_over(
    tmp_path: Path, repository: Repository, found: Terms, caplog: pytest.LogCaptureFixture
) -> None:
    forged = released(tmp_path / "served" / "forged", None, {"1.0.0": {"EULA.md": "forged"}})
    version = await resolved(repository, "1.0.0")
    read = await found.read(served(forged.url, repository.url), version, BOTH)
    assert read.texts["EULA.md"] == "协议一\n".encode()
    assert "another commit" in caplog.text
    with pytest.raises(DownloadFailed, match="another commit"):
        await Terms(tmp_path / "other").read(served(forged.url), version, BOTH)


@pytest.mark.parametrize("manner", [404, 500, 401, "cut"])
async def test_a_source_that_fails_is_followed_by_the_next(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms, manner: Manner
) -> None:
    server.manner = manner
    version = await resolved(repository, "1.0.0")
    read = await found.read(served(server.url(repository), repository.url), version, BOTH)
    assert read.texts["EULA.md"]
    assert server.requests
    assert left(tmp_path) == []


async def test_the_source_that_had_the_list_is_asked_first(
    repository: Repository, server: GitServer, found: Terms
) -> None:
    version = await resolved(repository, "1.0.0")
    await found.read(served(server.url(repository), repository.url), version, BOTH, prefer=repository.url)
    assert server.requests == []


async def test_when_all_fail_it_is_a_failed_download_without_passwords(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms, caplog: pytest.LogCaptureFixture
) -> None:
    server.manner = 404
    version = await resolved(repository, "1.0.0")
    with pytest.raises(DownloadFailed) as caught:
        await found.read(served(server.url(repository, f"user:{PASSWORD}"), "ext::sh"), version, BOTH)
    assert f"127.0.0.1:{server.port}" in caught.value.text.zh
    assert "ext::sh" in caught.value.text.zh
    assert PASSWORD not in str(caught.value.text) + caplog.text
    assert left(tmp_path) == []


async def test_a_source_that_never_answers_is_given_up(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await resolved(repository, "1.0.0")
    server.manner = "hang"
    monkeypatch.setattr(terms, "TIMEOUT_S", 0.3)
    with pytest.raises(DownloadFailed, match="not done within"):
        await found.read(served(server.url(repository)), version, BOTH)
    assert left(tmp_path) == []


async def test_whoever_stops_waiting_leaves_nothing_behind(
    tmp_path: Path, repository: Repository, server: GitServer, found: Terms
) -> None:
    version = await resolved(repository, "1.0.0")
    server.manner = "hang"
    asking = asyncio.create_task(found.read(served(server.url(repository)), version, BOTH))
    await asyncio.to_thread(server.wait_for_requests, 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert left(tmp_path) == []
    assert psutil.Process().children(recursive=True) == []
    server.manner = "serve"
    assert (await found.read(served(server.url(repository)), version, BOTH)).texts["EULA.md"]


async def test_what_a_kill_has_left_behind_is_in_nobodys_way(
    tmp_path: Path, repository: Repository, found: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that was killed leaves lock files, with which git refuses every later one."""
    version = await resolved(repository, "1.0.0")
    forget = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    await found.read(served(repository.url), version, BOTH)
    monkeypatch.setattr(shutil, "rmtree", forget)
    [place] = left(tmp_path)
    for name in ("shallow.lock", "config.lock", "HEAD.lock"):
        (tmp_path / "data/cache/git" / place / name).touch()
    assert (await found.read(served(repository.url), version, ["docs"])).texts == {"docs": None}


async def test_a_text_of_more_than_a_mebibyte_is_refused(repository: Repository, found: Terms) -> None:
    repository.commit({"EULA.md": "a" * TEXT_BYTES})
    repository.tag("1.2.0")
    repository.commit({"EULA.md": "a" * (TEXT_BYTES + 1)})
    repository.tag("1.3.0")
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert read.texts["EULA.md"] == b"a" * TEXT_BYTES
    with pytest.raises(DownloadFailed, match=f"more than {TEXT_BYTES} bytes"):
        await found.read(served(repository.url), await resolved(repository, "1.3.0"), BOTH)


@pytest.mark.parametrize("broken", [b"", b"{", b'{"commit": "x", "texts": {}}', b"\xff"])
async def test_kept_texts_that_are_broken_are_fetched_anew(
    tmp_path: Path, repository: Repository, found: Terms, broken: bytes
) -> None:
    version = await resolved(repository, "1.0.0")
    first = await found.read(served(repository.url), version, BOTH)
    [kept] = (tmp_path / "data/cache/terms").iterdir()
    kept.write_bytes(broken)
    assert await found.read(served(repository.url), version, BOTH) == first


async def test_texts_of_a_month_ago_are_forgotten_and_those_above_the_limit(
    tmp_path: Path, repository: Repository, found: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data/cache/terms"

    async def commits_after(name: str) -> set[str]:
        await found.read(served(repository.url), await resolved(repository, name), BOTH)
        return {file.stem for file in folder.iterdir()}

    one, two, three = [repository.git("rev-parse", name) for name in ("1.0.0", "1.1.0", "dev")]
    assert await commits_after("1.0.0") == {one}
    os.utime(folder / f"{one}.json", (time.time() - 31 * 86400,) * 2)
    assert await commits_after("1.1.0") == {two}
    monkeypatch.setattr(terms, "KEPT", 1)
    os.utime(folder / f"{two}.json", (time.time() - 10,) * 2)
    assert await commits_after("dev") == {three}


async def test_where_nothing_can_be_written_the_reason_is_said(
    tmp_path: Path, repository: Repository, found: Terms
) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(DownloadFailed, match="cannot be written"):
        await found.read(served(repository.url), await resolved(repository, "1.0.0"), BOTH)


async def test_a_bot_that_asks_for_nothing_costs_nothing(
    repository: Repository, server: GitServer, found: Terms
) -> None:
    version = await resolved(repository, "1.0.0")
    assert (await found.read(served(server.url(repository)), version, ())).texts == {}
    assert server.requests == []


async def test_a_user_who_forbids_bare_repositories_gets_the_texts_too(
    tmp_path: Path, repository: Repository, found: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text("[safe]\n bareRepository = explicit\n", "utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    read = await found.read(served(repository.url), await resolved(repository, "1.0.0"), BOTH)
    assert read.texts["EULA.md"]
