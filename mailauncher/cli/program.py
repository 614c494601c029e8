"""The tree of commands: their names, their order, their help in the reader's language."""

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

import typer

from mailauncher import __version__
from mailauncher.cli import (
    attach,
    backups,
    chinese,
    config,
    demo,
    deploy,
    doctor,
    emojis,
    instances,
    logs,
    persons,
    schema,
    serve,
    settings,
    sync,
    upgrades,
    versions,
)
from mailauncher.cli.voice import Voice, choose
from mailauncher.errors import LauncherError

COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serve.serve,
    "demo": demo.demo,
    "deploy": deploy.deploy,
    "ls": instances.ls,
    "start": instances.start,
    "stop": instances.stop,
    "restart": instances.restart,
    "logs": logs.logs,
    "attach": attach.attach,
    "config": config.config,
    "add": instances.add,
    "rm": instances.rm,
    "versions": versions.versions,
    "deployments": versions.deployments,
    "follow": deploy.follow,
    "cancel": deploy.cancel,
    "retry": deploy.retry,
    "terms": versions.terms,
    "accept": versions.accept,
    "upgrade": upgrades.upgrade,
    "rollback": upgrades.rollback,
    "clone": upgrades.clone,
    "backup": backups.backup,
    "backups": backups.backups,
    "restore": backups.restore,
    "emoji": emojis.emoji,
    "person": persons.person,
    "sync": sync.sync,
    "settings": settings.settings,
    "schema": schema.schema,
    "doctor": doctor.doctor,
}


def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    lang: Annotated[
        Literal["zh", "en"] | None,
        typer.Option("--lang", metavar="zh|en", help="Language of messages; by default that of the locale."),
    ] = None,
) -> None:
    """Deploys, starts, stops, watches and configures MaiBot chat bots."""
    if version:
        print(f"MaiLauncher {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def tree(language: str) -> Any:
    """The command to run, with its help in `language`."""
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    found = typer.main.get_command(app)
    if language == "zh":
        chinese.translate(found)
    return found


def run() -> NoReturn:
    """Runs what the process's arguments say and ends with its exit status."""
    language, arguments = choose(sys.argv[1:], os.environ)
    voice = Voice(language)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it was closed
            stream.reconfigure(errors="replace")  # a locale without Chinese still shows the rest
    try:
        tree(language).main(arguments, prog_name="mailauncher", obj=voice)
    except LauncherError as error:
        sys.exit(voice.fail(error))
    sys.exit(0)
