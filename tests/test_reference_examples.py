"""Every example of the API reference for instances, services, deploying and system, sent as written, and each error they can cause.

The examples are the reference's own: an answer must have their keys, in their order, with values of their types.
"""

import asyncio
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from resolvers import deployments
from tests.support import deployable
from tests.support.context import free_port, settings_for
from tests.support.git import Repository
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

INSTANCES: dict[str, Any] = {
    "instances": [
        {
            "id": "a2fe529b51999fc2d45df5196c6c50a46a608fa1",
            "name": "maibot-stable-1",
            "status": "running",
            "installedAt": "1747404418536",
            "path": "D:\\MaiBot\\MaiBot-1",
            "port": 8000,
            "version": "0.6.3",
            "services": [
                {
                    "name": "napcat",
                    "path": "D:\\MaiBot\\MaiBot-1\\napcat",
                    "status": "running",
                    "port": 8095,
                },
                {
                    "name": "nonebot-ada",
                    "path": "D:\\MaiBot\\MaiBot-1\\nonebot-ada",
                    "status": "stopped",
                    "port": 18002,
                },
            ],
        }
    ],
    "success": True,
}
STATS = {"total": 3, "running": 2, "stopped": 1}
ADDED = {"success": True, "instance_id": "new_generated_id", "message": "实例已成功添加"}
VERSIONS = {"versions": ["latest", "main", "v0.6.3", "v0.6.2", "v0.6.1"]}
SERVICES = {
    "services": [
        {"name": "napcat", "description": "NapCat 服务"},
        {"name": "nonebot-ada", "description": "NoneBot Ada 服务"},
    ]
}
DEPLOY = {
    "instance_name": "new-instance",
    "install_path": "/path/to/install",
    "port": 8080,
    "version": "latest",
    "install_services": ["napcat", "nonebot-ada"],
    "auto_start": True,
}
DEPLOYED = {"success": True, "instance_id": "generated_instance_id", "message": "部署已开始"}
INSTALL_STATUS = {
    "status": "installing",
    "progress": 75,
    "current_step": "Installing NapCat service",
    "logs": ["Step 1 completed", "Step 2 in progress"],
}
# What the existing web client reads, beside that.
INSTALL_STATUS_FOR_CLIENT = {
    "message": "Installing NapCat service",
    "services_install_status": [
        {"name": "napcat", "status": "installing", "progress": 75, "message": "Installing"},
    ],
}
HEALTH = {"status": "healthy", "uptime": 86400, "version": "1.0.0", "timestamp": "2025-07-05T10:30:00Z"}
METRICS = {
    "cpu": {"usage": 25.5, "cores": 8},
    "memory": {"total": 16777216, "used": 8388608, "free": 8388608, "usage_percent": 50.0},
    "disk": {"total": 1000000000, "used": 500000000, "free": 500000000, "usage_percent": 50.0},
    "network": {"bytes_sent": 1048576, "bytes_recv": 2097152},
}
# What the existing web client reads, beside that.
METRICS_FOR_CLIENT = {
    "status": "success",
    "data": {
        "cpu_usage_percent": 25.5,
        "memory_usage": {"total_mb": 16.0, "used_mb": 8.0, "available_mb": 8.0, "percent": 50.0},
        "disk_usage_root": {"total_gb": 1.0, "used_gb": 0.5, "free_gb": 0.5, "percent": 50.0},
        "system_info": {"system": "Linux", "release": "6.1", "machine": "x86_64", "processor": ""},
        "network_up": 0.0,
        "network_down": 0.0,
    },
}

SERVING = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"


def shape(value: Any) -> Any:
    """Keys in their order, and types."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


def alike(value: Any, example: Any) -> bool:
    """Whether keys, in their order, and types are an example's, and each item of a list is like the example's first."""
    if isinstance(example, dict):
        return list(value) == list(example) and all(alike(value[key], example[key]) for key in example)
    if isinstance(example, list):
        return isinstance(value, list) and all(alike(item, example[0]) for item in value)
    return type(value) is type(example)


@pytest_asyncio.fixture
async def http(launcher: Launcher) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends what curl would: no origin, no language."""
    async with client(launcher) as http:
        yield http


@pytest_asyncio.fixture
async def instance(http: httpx.AsyncClient, tmp_path: Path) -> str:
    """The id of `maibot-stable-1`, with NapCat and the adapter, stopped."""
    folder = write_bot(tmp_path / "maibot-stable-1", SERVING, "napcat", "nonebot-ada")
    return await add_bot(http, folder, "napcat", "nonebot-ada")


async def states(http: httpx.AsyncClient) -> list[str]:
    """The statuses of the only instance and of its services."""
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    return [found["status"], *(service["status"] for service in found["services"])]


async def test_an_instance_goes_through_the_documented_examples(
    http: httpx.AsyncClient, instance: str
) -> None:
    started = await http.get(f"{API}/instance/{instance}/start")
    assert started.json() == {"success": True, "message": "实例 maibot-stable-1 已启动"}
    listed = await http.get(f"{API}/instances")
    assert shape(listed.json()) == shape(INSTANCES)
    assert await states(http) == ["running", "running", "running"]
    stats = await http.get(f"{API}/instances/stats")
    assert stats.json() == {"total": 1, "running": 1, "stopped": 0}
    assert shape(stats.json()) == shape(STATS)
    restarted = await http.get(f"{API}/instance/{instance}/restart")
    assert restarted.json() == {"success": True, "message": "实例 maibot-stable-1 已重启"}
    stopped = await http.get(f"{API}/instance/{instance}/stop")
    assert stopped.json() == {"success": True, "message": "实例 maibot-stable-1 已停止"}
    assert await states(http) == ["stopped", "stopped", "stopped"]
    deleted = await http.delete(f"{API}/instance/{instance}/delete")
    assert deleted.json() == {"success": True, "message": "实例 maibot-stable-1 已删除"}
    assert (await http.get(f"{API}/instances")).json() == {"instances": [], "success": True}


async def test_the_values_of_an_instance_are_what_the_reference_says(
    http: httpx.AsyncClient, instance: str, tmp_path: Path
) -> None:
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert re.fullmatch("[0-9a-f]{40}", found["id"])
    assert found["id"] == instance
    assert re.fullmatch("[0-9]{13}", found["installedAt"])
    assert Path(found["path"]).resolve() == (tmp_path / "maibot-stable-1").resolve()
    assert [service["name"] for service in found["services"]] == ["napcat", "nonebot-ada"]


async def test_each_service_is_started_by_its_own_address(http: httpx.AsyncClient, instance: str) -> None:
    napcat = await http.get(f"{API}/start/{instance}/napcat")
    assert napcat.json() == {"success": True, "message": "实例 maibot-stable-1 的NapCat服务已启动"}
    nonebot = await http.get(f"{API}/start/{instance}/nonebot")
    assert nonebot.json() == {"success": True, "message": "实例 maibot-stable-1 的NoneBot服务已启动"}
    assert await states(http) == ["stopped", "running", "running"]
    again = await http.get(f"{API}/start/{instance}/napcat")
    failure(again, Code.INSTANCE_ALREADY_RUNNING)


async def test_an_existing_folder_is_added_as_written(http: httpx.AsyncClient, tmp_path: Path) -> None:
    folder = write_bot(tmp_path / "bot", SERVING, "napcat")
    example = {"name": "existing-instance", "path": str(folder), "port": 8080}
    answer = await http.post(f"{API}/instances/add", json=example)
    assert shape(answer.json()) == shape(ADDED)
    assert answer.json()["message"] == ADDED["message"]
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert (found["id"], found["name"], found["port"]) == (
        answer.json()["instance_id"],
        "existing-instance",
        8080,
    )
    assert [service["name"] for service in found["services"]] == ["napcat"]


async def test_a_bot_is_deployed_by_the_documented_examples(tmp_path: Path, releases: Repository) -> None:
    settings = settings_for(tmp_path, sources_maibot=[releases.url], deployment_accepts_terms=True)
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher, client(launcher) as http:
        versions = (await http.get(f"{API}/deploy/versions")).json()
        assert alike(versions, VERSIONS)
        assert versions["versions"][:2] == VERSIONS["versions"][:2]
        services = (await http.get(f"{API}/deploy/services")).json()
        assert alike(services, SERVICES)
        assert [entry for entry in SERVICES["services"] if entry not in services["services"]] == []
        asked = DEPLOY | {"install_path": str(tmp_path / "install"), "port": free_port()}
        answer = (await http.post(f"{API}/deploy/deploy", json=asked)).json()
        assert shape(answer) == shape(DEPLOYED)
        assert answer["message"] == DEPLOYED["message"]
        url = f"{API}/install-status/{answer['instance_id']}"
        assert alike((await http.get(url)).json(), INSTALL_STATUS | INSTALL_STATUS_FOR_CLIENT)
        async with asyncio.timeout(60):
            async for _ in deployments.progress(launcher.ctx, answer["instance_id"]):
                assert alike((await http.get(url)).json(), INSTALL_STATUS | INSTALL_STATUS_FOR_CLIENT)
        assert (await http.get(url)).json()["status"] == "completed"
        (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert shape({"instances": [found], "success": True}) == shape(INSTANCES)
    assert (found["name"], found["path"], found["port"], found["status"]) == (
        "new-instance",
        str(tmp_path / "install"),
        asked["port"],
        "running",
    )


async def test_health_is_exactly_the_example(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{API}/system/health")
    assert shape(answer.json()) == shape(HEALTH)
    assert answer.json()["status"] == "healthy"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.json()["timestamp"])


async def test_metrics_are_the_example_and_what_the_web_client_reads(http: httpx.AsyncClient) -> None:
    found = (await http.get(f"{API}/system/metrics")).json()
    assert shape(found) == shape(METRICS | METRICS_FOR_CLIENT)
    for used in (found["memory"], found["disk"]):
        assert 0 <= used["usage_percent"] <= 100
        assert used["total"] > 1 << 20
    assert 0 <= found["cpu"]["usage"] <= 100
    assert found["data"]["memory_usage"]["total_mb"] == round(found["memory"]["total"] / 2**20, 2)
    assert found["data"]["disk_usage_root"]["total_gb"] == round(found["disk"]["total"] / 2**30, 2)


# Errors, each from what really causes it


async def test_an_unknown_instance_is_not_found(http: httpx.AsyncClient) -> None:
    for route in (
        "instance/{}/start",
        "instance/{}/stop",
        "instance/{}/restart",
        "start/{}/napcat",
        "start/{}/nonebot",
    ):
        for unknown in ("a2fe529b51999fc2d45df5196c6c50a46a608fa1", "x" * 4000, "中文", "a b\n", "%2e%2e"):
            answer = await http.get(f"{API}/{route.format(quote(unknown))}")
            assert failure(answer, Code.INSTANCE_NOT_FOUND) == f"未找到实例 '{unknown[:64]}'"


async def test_an_unknown_instance_cannot_be_deleted(http: httpx.AsyncClient) -> None:
    failure(await http.delete(f"{API}/instance/unknown/delete"), Code.INSTANCE_NOT_FOUND)


async def test_what_runs_is_not_started_and_what_does_not_is_not_stopped(
    http: httpx.AsyncClient, instance: str
) -> None:
    failure(await http.get(f"{API}/instance/{instance}/stop"), Code.INSTANCE_NOT_RUNNING)
    await http.get(f"{API}/instance/{instance}/start")
    failure(await http.get(f"{API}/instance/{instance}/start"), Code.INSTANCE_ALREADY_RUNNING)


async def test_a_restart_starts_what_is_stopped(http: httpx.AsyncClient, instance: str) -> None:
    assert (await http.get(f"{API}/instance/{instance}/restart")).json()["success"] is True
    assert await states(http) == ["running", "running", "running"]


async def test_a_service_that_is_not_installed_is_not_found(http: httpx.AsyncClient, tmp_path: Path) -> None:
    instance = await add_bot(http, write_bot(tmp_path / "bare", SERVING))
    failure(await http.get(f"{API}/start/{instance}/napcat"), Code.RESOURCE_NOT_FOUND, "name")
    failure(await http.get(f"{API}/start/{instance}/nonebot"), Code.RESOURCE_NOT_FOUND, "name")


async def test_a_port_that_somebody_listens_on_is_in_use(http: httpx.AsyncClient, instance: str) -> None:
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    with socket.create_server(("127.0.0.1", found["services"][0]["port"])):
        failure(await http.get(f"{API}/start/{instance}/napcat"), Code.PORT_IN_USE, "port")
    with socket.create_server(("127.0.0.1", found["port"])):
        message = failure(await http.get(f"{API}/instance/{instance}/start"), Code.PORT_IN_USE, "port")
    assert str(found["port"]) in message


async def test_what_dies_at_once_says_why(http: httpx.AsyncClient, tmp_path: Path) -> None:
    folder = write_bot(tmp_path / "broken", "import sys\nprint('no key for the model')\nsys.exit(3)\n")
    instance = await add_bot(http, folder)
    message = failure(await http.get(f"{API}/instance/{instance}/start"), Code.COMMAND_FAILED)
    assert "退出码 3" in message
    assert "no key for the model" in message
    assert await states(http) == ["failed"]
    english = await http.get(f"{API}/instance/{instance}/start", headers={"Accept-Language": "en-GB"})
    assert "exited with code 3" in failure(english, Code.COMMAND_FAILED)


async def test_a_path_that_is_no_folder_is_invalid(http: httpx.AsyncClient) -> None:
    for path in ("", "relative", "/no/such/folder", "\0", "x" * 5000, "~/missing", __file__):
        body = {"name": "mine", "path": path, "port": 8080}
        failure(await http.post(f"{API}/instances/add", json=body), Code.INVALID_PATH, "path")


async def test_a_bad_name_is_refused(http: httpx.AsyncClient, tmp_path: Path) -> None:
    for name in ("", ".", "..", "a/b", "x" * 65, "a\nb", " a", "a\0b", "<b>"):
        body = {"name": name, "path": str(tmp_path), "port": 8080}
        failure(await http.post(f"{API}/instances/add", json=body), Code.INVALID_PARAMETER, "name")


async def test_a_bad_port_is_refused(http: httpx.AsyncClient, tmp_path: Path) -> None:
    for port in (0, -1, 65536, 10**30):
        body = {"name": "mine", "path": str(tmp_path), "port": port}
        failure(await http.post(f"{API}/instances/add", json=body), Code.INVALID_PARAMETER, "port")


async def test_a_folder_or_a_name_is_managed_once_and_a_port_given_once(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    first, second = write_bot(tmp_path / "first", SERVING), write_bot(tmp_path / "second", SERVING)
    link = tmp_path / "link"
    link.symlink_to(first)
    body = {"name": "first", "path": str(first), "port": 8080}
    assert (await http.post(f"{API}/instances/add", json=body)).json()["success"] is True
    changes: list[tuple[dict[str, object], Code, str]] = [
        ({"path": str(second), "port": 8081}, Code.DUPLICATE_RESOURCE, "name"),
        ({"name": "second", "port": 8081}, Code.DUPLICATE_RESOURCE, "path"),
        ({"name": "second", "path": str(link), "port": 8081}, Code.DUPLICATE_RESOURCE, "path"),
        ({"name": "second", "path": str(second)}, Code.PORT_IN_USE, "port"),
    ]
    for change, code, field in changes:
        failure(await http.post(f"{API}/instances/add", json=body | change), code, field)


async def test_files_of_a_folder_that_was_not_deployed_here_stay(
    http: httpx.AsyncClient, instance: str, tmp_path: Path
) -> None:
    url = f"{API}/instance/{instance}/delete"
    failure(await http.delete(url, params={"files": "delete"}), Code.PERMISSION_DENIED, "files")
    for wrong in ("", "keep", "DELETE", "true"):
        failure(await http.delete(url, params={"files": wrong}), Code.INVALID_PARAMETER, "files")
    failure(await http.delete(f"{url}?files=delete&files=keep"), Code.INVALID_PARAMETER, "files")
    assert len((await http.get(f"{API}/instances")).json()["instances"]) == 1
    assert (await http.delete(url)).json()["success"] is True
    assert (tmp_path / "maibot-stable-1" / "bot.py").is_file()


async def test_a_failing_database_is_reported_without_its_words(
    http: httpx.AsyncClient, instance: str, launcher: Launcher, caplog: pytest.LogCaptureFixture
) -> None:
    file = launcher.ctx.settings.data_folder / "mailauncher.db"
    database = sqlite3.connect(file)
    database.execute("ALTER TABLE instance RENAME TO lost")
    database.commit()
    database.close()
    folder = write_bot(file.parent.parent / "other", SERVING)
    body = {"name": "other", "path": str(folder), "port": free_port()}
    answer = await http.post(f"{API}/instances/add", json=body)
    message = failure(answer, Code.DATABASE_ERROR)
    assert "instance" not in message
    assert "no such table" in caplog.text
    # The list lives in memory, and goes on.
    assert len((await http.get(f"{API}/instances")).json()["instances"]) == 1
