"""What can be deployed, as every front door is told it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from bots.catalogue import SHIPPED
from bots.terms.accepted import accept, digest, not_accepted
from mailauncher import __version__
from mailauncher.errors import DownloadFailed, InvalidParameter, ResourceNotFound, VersionNotFound
from resolvers import versions
from resolvers.context import Context
from tests.support.context import free_port, parts
from tests.support.git import GitServer, Repository, released, serving

pytestmark = pytest.mark.slow

BROKEN = 'name = "broken"\nkind = "bot"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The sample bot at several versions."""
    return released(
        tmp_path / "served" / "bot",
        SHIPPED.parent / "sample",
        {
            "0.9.0-alpha": {"PRIVACY.md": None},
            "0.12.3": {"EULA.md": "协议 0.12\r\n"},
            "0.12.10": {"EULA.md": "协议 0.12.10\n"},
            "1.0.0-rc.1": {"EULA.md": b"\xff\n"},
            "windows": {},
        },
        {"dev": {"EULA.md": "dev\n"}, "classical": {}},
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as server:
        yield server


@pytest_asyncio.fixture
async def context(tmp_path: Path, repository: Repository, server: GitServer) -> AsyncIterator[Context]:
    """A server whose MaiBot is the sample bot, from one dead source and one that works."""
    (tmp_path / "data" / "recipes").mkdir(parents=True)
    (tmp_path / "data" / "recipes" / "broken.toml").write_text(BROKEN, "utf-8")
    dead = f"http://127.0.0.1:{free_port()}/bot"
    async with parts(tmp_path, sources_maibot=[dead, server.url(repository, "user:sesame-0451")]) as ctx:
        yield ctx


async def test_versions_are_listed_with_their_kind(context: Context, repository: Repository) -> None:
    found = await versions.list_all(context)
    named = [(version.name, version.kind, version.stable, version.target) for version in found.versions]
    assert named == [
        ("latest", "alias", True, "0.12.10"),
        ("main", "branch", False, None),
        ("1.0.0-rc.1", "tag", False, None),
        ("0.12.10", "tag", True, None),
        ("0.12.3", "tag", True, None),
        ("0.9.0-alpha", "tag", False, None),
        ("windows", "tag", False, None),
        ("classical", "branch", False, None),
        ("dev", "branch", False, None),
    ]
    for version in found.versions:
        assert version.commit == repository.git("rev-parse", f"{version.target or version.name}^{{commit}}")


async def test_the_source_is_shown_without_its_password(context: Context, server: GitServer) -> None:
    assert (await versions.list_all(context)).source == f"http://***@127.0.0.1:{server.port}/bot"


async def test_each_listed_name_means_what_the_list_says(context: Context, repository: Repository) -> None:
    repository.git("branch", "0.12.3", "dev")
    repository.git("tag", "main", "dev")
    repository.git("branch", "latest", "dev")
    maibot = context.bots.catalogue.get("maibot")
    found = (await versions.list_all(context)).versions
    assert len({version.name for version in found}) == len(found)
    for version in found:
        assert (await context.bots.versions.resolve(maibot, version.name)).commit == version.commit


async def test_the_list_is_fetched_anew_when_asked_to(context: Context, repository: Repository) -> None:
    first = await versions.list_all(context)
    repository.tag("2.0.0")
    assert await versions.list_all(context) == first
    assert (await versions.list_all(context, refresh=True)).versions[0].target == "2.0.0"


async def test_without_a_cache_and_without_a_source_the_download_fails(
    context: Context, server: GitServer
) -> None:
    server.manner = 500
    with pytest.raises(DownloadFailed) as caught:
        await versions.list_all(context)
    assert str(server.port) in caught.value.text.zh
    assert "sesame" not in str(caught.value.text)


async def test_the_bundled_bot_has_one_version(context: Context) -> None:
    found = await versions.list_all(context, "sample")
    assert [(version.name, version.target) for version in found.versions] == [
        ("latest", __version__),
        (__version__, None),
    ]


@pytest.mark.parametrize("recipe", ["", "nobody", "custom", "../maibot"])
async def test_a_recipe_that_cannot_be_deployed_has_no_versions(context: Context, recipe: str) -> None:
    with pytest.raises(ResourceNotFound):
        await versions.list_all(context, recipe)
    with pytest.raises(ResourceNotFound):
        await versions.consent(context, "latest", recipe)


async def test_recipes_that_can_be_deployed_are_listed_by_name(context: Context) -> None:
    bots, services = versions.recipes(context), versions.services(context)
    assert {"maibot", "sample"} <= {recipe.name for recipe in bots}
    assert {"napcat", "nonebot-ada"} <= {recipe.name for recipe in services}
    for found in (bots, services):
        assert [recipe.name for recipe in found] == sorted(recipe.name for recipe in found)
        assert all(recipe.install for recipe in found)
    assert "custom" not in {recipe.name for recipe in bots + services}


async def test_a_broken_recipe_is_reported_beside_the_others(context: Context) -> None:
    [(file, problem)] = versions.problems(context).items()
    assert file.name == "broken.toml"
    assert "run" in problem or "title" in problem


# Consent


async def test_the_terms_of_a_version_are_shown_with_the_digest_that_the_bot_compares(
    context: Context, repository: Repository
) -> None:
    found = await versions.consent(context, "v0.12.3")
    assert found.version == "0.12.3"
    assert found.commit == repository.git("rev-parse", "0.12.3")
    [licence] = found.texts
    assert (licence.name, licence.text) == ("EULA.md", "协议 0.12\r\n")
    assert licence.digest == digest("协议 0.12\n".encode())


async def test_latest_shows_the_terms_of_its_target(context: Context) -> None:
    found = await versions.consent(context, "latest")
    assert (found.version, found.texts[0].text) == ("0.12.10", "协议 0.12.10\n")
    assert (await versions.consent(context, "dev")).texts[0].text == "dev\n"


async def test_invalid_utf8_in_terms_is_shown_with_replacement_characters(context: Context) -> None:
    [licence] = (await versions.consent(context, "1.0.0-rc.1")).texts
    assert licence.text == "\N{REPLACEMENT CHARACTER}\n"
    assert licence.digest == digest(b"\xff\n")


async def test_the_accepted_terms_are_those_that_were_shown(context: Context, repository: Repository) -> None:
    repository.git("switch", "--quiet", "--detach", "0.12.10")
    maibot = context.bots.catalogue.get("maibot").of("0.12.10")
    accept(repository.folder, maibot.consent)
    assert not_accepted(repository.folder, maibot.consent) == []
    [licence] = (await versions.consent(context, "0.12.10")).texts
    assert (repository.folder / "eula.confirmed").read_text("ascii") == licence.digest


async def test_the_terms_of_the_sample_bot_need_no_download(context: Context, server: GitServer) -> None:
    found = await versions.consent(context, "latest", "sample")
    assert [text.name for text in found.texts] == ["EULA.md", "PRIVACY.md"]
    assert found.texts[0].digest == digest((SHIPPED.parent / "sample" / "EULA.md").read_bytes())
    assert server.requests == []
    with pytest.raises(VersionNotFound):
        await versions.consent(context, "9.9.9", "sample")


async def test_an_unknown_version_has_no_terms(context: Context) -> None:
    with pytest.raises(VersionNotFound):
        await versions.consent(context, "9.9.9")
    with pytest.raises(InvalidParameter):
        await versions.consent(context, "--upload-pack=touch gone")


async def test_a_server_that_ends_leaves_no_git_behind(
    tmp_path: Path, repository: Repository, server: GitServer
) -> None:
    server.manner = "hang"
    async with parts(tmp_path, sources_maibot=[server.url(repository)]) as ctx:
        waiting = asyncio.create_task(versions.list_all(ctx))
        await asyncio.to_thread(server.wait_for_requests, 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    children = psutil.Process().children(recursive=True)
    assert [child for child in children if child.name().startswith("git")] == []
