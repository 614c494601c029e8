"""`deployments`: the newest deployment of each instance."""

from typing import Annotated

import msgspec
import typer

from cli.client import ApiClient, AsJson, Token, Url, connect, find
from cli.colours import GREEN, RED, YELLOW, coloured
from cli.console import console_of, print_json
from cli.language import described, help_text
from cli.table import local_time
from mailauncher.errors import Text

_DEPLOYMENTS = """{ deployments { instanceId name kind status progress step message version commit createdAt endedAt
                  failure { step code message lastLines } todo } }"""

_NAME, _KIND, _STATUS = Text("名称", "NAME"), Text("类型", "KIND"), Text("状态", "STATUS")
_PROGRESS, _VERSION = Text("进度", "PROGRESS"), Text("版本", "VERSION")
_STARTED, _ID = Text("开始时间", "STARTED"), Text("ID", "ID")
_HEADINGS = (_NAME, _KIND, _STATUS, _PROGRESS, _VERSION, _STARTED, _ID)
_EXPENDABLE = (_ID, _STARTED, _KIND, _VERSION, _PROGRESS)
_KINDS = {
    "DEPLOY": Text("安装", "deploy"),
    "CLONE": Text("复制", "clone"),
    "UPGRADE": Text("升级", "upgrade"),
    "SERVICES": Text("补装服务", "services"),
}
_STATUSES = {
    "PENDING": (Text("等待中", "pending"), YELLOW),
    "INSTALLING": (Text("进行中", "installing"), YELLOW),
    "COMPLETED": (Text("已完成", "completed"), GREEN),
    "FAILED": (Text("失败", "failed"), RED),
    "CANCELLED": (Text("已取消", "cancelled"), None),
}


class Deployment(msgspec.Struct, frozen=True):
    """What it takes to find a deployment."""

    id: str = msgspec.field(name="instanceId")
    name: str = ""


def newest_deployment(client: ApiClient, wanted: str) -> Deployment:
    """The newest deployment by name or id, even of a deleted instance. Raises InstanceNotFound, InvalidParameter."""
    found = msgspec.convert(
        client.graphql("{ deployments { instanceId name } }"), dict[str, list[Deployment]]
    )
    return find(found["deployments"][::-1], wanted)


@described(
    "列出每个实例最近一次部署。",
    "List the newest deployment of each instance.",
)
def deployments(
    context: typer.Context,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            "-a",
            help=help_text(
                "也列出已取消的，它们的实例已不存在。", "Also list cancelled ones, whose instances are gone."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    known = connect(context, url, token).graphql(_DEPLOYMENTS)["deployments"]
    found = [entry for entry in known if every or entry["status"] != "CANCELLED"]
    if as_json:
        print_json(found)
        return
    if not found:
        console.note("没有部署，用 deploy 开始一个", "No deployments; start one with deploy")
        return
    rows = [
        (
            entry["name"],
            console.translate(_KINDS[entry["kind"]]),
            coloured(console.translate(_STATUSES[entry["status"]][0]), _STATUSES[entry["status"]][1]),
            f"{entry['progress']}%",
            entry["version"],
            local_time(entry["createdAt"]),
            entry["instanceId"][:8],
        )
        for entry in found
    ]
    (heading, *lines), _ = console.fitted_table(_HEADINGS, rows, _EXPENDABLE)
    print(heading)
    for entry, line in zip(found, lines, strict=True):
        print(line)
        if entry["failure"]:
            print(f"    {entry['failure']['message']}")
