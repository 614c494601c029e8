"""The texts of a version that is not installed: fetched alone, once, and from a source with that version."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bots.fetching import bare
from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from bots.fetching.sources import Sources
from bots.terms import offered
from bots.terms.accepted import TEXT_BYTES
from bots.terms.offered import OfferedTerms
from bots.versions.known import ResolvedVersion, find
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
def found(tmp_path: Path) -> OfferedTerms:
    return OfferedTerms(tmp_path / "data")


async def resolved(repository: Repository, name: str) -> ResolvedVersion:
    version = find(await remote_refs([repository.url], LOCAL_SCHEMES), name)
    assert version
    return version


def served(*urls: str) -> Sources:
    return Sources(urls, LOCAL_SCHEMES)


def left(tmp_path: Path) -> list[str]:
    """The contents of the folder for repositories."""
    return [path.name for path in (tmp_path / "data/cache/git").glob("*")]


async def test_the_texts_are_those_of_the_version_byte_for_byte(
    tmp_path: Path, repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    first = await found.read(served(server.url(repository)), await resolved(repository, "1.0.0"), BOTH)
    assert first.texts == {"EULA.md": "协议一\n".encode(), "PRIVACY.md": "隐私\n".encode()}
    assert first.commit == repository.git("rev-parse", "1.0.0")
    second = await found.read(served(server.url(repository)), await resolved(repository, "1.1.0"), BOTH)
    assert second.texts == {"EULA.md": b"\xef\xbb\xbf\xff\r\n", "PRIVACY.md": None}
    assert left(tmp_path) == []


async def test_an_annotated_tag_has_the_texts_of_its_commit(
    repository: Repository, found: OfferedTerms
) -> None:
    repository.commit({"EULA.md": "signed"})
    repository.tag("1.2.0", annotated=True)
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert (read.commit, read.texts["EULA.md"]) == (repository.head, b"signed")


async def test_texts_may_be_in_folders(repository: Repository, found: OfferedTerms) -> None:
    names = ("docs/EULA.md", "docs", "nowhere/EULA.md")
    read = await found.read(served(repository.url), await resolved(repository, "1.1.0"), names)
    assert read.texts == {"docs/EULA.md": b"elsewhere", "docs": None, "nowhere/EULA.md": None}


async def test_a_link_in_the_tree_is_not_a_text(repository: Repository, found: OfferedTerms) -> None:
    (repository.folder / "EULA.md").unlink()
    (repository.folder / "EULA.md").symlink_to("/etc/passwd")
    repository.commit()
    repository.tag("1.2.0")
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert read.texts == {"EULA.md": None, "PRIVACY.md": None}


async def test_a_second_request_needs_no_network(
    tmp_path: Path, repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    version = await resolved(repository, "1.0.0")
    first = await found.read(served(server.url(repository)), version, BOTH)
    server.manner = 500
    server.requests.clear()
    assert await found.read(served(server.url(repository)), version, BOTH) == first
    assert await OfferedTerms(tmp_path / "data").read(served(server.url(repository)), version, BOTH) == first
    assert server.requests == []


async def test_other_texts_of_the_same_version_are_fetched(
    repository: Repository, found: OfferedTerms
) -> None:
    version = await resolved(repository, "1.1.0")
    await found.read(served(repository.url), version, ["EULA.md"])
    read = await found.read(served(repository.url), version, ["docs/EULA.md"])
    assert read.texts == {"docs/EULA.md": b"elsewhere"}
    repository.folder.rename(repository.folder.with_name("gone"))
    both = await found.read(served(repository.url), version, ["EULA.md", "docs/EULA.md"])
    assert both.texts.keys() == {"EULA.md", "docs/EULA.md"}


async def test_concurrent_requests_share_one_fetch(
    repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    version = await resolved(repository, "1.0.0")
    sources = served(server.url(repository))
    await found.read(sources, version, BOTH)
    alone = len(server.requests)
    server.requests.clear()
    again = OfferedTerms(repository.folder.parent.parent / "other")
    read = await asyncio.gather(*(again.read(sources, version, BOTH) for _ in range(20)))
    assert len({str(one) for one in read}) == 1
    assert len(server.requests) == alone


async def test_other_files_are_not_fetched(
    repository: Repository, server: GitServer, found: OfferedTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forget = shutil.rmtree

    def weigh(place: Path, *, ignore_errors: bool) -> None:
        sizes.append(sum(file.stat().st_size for file in place.rglob("*") if file.is_file()))
        forget(place, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", weigh)
    await found.read(served(server.url(repository)), await resolved(repository, "1.0.0"), BOTH)
    assert 0 < max(sizes) < 100_000


async def test_a_branch_has_the_texts_of_its_newest_commit(
    repository: Repository, found: OfferedTerms
) -> None:
    version = await resolved(repository, "dev")
    repository.git("switch", "--quiet", "dev")
    commit = repository.commit({"EULA.md": "newer"})
    read = await found.read(served(repository.url), version, BOTH)
    assert read.texts["EULA.md"] == b"newer"
    assert read.commit == commit != version.commit


async def test_a_mirror_with_another_commit_under_the_tag_is_skipped(
    tmp_path: Path, repository: Repository, found: OfferedTerms, caplog: pytest.LogCaptureFixture
) -> None:
    forged = released(tmp_path / "served" / "forged", None, {"1.0.0": {"EULA.md": "forged"}})
    version = await resolved(repository, "1.0.0")
    read = await found.read(served(forged.url, repository.url), version, BOTH)
    assert read.texts["EULA.md"] == "协议一\n".encode()
    assert "another commit" in caplog.text
    with pytest.raises(DownloadFailed, match="another commit"):
        await OfferedTerms(tmp_path / "other").read(served(forged.url), version, BOTH)


@pytest.mark.parametrize("manner", [404, 500, 401, "cut"])
async def test_after_a_failed_source_the_next_one_is_asked(
    tmp_path: Path, repository: Repository, server: GitServer, found: OfferedTerms, manner: Manner
) -> None:
    server.manner = manner
    version = await resolved(repository, "1.0.0")
    read = await found.read(served(server.url(repository), repository.url), version, BOTH)
    assert read.texts["EULA.md"]
    assert server.requests
    assert left(tmp_path) == []


async def test_the_source_that_had_the_list_is_asked_first(
    repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    version = await resolved(repository, "1.0.0")
    await found.read(served(server.url(repository), repository.url), version, BOTH, prefer=repository.url)
    assert server.requests == []


async def test_if_all_sources_fail_the_error_has_no_passwords(
    tmp_path: Path,
    repository: Repository,
    server: GitServer,
    found: OfferedTerms,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.manner = 404
    version = await resolved(repository, "1.0.0")
    with pytest.raises(DownloadFailed) as caught:
        await found.read(served(server.url(repository, f"user:{PASSWORD}"), "ext::sh"), version, BOTH)
    assert f"127.0.0.1:{server.port}" in caught.value.text.zh
    assert "ext::sh" in caught.value.text.zh
    assert PASSWORD not in str(caught.value.text) + caplog.text
    assert left(tmp_path) == []


async def test_a_source_that_does_not_answer_is_given_up(
    tmp_path: Path,
    repository: Repository,
    server: GitServer,
    found: OfferedTerms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = await resolved(repository, "1.0.0")
    server.manner = "hang"
    monkeypatch.setattr(bare, "TIMEOUT_S", 0.3)
    with pytest.raises(DownloadFailed, match="not done within"):
        await found.read(served(server.url(repository)), version, BOTH)
    assert left(tmp_path) == []


async def test_a_fetch_goes_on_without_its_caller_until_it_is_closed(
    tmp_path: Path, repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    """A caller that was told to try again in a moment found that nothing had been fetched meanwhile."""
    sources, version = served(server.url(repository)), await resolved(repository, "1.0.0")
    server.manner = "hang"
    asking = asyncio.create_task(found.read(sources, version, BOTH))
    await asyncio.to_thread(server.wait_for_requests, 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert left(tmp_path) != []
    await found.close()
    assert left(tmp_path) == []
    children = psutil.Process().children(recursive=True)
    assert [child for child in children if child.name().startswith("git")] == []
    server.manner = "serve"
    assert (await found.read(sources, version, BOTH)).texts["EULA.md"]


async def test_leftovers_of_a_kill_do_no_harm(
    tmp_path: Path, repository: Repository, found: OfferedTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed fetch leaves lock files, because of which git refuses every later fetch."""
    version = await resolved(repository, "1.0.0")
    forget = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    await found.read(served(repository.url), version, BOTH)
    monkeypatch.setattr(shutil, "rmtree", forget)
    [place] = left(tmp_path)
    for name in ("shallow.lock", "config.lock", "HEAD.lock"):
        (tmp_path / "data/cache/git" / place / name).touch()
    assert (await found.read(served(repository.url), version, ["docs"])).texts == {"docs": None}


async def test_a_text_larger_than_a_mebibyte_is_refused(repository: Repository, found: OfferedTerms) -> None:
    repository.commit({"EULA.md": "a" * TEXT_BYTES})
    repository.tag("1.2.0")
    repository.commit({"EULA.md": "a" * (TEXT_BYTES + 1)})
    repository.tag("1.3.0")
    read = await found.read(served(repository.url), await resolved(repository, "1.2.0"), BOTH)
    assert read.texts["EULA.md"] == b"a" * TEXT_BYTES
    with pytest.raises(DownloadFailed, match=f"exceeds {TEXT_BYTES} bytes"):
        await found.read(served(repository.url), await resolved(repository, "1.3.0"), BOTH)


@pytest.mark.parametrize("broken", [b"", b"{", b'{"commit": "x", "texts": {}}', b"\xff"])
async def test_invalid_cached_texts_are_fetched_again(
    tmp_path: Path, repository: Repository, found: OfferedTerms, broken: bytes
) -> None:
    version = await resolved(repository, "1.0.0")
    first = await found.read(served(repository.url), version, BOTH)
    [kept] = (tmp_path / "data/cache/terms").iterdir()
    kept.write_bytes(broken)
    assert await found.read(served(repository.url), version, BOTH) == first


async def test_old_texts_and_those_above_the_limit_are_removed(
    tmp_path: Path, repository: Repository, found: OfferedTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data/cache/terms"

    async def commits_after(name: str) -> set[str]:
        await found.read(served(repository.url), await resolved(repository, name), BOTH)
        return {file.stem for file in folder.iterdir()}

    one, two, three = [repository.git("rev-parse", name) for name in ("1.0.0", "1.1.0", "dev")]
    assert await commits_after("1.0.0") == {one}
    os.utime(folder / f"{one}.json", (time.time() - 31 * 86400,) * 2)
    assert await commits_after("1.1.0") == {two}
    monkeypatch.setattr(offered, "MAX_COMMITS", 1)
    os.utime(folder / f"{two}.json", (time.time() - 10,) * 2)
    assert await commits_after("dev") == {three}
    os.utime(folder / f"{three}.json", (time.time() + 86400,) * 2)  # of before the clock was set back
    assert await commits_after("1.0.0") == {one}


async def test_an_unwritable_folder_is_reported(
    tmp_path: Path, repository: Repository, found: OfferedTerms
) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(DownloadFailed, match="cannot be written"):
        await found.read(served(repository.url), await resolved(repository, "1.0.0"), BOTH)


async def test_a_bot_without_texts_needs_no_fetch(
    repository: Repository, server: GitServer, found: OfferedTerms
) -> None:
    version = await resolved(repository, "1.0.0")
    assert (await found.read(served(server.url(repository)), version, ())).texts == {}
    assert server.requests == []


async def test_texts_are_fetched_where_bare_repositories_are_forbidden(
    tmp_path: Path, repository: Repository, found: OfferedTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text("[safe]\n bareRepository = explicit\n", "utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    read = await found.read(served(repository.url), await resolved(repository, "1.0.0"), BOTH)
    assert read.texts["EULA.md"]
