"""`sync`: brings an instance's emojis and persons in step with its bot's own database."""

import json
from typing import Annotated, Any

import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Token, Url, connect
from mailauncher.cli.voice import Voice, table, voice_of
from mailauncher.errors import ServiceUnavailable

SHOWN_ID = 8
_STATUS = """database family problem emojisInBot personsInBot emojis persons pending lastSync lastError
changes { kind id name change when } problems { kind name code message }"""
_ASK = f"query ($id: ID!) {{ instance(id: $id) {{ syncStatus {{ {_STATUS} }} }} }}"
_SYNC = f"""mutation ($input: SyncResourcesInput!) {{ done: syncResources(input: $input) {{
message complete added changed gone applied pending problems {{ kind name code message }} status {{ {_STATUS} }} }} }}"""
_CHANGES = {
    "zh": {"ADD": "添加", "UPDATE": "修改", "DELETE": "删除"},
    "en": {"ADD": "add", "UPDATE": "change", "DELETE": "delete"},
}
_WHEN = {
    "zh": {"NOW": "即将", "AT_STOP": "Bot 停止后", "WITH_DATABASE": "Bot 首次启动后"},
    "en": {
        "NOW": "soon",
        "AT_STOP": "when the bot has stopped",
        "WITH_DATABASE": "after the bot's first start",
    },
}
_KINDS = {"zh": {"EMOJI": "表情包", "PERSON": "用户"}, "en": {"EMOJI": "emoji", "PERSON": "person"}}


def sync(
    context: typer.Context,
    name: Name,
    status: Annotated[
        bool, typer.Option("--status", help="Change nothing: only show how far both are in step.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Bring emojis and persons in step with the bot's own database.

    What the bot has learned is shown here afterwards, and what was changed here is told to the bot as far as that is safe
    now. The rest is told when the bot stops.
    """
    remote = connect(context, url, token)
    instance = remote.find(name)
    voice = voice_of(context)
    if status:
        found = remote.graphql(_ASK, id=instance.id)["instance"]["syncStatus"]
        answer = found
    else:
        answer = remote.graphql(_SYNC, input={"instanceId": instance.id})["done"]
        found = answer["status"]
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    elif status:
        _counts(voice, found)
        _show(voice, found, answer["problems"])
    else:
        print(answer["message"])
        _show(voice, found, answer["problems"])
    if status and found["problem"]:
        raise ServiceUnavailable(found["problem"], found["problem"])


def _counts(voice: Voice, found: dict[str, Any]) -> None:
    rows = [
        ("", voice.pick("Bot", "BOT"), voice.pick("此处", "HERE")),
        (voice.pick("表情包", "emojis"), str(found["emojisInBot"]), str(found["emojis"])),
        (voice.pick("用户", "persons"), str(found["personsInBot"]), str(found["persons"])),
    ]
    print(table(rows))
    if found["lastError"]:
        voice.note(f"上次同步失败：{found['lastError']}", f"The last sync failed: {found['lastError']}")


_HEADINGS = {"zh": ("待写入", "类型", "名称", "时间"), "en": ("PENDING", "KIND", "NAME", "WHEN")}


def _show(voice: Voice, found: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    """What waits, and on standard error what went wrong."""
    language = voice.language
    if not found["database"]:
        voice.note("Bot 还没有数据库：先启动一次", "The bot has no database yet: start it once")
    if found["changes"]:
        print(table([_HEADINGS[language], *(_row(language, change) for change in found["changes"])]))
    for problem in problems:
        line = f"{_KINDS[language][problem['kind']]} {problem['name']}: {problem['message']}"
        voice.note(line, line)


def _row(language: str, change: dict[str, Any]) -> tuple[str, ...]:
    return (
        _CHANGES[language][change["change"]],
        _KINDS[language][change["kind"]],
        change["name"] or change["id"][:SHOWN_ID],
        _WHEN[language][change["when"]],
    )
