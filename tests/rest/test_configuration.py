"""Configuration over REST: the examples of the reference, each error code from a real cause, and `If-Match`."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bots.documents.file import LIMIT_BYTES
from mailauncher.errors import Code
from resolvers.configuring.turns import Waiting
from tests.support.configured import BOT, write_configs, write_recipes
from tests.support.context import free_port, settings_for
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import Launcher, running
from tests.support.waiting import until

NOBODY = "0" * 40

BOT_EXAMPLE = {
    "name": "MaiBot",
    "version": "1.0.0",
    "debug": False,
    "plugins": ["plugin1", "plugin2"],
    "database": {"url": "sqlite:///maibot.db"},
    "api": {"host": "0.0.0.0", "port": 8080},
}
BOT_TOML = """# 我的 Bot
name = "MaiBot"
version = "1.0.0"
debug = false # 调试
plugins = ["plugin1", "plugin2"]

[database]
url = "sqlite:///maibot.db"

# 接口
[api]
host = "0.0.0.0"
port = 8080
"""
BOT_CHANGE = {
    "debug": True,
    "plugins": ["plugin1", "plugin2", "plugin3"],
    "api": {"host": "127.0.0.1", "port": 8081},
}
LPMM_EXAMPLE = {
    "enabled": True,
    "server": "lpmm.server.com",
    "port": 443,
    "ssl": True,
    "auth": {"username": "user", "token": "encrypted_token"},
}
LPMM_CHANGE = {"enabled": False, "server": "new.lpmm.server.com", "port": 8443}
ENV_EXAMPLE = {"DEBUG": "false", "DATABASE_URL": "sqlite:///maibot.db", "API_KEY": "your_api_key"}
ENV_CHANGE = {"DEBUG": "true", "NEW_VARIABLE": "new_value"}


@pytest_asyncio.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    write_recipes(tmp_path / "data")
    async with running(settings_for(tmp_path)) as server:
        yield server


@pytest_asyncio.fixture
async def http(launcher: Launcher) -> AsyncIterator[httpx.AsyncClient]:
    async with client(launcher) as http:
        yield http


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bot(tmp_path / "bot")


@pytest_asyncio.fixture
async def bot(http: httpx.AsyncClient, folder: Path) -> str:
    """The id of a bot without configuration files, with the default recipe."""
    return await add_bot(http, folder)


@pytest_asyncio.fixture
async def talker(http: httpx.AsyncClient, tmp_path: Path) -> str:
    """The id of a bot whose recipe has configuration files and ports."""
    folder = write_bot(tmp_path / "talker")
    write_configs(folder)
    return await add_bot(http, folder)


# The reference's examples


async def test_the_documented_examples_of_the_bots_configuration_work(
    http: httpx.AsyncClient, bot: str, folder: Path
) -> None:
    (folder / "config").mkdir()
    file = folder / "config" / "bot_config.toml"
    file.write_text(BOT_TOML, "utf-8")

    assert (await http.get(f"{API}/config/{bot}/bot")).json() == {"config": BOT_EXAMPLE}
    answer = await http.put(f"{API}/config/{bot}/bot", json=BOT_CHANGE)
    assert answer.json() == {"success": True, "message": "Bot 配置已更新"}

    assert (await http.get(f"{API}/config/{bot}/bot")).json() == {"config": BOT_EXAMPLE | BOT_CHANGE}
    assert file.read_text("utf-8") == (
        BOT_TOML.replace("debug = false", "debug = true")
        .replace('"plugin2"]', '"plugin2", "plugin3"]')
        .replace("0.0.0.0", "127.0.0.1")
        .replace("8080", "8081")
    )


async def test_the_documented_examples_of_the_lpmm_configuration_work(
    http: httpx.AsyncClient, bot: str, folder: Path
) -> None:
    assert (await http.get(f"{API}/config/{bot}/lpmm")).json() == {"config": {}}
    made = await http.put(f"{API}/config/{bot}/lpmm", json=LPMM_EXAMPLE)
    assert made.json() == {"success": True, "message": "LPMM 配置已更新"}
    assert (await http.get(f"{API}/config/{bot}/lpmm")).json() == {"config": LPMM_EXAMPLE}
    await http.put(f"{API}/config/{bot}/lpmm", json=LPMM_CHANGE)
    assert (await http.get(f"{API}/config/{bot}/lpmm")).json() == {"config": LPMM_EXAMPLE | LPMM_CHANGE}
    assert (folder / "config/lpmm_config.toml").exists()


async def test_the_documented_examples_of_environment_variables_work(
    http: httpx.AsyncClient, bot: str, folder: Path
) -> None:
    assert (await http.get(f"{API}/config/{bot}/env")).json() == {"variables": {}}
    (folder / ".env").write_text(
        "DEBUG=false\nDATABASE_URL=sqlite:///maibot.db\nAPI_KEY=your_api_key # 密钥\n", "utf-8"
    )
    assert (await http.get(f"{API}/config/{bot}/env")).json() == {"variables": ENV_EXAMPLE}

    answer = await http.put(f"{API}/config/{bot}/env", json=ENV_CHANGE)

    assert answer.json() == {"success": True, "message": "环境变量已更新"}
    assert (await http.get(f"{API}/config/{bot}/env")).json() == {"variables": ENV_EXAMPLE | ENV_CHANGE}
    assert (folder / ".env").read_text("utf-8") == (
        "DEBUG=true\nDATABASE_URL=sqlite:///maibot.db\nAPI_KEY=your_api_key # 密钥\nNEW_VARIABLE=new_value\n"
    )


async def test_every_other_file_of_the_recipe_has_a_route(http: httpx.AsyncClient, talker: str) -> None:
    assert (await http.get(f"{API}/config/{talker}/model")).json() == {"config": {}}
    done = await http.put(f"{API}/config/{talker}/model", json={"models": [{"name": "a"}]})
    assert done.json() == {"success": True, "message": "配置已更新"}
    assert (await http.get(f"{API}/config/{talker}/model")).json() == {"config": {"models": [{"name": "a"}]}}


async def test_values_without_json_form_are_strings_and_survive_a_round_trip(
    http: httpx.AsyncClient, bot: str, folder: Path
) -> None:
    (folder / "config").mkdir()
    file = folder / "config" / "bot_config.toml"
    file.write_text("at = 1979-05-27T07:32:00Z\nn = nan\nbig = 9223372036854775807\nx = 1.0\n")
    answer = await http.get(f"{API}/config/{bot}/bot")
    config = answer.json()["config"]
    assert config["at"] == "1979-05-27T07:32:00+00:00"
    assert config["n"] == "nan"

    before = file.stat().st_ino
    as_javascript = config | {"big": 9223372036854776000, "x": 1}
    assert (await http.put(f"{API}/config/{bot}/bot", json=as_javascript)).status_code == 200
    assert file.stat().st_ino == before


# Conditions


async def test_the_etag_names_the_content(http: httpx.AsyncClient, talker: str) -> None:
    first = await http.get(f"{API}/config/{talker}/bot")
    again = await http.get(f"{API}/config/{talker}/bot", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await http.put(f"{API}/config/{talker}/bot", json={"a": 1})
    changed = await http.get(f"{API}/config/{talker}/bot", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_an_outdated_if_match_changes_nothing(
    http: httpx.AsyncClient, talker: str, tmp_path: Path
) -> None:
    seen = (await http.get(f"{API}/config/{talker}/bot")).headers["etag"]
    file = tmp_path / "talker/config/bot_config.toml"
    file.write_text(BOT + "edited = true\n", "utf-8")

    for condition in (seen, f'"x", {seen}', f"W/{seen}", '""', "nonsense", ""):
        answer = await http.put(f"{API}/config/{talker}/bot", json={"a": 1}, headers={"If-Match": condition})
        failure(answer, Code.CONFLICT, status=412)
    assert file.read_text("utf-8") == BOT + "edited = true\n"

    now = (await http.get(f"{API}/config/{talker}/bot")).headers["etag"]
    for condition in (f'"x", {now}', "*"):
        answer = await http.put(
            f"{API}/config/{talker}/bot", json={"a": condition}, headers={"If-Match": condition}
        )
        assert answer.status_code == 200


# Error codes


async def test_instance_not_found(http: httpx.AsyncClient) -> None:
    for file in ("bot", "lpmm", "env", "model"):
        failure(await http.get(f"{API}/config/{NOBODY}/{file}"), Code.INSTANCE_NOT_FOUND)
        failure(await http.put(f"{API}/config/{NOBODY}/{file}", json={}), Code.INSTANCE_NOT_FOUND)


async def test_resource_not_found(http: httpx.AsyncClient, bot: str) -> None:
    failure(await http.get(f"{API}/config/{bot}/nothing"), Code.RESOURCE_NOT_FOUND)
    failure(await http.put(f"{API}/config/{bot}/..", json={}), Code.RESOURCE_NOT_FOUND)


async def test_a_syntax_error_is_reported_with_line_and_column(
    http: httpx.AsyncClient, talker: str, tmp_path: Path
) -> None:
    (tmp_path / "talker/config/bot_config.toml").write_text("a = 1\nb = = 2\n")
    assert "第 2 行第 5 列" in failure(await http.get(f"{API}/config/{talker}/bot"), Code.INVALID_PARAMETER)
    failure(await http.put(f"{API}/config/{talker}/bot", json={"a": 2}), Code.INVALID_PARAMETER)


@pytest.mark.parametrize(
    "file, body, field",
    [
        ("bot", {"a": {"b": [1, None]}}, "a.b.1"),
        ("bot", {"server": {"port": "none"}}, "server.port"),
        ("bot", {"n": 1 << 70}, "n"),
        ("env", {"A": 1}, "A"),
        ("env", {"A": True}, "A"),
        ("env", {"A B": "x"}, "A B"),
        ("env", {"A": {"B": "x"}}, "A"),
    ],
)
async def test_an_invalid_value_names_its_field(
    http: httpx.AsyncClient, talker: str, tmp_path: Path, file: str, body: Any, field: str
) -> None:
    failure(await http.put(f"{API}/config/{talker}/{file}", json=body), Code.INVALID_PARAMETER, field)
    assert (tmp_path / "talker/config/bot_config.toml").read_text("utf-8") == BOT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"\xff": 1}',
    ],
)
async def test_a_body_other_than_an_object_is_refused(
    http: httpx.AsyncClient, talker: str, body: bytes
) -> None:
    failure(
        await http.put(f"{API}/config/{talker}/bot", content=body),
        Code.INVALID_PARAMETER,
        "a" if b'"a": 2' in body else None,
    )


async def test_a_body_that_is_nested_too_deeply_is_refused(http: httpx.AsyncClient, talker: str) -> None:
    for depth in (100, 100_000):
        body = b'{"a":' * depth + b"1" + b"}" * depth
        failure(await http.put(f"{API}/config/{talker}/bot", content=body), Code.INVALID_PARAMETER)


async def test_invalid_path(http: httpx.AsyncClient, talker: str, tmp_path: Path) -> None:
    (tmp_path / "talker/.env").unlink()
    (tmp_path / "talker/.env").symlink_to("/etc/hostname")
    failure(await http.get(f"{API}/config/{talker}/env"), Code.INVALID_PATH)
    failure(await http.put(f"{API}/config/{talker}/env", json={"A": "1"}), Code.INVALID_PATH)


async def test_file_too_large(http: httpx.AsyncClient, talker: str, tmp_path: Path) -> None:
    (tmp_path / "talker/.env").write_bytes(b"#" * (LIMIT_BYTES + 1))
    failure(await http.get(f"{API}/config/{talker}/env"), Code.FILE_TOO_LARGE)


async def test_port_in_use(http: httpx.AsyncClient, talker: str, bot: str, tmp_path: Path) -> None:
    listed = (await http.get(f"{API}/instances")).json()["instances"]
    taken = next(instance["port"] for instance in listed if instance["id"] == bot)
    answer = await http.put(f"{API}/config/{talker}/env", json={"PORT": str(taken), "A": "1"})
    failure(answer, Code.PORT_IN_USE, "port")
    assert "A=1" not in (tmp_path / "talker/.env").read_text("utf-8")


async def test_a_changed_port_shows_in_the_list(http: httpx.AsyncClient, talker: str) -> None:
    port = free_port()
    await http.put(f"{API}/config/{talker}/bot", json={"server": {"port": port}})
    (found,) = (await http.get(f"{API}/instances")).json()["instances"]
    assert found["port"] == port


async def test_a_page_of_another_site_changes_nothing(
    http: httpx.AsyncClient, talker: str, tmp_path: Path
) -> None:
    answer = await http.put(
        f"{API}/config/{talker}/bot", json={"a": 1}, headers={"Origin": "https://elsewhere.example"}
    )
    failure(answer, Code.PERMISSION_DENIED)
    assert (tmp_path / "talker/config/bot_config.toml").read_text("utf-8") == BOT


async def test_messages_are_english_on_request(launcher: Launcher, talker: str) -> None:
    async with client(launcher, Accept_Language="en") as http:
        answer = await http.put(f"{API}/config/{talker}/env", json={"A": "1"})
        assert answer.json()["message"] == "The environment variables were updated"


# The existing web client


@pytest.mark.parametrize("place, name", [("config", "bot"), ("lpmm", "lpmm"), ("env", "env")])
async def test_the_existing_clients_configuration_routes_work(
    http: httpx.AsyncClient, talker: str, place: str, name: str
) -> None:
    key = "env_data" if name == "env" else "config_data"
    url = f"{API}/resources/{talker}/{place}"
    updated = await http.post(f"{url}/update", json={"instance_id": talker, key: {"ADDED": "yes"}})
    assert updated.json() == {"status": "success", "success": True, "message": "配置已更新"}
    got = (await http.get(f"{url}/get")).json()
    assert (got["status"], got["data"]["ADDED"]) == ("success", "yes")
    documented = (await http.get(f"{API}/config/{talker}/{name}")).json()
    assert got["data"] == next(iter(documented.values()))
    failure(await http.post(f"{url}/update", json={"instance_id": talker}), Code.INVALID_PARAMETER, key)


async def test_the_adapters_configuration_is_found_if_an_adapter_is_installed(
    http: httpx.AsyncClient, talker: str, tmp_path: Path
) -> None:
    failure(await http.get(f"{API}/resources/{talker}/adapter/napcat/get"), Code.RESOURCE_NOT_FOUND)
    with_service = write_bot(tmp_path / "other", "", "napcat")
    other = await add_bot(http, with_service, "napcat")
    body = {"instance_id": other, "config_data": {"token": "t"}}
    assert (await http.post(f"{API}/resources/{other}/adapter/napcat/update", json=body)).status_code == 200
    assert json.loads((with_service / "napcat/config/webui.json").read_text()) == {"token": "t"}
    got = await http.get(f"{API}/resources/{other}/adapter/napcat/get")
    assert got.json() == {"status": "success", "data": {"token": "t"}}


@pytest.mark.parametrize(
    "method, path, sent",
    [
        ("GET", "config/{id}/bot", None),
        ("PUT", "config/{id}/bot", {"version": "2.0.0"}),
        ("GET", "resources/{id}/config/get", None),
        ("POST", "resources/{id}/config/update", {"config_data": {"version": "2.0.0"}}),
        ("POST", "/graphql", {"query": '{ configFile(instanceId: "{id}", name: "bot") { config } }'}),
    ],
)
async def test_nothing_is_done_for_a_caller_that_has_left(
    launcher: Launcher, talker: str, tmp_path: Path, method: str, path: str, sent: object
) -> None:
    """Large files were read and changed, one after the other, for callers that were gone, and the end of the server waited."""
    body = b"" if sent is None else json.dumps(sent).replace("{id}", talker).encode()
    place = path if path == "/graphql" else f"{API}/{path.format(id=talker)}"
    head = (
        f"{method} {place} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    turns = launcher.ctx.configs.turns
    kind = Waiting.READS if sent is None or path == "/graphql" else Waiting.CHANGES
    async with turns.of(talker, kind):
        _, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
        writer.write(head.encode() + body)
        await until(lambda: turns.count_waiting(talker, kind) == 2)
        writer.close()
        await until(lambda: turns.count_waiting(talker, kind) == 1)
    assert (tmp_path / "talker/config/bot_config.toml").read_text("utf-8") == BOT
