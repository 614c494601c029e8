"""The versions of a bot: resolving names, and caching the lists of sources."""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bots import catalogue
from bots.catalogue import SHIPPED, Catalogue
from bots.fetching.refs import Refs
from bots.fetching.repository_url import LOCAL_SCHEMES, SCHEMES
from bots.recipe import Recipe
from bots.versions import known as versions
from bots.versions.known import KnownVersions, ResolvedVersion, VersionList, find, latest, tags
from mailauncher import __version__
from mailauncher.errors import DownloadFailed, InvalidParameter, VersionNotFound
from tests.support.context import free_port, settings_for
from tests.support.git import GitServer, Repository, released, serving

DEADLINE_S = 30
CATALOGUE = Catalogue(SHIPPED)
MAIBOT = CATALOGUE.get("maibot")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return released(
        tmp_path / "served" / "bot",
        None,
        {"0.9.0-alpha": {"a": "1"}, "1.0.0": {"a": "2"}, "1.1.0-rc.1": {"a": "3"}},
        {"dev": {"a": "4"}},
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as server:
        yield server


@pytest_asyncio.fixture
async def found(tmp_path: Path, repository: Repository, server: GitServer) -> AsyncIterator[KnownVersions]:
    """The known versions of a repository."""
    opened = made(tmp_path, server.url(repository))
    yield opened
    await opened.close()


def made(folder: Path, *urls: str) -> KnownVersions:
    return KnownVersions(settings_for(folder, sources_maibot=list(urls)), CATALOGUE)


def kept(folder: Path) -> list[Path]:
    """The cache files."""
    return sorted((folder / "data/cache/versions").glob("*"))


def age(folder: Path, seconds: float) -> int:
    """Makes the cached lists older. Returns their new time of fetching."""
    [file] = kept(folder)
    known = json.loads(file.read_bytes())
    known["fetched_at"] -= int(seconds * 1000)
    file.write_text(json.dumps(known), "utf-8")
    return int(known["fetched_at"])


def asked(server: GitServer) -> int:
    """The number of started requests for tags and branches."""
    return sum("info/refs" in request for request in server.requests)


async def refreshed(found: KnownVersions, since: int) -> VersionList:
    """The version list once it is newer."""
    async with asyncio.timeout(DEADLINE_S):
        while (known := await found.known(MAIBOT)).fetched_at <= since:
            await asyncio.sleep(0.01)
    return known


def refs(*names: str, branches: tuple[str, ...] = (), default: str = "") -> Refs:
    return Refs(
        tags={name: f"tag {name}" for name in names},
        branches={name: f"branch {name}" for name in branches},
        source="",
        default=default,
    )


# What a name means


def test_latest_is_the_newest_stable_tag() -> None:
    has = refs("1.0.9", "1.0.10", "1.1.0-rc.1", "EasyInstall-windows", "0.12.3", branches=("main",))
    assert latest(has) == ResolvedVersion("1.0.10", "tag 1.0.10", is_branch=False)
    assert find(has, "latest") == latest(has)


def test_without_a_stable_tag_latest_is_the_newest_tag() -> None:
    assert latest(refs("0.9.0-alpha", "0.10.0-beta", "0.10.0-alpha", "windows")) == ResolvedVersion(
        "0.10.0-beta", "tag 0.10.0-beta", is_branch=False
    )


def test_without_a_tag_latest_is_main_or_the_default_branch() -> None:
    assert latest(refs(branches=("dev", "main"))) == ResolvedVersion("main", "branch main", is_branch=True)
    assert latest(refs(branches=("dev", "trunk"), default="trunk")) == ResolvedVersion(
        "trunk", "branch trunk", is_branch=True
    )
    assert latest(refs()) is None


def test_a_leading_v_is_optional() -> None:
    has = refs("1.0.0", "v2.0.0", branches=("v3", "4"))
    assert find(has, "v1.0.0") == find(has, "1.0.0") == ResolvedVersion("1.0.0", "tag 1.0.0", is_branch=False)
    assert (
        find(has, "2.0.0") == find(has, "v2.0.0") == ResolvedVersion("v2.0.0", "tag v2.0.0", is_branch=False)
    )
    assert find(has, "3") is None
    assert find(has, "v4") is None


def test_an_exact_tag_precedes_one_with_or_without_v() -> None:
    has = refs("v1.0", "1.0")
    assert [found.ref for name in ("1.0", "v1.0") if (found := find(has, name))] == ["1.0", "v1.0"]


def test_a_branch_precedes_a_tag_of_the_same_name_as_in_git_clone() -> None:
    assert find(refs("dev", branches=("dev",)), "dev") == ResolvedVersion("dev", "branch dev", is_branch=True)


def test_a_commit_is_not_a_version() -> None:
    assert find(Refs(tags={"1.0": "a" * 40}, branches={}, source=""), "a" * 40) is None


def test_tags_are_listed_from_newest_to_oldest_and_others_last() -> None:
    assert tags(refs("windows", "1.0.2", "1.0.10", "v1.0.3", "a")) == [
        "1.0.10",
        "v1.0.3",
        "1.0.2",
        "windows",
        "a",
    ]


# Where it comes from


def test_sources_in_the_settings_precede_those_of_the_recipe(tmp_path: Path) -> None:
    found = made(tmp_path, " file:///srv/bot ", "https://example.org/bot", " ")
    assert found.sources(MAIBOT) == (("file:///srv/bot", "https://example.org/bot"), LOCAL_SCHEMES)


def test_without_settings_the_recipe_is_used_without_local_schemes(tmp_path: Path) -> None:
    assert MAIBOT.install
    assert made(tmp_path).sources(MAIBOT) == (MAIBOT.install.git, SCHEMES)
    assert made(tmp_path, "  ").sources(MAIBOT) == (MAIBOT.install.git, SCHEMES)


def local_recipe(folder: Path, repository: Repository) -> Recipe:
    """A recipe in `folder/recipes` whose repository is a folder."""
    file = folder / "recipes" / "mine.toml"
    file.parent.mkdir(parents=True)
    words = '{ zh = "我的", en = "Mine" }'
    file.write_text(
        f'name = "mine"\nkind = "bot"\nrun = [["bot"]]\ntitle = {words}\ndescription = {words}\n'
        f'install = {{ git = ["{repository.url}"] }}\n',
        "utf-8",
    )
    return Catalogue(file.parent).get("mine")


async def test_a_users_recipe_may_name_a_folder(tmp_path: Path, repository: Repository) -> None:
    recipe = local_recipe(tmp_path / "data", repository)
    found = KnownVersions(settings_for(tmp_path), Catalogue.load(tmp_path / "data"))
    assert (await found.resolve(recipe, "latest")).ref == "1.0.0"


async def test_a_shipped_recipe_may_not_name_a_folder(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = local_recipe(tmp_path, repository)
    monkeypatch.setattr(catalogue, "SHIPPED", tmp_path / "recipes")
    with pytest.raises(DownloadFailed, match="must start with"):
        await KnownVersions(settings_for(tmp_path), Catalogue(tmp_path / "recipes")).known(recipe)


async def test_a_bundled_bot_has_the_version_of_this_program(tmp_path: Path) -> None:
    found, sample = made(tmp_path), CATALOGUE.get("sample")
    assert await found.resolve(sample, "latest") == ResolvedVersion(__version__, "", is_branch=False)
    assert await found.resolve(sample, __version__) == ResolvedVersion(__version__, "", is_branch=False)
    with pytest.raises(VersionNotFound):
        await found.resolve(sample, "0.0.0")


# How it is kept


async def test_a_list_is_fetched_once_and_then_cached(found: KnownVersions, server: GitServer) -> None:
    assert (await found.known(MAIBOT)).refs.tags.keys() == {"0.9.0-alpha", "1.0.0", "1.1.0-rc.1"}
    for _ in range(3):
        await found.known(MAIBOT)
    assert asked(server) == 1


async def test_a_later_server_reads_the_cached_list(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    first = await found.known(MAIBOT)
    server.manner = 500
    assert await made(tmp_path, server.url(repository)).known(MAIBOT) == first
    assert asked(server) == 1


@pytest.mark.parametrize("first", [True, False], ids=["nothing is known", "it is old"])
async def test_concurrent_requests_share_one_fetch(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions, first: bool
) -> None:
    before = 0
    if not first:
        await found.known(MAIBOT)
        before = age(tmp_path, 7200)
        server.requests.clear()
    server.manner = "hang"
    later = made(tmp_path, server.url(repository))
    asking = [asyncio.create_task(later.known(MAIBOT)) for _ in range(100)]
    await asyncio.to_thread(server.wait_for_requests, 1)
    server.manner = "serve"
    await asyncio.gather(*asking)
    await refreshed(later, before)
    assert asked(server) == 1
    await later.close()


async def test_an_old_list_is_returned_at_once_and_refreshed_in_the_background(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    before = age(tmp_path, 7200)
    repository.tag("1.2.0")
    server.manner = "hang"
    later = made(tmp_path, server.url(repository))
    assert "1.2.0" not in (await later.known(MAIBOT)).refs.tags
    server.manner = "serve"
    assert "1.2.0" in (await refreshed(later, before)).refs.tags
    await later.close()


async def test_an_old_list_is_kept_while_no_source_answers(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    first = await found.known(MAIBOT)
    age(tmp_path, 7200)
    server.manner = 500
    later = made(tmp_path, server.url(repository))
    assert (await later.known(MAIBOT, refresh=True)).refs == first.refs
    # And they are left in peace for a while.
    for _ in range(3):
        assert (await later.known(MAIBOT)).refs == first.refs
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert asked(server) == 2
    await later.close()


async def test_refresh_waits_for_a_new_list(repository: Repository, found: KnownVersions) -> None:
    await found.known(MAIBOT)
    repository.tag("1.2.0")
    assert "1.2.0" not in (await found.known(MAIBOT)).refs.tags
    assert "1.2.0" in (await found.known(MAIBOT, refresh=True)).refs.tags


async def test_a_clock_that_was_set_back_makes_a_list_old(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    age(tmp_path, -86400)
    repository.tag("1.2.0")
    later = made(tmp_path, server.url(repository))
    assert (await later.resolve(MAIBOT, "1.2.0")).ref == "1.2.0"


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"fetched_at": 1}', b"\xff\0", b"[" * 100_000])
async def test_an_invalid_cache_file_is_ignored(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions, broken: bytes
) -> None:
    await found.known(MAIBOT)
    [file] = kept(tmp_path)
    file.write_bytes(broken)
    later = made(tmp_path, server.url(repository))
    assert (await later.known(MAIBOT)).refs.tags
    assert json.loads(file.read_bytes())["refs"]["tags"]


async def test_other_sources_have_another_cache_file(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    with pytest.raises(DownloadFailed):
        await made(tmp_path, f"http://127.0.0.1:{free_port()}/bot").known(MAIBOT)
    assert (await made(tmp_path, repository.url).known(MAIBOT)).refs.source == repository.url
    assert len(kept(tmp_path)) == 2


async def test_old_cache_files_are_removed(
    tmp_path: Path, repository: Repository, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    [old] = kept(tmp_path)
    os.utime(old, (time.time() - 100 * 86400,) * 2)
    await made(tmp_path, repository.url).known(MAIBOT)
    assert old not in kept(tmp_path)
    assert len(kept(tmp_path)) == 1


async def test_passwords_in_urls_are_not_stored(
    tmp_path: Path, repository: Repository, server: GitServer
) -> None:
    found = made(tmp_path, server.url(repository, "user:sesame-0451"))
    known = await found.known(MAIBOT)
    assert "sesame" not in kept(tmp_path)[0].read_text("utf-8") + kept(tmp_path)[0].name + repr(known)


async def test_an_unwritable_cache_does_not_prevent_listing(
    tmp_path: Path, found: KnownVersions, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cache").touch()
    assert (await found.known(MAIBOT)).refs.tags
    assert (await found.known(MAIBOT)).refs.tags
    assert any("cannot write the version list" in record.getMessage() for record in caplog.records)


# When nobody answers


async def test_without_a_cache_and_sources_the_download_fails(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(DownloadFailed, match=str(port)):
        await made(tmp_path, f"http://127.0.0.1:{port}/bot").known(MAIBOT)
    assert kept(tmp_path) == []


async def test_a_slow_source_continues_in_the_background(
    found: KnownVersions, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "ANSWER_WITHIN_S", 0.05)
    server.manner = "hang"
    for _ in range(2):
        with pytest.raises(DownloadFailed, match="try again"):
            await found.known(MAIBOT)
    monkeypatch.setattr(versions, "ANSWER_WITHIN_S", DEADLINE_S)
    server.manner = "serve"
    assert (await found.known(MAIBOT)).refs.tags
    assert asked(server) == 1


async def test_several_lists_are_waited_for_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment of several programs, each from a slow source, was answered after 8 s for each of them."""
    monkeypatch.setattr(versions, "ANSWER_WITHIN_S", 0.05)

    async def lists_one_after_the_other() -> None:
        async with versions.answered_in_time():
            while True:
                await asyncio.sleep(0.02)

    with pytest.raises(DownloadFailed, match="try again"):
        await lists_one_after_the_other()


async def test_cancelling_one_caller_does_not_end_the_fetch(found: KnownVersions, server: GitServer) -> None:
    server.manner = "hang"
    impatient = asyncio.create_task(found.known(MAIBOT))
    patient = asyncio.create_task(found.known(MAIBOT))
    await asyncio.to_thread(server.wait_for_requests, 1)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    server.manner = "serve"
    assert (await patient).refs.tags
    assert asked(server) == 1


async def test_close_ends_running_fetches(
    found: KnownVersions, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "ANSWER_WITHIN_S", DEADLINE_S)
    server.manner = "hang"
    waiting = asyncio.create_task(found.known(MAIBOT))
    await asyncio.to_thread(server.wait_for_requests, 1)
    await found.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_failure_in_the_background_is_only_logged(
    tmp_path: Path,
    repository: Repository,
    server: GitServer,
    found: KnownVersions,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await found.known(MAIBOT)
    age(tmp_path, 7200)
    server.manner = 404
    later = made(tmp_path, server.url(repository))
    await later.known(MAIBOT)
    await asyncio.to_thread(server.wait_for_requests, 3)
    async with asyncio.timeout(DEADLINE_S):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    await later.close()


# Resolving


async def test_names_are_resolved_to_those_of_the_repository(
    found: KnownVersions, repository: Repository
) -> None:
    for wanted, ref in (("latest", "1.0.0"), ("v1.0.0", "1.0.0"), ("0.9.0-alpha", "0.9.0-alpha")):
        commit = repository.git("rev-parse", ref)
        assert await found.resolve(MAIBOT, wanted) == ResolvedVersion(ref, commit, is_branch=False)
    for wanted in ("main", "dev"):
        commit = repository.git("rev-parse", wanted)
        assert await found.resolve(MAIBOT, wanted) == ResolvedVersion(wanted, commit, is_branch=True)


@pytest.mark.parametrize("wanted", ["", "--upload-pack=x", "../x", "版本", "a b", "a" * 101, "1.0.0\n"])
async def test_an_invalid_name_is_refused_without_asking_sources(
    found: KnownVersions, server: GitServer, wanted: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await found.resolve(MAIBOT, wanted)
    assert caught.value.field == "version"
    assert server.requests == []


async def test_an_unknown_name_is_not_found_without_another_fetch(
    found: KnownVersions, repository: Repository, server: GitServer
) -> None:
    for wanted in ("9.9.9", repository.head):
        with pytest.raises(VersionNotFound) as caught:
            await found.resolve(MAIBOT, wanted)
        assert caught.value.field == "version"
    assert asked(server) == 1


async def test_a_name_that_is_newer_than_the_list_is_looked_up(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    age(tmp_path, 61)
    repository.tag("1.2.0")
    later = made(tmp_path, server.url(repository))
    assert (await later.resolve(MAIBOT, "1.2.0")).commit == repository.head
    with pytest.raises(VersionNotFound):
        await later.resolve(MAIBOT, "1.3.0")
    assert asked(server) == 2


async def test_a_failed_lookup_is_not_reported_as_a_missing_version(
    tmp_path: Path, repository: Repository, server: GitServer, found: KnownVersions
) -> None:
    await found.known(MAIBOT)
    age(tmp_path, 61)
    server.manner = 500
    later = made(tmp_path, server.url(repository))
    with pytest.raises(DownloadFailed):
        await later.resolve(MAIBOT, "1.2.0")
    assert (await later.resolve(MAIBOT, "1.0.0")).ref == "1.0.0"
