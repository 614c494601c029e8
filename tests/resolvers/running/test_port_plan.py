"""Ports are planned together, and read back from where recipes write them."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bots.catalogue import SHIPPED, Catalogue
from bots.documents.file import Loaded
from bots.recipe import BilingualText, ConfigFileSpec, Recipe
from mailauncher.errors import PortInUse, Text
from resolvers import instances
from resolvers.running import port_plan
from store.records import InstanceRecord, ServiceRecord
from tests.support.context import free_port, parts

WORDS = BilingualText("某", "Some")
SOMEBODY = Text("某人", "somebody")


def recipe(name: str, kind: str = "bot", **given: object) -> Recipe:
    fields = {"name": name, "kind": kind, "title": WORDS, "description": WORDS, "run": [], **given}
    return msgspec.convert(fields, Recipe)


def nobody(_port: int) -> None:
    return None


BOT = recipe("bot", port=8000, ports={"webui": 8001})
SERVICE = recipe("napcat", "service", port=8001, ports={"ws": 8000})


def test_every_role_of_every_program_gets_a_port_of_its_own() -> None:
    planned = port_plan.plan([BOT, SERVICE], {}, nobody)
    assert planned == {"main": 8000, "webui": 8001, "napcat": 8002, "napcat.ws": 8003}


def test_requested_ports_are_assigned_before_defaults() -> None:
    planned = port_plan.plan([BOT, SERVICE], {"napcat": 8000}, nobody)
    assert planned == {"napcat": 8000, "main": 8001, "webui": 8002, "napcat.ws": 8003}


def test_a_requested_port_that_is_taken_is_refused() -> None:
    with pytest.raises(PortInUse, match="9000 is in use by somebody"):
        port_plan.plan([BOT], {"main": 9000}, lambda port: SOMEBODY if port == 9000 else None)


def test_taken_ports_are_passed_over() -> None:
    planned = port_plan.plan([BOT], {}, lambda port: SOMEBODY if port < 8005 else None)
    assert planned == {"main": 8005, "webui": 8006}


def test_without_a_free_port_there_is_no_plan() -> None:
    with pytest.raises(PortInUse):
        port_plan.plan([BOT], {}, lambda _: SOMEBODY)


def test_a_program_without_a_port_gets_one_only_when_asked() -> None:
    hosted = recipe("adapter", "service")
    assert port_plan.plan([hosted], {}, nobody) == {"adapter": 0}
    assert port_plan.plan([hosted], {"adapter": 7}, nobody) == {"adapter": 7}


@given(st.sets(st.integers(8000, 8010)))
def test_whatever_is_taken_planned_ports_are_free_and_differ(taken: set[int]) -> None:
    planned = port_plan.plan([BOT, SERVICE], {}, lambda port: SOMEBODY if port in taken else None)
    assert len(set(planned.values())) == 4
    assert not taken & set(planned.values())


FILES = (
    ConfigFileSpec(name="env", path=".env", set={"PORT": "{main}", "HOST": "127.0.0.1", "OTHER": "{napcat}"}),
    ConfigFileSpec(name="bot", path="config/bot.toml", set={"web.port": "{webui}", "url": "http://x:{main}"}),
    ConfigFileSpec(name="net", path="net.json", set={"servers.1.port": "{admin}"}),
)


def configured(folder: Path, env: str = "", toml: str = "", json: str = "") -> dict[str, int]:
    (folder / "config").mkdir(exist_ok=True)
    (folder / ".env").write_text(env, "utf-8")
    (folder / "config" / "bot.toml").write_text(toml, "utf-8")
    (folder / "net.json").write_text(json, "utf-8")
    return port_plan.configured_ports(
        folder, recipe("bot", port=1, ports={"webui": 2, "admin": 3}, config=msgspec.to_builtins(FILES))
    )


def test_ports_are_read_back_from_where_they_are_written(tmp_path: Path) -> None:
    found = configured(
        tmp_path,
        "# PORT=1\nexport PORT='8100' # mine\nOTHER=5\n",
        "[web]\nport = 8101\n",
        '{"servers": [{}, {"port": 8102}]}',
    )
    assert found == {"main": 8100, "webui": 8101, "admin": 8102}


@pytest.mark.parametrize(
    "env",
    [
        "NOTE='two lines\nPORT=8199\n'\nPORT=8100\n",
        "PORT='8100'\nNOTE=\"\nPORT=8199\n\"\n",
        "PORT=8100\t# a tab before the comment\n",
        "export  PORT=8100\n",
        "export\tPORT=8100\n",
        "'PORT'=8100\n",
        "PORT=8199\n= nobody's line\nPORT=8100\n",
        "PORT=8100\r\n",
    ],
)
def test_ports_in_env_files_are_read_as_the_bot_reads_them(tmp_path: Path, env: str) -> None:
    """The port plan had a reader of its own, which took lines inside quotes for variables, and missed comments after tabs
    and other blanks after `export`."""
    (tmp_path / "file").write_text(env, "utf-8")
    assert dotenv_values(tmp_path / "file")["PORT"] == "8100"
    assert configured(tmp_path, env) == {"main": 8100}


@pytest.mark.parametrize("env", ["PORT='8100\n", "PORT=8100# no comment\n", 'PORT="8100" 1\n'])
def test_a_port_that_the_bot_does_not_read_is_not_planned_with(tmp_path: Path, env: str) -> None:
    (tmp_path / "file").write_text(env, "utf-8")
    assert dotenv_values(tmp_path / "file").get("PORT") != "8100"
    assert configured(tmp_path, env) == {}


@pytest.mark.parametrize(
    "toml", ["web = { port = 8101, }\n", "web = {\n  port = 8101\n}\n", 'title = "\\e"\n[web]\nport = 8101\n']
)
def test_toml_1_1_is_read(tmp_path: Path, toml: str) -> None:
    assert configured(tmp_path, toml=toml) == {"webui": 8101}


def test_a_link_is_followed_and_a_loop_of_links_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "bot"
    folder.mkdir()
    (tmp_path / "shared").write_text("PORT=8100\n")
    (folder / ".env").symlink_to("../shared")
    (folder / "net.json").symlink_to("net.json")
    bot = recipe("bot", port=1, ports={"admin": 3}, config=msgspec.to_builtins(FILES))
    assert port_plan.configured_ports(folder, bot) == {"main": 8100}


@pytest.mark.parametrize("toml", ["[web", "web = 1", "[web]\nport = true", "[web]\nport = 99999", "\ud800"])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, toml: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "bot.toml").write_bytes(toml.encode("utf-8", "surrogatepass"))
    bot = recipe("bot", port=1, ports={"webui": 2}, config=msgspec.to_builtins(FILES))
    assert port_plan.configured_ports(tmp_path, bot) == {}
    assert port_plan.configured_ports(tmp_path / "none", bot) == {}


def test_an_instance_has_the_ports_of_its_files_its_record_and_its_recipes(tmp_path: Path) -> None:
    catalogue = Catalogue(SHIPPED)
    (tmp_path / ".env").write_text("PORT=8200\nWEBUI_PORT=8201\n")
    record = InstanceRecord(
        id="0" * 40,
        name="bot",
        path=str(tmp_path),
        port=8199,
        version="0.12.3",
        installed_at=0,
        recipe="maibot",
        services=(ServiceRecord(name="napcat", path=str(tmp_path / "napcat"), port=8202),),
    )
    found = port_plan.of_instance(record, catalogue)
    assert found["main"] == 8200
    assert (found["webui"], found["napcat"]) == (8201, 8202)
    assert found["nonebot-ada"] == 8095
    assert port_plan.used_ports(record, catalogue) == {8199, 8200, 8201, 8202}


def parsed_files(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents of the files that are parsed from now on."""
    parsed, parse = [], port_plan._document

    def document(suffix: str, loaded: Loaded) -> Any:
        parsed.append(loaded.content)
        return parse(suffix, loaded)

    monkeypatch.setattr(port_plan, "_document", document)
    return parsed


def test_a_file_is_parsed_once_for_all_who_ask_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To add a bot with a configuration of 1 MiB took 3 s of CPU time: it was parsed seven times."""
    parsed = parsed_files(monkeypatch)
    monkeypatch.setattr(port_plan, "_known", OrderedDict())
    spec = ConfigFileSpec(name="bot", path="bot.toml", set={"port": "{main}"})
    bot = recipe("bot", port=8000, config=[spec])
    for port in (8111, 8222, 8111):
        (tmp_path / "bot.toml").write_text(f"port = {port}\n")
        assert {port_plan.configured_port(tmp_path, bot) for _ in range(3)} == {port}
    assert parsed == [b"port = 8111\n", b"port = 8222\n"]
    monkeypatch.setattr(port_plan, "KNOWN_FILES", 1)
    for port in (8333, 8111):
        (tmp_path / "bot.toml").write_text(f"port = {port}\n")
        assert port_plan.configured_port(tmp_path, bot) == port
    assert len(port_plan._known) <= 2


async def test_adding_a_bot_parses_its_configuration_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = parsed_files(monkeypatch)
    folder = tmp_path / "bot"
    (folder / "config").mkdir(parents=True)
    (folder / "bot.py").write_text("")
    text = f"version = '1'\n# {tmp_path}\n"
    (folder / "config" / "bot_config.toml").write_text(text)
    async with parts(tmp_path) as ctx:
        bot = await instances.add(ctx, instances.NewInstance("bot", str(folder), free_port()))
        await instances.added(ctx, bot.id)
    assert parsed.count(text.encode()) == 1
