"""Deployments over REST: versions and services, a deployment from start to end, and invalid requests."""

import asyncio
import itertools
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from resolvers import deployments
from resolvers.context import Context
from resolvers.views import DeploymentUpdate
from terminals.states import State
from tests.support import deployable
from tests.support.context import free_port, settings_for
from tests.support.git import Repository
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

PATIENCE_S = 60


@pytest_asyncio.fixture
async def server(tmp_path: Path, releases: Repository) -> AsyncIterator[Launcher]:
    """A server that deploys the sample bot as `maibot`."""
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher:
        yield launcher


@pytest_asyncio.fixture
async def http(server: Launcher) -> AsyncIterator[httpx.AsyncClient]:
    async with client(server) as http:
        yield http


def body(**given: Any) -> dict[str, Any]:
    """A valid request, as in the reference."""
    return {
        "instance_name": "new-instance",
        "install_path": "~/new-instance",
        "port": free_port(),
        "version": "latest",
        "install_services": ["napcat", "nonebot-ada"],
        "auto_start": False,
    } | given


async def updates(ctx: Context, instance_id: str) -> list[DeploymentUpdate]:
    """Runs a deployment to its end."""
    async with asyncio.timeout(PATIENCE_S):
        return [update async for update in deployments.progress(ctx, instance_id)]


async def deployed(server: Launcher, http: httpx.AsyncClient, **given: Any) -> str:
    """The id of an instance that has been deployed."""
    answer = await http.post(f"{API}/deploy/deploy", json=body(**given))
    assert answer.status_code == 200, answer.text
    instance_id: str = answer.json()["instance_id"]
    last = (await updates(server.ctx, instance_id))[-1].deployment
    assert last.status == "completed", last
    return instance_id


async def status(http: httpx.AsyncClient, instance_id: str, **headers: str) -> dict[str, Any]:
    answer = await http.get(f"{API}/install-status/{instance_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# Versions and services


async def test_versions_are_listed_from_newest_to_oldest(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{API}/deploy/versions")
    assert answer.json() == {"versions": deployable.VERSIONS}


async def test_without_a_reachable_source_there_are_no_versions(launcher: Launcher) -> None:
    async with client(launcher) as http:
        failure(await http.get(f"{API}/deploy/versions"), Code.DOWNLOAD_FAILED)


async def test_cached_versions_are_listed_without_their_source(tmp_path: Path, releases: Repository) -> None:
    moving = tmp_path / "repository"
    shutil.copytree(releases.folder, moving)
    settings = settings_for(tmp_path, sources_maibot=[moving.as_uri()])
    for _ in range(2):
        async with running(settings) as launcher, client(launcher) as http:
            answer = await http.get(f"{API}/deploy/versions")
            assert answer.json() == {"versions": deployable.VERSIONS}
        shutil.rmtree(moving, ignore_errors=True)


async def test_services_are_described_as_in_the_reference(http: httpx.AsyncClient) -> None:
    found = (await http.get(f"{API}/deploy/services")).json()
    assert list(found) == ["services"]
    assert {"name": "napcat", "description": "NapCat 服务"} in found["services"]
    assert {"name": "nonebot-ada", "description": "NoneBot Ada 服务"} in found["services"]
    english = (await http.get(f"{API}/deploy/services", headers={"accept-language": "en"})).json()
    assert {"name": "napcat", "description": "NapCat service"} in english["services"]


# A deployment


async def test_a_deployment_reports_progress_until_everything_is_installed(
    server: Launcher, http: httpx.AsyncClient
) -> None:
    asked = body()
    answer = await http.post(f"{API}/deploy/deploy", json=asked)
    instance_id = answer.json()["instance_id"]
    assert answer.json() == {"success": True, "instance_id": instance_id, "message": "部署已开始"}
    news = deployments.progress(server.ctx, instance_id)
    seen = [
        await status(http, instance_id),
        *[await status(http, instance_id) async for _ in news],
        await status(http, instance_id),
    ]
    for found in seen:
        assert found["status"] in ("pending", "installing", "completed")
        assert found["message"] == found["current_step"] != ""
        assert [part["name"] for part in found["services_install_status"]] == ["napcat", "nonebot-ada"]
    for former, later in itertools.pairwise(seen):
        assert former["progress"] <= later["progress"]
        assert later["logs"][: len(former["logs"])] == former["logs"]
    assert (seen[-1]["status"], seen[-1]["progress"]) == ("completed", 100)
    assert {(part["status"], part["progress"]) for part in seen[-1]["services_install_status"]} == {
        ("completed", 100)
    }
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    folder = server.ctx.settings.workspace_folder / "new-instance"
    assert (found["id"], found["name"], found["port"]) == (instance_id, "new-instance", asked["port"])
    assert (found["path"], found["version"], found["status"]) == (
        str(folder),
        deployable.STABLE,
        "stopped",
    )
    assert [part["name"] for part in found["services"]] == ["napcat", "nonebot-ada"]
    assert (folder / "bot.py").is_file()


async def test_a_deployed_instance_starts_and_its_files_can_be_deleted(
    server: Launcher, http: httpx.AsyncClient
) -> None:
    instance_id = await deployed(server, http)
    folder = server.ctx.settings.workspace_folder / "new-instance"
    await deployments.accept_terms(server.ctx, instance_id)
    started = await http.get(f"{API}/instance/{instance_id}/start")
    assert started.json() == {"success": True, "message": "实例 new-instance 已启动"}
    deleted = await http.delete(f"{API}/instance/{instance_id}/delete", params={"files": "delete"})
    assert deleted.json()["success"] is True
    assert not folder.exists()
    failure(await http.get(f"{API}/install-status/{instance_id}"), Code.INSTANCE_NOT_FOUND)


async def test_the_status_of_a_deployment_is_in_the_callers_language(
    server: Launcher, http: httpx.AsyncClient
) -> None:
    instance_id = await deployed(server, http)
    english = await status(http, instance_id, **{"accept-language": "en"})
    chinese = await status(http, instance_id)
    assert english["current_step"].isascii()
    assert not chinese["current_step"].isascii()
    assert len(english["logs"]) == len(chinese["logs"]) > 0


async def test_only_the_name_is_required(server: Launcher, http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{API}/deploy/deploy", json={"instance_name": "麦麦 1"})
    instance_id = answer.json()["instance_id"]
    assert (await updates(server.ctx, instance_id))[-1].deployment.status == "completed"
    (view,) = server.ctx.live.views
    assert view.path == str(server.ctx.settings.workspace_folder / "麦麦 1")
    assert (view.version, view.services) == (deployable.STABLE, ())
    assert 1 <= view.port <= 65535


async def test_the_existing_web_client_deploys_with_services_as_objects(
    server: Launcher, http: httpx.AsyncClient
) -> None:
    """It sends a folder and a command of each service, which the recipe overrides, and no `auto_start`."""
    ports = [free_port() for _ in range(3)]
    asked = {
        "instance_name": "mine",
        "install_path": "~\\mine",
        "port": ports[0],
        "version": "0.12.1",
        "install_services": [
            {"name": "napcat", "path": "~\\mine\\napcat", "port": ports[1], "run_cmd": "python main.py"},
            {"name": "napcat-ada", "path": "~\\mine\\ada", "port": ports[2], "run_cmd": "python main.py"},
        ],
        "host": "localhost",
        "token": "",
    }
    answer = await http.post(f"{API}/deploy/deploy", json=asked)
    instance_id = answer.json()["instance_id"]
    await updates(server.ctx, instance_id)
    both = [
        (await http.get(f"{API}/{path}/{instance_id}")).json()
        for path in ("install-status", "deploy/install-status")
    ]
    assert both[0] == both[1]
    assert both[0]["status"] == "completed"
    (view,) = server.ctx.live.views
    (listed,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert [part["name"] for part in listed["services"]] == ["napcat", "napcat-ada"]
    assert (view.version, view.port, view.status) == ("0.12.1", ports[0], State.STOPPED)
    assert [(part.name, part.port) for part in view.services] == [
        ("napcat", ports[1]),
        ("nonebot-ada", ports[2]),
    ]


@pytest.mark.parametrize("counts", [True, False])
async def test_auto_start_counts_as_consent_only_if_the_setting_is_on(
    tmp_path: Path, releases: Repository, counts: bool
) -> None:
    settings = settings_for(tmp_path, sources_maibot=[releases.url], deployment_accepts_terms=counts)
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as server, client(server) as http:
        answer = await http.post(f"{API}/deploy/deploy", json=body(auto_start=True))
        instance_id = answer.json()["instance_id"]
        await updates(server.ctx, instance_id)
        found = await status(http, instance_id)
        folder = settings.workspace_folder / "new-instance"
        assert (folder / "bot.py").is_file()
        assert (folder / "eula.confirmed").exists() is counts
        view = server.ctx.live.view(instance_id)
        assert (view.status is State.RUNNING) is counts
        assert counts or "条款" in " ".join((found["current_step"], *found["logs"]))


async def test_a_failure_names_the_step_the_cause_and_the_last_output(tmp_path: Path) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    settings = settings_for(tmp_path, sources_maibot=[repository.url])
    deployable.use(repository.url, settings.data_folder)
    async with running(settings) as server, client(server, accept_language="en") as http:
        await http.get(f"{API}/deploy/versions")
        repository.folder.rename(tmp_path / "away")
        instance_id = (await http.post(f"{API}/deploy/deploy", json=body())).json()["instance_id"]
        await updates(server.ctx, instance_id)
        found = await status(http, instance_id)
        assert found["status"] == "failed"
        assert found["progress"] < 100
        first, *last_lines = found["current_step"].splitlines()
        assert first.startswith("fetch: ")
        assert any(line.startswith("fatal: ") for line in last_lines)
        assert found["message"] == found["current_step"]
        (instance,) = (await http.get(f"{API}/instances")).json()["instances"]
        assert instance["status"] == "failed"
        failure(await http.get(f"{API}/instance/{instance_id}/start"), Code.SERVICE_UNAVAILABLE)
        deleted = await http.delete(f"{API}/instance/{instance_id}/delete")
        assert deleted.json()["success"] is True
        assert list(settings.workspace_folder.iterdir()) == []


# Refusals


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"version": "9.9.9"}, Code.VERSION_NOT_FOUND, "version"),
        ({"version": "--upload-pack=touch"}, Code.INVALID_PARAMETER, "version"),
        ({"version": ""}, Code.INVALID_PARAMETER, "version"),
        ({"version": None}, Code.INVALID_PARAMETER, "version"),
        ({"instance_name": ""}, Code.INVALID_PARAMETER, "instance_name"),
        ({"instance_name": "a/b"}, Code.INVALID_PARAMETER, "instance_name"),
        ({"instance_name": 5}, Code.INVALID_PARAMETER, "instance_name"),
        ({"port": 0}, Code.INVALID_PARAMETER, "port"),
        ({"port": 65536}, Code.INVALID_PARAMETER, "port"),
        ({"port": "8080"}, Code.INVALID_PARAMETER, "port"),
        ({"install_path": "relative"}, Code.INVALID_PATH, "install_path"),
        ({"install_path": "/"}, Code.INVALID_PATH, "install_path"),
        ({"install_path": "~"}, Code.INVALID_PATH, "install_path"),
        ({"install_path": "a\0b"}, Code.INVALID_PATH, "install_path"),
        ({"install_path": "~/" + "x" * 5000}, Code.INVALID_PATH, "install_path"),
        ({"install_path": []}, Code.INVALID_PARAMETER, "install_path"),
        ({"install_services": ["nothing"]}, Code.INVALID_PARAMETER, "install_services"),
        ({"install_services": ["napcat", "napcat"]}, Code.INVALID_PARAMETER, "install_services"),
        ({"install_services": ["../napcat"]}, Code.INVALID_PARAMETER, "install_services"),
        ({"install_services": "napcat"}, Code.INVALID_PARAMETER, "install_services"),
        ({"install_services": [1]}, Code.INVALID_PARAMETER, "install_services[0]"),
        ({"install_services": [{"port": 1}]}, Code.INVALID_PARAMETER, "install_services[0].name"),
        ({"auto_start": "yes"}, Code.INVALID_PARAMETER, "auto_start"),
    ],
    ids=str,
)
async def test_an_unsatisfiable_request_names_its_field(
    http: httpx.AsyncClient, server: Launcher, change: dict[str, Any], code: Code, field: str
) -> None:
    failure(await http.post(f"{API}/deploy/deploy", json=body(**change)), code, field)
    assert server.ctx.live.views == []
    assert list(server.ctx.settings.workspace_folder.iterdir()) == []


async def test_the_name_is_required(http: httpx.AsyncClient) -> None:
    failure(await http.post(f"{API}/deploy/deploy", json={}), Code.INVALID_PARAMETER, "instance_name")


async def test_names_folders_and_ports_in_use_are_refused(
    http: httpx.AsyncClient, server: Launcher, tmp_path: Path
) -> None:
    standing = write_bot(tmp_path / "standing")
    await add_bot(http, standing)
    (view,) = server.ctx.live.views
    full = write_bot(tmp_path / "full")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cases: list[tuple[dict[str, Any], Code, str]] = [
            ({"instance_name": "standing"}, Code.DUPLICATE_RESOURCE, "instance_name"),
            ({"install_path": str(full)}, Code.INVALID_PATH, "install_path"),
            ({"install_path": str(standing / "inside")}, Code.INVALID_PATH, "install_path"),
            ({"port": view.port}, Code.PORT_IN_USE, "port"),
            ({"port": listener.getsockname()[1]}, Code.PORT_IN_USE, "port"),
        ]
        for change, code, field in cases:
            failure(await http.post(f"{API}/deploy/deploy", json=body(**change)), code, field)
    assert server.ctx.live.views == [view]


async def test_concurrent_deployments_of_one_name_are_deployed_once(
    http: httpx.AsyncClient, server: Launcher
) -> None:
    answers = await asyncio.gather(
        *(http.post(f"{API}/deploy/deploy", json=body(install_path=f"~/{n}")) for n in range(4))
    )
    good = [answer.json()["instance_id"] for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    for answer in answers:
        if answer.status_code != 200:
            failure(answer, Code.DUPLICATE_RESOURCE, "instance_name")
    await updates(server.ctx, good[0])


async def test_only_deployed_instances_have_a_deployment_status(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    added = await add_bot(http, write_bot(tmp_path / "added"))
    for path in ("install-status", "deploy/install-status"):
        failure(await http.get(f"{API}/{path}/{added}"), Code.RESOURCE_NOT_FOUND)
        failure(await http.get(f"{API}/{path}/{'0' * 40}"), Code.INSTANCE_NOT_FOUND)
        failure(await http.get(f"{API}/{path}/中文"), Code.INSTANCE_NOT_FOUND)


async def test_a_page_of_another_site_cannot_deploy(http: httpx.AsyncClient, server: Launcher) -> None:
    foreign = {"origin": "https://evil.example"}
    answer = await http.post(f"{API}/deploy/deploy", json=body(), headers=foreign)
    failure(answer, Code.PERMISSION_DENIED)
    assert server.ctx.live.views == []
