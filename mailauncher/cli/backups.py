"""`backup`, `backups`, `restore`: copies of a bot's configuration and data."""

import json
from typing import Annotated

import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.question import require_yes
from mailauncher.cli.remote import AsJson, Token, Url, connect
from mailauncher.cli.voice import table, voice_of

TIMEOUT_S = 3600.0  # a bot's data may be large
MIB = 1 << 20
_BACKUP = "id at size reason version skipped"
_CREATE = f"mutation ($input: CreateBackupInput!) {{ createBackup(input: $input) {{ message backup {{ {_BACKUP} }} }} }}"
_LIST = f"query ($id: ID!) {{ instance(id: $id) {{ backups {{ {_BACKUP} }} }} }}"
_DELETE = f"mutation ($input: DeleteBackupInput!) {{ deleteBackup(input: $input) {{ message backup {{ {_BACKUP} }} }} }}"
_RESTORE = "mutation ($input: RestoreBackupInput!) { restoreBackup(input: $input) { message } }"


def backup(
    context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None, token: Token = None
) -> None:
    """Back up a bot's configuration and data, also while it runs."""
    voice = voice_of(context)
    remote = connect(context, url, token)
    instance = remote.find(name)
    answer = remote.graphql(_CREATE, timeout_s=TIMEOUT_S, input={"instanceId": instance.id})["createBackup"]
    made = answer["backup"]
    if as_json:
        print(json.dumps(made, ensure_ascii=False, indent=2))
        return
    print(f"{answer['message']}: {made['id']}")
    if made["skipped"]:
        names = ", ".join(made["skipped"])
        voice.note(f"未包含（链接等）：{names}", f"Left out, being links or the like: {names}")


def backups(
    context: typer.Context,
    name: Name,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="BACKUP", help="Delete this backup instead.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the backups of a bot, the newest first."""
    voice = voice_of(context)
    remote = connect(context, url, token)
    if delete is not None:
        wanted = {"instanceId": remote.find(name).id, "backupId": delete}
        answer = remote.graphql(_DELETE, input=wanted)["deleteBackup"]
        print(json.dumps(answer["backup"], ensure_ascii=False, indent=2) if as_json else answer["message"])
        return
    found = remote.graphql(_LIST, id=remote.find(name).id)["instance"]["backups"]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        headings = voice.pick("备份 版本 大小", "BACKUP VERSION SIZE").split()
        rows = [(entry["id"], entry["version"], f"{entry['size'] / MIB:.1f} MiB") for entry in found]
        print(table([headings, *rows]))
    else:
        voice.note("还没有备份，用 backup 做一个", "No backups yet; make one with backup")


def restore(
    context: typer.Context,
    name: Name,
    which: Annotated[str, typer.Argument(metavar="BACKUP", help="Id of the backup, as backups lists it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Put a stopped bot's configuration and data back as a backup has them.

    What is there now is backed up first, so that this can be taken back.
    """
    voice = voice_of(context)
    remote = connect(context, url, token)
    instance = remote.find(name)
    if not yes:
        question = voice.pick(
            f"用备份 {which} 替换 {instance.name} 的配置与数据？",
            f"Replace configuration and data of {instance.name} by the backup {which}?",
        )
        require_yes(voice, question)
    wanted = {"instanceId": instance.id, "backupId": which}
    print(remote.graphql(_RESTORE, timeout_s=TIMEOUT_S, input=wanted)["restoreBackup"]["message"])
