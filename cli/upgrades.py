"""`upgrade`, `rollback`, `clone`: another version of a bot, the previous one again, or a copy."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import completion
from cli.client import ApiClient, AsJson, RequestRefused, Token, Url, connect
from cli.confirm import unless_refused
from cli.console import Console, console_of
from cli.deploy import PAYLOAD, AcceptTerms, Follow, ask_consent, follow_or_hint
from cli.instances import Name
from cli.language import described, help_text
from mailauncher.errors import Code, InvalidParameter
from mailauncher.home import expand

_INSTANCE = "query ($id: ID!) { instance(id: $id) { status version recipe } }"
_CONSENT = """query ($version: String!, $recipe: String!) {
                consent(version: $version, recipe: $recipe) { version texts { name digest } } }"""
_AT_REST = ("STOPPED", "FAILED")
"""States of instances that an upgrade does not start."""
_UPGRADE = f"mutation ($input: UpgradeInstanceInput!) {{ command: upgradeInstance(input: $input) {PAYLOAD} }}"
_ROLLBACK = (
    f"mutation ($input: RollbackInstanceInput!) {{ command: rollbackInstance(input: $input) {PAYLOAD} }}"
)
_CLONE = f"mutation ($input: CloneInstanceInput!) {{ command: cloneInstance(input: $input) {PAYLOAD} }}"


@described(
    "把 Bot 升级到另一个版本，保留配置与数据。\n\n构建新版本时它继续运行；新版本未能就绪时，自动恢复现有版本。",
    "Upgrade a bot to another version, keeping its configuration and data.\n\nThe bot keeps running while the new version is built. If that does not become ready, the present version is restored automatically.",
)
def upgrade(
    context: typer.Context,
    name: Name,
    version: Annotated[
        str,
        typer.Option(
            "--version",
            metavar="VERSION",
            autocompletion=completion.version,
            help=help_text(
                "标签、分支，或 latest（最新的稳定标签）。",
                "A tag, a branch, or latest: the newest stable tag.",
            ),
        ),
    ] = "latest",
    accept_terms: AcceptTerms = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help=help_text(
                "也换到较旧的版本，或重新安装现有的版本。",
                "Also change to an older version, or install the present one again.",
            ),
        ),
    ] = False,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console, client = console_of(context), connect(context, url, token)
    instance_id = client.find(name).id
    accepted = accept_terms or _accept_terms(client, console, instance_id, version)

    def begin(forced: bool) -> Any:
        wanted = {"id": instance_id, "version": version, "acceptTerms": accepted, "force": forced}
        return client.graphql(_UPGRADE, input=wanted)["command"]

    try:
        started = unless_refused(console, begin, force=force)
    except RequestRefused as refused:
        if refused.code is not Code.DUPLICATE_RESOURCE:
            raise
        console.note(
            *refused.text
        )  # it is that version already: whoever upgrades regularly has nothing to mend
        return
    follow_or_hint(client, console, started, watch=follow, as_json=as_json)


def _accept_terms(client: ApiClient, console: Console, instance_id: str, version: str) -> bool:
    """Whether the user accepts the terms that the new version changed, if the upgrade would start it.

    Raises InvalidParameter if not: the new version would be built in vain.
    """
    try:
        instance = client.graphql(_INSTANCE, id=instance_id)["instance"]
        if instance["status"] in _AT_REST:
            return False
        recipe = instance["recipe"]
        new = client.graphql(_CONSENT, version=version, recipe=recipe)["consent"]
        old = client.graphql(_CONSENT, version=instance["version"], recipe=recipe)["consent"]
    except RequestRefused:  # the terms cannot be read: the server decides whether the upgrade is possible
        return False
    known = {text["digest"] for text in old["texts"]}
    texts = [text for text in new["texts"] if text["digest"] not in known]
    if not texts or ask_consent(console, {**new, "texts": texts}, recipe):
        return bool(texts)
    raise InvalidParameter(
        f"{new['version']} 的条款与现有版本不同，尚未接受，因此没有升级：阅读后加上 --accept-terms",
        f"Not upgraded: the terms of {new['version']} differ and are not accepted. Read them, then add --accept-terms",
        field="acceptTerms",
    )


@described(
    "换回上次升级前的版本，数据也恢复到当时。",
    "Restore the version that the last upgrade replaced, with its data of that time.",
)
def rollback(
    context: typer.Context,
    name: Name,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    started = client.graphql(_ROLLBACK, input={"id": client.find(name).id})["command"]
    follow_or_hint(client, console_of(context), started, watch=follow, as_json=as_json)


@described(
    "复制一个 Bot 及其配置与数据（现在的，或一个备份中的），使用新的端口和环境。",
    "Copy a bot with its configuration and data, the present ones or those of a backup; the copy gets its own ports and environment.",
)
def clone(
    context: typer.Context,
    name: Name,
    new: Annotated[
        str, typer.Argument(metavar="NAME", help=help_text("新实例的名称。", "Name of the new instance."))
    ],
    path: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="FOLDER",
            help=help_text(
                "服务器所在机器上新的或空的文件夹；默认在工作区中。",
                "New or empty folder on the server's machine; by default one in the workspace.",
            ),
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            help=help_text("Bot 的端口；默认选一个空闲的。", "The bot's port; by default a free one."),
        ),
    ] = None,
    backup: Annotated[
        str | None,
        typer.Option(
            "--backup",
            metavar="BACKUP",
            autocompletion=completion.backup,
            help=help_text(
                "配置与数据取自这个备份，见 backups；默认取现在的。",
                "Take configuration and data from this backup, as listed by backups; by default the present ones.",
            ),
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help=help_text(
                "备份属于另一版本时也使用，其数据可能无法使用。",
                "Take a backup of another version too, whose data may be of no use.",
            ),
        ),
    ] = False,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    wanted = {
        "id": client.find(name).id,
        "name": new,
        "path": str(expand(path)) if path else None,
        "port": port,
        "backupId": backup,
        "force": force,
    }
    started = client.graphql(_CLONE, input=wanted)["command"]
    follow_or_hint(client, console_of(context), started, watch=follow, as_json=as_json)
