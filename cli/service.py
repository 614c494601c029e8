"""`service`: the server as a service of this user, which starts with the machine."""

import getpass
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from cli import service_files
from cli.console import Console, console_of, program_name
from cli.destination import unusable
from cli.language import described, help_text
from mailauncher import files
from mailauncher.errors import CommandFailed, ResourceNotFound
from mailauncher.settings import from_environment

TIMEOUT_S = 60
LOG_LINES = 10
_LINGER = Path("/var/lib/systemd/linger")

service = typer.Typer(
    help=help_text(
        "让服务器作为当前用户的服务运行：Linux 上由 systemd，macOS 上由 launchd。不需要 root。",
        "Run the server as a service of this user: of systemd on Linux, of launchd on macOS. It needs no root.",
    )
)


@service.command()
@described(
    "安装服务并启动它；使用 systemd 时，就绪后返回。\n\n服务得到当前 shell 的 PATH、语言和各个 MAILAUNCHER_* 变量；改变它们之后请重新安装。正在运行的 Bot 不受影响。",
    "Install the service and start it. With systemd, this returns when the server is ready.\n\nThe service gets the PATH, the language and the MAILAUNCHER_* variables of this shell; after changing them, install it again. Running bots are not affected.",
)
def install(context: typer.Context) -> None:
    console = console_of(context)
    settings = from_environment()  # what the server would refuse is refused now
    words, variables = service_files.command(), service_files.environment(os.environ)
    file = service_files.place()
    if sys.platform == "darwin":
        content = service_files.property_list(words, variables, settings.data_folder / "server.log")
    else:
        content = service_files.unit(words, variables).encode()
    new = not files.exists(file)
    try:
        settings.data_folder.mkdir(0o700, parents=True, exist_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(file, mode=0o600) as written:  # a token may be among the variables
            written.write(content)
    except OSError as error:
        raise unusable(str(error.filename or file), error) from None
    try:
        _register(file)
    except CommandFailed:
        if new:
            file.unlink()  # else it would count as installed
        raise
    if sys.platform != "darwin":
        _restart()
    console.print(f"服务已安装并启动：{file}", f"The service is installed and started: {file}")
    _explain_boot(console)


@service.command()
@described(
    "停止并移除服务。Bot、设置和数据都会保留。",
    "Stop the service and remove it. Bots, settings and data stay.",
)
def remove(context: typer.Context) -> None:
    file = _installed()
    if sys.platform == "darwin":
        _launchctl("bootout", _target(), check=False)  # it may not be loaded
    else:
        _systemctl("disable", "--now", service_files.UNIT)
    file.unlink()
    if sys.platform != "darwin":
        _systemctl("daemon-reload")
    console_of(context).print("服务已移除", "The service is removed")


@service.command()
@described(
    "显示服务是否已安装、是否在运行、是否随机器启动。未安装时状态为 3。",
    "Show whether the service is installed, runs, and starts with the machine. Status 3 if it is not installed.",
)
def status(context: typer.Context) -> None:
    console, file = console_of(context), _installed()
    console.print(f"已安装：{file}", f"Installed: {file}")
    if sys.platform == "darwin":
        state = "active" if "state = running" in _launchctl("print", _target(), check=False) else ""
    else:
        state = _active_state()
    if state == "active":
        console.print("正在运行", "Running")
    elif state == "activating":
        console.print(
            f"正在启动，或在失败后等待重试；日志：{_log()}",
            f"Starting, or about to after a failure; its log: {_log()}",
        )
    else:
        console.print(f"没有运行；日志：{_log()}", f"Not running; its log: {_log()}")
    _explain_boot(console)


def _active_state() -> str:
    """Raises CommandFailed if systemd cannot be asked: `show`, other than `is-active`, fails only then."""
    try:
        shown = _systemctl("show", "--property=ActiveState", service_files.UNIT)
    except CommandFailed as failure:
        raise CommandFailed(
            f"无法询问它是否在运行：{failure.text.zh}", f"Whether it runs cannot be asked: {failure.text.en}"
        ) from None
    return shown.strip().removeprefix("ActiveState=")


def _register(file: Path) -> None:
    """Makes the file known to what runs services. Raises CommandFailed."""
    if sys.platform == "darwin":
        _launchctl("bootout", _target(), check=False)  # an earlier one
        _launchctl("bootstrap", _domain(), str(file))
    else:
        _systemctl("daemon-reload")
        _systemctl("enable", service_files.UNIT)


def _restart() -> None:
    """Returns once the server accepts connections. Raises CommandFailed with its last words."""
    began = int(time.time())
    try:
        _systemctl("restart", service_files.UNIT)
    except CommandFailed as failure:
        own = ("-u", service_files.UNIT, "-t", service_files.IDENTIFIER, f"--since=@{began}")
        shown = ("-n", str(LOG_LINES), "-o", "cat", "-q", "--no-pager")
        last = _run(("journalctl", "--user", *own, *shown), check=False).strip()
        again, remove = service_files.RESTART_DELAY_S, f"{program_name()} service remove"
        raise CommandFailed(
            f"服务已安装，但没有就绪（之后每 {again} 秒重试；要移除：{remove}）\n{failure.text.zh}\n{last}",
            f"The service is installed, but not ready; it is tried again every {again} s (to remove it: {remove})\n{failure.text.en}\n{last}",
        ) from None


def _installed() -> Path:
    file = service_files.place()
    if not files.exists(file):
        raise ResourceNotFound(
            f"服务没有安装；安装：{program_name()} service install",
            f"The service is not installed; to install it: {program_name()} service install",
        )
    return file


def _log() -> str:
    if sys.platform == "darwin":
        return str(from_environment().data_folder / "server.log")
    return f"journalctl --user -u {service_files.UNIT}"


def _explain_boot(console: Console) -> None:
    """Says when it starts: a user's services begin at the first log-in and end with the last log-out, unless the user lingers."""
    if sys.platform == "darwin":
        console.print("登录时启动", "It starts when you log in")
    elif files.exists(_LINGER / getpass.getuser()):
        console.print("随机器启动", "It starts with the machine")
    else:
        console.print(
            "首次登录时启动，注销时结束。要随机器启动：loginctl enable-linger",
            "It starts at your first log-in and ends when you log out. To start it with the machine: loginctl enable-linger",
        )


def _systemctl(*words: str, check: bool = True) -> str:
    return _run(("systemctl", "--user", *words), check=check)


def _launchctl(*words: str, check: bool = True) -> str:
    return _run(("launchctl", *words), check=check)


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target() -> str:
    return f"{_domain()}/{service_files.LABEL}"


def _run(command: Sequence[str], *, check: bool) -> str:
    """What the command prints. Raises CommandFailed, with its last words."""
    shown = " ".join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except OSError as error:
        raise CommandFailed(
            f"无法运行 {command[0]}（{error.strerror}）：没有它就不能安装服务，请用别的方式运行 mailauncher serve",
            f"Cannot run {command[0]} ({error.strerror}): without it there is no service; run mailauncher serve in another way",
        ) from None
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            f"{shown} 在 {TIMEOUT_S} 秒内没有完成", f"{shown} has not ended within {TIMEOUT_S} s"
        ) from None
    if check and done.returncode:
        raise CommandFailed(f"{shown} 失败\n{done.stderr.strip()}", f"{shown} failed\n{done.stderr.strip()}")
    return done.stdout
