"""Configuration through GraphQL: reading, changing, checking, revisions."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from resolvers import instances
from resolvers.views import InstanceView
from tests.support.configured import BOT, PORT, add_on_its_port, listening, write_configs, write_recipes
from tests.support.context import PATIENT_BOT, add_bot, free_port, settings_for
from tests.support.graphql import Answer, ask
from tests.support.server import Launcher, running

FILE = """query ($id: ID!, $name: String!) { configFile(instanceId: $id, name: $name) {
  name path kind component exists restart etag text config problem { message line column }
  revisions { id at source caller etag size text } } }"""
DIFF = """query ($id: ID!, $name: String!, $against: ID) { configFile(instanceId: $id, name: $name) {
  revisions(first: 1) { diff(against: $against) } } }"""
PAYLOAD = "{ changed changedKeys restartNeeded message file { etag text config } }"


@pytest_asyncio.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    write_recipes(tmp_path / "data")
    async with running(settings_for(tmp_path)) as server:
        yield server


@pytest_asyncio.fixture
async def bot(launcher: Launcher, tmp_path: Path) -> InstanceView:
    write_configs(tmp_path / "talker")
    return await add_bot(launcher.ctx, tmp_path / "talker", PATIENT_BOT, napcat=PATIENT_BOT)


async def read(launcher: Launcher, bot: InstanceView, name: str = "bot") -> Any:
    return (await ask(launcher, FILE, id=bot.id, name=name)).result


async def change(
    launcher: Launcher, bot: InstanceView, command: str, name: str = "bot", **given: Any
) -> Answer:
    kind = f"{command[0].upper()}{command[1:]}Input"
    document = f"mutation ($input: {kind}!) {{ {command}(input: $input) {PAYLOAD} }}"
    return await ask(
        launcher, document, {"Accept-Language": "en"}, input={"instanceId": bot.id, "name": name, **given}
    )


async def test_the_files_of_an_instance_are_listed(launcher: Launcher, bot: InstanceView) -> None:
    document = "query ($id: ID!) { configFiles(instanceId: $id) { name kind component exists restart } }"
    found = (await ask(launcher, document, id=bot.id)).result

    assert found[0] == {"name": "bot", "kind": "TOML", "component": "main", "exists": True, "restart": False}
    assert found[-1] == {
        "name": "adapter",
        "kind": "JSON",
        "component": "napcat",
        "exists": False,
        "restart": True,
    }
    assert (await ask(launcher, document, id="0" * 40)).code == "INSTANCE_NOT_FOUND"


async def test_a_file_is_read_with_all_its_properties(launcher: Launcher, bot: InstanceView) -> None:
    found = await read(launcher, bot)

    (revision,) = found.pop("revisions")
    assert found["text"] == revision["text"] == BOT
    assert found["etag"] == revision["etag"]
    assert found["config"]["server"] == {"port": PORT, "hosts": ["127.0.0.1"]}
    assert found["problem"] is None
    assert (revision["source"], revision["caller"]) == ("DISK", "disk")
    assert revision["size"] == len(BOT.encode())
    missing = await read(launcher, bot, "lpmm")
    assert (missing["exists"], missing["text"], missing["config"], missing["revisions"]) == (
        False,
        "",
        {},
        [],
    )


async def test_a_file_with_a_syntax_error_has_its_text_and_its_problem(
    launcher: Launcher, bot: InstanceView, tmp_path: Path
) -> None:
    (tmp_path / "talker/config/bot_config.toml").write_text("a = 1\nb = = 2\n")
    answer = await ask(launcher, FILE, {"Accept-Language": "en"}, id=bot.id, name="bot")

    found = answer.data["configFile"]
    assert found["text"] == "a = 1\nb = = 2\n"
    assert found["config"] is None
    assert (found["problem"]["line"], found["problem"]["column"]) == (2, 5)
    assert answer.code == "INVALID_PARAMETER"
    assert answer.error["extensions"]["line"] == 2
    assert answer.error["extensions"]["column"] == 5


async def test_a_patch_is_merged(launcher: Launcher, bot: InstanceView, tmp_path: Path) -> None:
    port = free_port()
    done = (
        await change(launcher, bot, "mergeConfig", patch={"server": {"port": port}, "version": None})
    ).result

    assert done["changed"] is True
    assert done["changedKeys"] == ["server.port", "version"]
    assert done["restartNeeded"] is False
    assert done["message"] == "The configuration was updated"
    expected = BOT.replace(f"port = {PORT}", f"port = {port}").replace('version = "1.0.0"\n', "")
    assert done["file"]["text"] == expected
    assert (tmp_path / "talker/config/bot_config.toml").read_text("utf-8") == expected
    assert instances.get(launcher.ctx, bot.id).port == port
    wrong: list[Any] = [[], 1, "x"]
    for patch in wrong:
        refused = await change(launcher, bot, "mergeConfig", patch=patch)
        assert (refused.code, refused.error["extensions"]["field"]) == ("INVALID_PARAMETER", "patch")


async def test_values_are_set_and_unset(launcher: Launcher, bot: InstanceView) -> None:
    done = (await change(launcher, bot, "setConfigValue", path=["server", "hosts", "0"], value="::1")).result
    assert done["file"]["config"]["server"]["hosts"] == ["::1"]
    done = (await change(launcher, bot, "unsetConfigValue", path=["server", "hosts"])).result
    assert "hosts" not in done["file"]["config"]["server"]
    again = (await change(launcher, bot, "unsetConfigValue", path=["server", "hosts"])).result
    assert (again["changed"], again["message"]) == (False, "The configuration is unchanged")
    refused = await change(launcher, bot, "setConfigValue", path=["version", "x"], value=1)
    assert refused.code == "INVALID_PARAMETER"
    null = await change(launcher, bot, "setConfigValue", path=["version"], value=None)
    assert null.code == "INVALID_PARAMETER"
    kept = (await change(launcher, bot, "setConfigValue", "adapter", path=["a"], value=None)).result
    assert kept["file"]["config"] == {"a": None}


async def test_a_text_is_checked_and_written(launcher: Launcher, bot: InstanceView) -> None:
    document = """query ($id: ID!, $text: String!) {
        checkConfigText(instanceId: $id, name: "bot", text: $text) { message line column } }"""
    assert (await ask(launcher, document, id=bot.id, text="a = 1")).result is None
    found = (await ask(launcher, document, id=bot.id, text="a = 1\n[")).result
    assert found["line"] == 2

    refused = await change(launcher, bot, "writeConfigText", text="a = 1\n[")
    assert refused.code == "INVALID_PARAMETER"
    assert refused.error["extensions"]["line"] == 2
    done = (await change(launcher, bot, "writeConfigText", text="a = 1\n")).result
    assert done["file"]["config"] == {"a": 1}


async def test_if_match_prevents_changes_to_unseen_content(launcher: Launcher, bot: InstanceView) -> None:
    etag = (await read(launcher, bot))["etag"]
    await change(launcher, bot, "mergeConfig", patch={"a": 1}, ifMatch=etag)

    for command, given in (
        ("mergeConfig", {"patch": {"a": 2}}),
        ("setConfigValue", {"path": ["a"], "value": 2}),
        ("unsetConfigValue", {"path": ["a"]}),
        ("writeConfigText", {"text": ""}),
        ("restoreConfig", {"revision": (await read(launcher, bot))["revisions"][-1]["id"]}),
    ):
        refused = await change(launcher, bot, command, ifMatch=etag, **given)
        assert (refused.code, refused.error["extensions"]["status"]) == ("CONFLICT", 412)
    assert (await read(launcher, bot))["config"]["a"] == 1


async def test_revisions_are_compared_and_restored(launcher: Launcher, bot: InstanceView) -> None:
    first = (await read(launcher, bot))["revisions"][0]["id"]
    await change(launcher, bot, "mergeConfig", patch={"ai": {"api_key": "sk-other-secret"}})
    await change(launcher, bot, "mergeConfig", patch={"b": 2})

    (newest,) = (await ask(launcher, DIFF, id=bot.id, name="bot")).result["revisions"]
    assert "+b = 2" in newest["diff"]
    assert "api_key" not in newest["diff"].replace(' api_key = "***"', "")
    (both,) = (await ask(launcher, DIFF, id=bot.id, name="bot", against=first)).result["revisions"]
    assert '+api_key = "***"' in both["diff"]
    assert "secret" not in both["diff"]
    assert (await ask(launcher, DIFF, id=bot.id, name="bot", against="x")).code == "INVALID_PARAMETER"
    assert (await ask(launcher, DIFF, id=bot.id, name="bot", against="99999")).code == "RESOURCE_NOT_FOUND"

    restored = (await change(launcher, bot, "restoreConfig", revision=first)).result
    assert restored["file"]["text"] == BOT
    assert [r["source"] for r in (await read(launcher, bot))["revisions"]] == [
        "RESTORE",
        "API",
        "API",
        "DISK",
    ]
    one = """query ($id: ID!, $revision: ID!) {
        configRevision(instanceId: $id, name: "bot", id: $revision) { source text caller } }"""
    found = (await ask(launcher, one, id=bot.id, revision=first)).result
    assert found == {"source": "DISK", "text": BOT, "caller": "disk"}


@pytest.mark.slow
async def test_a_change_tells_whether_a_running_bot_must_be_restarted(
    launcher: Launcher, bot: InstanceView
) -> None:
    await instances.start(launcher.ctx, bot.id)
    done = (await change(launcher, bot, "mergeConfig", "env", patch={"A": "1"})).result
    assert done["restartNeeded"] is True
    assert "restart" in done["message"]
    hot = (await change(launcher, bot, "mergeConfig", patch={"a": 1})).result
    assert hot["restartNeeded"] is False


CONFIGS = """{ instances { name config { bot { text etag problem { line } } lpmm { exists config }
  env { config revisions(first: 1) { source } } } } }"""


async def test_instances_have_their_configuration(
    launcher: Launcher, bot: InstanceView, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a list there was no way to get it but a request for each file."""
    for name in ("second", "third"):
        write_configs(tmp_path / name)
        await add_bot(launcher.ctx, tmp_path / name)
    (tmp_path / "second" / "config" / "bot_config.toml").write_bytes(b"\xff")
    (tmp_path / "third" / ".env").unlink()
    (tmp_path / "third" / ".env").symlink_to("/etc/hostname")
    await ask(launcher, CONFIGS)

    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        answer = await ask(launcher, CONFIGS.replace("revisions(first: 1) { source }", ""))
    assert sum("config_revision" in record.getMessage() for record in caplog.records) == 1
    assert answer.data == (await ask(launcher, CONFIGS.replace("revisions(first: 1) { source }", ""))).data
    answer = await ask(launcher, CONFIGS)
    first, second, third = (instance["config"] for instance in answer.data["instances"])
    assert first["bot"] == third["bot"] == {"text": BOT, "etag": first["bot"]["etag"], "problem": None}
    assert first["lpmm"] == {"exists": False, "config": {}}
    assert first["env"] == {"config": second["env"]["config"], "revisions": [{"source": "DISK"}]}
    assert second["bot"] is None
    assert third["env"] is None
    failed = {tuple(error["path"]): error["extensions"]["code"] for error in answer.errors}
    assert failed == {
        ("instances", 1, "config", "bot"): "INVALID_PARAMETER",
        ("instances", 2, "config", "env"): "INVALID_PATH",
    }


async def test_ports_are_moved_in_all_files_that_name_them(launcher: Launcher, tmp_path: Path) -> None:
    write_configs(tmp_path / "talker")
    bot = await add_on_its_port(launcher.ctx, tmp_path / "talker", PORT)
    taken = "query ($id: ID!) { takenPorts(instanceId: $id) { name port owner free } }"
    move = """mutation ($input: MovePortsInput!) { movePorts(input: $input) {
      ports { name former port } changedFiles restartNeeded message } }"""

    async def moved(**given: Any) -> Answer:
        return await ask(launcher, move, {"Accept-Language": "en"}, input={"instanceId": bot.id, **given})

    assert (await ask(launcher, taken, id=bot.id)).result == []
    assert (await moved()).result["message"] == "No port is taken; nothing was changed"
    async with listening(PORT):
        (found,) = (await ask(launcher, taken, id=bot.id)).result
        done = (await moved()).result
    assert (found["name"], found["port"]) == ("main", PORT)
    assert "pid" in found["owner"]
    assert done == {
        "ports": [{"name": "main", "former": PORT, "port": found["free"]}],
        "changedFiles": ["bot", "env"],
        "restartNeeded": False,
        "message": f"Ports are now main: {PORT} → {found['free']}",
    }
    same = [{"name": "main", "port": PORT}]
    assert (await moved(ports=same)).result["ports"][0]["port"] == PORT
    assert (await moved(ports=same)).result["message"] == "The ports are these already; nothing was changed"
    async with listening(PORT):
        assert (await moved(ports=same)).code == "PORT_IN_USE"
    assert (await moved(ports=[{"name": "main", "port": 0}])).code == "INVALID_PARAMETER"
    assert (await ask(launcher, taken, id="0" * 40)).code == "INSTANCE_NOT_FOUND"
