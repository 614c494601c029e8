"""`rm`: removes instances from a running server."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cli import commanding
from cli.client import ApiClient, AsJson, Instance, Token, Url, connect, find_all
from cli.commanding import NoWait, Patience, Wait
from cli.confirm import require_yes
from cli.console import Console, console_of
from cli.instances import Several, do_all
from cli.language import described, help_text
from mailauncher.errors import Text


@described(
    "停止并移除实例，可以多个。除非给出 --files，文件都会保留。",
    "Stop and remove instances. Their files stay unless --files is given.",
)
def rm(
    context: typer.Context,
    names: Several,
    files: Annotated[
        bool,
        typer.Option(
            "--files",
            help=help_text(
                "同时删除其文件夹（仅限由 MaiLauncher 部署的）和备份。",
                "Also delete their folders, if MaiLauncher deployed them, and their backups.",
            ),
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help=help_text("不询问。", "Do not ask for confirmation."))
    ] = False,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console, client = console_of(context), connect(context, url, token)
    chosen = find_all(client.instances(), names)
    if not yes:
        require_yes(console, _removal(console, chosen, files=files))
    patience = Patience.of(wait, no_wait=no_wait)
    do_all(
        console,
        chosen,
        lambda instance: _remove(client, instance, patience, files=files),
        as_json=as_json,
    )


def _remove(client: ApiClient, instance: Instance, patience: Patience, *, files: bool) -> str:
    """Removes an instance and returns what was done. Raises RequestRefused, ConnectionFailed, Incomplete."""
    query = "?files=delete" if files else ""
    message = str(client.delete(f"/instance/{instance.id}/delete{query}")["message"])
    if patience.wait_s is None or _is_gone(client, instance):
        return message
    late = Text(
        f"实例 {instance.name} 在 {patience.wait_s:g} 秒内未删除，仍在进行",
        f"Instance {instance.name} is not deleted within {patience.wait_s:g} s; that continues",
    )
    commanding.wait_until(lambda: _is_gone(client, instance), patience, late)
    done = Text(f"实例 {instance.name} 已删除", f"Instance {instance.name} deleted")
    return done.in_language(client.language)


def _is_gone(client: ApiClient, instance: Instance) -> bool:
    return all(each.id != instance.id for each in client.instances())


def _removal(console: Console, chosen: Sequence[Instance], *, files: bool) -> str:
    """The question whether to remove these instances."""
    names, paths = (", ".join(words) for words in zip(*((i.name, i.path) for i in chosen), strict=True))
    several = len(chosen) > 1
    if not files:
        return console.pick(
            f"停止并移除实例 {names}？", f"Stop and remove instance{'s' if several else ''} {names}?"
        )
    return console.pick(
        f"停止并移除实例 {names}，并删除文件夹 {paths} 和所有备份？",
        f"Stop and remove instances {names}, and delete the folders {paths} and all their backups?"
        if several
        else f"Stop and remove instance {names}, and delete the folder {paths} and all its backups?",
    )
