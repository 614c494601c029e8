"""Texts of configuration files that are being edited, through GraphQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from resolvers import instances
from resolvers.views import InstanceView
from tests.support.configured import BOT, PORT, write_configs, write_recipes
from tests.support.context import PATIENT_BOT, add_bot, settings_for
from tests.support.graphql import Answer, ask
from tests.support.server import Launcher, running

ENGLISH = {"Accept-Language": "en"}
DRAFT = """query ($id: ID!, $name: String!, $text: String!) { configDraft(instanceId: $id, name: $name, text: $text) {
  etag problem { message line column } values { path shape value comment secret line start end } valueCount hidden fixed
  changedKeys restartNeeded diff } }"""
EDIT = """query ($id: ID!, $name: String!, $text: String!, $edits: [ConfigEditInput!]!) {
  editConfigText(instanceId: $id, name: $name, text: $text, edits: $edits) }"""
MERGE = """query ($id: ID!, $base: String!, $text: String!) { mergeConfigText(instanceId: $id, name: "bot", base: $base, text: $text) {
  etag text parts { origin base { first last shown } mine { first last shown } theirs { first last shown } } } }"""
SEARCH = """query ($id: ID!, $text: String!) { searchConfig(instanceId: $id, text: $text) {
  hits { file value { path line value } } total unread { name reason } } }"""


@pytest_asyncio.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    write_recipes(tmp_path / "data")
    async with running(settings_for(tmp_path)) as server:
        yield server


@pytest_asyncio.fixture
async def bot(launcher: Launcher, tmp_path: Path) -> InstanceView:
    write_configs(tmp_path / "talker")
    return await add_bot(launcher.ctx, tmp_path / "talker", PATIENT_BOT, napcat=PATIENT_BOT)


async def draft(launcher: Launcher, bot: InstanceView, text: str, name: str = "bot") -> Any:
    return (await ask(launcher, DRAFT, ENGLISH, id=bot.id, name=name, text=text)).result


async def edit(
    launcher: Launcher, bot: InstanceView, text: str, *edits: dict[str, Any], name: str = "bot"
) -> Answer:
    return await ask(launcher, EDIT, ENGLISH, id=bot.id, name=name, text=text, edits=list(edits))


async def test_a_text_says_what_it_would_change_and_writes_nothing(
    launcher: Launcher, bot: InstanceView, tmp_path: Path
) -> None:
    text = BOT.replace("1.0.0", "2.0.0") + '\n[llm]\napi_key = "s3cret"\n'
    found = await draft(launcher, bot, text)

    assert found["problem"] is None
    assert found["changedKeys"] == ["version", "llm.api_key"]
    assert (found["restartNeeded"], found["fixed"]) == (False, [])
    assert found["valueCount"] == len(found["values"])
    assert '+version = "2.0.0"' in found["diff"]
    assert "s3cret" not in found["diff"]
    start, end = found["hidden"][-1]
    assert text[start:end] == '"s3cret"'
    value = next(value for value in found["values"] if value["path"] == ["server", "port"])
    assert (value["shape"], value["value"], value["secret"]) == ("INTEGER", PORT, False)
    assert text[value["start"] : value["end"]] == str(PORT)
    assert (tmp_path / "talker/config/bot_config.toml").read_text("utf-8") == BOT
    assert (await draft(launcher, bot, BOT))["changedKeys"] == []
    assert (await draft(launcher, bot, BOT))["diff"] == ""
    assert (await draft(launcher, bot, "", "model"))["fixed"] == ["inner.version"]


async def test_a_port_needs_a_restart_of_a_running_bot(launcher: Launcher, bot: InstanceView) -> None:
    await instances.start(launcher.ctx, bot.id)
    assert (await draft(launcher, bot, BOT + "\nx = 1\n"))["restartNeeded"] is False
    assert (await draft(launcher, bot, BOT.replace(str(PORT), "1234")))["restartNeeded"] is True
    wrong = await draft(launcher, bot, BOT.replace(str(PORT), "70000"))
    assert wrong["problem"]["message"] == "The port must be between 1 and 65535"


async def test_a_text_with_a_syntax_error_says_where(launcher: Launcher, bot: InstanceView) -> None:
    found = await draft(launcher, bot, "a = 1\nb = = 2\ntoken = 's3cret'\n")

    assert (found["problem"]["line"], found["problem"]["column"]) == (2, 5)
    assert (found["values"], found["changedKeys"], len(found["hidden"])) == ([], [], 1)


async def test_a_text_that_is_too_large_is_not_worked_on(launcher: Launcher, bot: InstanceView) -> None:
    text = "#" * ((1 << 20) + 1)
    without_diff = DRAFT.replace(" diff }", " }")
    large = (await ask(launcher, without_diff, ENGLISH, id=bot.id, name="bot", text=text)).result
    assert "exceeds 1 MiB" in large["problem"]["message"]
    assert (large["values"], large["hidden"]) == ([], [[0, len(text)]])
    assert (await ask(launcher, DRAFT, id=bot.id, name="bot", text=text)).code == "FILE_TOO_LARGE"
    assert (await ask(launcher, MERGE, id=bot.id, base=text, text="")).code == "FILE_TOO_LARGE"


async def test_values_of_a_text_are_set_removed_and_repeated(launcher: Launcher, bot: InstanceView) -> None:
    text = 'a = 1.0 # one\n[[models]]\nname = "m" # its name\nt = 1.0\n'
    done = await edit(
        launcher,
        bot,
        text,
        {"action": "SET", "path": ["a"], "value": 2},
        {"action": "REPEAT", "path": ["models", "0"]},
        {"action": "SET", "path": ["models", "1", "name"], "value": "n"},
    )

    assert done.result == text.replace("a = 1.0", "a = 2.0") + '\n[[models]]\nname = "n"\nt = 1.0\n'
    gone = await edit(launcher, bot, text, {"action": "UNSET", "path": ["models", "0"]})
    assert gone.result == "a = 1.0 # one\nmodels = []\n"
    for action, path in (("REPEAT", ["a"]), ("REPEAT", ["models", "5"]), ("REPEAT", []), ("SET", ["a", "b"])):
        refused = await edit(launcher, bot, text, {"action": action, "path": path, "value": 1})
        assert refused.code == "INVALID_PARAMETER"
    assert (
        await edit(launcher, bot, text, *[{"action": "UNSET", "path": ["x"]}] * 101)
    ).code == "INVALID_PARAMETER"
    broken = await edit(launcher, bot, "a = = 1", {"action": "SET", "path": ["a"], "value": 1})
    assert broken.error["extensions"]["line"] == 1
    named = await edit(launcher, bot, "A=1\n", {"action": "SET", "path": ["B"], "value": "x y"}, name="env")
    assert named.result == "A=1\nB='x y'\n"


async def test_two_changes_of_a_file_are_joined(
    launcher: Launcher, bot: InstanceView, tmp_path: Path
) -> None:
    base = 'a = 1\ntoken = "s3cret"\nc = 3\n'
    (tmp_path / "talker/config/bot_config.toml").write_text(base.replace("a = 1", "a = 2"))
    text = base.replace("s3cret", "s3cret2").replace("a = 1", "a = 3")
    found = (await ask(launcher, MERGE, id=bot.id, base=base, text=text)).result

    assert found["text"] == base.replace("a = 1", "a = 2")
    assert [part["origin"] for part in found["parts"]] == ["CONFLICT", "SAME"]
    conflict = found["parts"][0]
    assert conflict["mine"] == {"first": 0, "last": 2, "shown": 'a = 3\ntoken = "***"\n'}
    assert conflict["theirs"]["shown"] == "a = 2\n" + 'token = "***"\n'
    assert found["etag"] == (await draft(launcher, bot, text))["etag"]


async def test_all_files_are_searched_but_for_secrets(
    launcher: Launcher, bot: InstanceView, tmp_path: Path
) -> None:
    (tmp_path / "talker/.env").write_text("# the HOST of all\nHOST=needle\nTOKEN=needle\n")
    found = (await ask(launcher, SEARCH, ENGLISH, id=bot.id, text="NEEDLE host")).result
    assert found["hits"] == [{"file": "env", "value": {"path": ["HOST"], "line": 2, "value": "needle"}}]
    assert (found["total"], found["unread"]) == (1, [])
    port = (await ask(launcher, SEARCH, ENGLISH, id=bot.id, text="server port")).result
    assert {(hit["file"], *hit["value"]["path"]) for hit in port["hits"]} == {("bot", "server", "port")}
    (tmp_path / "talker/config/bot_config.toml").write_text("a = = 1")
    broken = (await ask(launcher, SEARCH, ENGLISH, id=bot.id, text="port")).result
    assert [one["name"] for one in broken["unread"]] == ["bot"]
    assert "line 1" in broken["unread"][0]["reason"]
    for text in (" ", "x" * 201):
        assert (await ask(launcher, SEARCH, id=bot.id, text=text)).code == "INVALID_PARAMETER"
