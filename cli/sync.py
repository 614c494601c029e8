"""`sync`: synchronises the emojis and persons of an instance with the bot's own database."""

import shlex
from typing import Annotated, Any, Literal

import typer

from cli.client import ApiClient, AsJson, Instance, Token, Url, connect
from cli.console import Console, console_of, print_json, program_name
from cli.instances import Name
from cli.language import described, help_text
from cli.table import format_table
from mailauncher.errors import Incomplete, ServiceUnavailable, Text

SHOWN_ID = 8
_STATUS = """database family problem emojisInBot personsInBot emojis persons pending lastSync lastError
changes { kind id name change when } problems { kind name code message }"""
_ASK = f"query ($id: ID!) {{ instance(id: $id) {{ syncStatus {{ {_STATUS} }} }} }}"
_SYNC = f"""mutation ($input: SyncResourcesInput!) {{ done: syncResources(input: $input) {{
message complete added changed gone applied pending problems {{ kind name code message }} status {{ {_STATUS} }} }} }}"""
_CHANGES = {"ADD": Text("添加", "add"), "UPDATE": Text("修改", "change"), "DELETE": Text("删除", "delete")}
_WHEN = {
    "NOW": Text("即将", "soon"),
    "AT_STOP": Text("Bot 停止后", "after the bot has stopped"),
    "WITH_DATABASE": Text("Bot 首次启动后", "after the bot's first start"),
}
_KINDS = {"EMOJI": Text("表情包", "emoji"), "PERSON": Text("用户", "person")}


_IN_BOT = "query ($id: ID!) { instance(id: $id) { syncStatus { database emojisInBot personsInBot } } }"


def explain_nothing(
    client: ApiClient,
    console: Console,
    instance: Instance,
    kind: Literal["emojis", "persons"],
    *,
    searched: bool,
) -> None:
    """Prints why a list of emojis or persons is empty, and what to do."""
    zh = {"emojis": "表情包", "persons": "用户"}[kind]
    if searched:
        console.note(f"没有符合的{zh}", f"No {kind} match")
        return
    found = client.graphql(_IN_BOT, id=instance.id)["instance"]["syncStatus"]
    if count := found[f"{kind}InBot"]:
        command = f"{program_name()} sync {shlex.quote(instance.name)}"
        console.note(
            f"这里没有{zh}；Bot 的数据库中有 {count} 个，用 {command} 导入",
            f"No {kind} here, but {count} in the bot's database: {command} brings them in",
        )
    elif found["database"]:
        console.note(f"没有{zh}，Bot 也还没有", f"No {kind}, and the bot has none yet either")
    else:
        console.note(
            f"没有{zh}：Bot 首次启动后才有数据库",
            f"No {kind}: the bot has no database before its first start",
        )


@described(
    "使表情包和用户信息与 Bot 自己的数据库同步。\n\nBot 学到的内容会导入此处；此处的修改在安全时写入 Bot 的数据库，其余的在 Bot 停止后写入。",
    "Synchronise emojis and persons with the bot's own database.\n\nImports what the bot has learned, and writes changes made here to the bot's database as far as that is safe now; the rest follows when the bot has stopped.",
)
def sync(
    context: typer.Context,
    name: Name,
    status: Annotated[
        bool,
        typer.Option(
            "--status",
            help=help_text(
                "不做任何改动，只显示同步情况。", "Change nothing; only show the state of synchronisation."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    console = console_of(context)
    if status:
        found = client.graphql(_ASK, id=instance.id)["instance"]["syncStatus"]
        answer = found
    else:
        answer = client.graphql(_SYNC, input={"instanceId": instance.id})["done"]
        found = answer["status"]
    if not status and not answer["complete"]:
        raise Incomplete(
            f"{answer['message']}；mailauncher sync --status 可查看结果",
            f"{answer['message']}; mailauncher sync --status shows the result",
        )
    if as_json:
        print_json(answer)
    elif status:
        _print_counts(console, found)
        _print_changes(console, found, answer["problems"])
    else:
        print(answer["message"])
        _print_changes(console, found, answer["problems"])
    if status and found["problem"]:
        raise ServiceUnavailable(found["problem"], found["problem"])


def _print_counts(console: Console, found: dict[str, Any]) -> None:
    rows = [
        ("", console.pick("Bot", "BOT"), console.pick("此处", "HERE")),
        (console.pick("表情包", "emojis"), str(found["emojisInBot"]), str(found["emojis"])),
        (console.pick("用户", "persons"), str(found["personsInBot"]), str(found["persons"])),
    ]
    print(format_table(rows))
    if found["lastError"]:
        console.note(f"上次同步失败：{found['lastError']}", f"The last sync failed: {found['lastError']}")


_HEADINGS = (Text("待写入", "PENDING"), Text("类型", "KIND"), Text("名称", "NAME"), Text("时间", "WHEN"))


def _print_changes(console: Console, found: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    """Prints the pending changes, and on standard error the problems."""
    if not found["database"]:
        console.note("Bot 还没有数据库：先启动一次", "The bot has no database yet; start it once")
    if found["changes"]:
        print(console.table(_HEADINGS, (_row(console, change) for change in found["changes"])))
    for problem in problems:
        kind = console.translate(_KINDS[problem["kind"]])
        line = f"{kind} {problem['name']}: {problem['message']}"
        console.note(line, line)


def _row(console: Console, change: dict[str, Any]) -> tuple[str, ...]:
    return (
        console.translate(_CHANGES[change["change"]]),
        console.translate(_KINDS[change["kind"]]),
        change["name"] or change["id"][:SHOWN_ID],
        console.translate(_WHEN[change["when"]]),
    )
