"""Deployments that are refused before anything happens, each for its real cause."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from mailauncher.errors import (
    DatabaseError,
    DownloadFailed,
    DuplicateResource,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PortInUse,
    VersionNotFound,
)
from resolvers import deployments, instances
from resolvers.context import Context
from resolvers.instances import NewService
from tests.support.context import add_bot, free_port
from tests.support.deploying import RECIPE, Bots, deploy, ended
from tests.support.unprivileged import nobodys_folder

pytestmark = pytest.mark.slow


async def refused(
    ctx: Context, error: type[LauncherError], field: str | None, **wishes: Any
) -> LauncherError:
    """Nothing was added, made or begun."""
    known = [bot.name for bot in instances.list_all(ctx)]
    with pytest.raises(error) as caught:
        await deploy(ctx, **wishes)
    assert caught.value.field == field
    assert all(caught.value.text)
    assert [bot.name for bot in instances.list_all(ctx)] == known
    assert len(await deployments.list_all(ctx)) <= len(known)
    return caught.value


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 65, " a", "a\n"])
async def test_an_invalid_name_is_refused(bots: Bots, name: str) -> None:
    async with bots.parts() as ctx:
        await refused(ctx, InvalidParameter, "name", name=name)


async def test_the_name_of_another_instance_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        await add_bot(ctx, bots.folder / "bot")
        await refused(ctx, DuplicateResource, "name", name="bot")


async def test_of_two_deployments_with_the_same_name_at_once_one_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        answers = await asyncio.gather(
            *(deploy(ctx, path=str(bots.folder / place)) for place in ("one", "two")), return_exceptions=True
        )
        assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [DuplicateResource]
        assert len(instances.list_all(ctx)) == 1


async def test_of_two_deployments_to_the_same_folder_at_once_one_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        answers = await asyncio.gather(
            *(deploy(ctx, name, path="~/here") for name in ("one", "two")), return_exceptions=True
        )
        assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [InvalidPath]


async def test_an_unknown_version_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        await refused(ctx, VersionNotFound, "version", version="9.9.9")
        await refused(ctx, InvalidParameter, "version", version="--upload-pack=x")


async def test_a_version_that_cannot_be_installed_is_refused(bots: Bots) -> None:
    family = '[[families]]\nversions = "<0.12.1"\n[families.install.impossible]\nzh = "不行"\nen = "It needs MongoDB"\n'
    bots.recipe(f"{RECIPE}\n{family}\n[[families]]\n")
    async with bots.parts() as ctx:
        error = await refused(ctx, VersionNotFound, "version", version="0.12.0")
        assert error.text.en == "It needs MongoDB"


async def test_a_source_that_does_not_answer_is_a_failed_download(bots: Bots) -> None:
    async with bots.parts(sources_maibot=["http://127.0.0.1:1/none"]) as ctx:
        await refused(ctx, DownloadFailed, None)


async def test_services_that_cannot_be_deployed_are_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        for services in (
            [NewService("nothing")],
            [NewService("custom")],
            [NewService("main")],
            [NewService("napcat"), NewService("napcat")],
            [NewService("nonebot"), NewService("nonebot-ada")],
            [NewService("napcat", path="~/x")],
            [NewService("napcat", run_command="node x")],
            [NewService(f"s{number}") for number in range(40)],
        ):
            await refused(ctx, InvalidParameter, "install_services", services=tuple(services))
        await refused(ctx, InvalidParameter, "recipe", recipe="napcat")
        await refused(ctx, InvalidParameter, "recipe", recipe="nothing")


# Ports


@pytest.mark.parametrize("port", [0, -1, 65536])
async def test_an_invalid_port_is_refused(bots: Bots, port: int) -> None:
    async with bots.parts() as ctx:
        await refused(ctx, InvalidParameter, "port", port=port)
        await refused(ctx, InvalidParameter, "port", services=(NewService("napcat", port=port),))


async def test_a_port_that_something_listens_on_is_refused_when_asked_for_and_else_passed_over(
    bots: Bots,
) -> None:
    with socket.create_server(("127.0.0.1", bots.port)):
        async with bots.parts() as ctx:
            error = await refused(ctx, PortInUse, "port", port=bots.port)
            assert str(os.getpid()) in error.text.en
            await refused(
                ctx, PortInUse, "install_services", services=(NewService("napcat", port=bots.port),)
            )
            begun = await deploy(ctx)
            assert instances.get(ctx, begun.instance_id).port > bots.port
            await ended(ctx, begun.instance_id)


async def test_the_ports_of_another_instance_are_refused_including_those_in_its_files(bots: Bots) -> None:
    async with bots.parts() as ctx:
        first = await deploy(ctx, "first")
        await ended(ctx, first.instance_id)
        error = await refused(ctx, PortInUse, "port", port=instances.get(ctx, first.instance_id).port)
        assert "first" in error.text.en
        env = bots.target("first") / ".env"
        webui = free_port()
        env.write_text(f"PORT=1\nexport WEBUI_PORT='{webui}'  # mine\n")
        await refused(ctx, PortInUse, "port", port=webui)


async def test_one_port_for_two_programs_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        port = free_port()
        await refused(ctx, InvalidParameter, "port", port=port, services=(NewService("napcat", port=port),))


# Places


async def test_folders_in_which_nothing_can_be_installed_are_refused(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = bots.folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    full = bots.folder / "full"
    full.mkdir()
    (full / "something").touch()
    (bots.folder / "file").touch()
    (bots.folder / "link").symlink_to(bots.folder / "elsewhere")
    (bots.folder / "loop").symlink_to(bots.folder / "loop")
    async with bots.parts() as ctx:
        await add_bot(ctx, bots.folder / "other" / "old")
        for path in (
            "/",
            str(home),
            str(bots.folder),
            "~",
            "~/",
            "relative",
            "~/..",
            "~/../up",
            f"{bots.folder}/data/inside",
            f"{bots.folder}/data",
            f"{bots.folder}/other",
            f"{bots.folder}/other/old",
            f"{bots.folder}/other/old/inside",
            f"{bots.folder}/.x.mailauncher-01234567/inside",
            str(full),
            f"{bots.folder}/file",
            f"{bots.folder}/file/inside",
            f"{bots.folder}/link",
            f"{bots.folder}/loop/inside",
            "nul\0",
            f"{bots.folder}/\udc80",
            f"{bots.folder}/{'x' * 250}",
            f"{bots.folder}/{'x/' * 3000}",
        ):
            await refused(ctx, InvalidPath, "path", path=path)
        assert sorted(path.name for path in bots.folder.iterdir() if path.name.startswith(".")) == []


async def test_a_folder_without_write_permission_is_refused(bots: Bots) -> None:
    with nobodys_folder() as folder:
        folder.chmod(0o500)
        async with bots.parts(database_url="") as ctx:
            await refused(ctx, InvalidPath, "path", path=str(folder / "bot"))


async def test_links_above_the_folder_are_resolved(bots: Bots) -> None:
    (bots.folder / "real").mkdir()
    (bots.folder / "link").symlink_to(bots.folder / "real")
    async with bots.parts() as ctx:
        begun = await deploy(ctx, path=str(bots.folder / "link" / "new" / "bot"))
        assert instances.get(ctx, begun.instance_id).path == str(bots.folder / "real" / "new" / "bot")
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_an_empty_folder_is_accepted(bots: Bots) -> None:
    (bots.folder / "empty").mkdir()
    async with bots.parts() as ctx:
        begun = await deploy(ctx, path=str(bots.folder / "empty"))
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_a_disk_without_enough_space_is_refused(bots: Bots) -> None:
    bots.recipe(RECIPE.replace("space_mb = 1,", "space_mb = 1000000000,"))
    async with bots.parts() as ctx:
        await refused(ctx, InsufficientSpace, "path")
        assert not Path(bots.target("bot")).exists()


async def test_a_deployment_that_cannot_be_stored_leaves_nothing(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_record: object) -> None:
        raise DatabaseError("数据库错误", "Database error")

    async with bots.parts() as ctx:
        with monkeypatch.context() as patch:
            patch.setattr(ctx.store.registry, "add", full)
            await refused(ctx, DatabaseError, None)
        assert list((bots.folder / "data" / "deployments").iterdir()) == []
        assert list(ctx.store.deployments) == []
        assert (await ended(ctx, (await deploy(ctx)).instance_id)).status == "completed"
    async with bots.parts() as ctx:
        assert len(await deployments.list_all(ctx)) == 1
