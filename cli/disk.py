"""`disk`: what upgrades, failures and backups keep on the disk, and dropping it."""

from typing import Annotated, Any

import typer

from cli import completion
from cli.client import ApiClient, AsJson, Token, Url, connect
from cli.confirm import require_yes
from cli.console import Console, console_of, print_json
from cli.language import described, help_text
from cli.table import byte_size
from mailauncher.errors import InvalidParameter, Text

TIMEOUT_S = 600.0  # the trees of many bots take a while to measure, or to remove
KINDS = ("former", "failed", "backups")
_KEPT = "instanceId kind path size version"
_LIST = f"query ($id: ID) {{ keptFiles(instanceId: $id) {{ {_KEPT} }} }}"
_DROP = (
    f"mutation ($input: DropKeptFilesInput!) {{ dropKeptFiles(input: $input) {{ dropped {{ {_KEPT} }} }} }}"
)
_HEADINGS = (
    Text("名称", "NAME"),
    Text("种类", "KIND"),
    Text("版本", "VERSION"),
    Text("大小", "SIZE"),
    Text("路径", "PATH"),
)


@described(
    "列出升级、失败的部署和备份在磁盘上保留的内容，或将其清除。\n\nformer：上次升级前的版本，rollback 回到它；failed：失败的部署留下的内容，retry 从此继续；backups：全部备份。",
    "List what upgrades, failed deployments and backups keep on the disk, or drop it.\n\nformer: the version before the last upgrade, to which rollback returns; failed: what a failed deployment left, from which retry goes on; backups: all backups.",
)
def disk(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTANCE",
            autocompletion=completion.instance,
            help=help_text("实例的名称或 ID；默认全部。", "Name or id of an instance; by default all."),
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop",
            metavar="KIND",
            autocompletion=lambda incomplete: [kind for kind in KINDS if kind.startswith(incomplete)],
            help=help_text(
                "清除 former、failed 或 backups；可重复。", "Drop former, failed or backups; may be repeated."
            ),
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help=help_text("不询问。", "Do not ask for confirmation."))
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console, client = console_of(context), connect(context, url, token)
    instance = client.find(name) if name is not None else None
    if drop and instance is not None:
        found = _dropped(client, console, instance.id, instance.name, drop, yes=yes)
    elif drop:
        raise InvalidParameter(
            "清除时请给出实例的名称", "Name the instance of which to drop something", field="name"
        )
    else:
        wanted = instance.id if instance else None
        found = client.graphql(_LIST, timeout_s=TIMEOUT_S, id=wanted)["keptFiles"]
    if as_json:
        print_json(found)
        return
    names = {one.id: one.name for one in client.instances()}
    rows = [
        (
            names.get(kept["instanceId"], kept["instanceId"][:8]),
            kept["kind"].lower(),
            kept["version"],
            byte_size(kept["size"]),
            kept["path"],
        )
        for kept in found
    ]
    if rows:
        print(console.table(_HEADINGS, rows))
    else:
        console.note("没有保留的内容", "Nothing is kept")


def _dropped(
    client: ApiClient, console: Console, instance_id: str, name: str, kinds: list[str], *, yes: bool
) -> list[dict[str, Any]]:
    if unknown := next((kind for kind in kinds if kind not in KINDS), None):
        raise InvalidParameter(
            f"没有种类 {unknown}：可用的有 {', '.join(KINDS)}",
            f"There is no kind {unknown}; choose from {', '.join(KINDS)}",
            field="drop",
        )
    if not yes:
        what = ", ".join(kinds)
        require_yes(
            console,
            console.pick(f"永久清除 {name} 的 {what}？", f"Drop {what} of {name} for good?"),
        )
    wanted = {"instanceId": instance_id, "kinds": [kind.upper() for kind in kinds]}
    dropped: list[dict[str, Any]] = client.graphql(_DROP, timeout_s=TIMEOUT_S, input=wanted)["dropKeptFiles"][
        "dropped"
    ]
    return dropped
