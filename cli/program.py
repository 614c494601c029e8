"""The tree of commands, and how the program runs one of them."""

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal, NoReturn

import typer
from typer.exceptions import TyperException

from cli import (
    adding,
    attach,
    backups,
    config,
    database,
    demo,
    deploy,
    deployments,
    disk,
    doctor,
    early_signals,
    emojis,
    instances,
    labels,
    logs,
    ls,
    persons,
    removal,
    schema,
    serve,
    service,
    settings,
    ssh_keys,
    sync,
    upgrades,
    versions,
    web,
)
from cli.console import Console, safe_stream
from cli.help import EXAMPLES_HEADING, SectionedGroup, add_examples
from cli.language import choose_language, described, help_text, translate, usage_error
from mailauncher import __version__, files
from mailauncher.errors import CommandFailed, InsufficientSpace, LauncherError


def _pages() -> dict[str, str]:
    from cli import docs

    return docs.generated_pages(command_tree("en"))


Command = Callable[..., None] | typer.Typer
SECTIONS: dict[str, dict[str, Command]] = {
    help_text("服务器", "Server"): {
        "serve": serve.serve,
        "demo": demo.demo,
        "service": service.service,
        "doctor": doctor.doctor,
        "settings": settings.settings,
        "ssh": ssh_keys.ssh,
        "schema": schema.command(_pages),
        "database": database.database,
    },
    help_text("安装与升级", "Installing and upgrading"): {
        "deploy": deploy.deploy,
        "add": adding.add,
        "clone": upgrades.clone,
        "upgrade": upgrades.upgrade,
        "rollback": upgrades.rollback,
        "rm": removal.rm,
        "versions": versions.versions,
        "terms": versions.terms,
        "accept": versions.accept,
    },
    help_text("进行中的部署", "Deployments in progress"): {
        "deployments": deployments.deployments,
        "follow": deploy.follow,
        "cancel": deploy.cancel,
        "retry": deploy.retry,
    },
    help_text("运行", "Running"): {
        "ls": ls.ls,
        "start": instances.start,
        "stop": instances.stop,
        "restart": instances.restart,
        "kill": instances.kill,
        "logs": logs.logs,
        "attach": attach.attach,
        "web": web.web,
    },
    help_text("配置与数据", "Configuration and data"): {
        "config": config.config,
        "edit": labels.edit,
        "backup": backups.backup,
        "backups": backups.backups,
        "restore": backups.restore,
        "disk": disk.disk,
        "emoji": emojis.emoji,
        "person": persons.person,
        "sync": sync.sync,
    },
}
COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}


class _Program(SectionedGroup):
    sections: ClassVar = {heading: list(commands) for heading, commands in SECTIONS.items()}


@described(
    "部署、启动、停止、监看和配置 MaiBot 聊天机器人。",
    "Deploys, starts, stops, watches and configures MaiBot chat bots.",
)
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help=help_text("显示版本后退出。", "Print the version and exit.")),
    ] = False,
    lang: Annotated[
        Literal["zh", "en"] | None,
        typer.Option(
            "--lang",
            metavar="zh|en",
            help=help_text(
                "消息的语言；默认随区域设置。", "Language of messages; by default that of the locale."
            ),
        ),
    ] = None,
) -> None:
    if version:
        print(f"MaiLauncher {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def command_tree(language: str) -> Any:
    """The command to run, with its help in `language`."""
    app = typer.Typer(
        cls=_Program,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for name, command in COMMANDS.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    found: Any = typer.main.get_command(app)
    found.commands = {name: found.commands[name] for name in COMMANDS}  # Typer puts groups last
    add_examples(found, EXAMPLES_HEADING.in_language(language))
    if language == "zh":
        translate(found)
    return found


def run() -> NoReturn:
    """Runs what the process's arguments say and ends with its exit status."""
    language, arguments = choose_language(sys.argv[1:], os.environ)
    console = Console(language)
    for name in ("stdout", "stderr"):
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            setattr(sys, name, safe_stream(stream))
    command = command_tree(language)
    early_signals.raise_again(sys.argv[1:])
    try:
        status = command.main(arguments, prog_name="mailauncher", obj=console, standalone_mode=False)
        sys.stdout.flush()  # while Python ends, what cannot be written would be a traceback
    except LauncherError as error:
        status = _report(error, console)
    except TyperException as error:
        print(usage_error(error, language), file=sys.stderr)
        status = error.exit_code
    except OSError as error:
        status = _unwritten(error, console)
    sys.exit(status)


def _report(error: LauncherError, console: Console) -> int:
    """The exit status for an error, which is the same where nobody can be told it."""
    with suppress(OSError):
        console.report(error)
    return error.info.exit


def _unwritten(error: OSError, console: Console) -> int:
    """The exit status if the output cannot be written, as on a full disk, or nobody reads it any more. Raises any other error."""
    if not (files.is_full(error) or isinstance(error, BrokenPipeError) or _is_of_output(error)):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still to be flushed, which would fail again
    if isinstance(error, BrokenPipeError):
        return 1
    if _is_of_output(error):
        why = f"{error.strerror}"
        return _report(CommandFailed(f"无法写入输出：{why}", f"Cannot write the output: {why}"), console)
    zh, en = (error.filename,) * 2 if error.filename else ("输出", "the output")
    return _report(InsufficientSpace(f"磁盘空间不足，无法写入{zh}", f"No space left to write {en}"), console)


def _is_of_output(error: OSError) -> bool:
    """Whether standard output was opened for reading, is limited in size, never waits for its reader, or has lost its device."""
    return error.filename is None and error.errno in (errno.EBADF, errno.EFBIG, errno.EAGAIN, errno.EIO)
