"""What commands on the versions of bots would do: previews through GraphQL, compared with what the commands then do."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from resolvers import deployments, upgrades
from resolvers.deployments import NewDeployment
from resolvers.instances import NewService
from resolvers.views import DeploymentView
from tests.support import deployable
from tests.support.context import add_bot, free_port, settings_for
from tests.support.deploying import ended
from tests.support.git import Repository
from tests.support.graphql import ask
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

PROBLEMS = "problems { code field message port }"
DEPLOY = f"""query ($input: DeployInstanceInput!) {{ deployPreview(input: $input) {{
    name path version commit ports {{ name port }} spaceNeeded spaceFree duration {{ leastS mostS }} {PROBLEMS} }} }}"""
UPGRADE = f"""query ($id: ID!, $version: String!) {{ upgradePreview(id: $id, version: $version) {{
    version commit spaceNeeded spaceFree duration {{ leastS mostS }} downtime {{ leastS mostS }} terms todo {PROBLEMS} }} }}"""
ADD = f"""query ($input: AddInstanceInput!) {{ addPreview(input: $input) {{
    path name recipe version programs {{ name title path port command problem }} remarks {PROBLEMS} }} }}"""


@pytest_asyncio.fixture
async def server(tmp_path: Path, releases: Repository) -> AsyncIterator[Launcher]:
    """A server that deploys the sample bot as `maibot`."""
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher:
        yield launcher


async def preview(server: Launcher, document: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(server, document, {"Accept-Language": "en"}, **given)).result
    return found


def causes(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(problem["code"], problem["field"]) for problem in found["problems"]]


async def deployed(server: Launcher, **wishes: Any) -> DeploymentView:
    begun = await deployments.deploy(server.ctx, NewDeployment("mai", **wishes))
    done = await ended(server.ctx, begun.instance_id)
    assert done.status == "completed"
    return done


async def test_a_deployment_is_foreseen_and_then_as_foreseen(server: Launcher, releases: Repository) -> None:
    wanted = {"name": "", "services": [{"name": "napcat"}]}
    found = await preview(server, DEPLOY, input=wanted)
    assert (found["name"], found["version"]) == ("mai-1", deployable.STABLE)
    assert found["path"] == str(server.ctx.settings.workspace_folder / "mai-1")
    assert found["commit"] == releases.git("rev-parse", f"{deployable.STABLE}^{{commit}}").strip()
    assert found["spaceFree"] > found["spaceNeeded"] > 0
    assert 0 <= found["duration"]["leastS"] < found["duration"]["mostS"]
    assert found["problems"] == []
    ports = {each["name"]: each["port"] for each in found["ports"]}
    assert {"main", "napcat"} <= ports.keys()
    assert "nonebot-ada" not in ports
    begun = await deployments.deploy(server.ctx, NewDeployment("mai-1", services=(NewService("napcat"),)))
    await ended(server.ctx, begun.instance_id)
    record = server.ctx.store.registry.get(begun.instance_id)
    assert record is not None
    assert (record.path, record.port) == (found["path"], ports["main"])
    assert [service.port for service in record.services] == [ports["napcat"]]
    again = await preview(server, DEPLOY, input=wanted)
    assert again["name"] == "mai-2"
    assert not {each["port"] for each in again["ports"]} & set(ports.values())


async def test_all_reasons_why_a_deployment_would_be_refused_are_given_at_once(
    server: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(server.ctx, tmp_path / "taken")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = await preview(
        server, DEPLOY, input={"name": "taken", "path": str(tmp_path / "taken"), "port": bot.port}
    )
    assert causes(found) == [
        ("DUPLICATE_RESOURCE", "name"),
        ("INVALID_PATH", "path"),
        ("DEPLOYMENT_FAILED", None),
        ("PORT_IN_USE", "port"),
    ]
    assert found["ports"][0]["port"] != bot.port
    assert found["problems"][3]["port"] == bot.port
    assert "git not found" in found["problems"][2]["message"]
    wrong = await preview(server, DEPLOY, input={"name": " ", "path": "relative", "port": 0})
    assert {("INVALID_PARAMETER", "name"), ("INVALID_PATH", "path")} <= set(causes(wrong))
    for given in ({"version": "9.9.9"}, {"services": [{"name": "nothing"}]}):
        refused = await ask(server, DEPLOY, input={"name": "", **given})
        assert refused.code in ("VERSION_NOT_FOUND", "INVALID_PARAMETER")


async def test_a_free_port_is_proposed_for_each_that_is_taken(server: Launcher, tmp_path: Path) -> None:
    bots = [await add_bot(server.ctx, tmp_path / name) for name in ("one", "two")]
    free = (await preview(server, DEPLOY, input={"name": ""}))["ports"][0]["port"] + 100
    services = [{"name": "napcat", "port": bots[1].port}, {"name": "nonebot-ada", "port": free}]
    found = await preview(server, DEPLOY, input={"name": "", "port": bots[0].port, "services": services})
    assert [problem["port"] for problem in found["problems"]] == [bot.port for bot in bots]
    ports = {each["name"]: each["port"] for each in found["ports"]}
    assert ports["nonebot-ada"] == free
    assert not {ports["main"], ports["napcat"]} & {bot.port for bot in bots}


async def test_an_upgrade_is_foreseen_with_what_would_refuse_it(server: Launcher) -> None:
    done = await deployed(server, version="0.12.1", accept_terms=True)
    found = await preview(server, UPGRADE, id=done.instance_id, version="latest")
    assert (found["version"], found["problems"], found["terms"]) == (deployable.STABLE, [], [])
    assert found["downtime"] is None
    same = await preview(server, UPGRADE, id=done.instance_id, version="0.12.1")
    assert causes(same) == [("DUPLICATE_RESOURCE", "version")]
    await upgrades.upgrade(server.ctx, done.instance_id, "latest")
    await ended(server.ctx, done.instance_id)
    older = await preview(server, UPGRADE, id=done.instance_id, version="0.12.1")
    assert causes(older) == [("INVALID_PARAMETER", "force")]
    unknown = await ask(server, UPGRADE, id="0" * 40, version="latest")
    assert unknown.code == "INSTANCE_NOT_FOUND"


async def test_texts_that_nobody_has_accepted_are_named_before_an_upgrade(server: Launcher) -> None:
    done = await deployed(server, version="0.12.1")
    found = await preview(server, UPGRADE, id=done.instance_id, version="latest")
    assert found["terms"] == ["EULA.md", "PRIVACY.md"]


async def test_an_added_bot_cannot_be_upgraded_and_a_preview_says_so(
    server: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(server.ctx, tmp_path / "own")
    found = await preview(server, UPGRADE, id=bot.id, version="latest")
    assert ("PERMISSION_DENIED", None) in causes(found)


async def test_a_folder_says_what_is_in_it_before_it_is_added(server: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / "My bot (old)"
    shutil.copytree(deployable.SAMPLE, folder)
    found = await preview(server, ADD, input={"name": "", "path": str(folder)})
    assert (found["path"], found["name"], found["recipe"]) == (str(folder), "My bot old", "sample")
    main, *services = found["programs"]
    assert main["command"].endswith(" bot.py")
    assert [service["name"] for service in services] == ["napcat", "nonebot-ada"]
    assert all(service["command"] and service["port"] for service in services)
    assert "Its terms are not accepted" in found["remarks"][0]
    assert list(server.ctx.store.registry) == []
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = await preview(server, ADD, input={"name": "", "path": str(empty)})
    assert causes(nothing) == [("INVALID_PATH", "path")]
    assert (nothing["programs"][0]["command"], bool(nothing["programs"][0]["problem"])) == (None, True)
    by_command = await preview(
        server,
        ADD,
        input={"name": "", "path": str(empty), "runCommand": "./run", "port": free_port()},
    )
    assert by_command["problems"] == []
    await add_bot(server.ctx, tmp_path / "there")
    managed = await preview(server, ADD, input={"name": "", "path": str(tmp_path / "there")})
    assert (causes(managed), managed["name"]) == ([("DUPLICATE_RESOURCE", "path")], "there-2")
    missing = await ask(server, ADD, input={"name": "", "path": str(tmp_path / "nowhere")})
    assert missing.code == "INVALID_PATH"
