"""Upgrades, rollbacks and clones through GraphQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from resolvers import instances
from resolvers.views import InstanceView
from terminals.states import State
from tests.support import deployable
from tests.support.context import add_bot, settings_for
from tests.support.git import Repository
from tests.support.graphql import Answer, ask, conversing
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

PROGRESS = """subscription ($id: ID!) { deploymentProgress(instanceId: $id) {
    deployment { kind status progress version message failure { step message } } } }"""


@pytest_asyncio.fixture
async def server(tmp_path: Path, releases: Repository) -> AsyncIterator[Launcher]:
    """A server that deploys the sample bot as `maibot`."""
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher:
        yield launcher


async def command(server: Launcher, verb: str, /, **given: Any) -> Answer:
    kind = f"{verb[0].upper()}{verb[1:]}Input"
    changed = "instance { id name status port version } deployment { instanceId kind status version }"
    document = f"mutation ($input: {kind}!) {{ {verb}(input: $input) {{ message {changed} }} }}"
    return await ask(server, document, {"Accept-Language": "en"}, input=given)


async def ended(server: Launcher, begun: Answer) -> dict[str, Any]:
    """The deployment that a command started, after its end."""
    async with conversing(server) as socket:
        operation = await socket.begin(PROGRESS, id=begun.result["deployment"]["instanceId"])
        last: dict[str, Any] = {}
        while (message := await socket.next(operation))["type"] == "next":
            update = message["payload"]["data"]["deploymentProgress"]["deployment"]
            assert update["progress"] >= last.get("progress", 0)
            last = update
    return last


async def deployed(server: Launcher, **given: Any) -> InstanceView:
    """A running instance of version 0.12.1."""
    wanted = {"name": "bot", "version": "0.12.1", "acceptTerms": True, "autoStart": True} | given
    begun = await command(server, "deployInstance", **wanted)
    assert (await ended(server, begun))["status"] == "COMPLETED"
    return server.ctx.live.view(begun.result["instance"]["id"])


async def test_an_upgrade_changes_the_version_and_a_rollback_changes_it_back(server: Launcher) -> None:
    before = await deployed(server)
    config = Path(before.path) / "config" / "bot_config.toml"
    mine = config.read_text("utf-8") + "\n# mine\n"
    config.write_text(mine, "utf-8")
    begun = await command(server, "upgradeInstance", id=before.id, acceptTerms=True)
    assert begun.result["message"] == "The upgrade has started"
    assert begun.result["deployment"]["kind"] == "UPGRADE"
    assert begun.result["deployment"]["version"] == deployable.STABLE
    last = await ended(server, begun)
    assert (last["status"], last["progress"], last["failure"]) == ("COMPLETED", 100, None)
    after = server.ctx.live.view(before.id)
    assert (after.version, after.status, after.port) == (deployable.STABLE, State.RUNNING, before.port)
    assert after.pid != before.pid
    assert config.read_text("utf-8") == mine
    assert f'"{deployable.STABLE}"' in (Path(after.path) / "pyproject.toml").read_text("utf-8")
    back = await command(server, "rollbackInstance", id=before.id)
    assert back.result["message"] == "The rollback has started"
    assert (await ended(server, back))["status"] == "COMPLETED"
    again = server.ctx.live.view(before.id)
    assert (again.version, again.status, again.port) == ("0.12.1", State.RUNNING, before.port)


async def test_a_clone_is_an_independent_instance(server: Launcher) -> None:
    one = await deployed(server)
    config = Path(one.path) / "config" / "bot_config.toml"
    config.write_text(config.read_text("utf-8") + "\n# mine\n", "utf-8")
    begun = await command(server, "cloneInstance", id=one.id, name="copy")
    assert begun.result["message"] == "Cloning has started"
    assert begun.result["deployment"]["kind"] == "CLONE"
    assert (await ended(server, begun))["status"] == "COMPLETED"
    copy = server.ctx.live.view(begun.result["instance"]["id"])
    assert (copy.name, copy.version, copy.status) == ("copy", "0.12.1", State.STOPPED)
    assert copy.port != one.port
    assert copy.path == str(server.ctx.settings.workspace_folder / "copy")
    assert "# mine" in (Path(copy.path) / "config" / "bot_config.toml").read_text("utf-8")
    assert server.ctx.live.view(one.id).status is State.RUNNING
    await instances.start(server.ctx, copy.id)


async def test_invalid_upgrades_are_refused_also_among_many(server: Launcher, tmp_path: Path) -> None:
    added = await add_bot(server.ctx, tmp_path / "added")
    bot = await deployed(server, autoStart=False)
    cases: list[tuple[str, dict[str, Any], str, str | None]] = [
        ("upgradeInstance", {"id": "nobody"}, "INSTANCE_NOT_FOUND", None),
        ("upgradeInstance", {"id": bot.id, "version": "9.9.9"}, "VERSION_NOT_FOUND", "version"),
        ("upgradeInstance", {"id": bot.id, "version": "-x"}, "INVALID_PARAMETER", "version"),
        ("upgradeInstance", {"id": bot.id, "version": bot.version}, "DUPLICATE_RESOURCE", "version"),
        ("upgradeInstance", {"id": added.id}, "PERMISSION_DENIED", None),
        ("rollbackInstance", {"id": "nobody"}, "INSTANCE_NOT_FOUND", None),
        ("rollbackInstance", {"id": bot.id}, "RESOURCE_NOT_FOUND", None),
        ("cloneInstance", {"id": "nobody", "name": "copy"}, "INSTANCE_NOT_FOUND", None),
        ("cloneInstance", {"id": bot.id, "name": "bot"}, "DUPLICATE_RESOURCE", "name"),
        ("cloneInstance", {"id": bot.id, "name": "a/b"}, "INVALID_PARAMETER", "name"),
        ("cloneInstance", {"id": bot.id, "name": "c", "backupId": "no"}, "RESOURCE_NOT_FOUND", None),
        ("cloneInstance", {"id": bot.id, "name": "c", "path": "/"}, "INVALID_PATH", "path"),
        ("cloneInstance", {"id": bot.id, "name": "c", "port": bot.port}, "PORT_IN_USE", "port"),
    ]
    for verb, given, code, field in cases:
        refused = await command(server, verb, **given)
        assert (refused.code, refused.error["extensions"].get("field")) == (code, field), (verb, given)
    assert [view.id for view in server.ctx.live.views] == [added.id, bot.id]
    many = """mutation ($input: UpgradeInstancesInput!) { upgradeInstances(input: $input) { results {
        message complete backup { id } instance { name } deployment { instanceId kind version } error { code } } } }"""
    answer = await ask(server, many, {"Accept-Language": "en"}, input={"ids": ["nobody", bot.id, added.id]})
    nobody, upgraded, kept = answer.result["results"]
    assert (nobody["error"], nobody["instance"]) == ({"code": "INSTANCE_NOT_FOUND"}, None)
    assert (kept["error"], kept["instance"]) == ({"code": "PERMISSION_DENIED"}, {"name": "added"})
    begun = {"instanceId": bot.id, "kind": "UPGRADE", "version": deployable.STABLE}
    assert upgraded == {
        "message": "The upgrade has started",
        "complete": False,
        "backup": None,
        "instance": {"name": "bot"},
        "deployment": begun,
        "error": None,
    }
    assert (await ended(server, Answer(200, {"begun": {"deployment": begun}})))["status"] == "COMPLETED"
