"""Failing deployments over REST, each from a real cause, and one with an unreachable mirror."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mailauncher.errors import Code
from resolvers import deployments
from tests.support import deployable
from tests.support.context import free_port, settings_for
from tests.support.deploying import ended
from tests.support.git import Repository
from tests.support.http import API, client, failure
from tests.support.server import Launcher, running
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.slow

SPACE = "space_mb = 5"


@asynccontextmanager
async def deploying(
    folder: Path, *sources: str, recipe: str = SPACE, **given: object
) -> AsyncIterator[tuple[Launcher, httpx.AsyncClient]]:
    """A server that deploys the sample bot from the sources, and a client; `recipe` sets the required disk space."""
    settings = settings_for(folder, sources_maibot=list(sources), **given)
    deployable.use(sources[0], settings.data_folder)
    file = settings.data_folder / "recipes" / "maibot.toml"
    text = file.read_text("utf-8")
    assert text.count(SPACE) == 1
    file.write_text(text.replace(SPACE, recipe), "utf-8")
    async with running(settings) as server, client(server, accept_language="en") as http:
        yield server, http


async def asked(http: httpx.AsyncClient, **given: Any) -> httpx.Response:
    return await http.post(f"{API}/deploy/deploy", json={"instance_name": "bot"} | given)


async def begun(http: httpx.AsyncClient) -> str:
    answer = await asked(http)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["instance_id"])


async def status(server: Launcher, http: httpx.AsyncClient, instance_id: str) -> dict[str, Any]:
    """The status of a deployment at its end."""
    await ended(server.ctx, instance_id)
    found: dict[str, Any] = (await http.get(f"{API}/install-status/{instance_id}")).json()
    return found


async def failed(server: Launcher, http: httpx.AsyncClient, code: Code, step: str) -> str:
    """Runs a deployment that fails; its instance cannot be started and its folder does not exist. Returns its id."""
    instance_id = await begun(http)
    found = await status(server, http, instance_id)
    view = await deployments.get(server.ctx, instance_id)
    assert view.failure is not None
    assert (found["status"], view.failure.code, view.failure.step) == ("failed", code, step), found
    assert found["message"].startswith(f"{step}: ")
    assert found["progress"] < 100
    (bot,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert bot["status"] == "failed"
    failure(await http.get(f"{API}/instance/{instance_id}/start"), Code.SERVICE_UNAVAILABLE)
    assert not (server.ctx.settings.workspace_folder / "bot").exists()
    return instance_id


async def goes_on(server: Launcher, http: httpx.AsyncClient, instance_id: str) -> None:
    """Once the cause is gone, the deployment completes and leaves no temporary files."""
    await deployments.retry(server.ctx, instance_id)
    assert (await status(server, http, instance_id))["status"] == "completed"
    assert [path.name for path in server.ctx.settings.workspace_folder.iterdir()] == ["bot"]


async def test_a_deployment_without_disk_space_is_refused(tmp_path: Path, releases: Repository) -> None:
    with small_disk(3 << 10) as disk:
        async with deploying(tmp_path, releases.url, workspace=str(disk)) as (server, http):
            failure(await asked(http), Code.INSUFFICIENT_SPACE, "install_path")
            assert list(disk.iterdir()) == []
            assert server.ctx.live.views == []
            elsewhere = await asked(http, install_path=str(tmp_path / "bot"))
            found = await status(server, http, elsewhere.json()["instance_id"])
            assert found["status"] == "completed"


async def test_a_full_disk_is_reported_and_the_deployment_continues_once_there_is_space(
    tmp_path: Path,
) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    repository.commit({"large": os.urandom(2 << 20)})
    repository.tag("0.12.3")
    with small_disk(3 << 10) as disk:
        async with deploying(tmp_path, repository.url, recipe="space_mb = 1", workspace=str(disk)) as (
            server,
            http,
        ):
            instance_id = await failed(server, http, Code.INSUFFICIENT_SPACE, "fetch")
            subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
            await goes_on(server, http, instance_id)


async def test_without_a_reachable_source_nothing_can_be_deployed(tmp_path: Path) -> None:
    async with deploying(tmp_path, f"http://127.0.0.1:{free_port()}/maibot") as (server, http):
        failure(await asked(http), Code.DOWNLOAD_FAILED)
        assert server.ctx.live.views == []


async def test_an_unreachable_mirror_is_skipped_and_logged(tmp_path: Path, releases: Repository) -> None:
    mirror = f"http://127.0.0.1:{free_port()}/maibot"
    async with deploying(tmp_path, mirror, releases.url) as (server, http):
        found = await status(server, http, await begun(http))
        assert found["status"] == "completed"
        assert any(line.startswith(f"The source {mirror} cannot be used: ") for line in found["logs"])


def take_away(repository: Repository) -> Callable[[], object]:
    """Hides the repository. Returns a function that restores it."""
    away = repository.folder.with_name("away")
    repository.folder.rename(away)
    return lambda: away.rename(repository.folder)


def forget_tag(repository: Repository) -> Callable[[], object]:
    """Withdraws the release from the repository."""
    commit = repository.git("rev-parse", f"{deployable.STABLE}^{{commit}}")
    repository.git("tag", "--delete", deployable.STABLE)
    return lambda: repository.git("tag", deployable.STABLE, commit)


@pytest.mark.parametrize(
    "lose, code", [(take_away, Code.DOWNLOAD_FAILED), (forget_tag, Code.VERSION_NOT_FOUND)]
)
async def test_a_version_that_disappears_fails_the_deployment_until_it_is_back(
    tmp_path: Path, lose: Callable[[Repository], Callable[[], object]], code: Code
) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    async with deploying(tmp_path, repository.url) as (server, http):
        assert (await http.get(f"{API}/deploy/versions")).json()["versions"] == deployable.VERSIONS
        bring_back = lose(repository)
        instance_id = await failed(server, http, code, "fetch")
        bring_back()
        await goes_on(server, http, instance_id)


async def test_a_service_that_fails_leaves_the_bot_installed_without_it(
    tmp_path: Path, releases: Repository
) -> None:
    deployable.offer_service(tmp_path / "lone", tmp_path / "data")
    async with deploying(tmp_path, releases.url) as (server, http):
        instance_id = (await asked(http, install_services=["lone"])).json()["instance_id"]
        found = await status(server, http, instance_id)
        assert (found["status"], found["progress"]) == ("completed", 100)
        assert found["message"].startswith("It is installed, but: lone is missing (")
        assert "mailauncher retry bot" in found["message"]
        lone = next(part for part in found["services_install_status"] if part["name"] == "lone")
        assert lone["status"] == "failed"
        assert lone["message"] in found["message"]
        (bot,) = (await http.get(f"{API}/instances")).json()["instances"]
        assert (bot["status"], bot["services"]) == ("stopped", [])


async def test_a_missing_python_fails_the_deployment_and_deleting_frees_its_name(
    tmp_path: Path, releases: Repository
) -> None:
    wanted = f'{SPACE}, python = "==3.4.*"'
    async with deploying(tmp_path, releases.url, recipe=wanted, python_downloads=False) as (server, http):
        for _ in range(2):
            instance_id = await failed(server, http, Code.DEPLOYMENT_FAILED, "check")
            failure(await asked(http), Code.DUPLICATE_RESOURCE, "instance_name")
            await http.delete(f"{API}/instance/{instance_id}/delete")
            failure(await http.get(f"{API}/install-status/{instance_id}"), Code.INSTANCE_NOT_FOUND)
            assert list(server.ctx.settings.workspace_folder.iterdir()) == []


async def test_files_that_appear_in_the_target_folder_fail_the_deployment_and_stay(
    tmp_path: Path, releases: Repository
) -> None:
    async with deploying(tmp_path, releases.url) as (server, http):
        folder = server.ctx.settings.workspace_folder / "bot"
        answer = await asked(http)
        folder.mkdir()
        (folder / "mine").touch()
        instance_id = answer.json()["instance_id"]
        view = await ended(server.ctx, instance_id)
        assert (view.status, view.failure and view.failure.code) == ("failed", Code.INVALID_PATH)
        assert [path.name for path in folder.iterdir()] == ["mine"]
        (folder / "mine").unlink()
        await goes_on(server, http, instance_id)
