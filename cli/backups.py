"""`backup`, `backups`, `restore`: copies of a bot's configuration and data."""

from typing import Annotated

import typer

from cli import completion
from cli.client import AsJson, Token, Url, connect
from cli.confirm import require_yes, unless_refused
from cli.console import console_of, print_json
from cli.instances import Name
from cli.language import described, help_text
from cli.table import byte_size
from mailauncher.errors import Text

TIMEOUT_S = 3600.0  # a bot's data may be large
_BACKUP = "id at size reason version skipped"
_CREATE = f"mutation ($input: CreateBackupInput!) {{ createBackup(input: $input) {{ message backup {{ {_BACKUP} }} }} }}"
_LIST = f"query ($id: ID!) {{ instance(id: $id) {{ backups {{ {_BACKUP} }} }} }}"
_DELETE = f"mutation ($input: DeleteBackupInput!) {{ deleteBackup(input: $input) {{ message backup {{ {_BACKUP} }} }} }}"
_RESTORE = "mutation ($input: RestoreBackupInput!) { restoreBackup(input: $input) { message } }"
_HEADINGS = (Text("备份", "BACKUP"), Text("版本", "VERSION"), Text("大小", "SIZE"))


@described(
    "备份 Bot 的配置和数据，运行中也可以。", "Back up a bot's configuration and data, even while it runs."
)
def backup(
    context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None, token: Token = None
) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    instance = client.find(name)
    answer = client.graphql(_CREATE, timeout_s=TIMEOUT_S, input={"instanceId": instance.id})["createBackup"]
    made = answer["backup"]
    if as_json:
        print_json(made)
        return
    print(f"{answer['message']}: {made['id']}")
    if made["skipped"]:
        names = ", ".join(made["skipped"])
        console.note(f"未包含（链接等）：{names}", f"Left out (links and the like): {names}")


@described("列出 Bot 的备份，从新到旧。", "List the backups of a bot, the newest first.")
def backups(
    context: typer.Context,
    name: Name,
    delete: Annotated[
        str | None,
        typer.Option(
            "--delete",
            metavar="BACKUP",
            autocompletion=completion.backup,
            help=help_text("不列出，而是删除这个备份。", "Delete this backup instead of listing."),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    if delete is not None:
        wanted = {"instanceId": client.find(name).id, "backupId": delete}
        answer = client.graphql(_DELETE, input=wanted)["deleteBackup"]
        if as_json:
            print_json(answer["backup"])
        else:
            print(answer["message"])
        return
    found = client.graphql(_LIST, id=client.find(name).id)["instance"]["backups"]
    if as_json:
        print_json(found)
    elif found:
        rows = [(entry["id"], entry["version"], byte_size(entry["size"])) for entry in found]
        print(console.table(_HEADINGS, rows))
    else:
        console.note("还没有备份，用 backup 做一个", "No backups yet; create one with backup")


@described(
    "从备份恢复已停止的 Bot 的配置和数据。\n\n现有的内容会先备份，因此可以撤回。",
    "Restore a stopped bot's configuration and data from a backup.\n\nThe present content is backed up first, so that this can be undone.",
)
def restore(
    context: typer.Context,
    name: Name,
    which: Annotated[
        str,
        typer.Argument(
            metavar="BACKUP",
            autocompletion=completion.backup,
            help=help_text("备份的 ID，见 backups。", "Id of the backup, as listed by backups."),
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help=help_text("不询问。", "Do not ask for confirmation."))
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help=help_text("也恢复其他版本的备份。", "Also restore a backup of another version."),
        ),
    ] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    instance = client.find(name)
    if not yes:
        question = console.pick(
            f"用备份 {which} 替换 {instance.name} 的配置与数据？",
            f"Replace configuration and data of {instance.name} with backup {which}?",
        )
        require_yes(console, question)

    def act(forced: bool) -> str:
        wanted = {"instanceId": instance.id, "backupId": which, "force": forced}
        return str(client.graphql(_RESTORE, timeout_s=TIMEOUT_S, input=wanted)["restoreBackup"]["message"])

    print(unless_refused(console, act, force=force))
