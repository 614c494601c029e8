"""`mailauncher doctor`: what this machine lacks, and how to get it."""

import locale
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from mailauncher import lock
from mailauncher.cli.voice import Voice, voice_of
from mailauncher.errors import LauncherError, Text
from mailauncher.settings import Settings, from_environment

OK, WARN, FAIL = "ok", "warn", "fail"
LITTLE_SPACE = 2 << 30
TOO_LITTLE_SPACE = 256 << 20
FEW_FILES = 1024


class Finding(NamedTuple):
    """One line: how it is, and for `warn` and `fail` the way out."""

    verdict: str
    what: Text
    remedy: Text | None = None


def doctor(context: typer.Context) -> None:
    """Check what this machine has and lacks, and say how to get it. Status 1 when something needed is missing."""
    voice = voice_of(context)
    failed = False
    for finding in examine():
        failed = failed or finding.verdict == FAIL
        print(_line(finding, voice), flush=True)
    if failed:
        raise typer.Exit(1)


def _line(finding: Finding, voice: Voice) -> str:
    line = f"{finding.verdict:<4}  {voice.words(finding.what)}"
    return f"{line}\n      -> {voice.words(finding.remedy)}" if finding.remedy else line


def examine() -> Iterator[Finding]:
    """Everything that is looked at, in order."""
    yield _python()
    yield from _programs()
    yield _event_loop()
    yield _terminals()
    yield _processes()
    yield _open_files()
    yield _encoding()
    yield _ipv6()
    try:
        settings = from_environment()
    except LauncherError as error:
        yield Finding(FAIL, error.text, Text("改正后再试", "Correct it and try again"))
        return
    yield _folder(settings.data_folder, Text("数据文件夹", "Data folder"), "data")
    yield _folder(settings.workspace_folder, Text("工作文件夹", "Workspace"), "workspace")
    yield _space(settings.workspace_folder)
    yield _port(settings)


def _python() -> Finding:
    version = platform.python_version()
    return Finding(OK, Text(f"Python {version}（{sys.executable}）", f"Python {version} ({sys.executable})"))


def _programs() -> Iterator[Finding]:
    wanted = [
        (
            "git",
            Text("部署 Bot 需要 git：", "Deploying bots needs git: "),
            Text(
                "用系统的包管理器安装 git（如 apt install git）",
                "install git with the system's packages (such as apt install git)",
            ),
        ),
        (
            "uv",
            Text("有 uv 时安装依赖更快：", "With uv, dependencies are installed faster: "),
            Text("可选：pip install uv", "optional: pip install uv"),
        ),
        (
            "node",
            Text("用 Node 运行的 NapCat 需要 node：", "A NapCat that runs on Node needs node: "),
            Text("可选：安装 Node.js 20 或更新版本", "optional: install Node.js 20 or newer"),
        ),
    ]
    for name, why, remedy in wanted:
        found = shutil.which(name)
        if found:
            yield Finding(OK, Text(f"{name}（{found}）", f"{name} ({found})"))
        else:
            yield Finding(WARN, Text(f"{why.zh}没有找到", f"{why.en}not found"), remedy)


def _event_loop() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        what = Text("没有 uvloop，使用 asyncio 自带的事件循环", "No uvloop; asyncio's own event loop is used")
        return Finding(WARN, what, Text("可选：pip install uvloop", "optional: pip install uvloop"))
    return Finding(OK, Text(found, found))


def _terminals() -> Finding:
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return Finding(
            FAIL,
            Text(f"无法打开伪终端：{error.strerror}", f"No pseudo-terminal can be opened: {error.strerror}"),
            Text(
                "在容器中请挂载 /dev/pts（devpts），并检查 /proc/sys/kernel/pty/max",
                "in a container, mount devpts at /dev/pts; see /proc/sys/kernel/pty/max",
            ),
        )
    return Finding(OK, Text("可以打开伪终端", "Pseudo-terminals can be opened"))


def _processes() -> Finding:
    if sys.platform == "linux" and not Path("/proc/self/stat").exists():
        return Finding(
            FAIL,
            Text("没有 /proc，无法找到 Bot 的子进程", "No /proc: a bot's child processes cannot be found"),
            Text("挂载 proc 文件系统：mount -t proc proc /proc", "mount it: mount -t proc proc /proc"),
        )
    return Finding(OK, Text("可以查看进程", "Processes can be looked at"))


def _open_files() -> Finding:
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = Text(f"可打开 {limit} 个文件", f"{limit} files may be open")
    if limit != resource.RLIM_INFINITY and limit < FEW_FILES:
        remedy = Text(f"提高上限：ulimit -n {FEW_FILES}", f"raise the limit: ulimit -n {FEW_FILES}")
        return Finding(WARN, what, remedy)
    return Finding(OK, what)


def _encoding() -> Finding:
    encoding = locale.getpreferredencoding(do_setlocale=False)
    what = Text(f"区域设置的编码为 {encoding}", f"The locale's encoding is {encoding}")
    if encoding.lower().replace("-", "") != "utf8":
        return Finding(WARN, what, Text("设置 LANG=C.UTF-8", "set LANG=C.UTF-8"))
    return Finding(OK, what)


def _ipv6() -> Finding:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return Finding(
            WARN,
            Text("没有 IPv6 回环地址，只监听 127.0.0.1", "No IPv6 loopback: only 127.0.0.1 is listened on"),
            Text("如需要，启用 lo 上的 ::1", "if it is wanted, enable ::1 on the loopback interface"),
        )
    return Finding(OK, Text("有 IPv6 回环地址", "IPv6 loopback is there"))


def _folder(folder: Path, title: Text, setting: str) -> Finding:
    where = _existing(folder)
    what = Text(f"{title.zh} {folder}", f"{title.en} {folder}")
    try:
        with tempfile.TemporaryFile(dir=where):
            return Finding(OK, what)
    except OSError as error:
        reason = error.strerror
    return Finding(
        FAIL,
        Text(f"{what.zh} 不可写（{where}：{reason}）", f"{what.en} is not writable ({where}: {reason})"),
        Text(
            f"更改 {where} 的权限，或将 MAILAUNCHER_{setting.upper()} 设为别处",
            f"change the permissions of {where}, or set MAILAUNCHER_{setting.upper()} to another place",
        ),
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    what = Text(f"剩余空间 {free / (1 << 30):.1f} GiB", f"{free / (1 << 30):.1f} GiB of disk are free")
    if free >= LITTLE_SPACE:
        return Finding(OK, what)
    remedy = Text(
        f"一个 Bot 约需 {LITTLE_SPACE >> 30} GiB：清理磁盘，或更改 MAILAUNCHER_WORKSPACE",
        f"a bot takes about {LITTLE_SPACE >> 30} GiB: make room, or set MAILAUNCHER_WORKSPACE to another place",
    )
    return Finding(FAIL if free < TOO_LITTLE_SPACE else WARN, what, remedy)


def _port(settings: Settings) -> Finding:
    from resolvers import ports

    port = settings.port
    if not ports.taken(port):
        return Finding(OK, Text(f"端口 {port} 空闲", f"Port {port} is free"))
    holder = lock.holder(settings.data_folder)
    if holder and holder.url == settings.url:
        return Finding(
            OK,
            Text(
                f"MaiLauncher 正在 {holder.url} 运行（pid {holder.pid}）",
                f"MaiLauncher runs at {holder.url} (pid {holder.pid})",
            ),
        )
    who = ports.listener(port)
    zh = f"：{who[1]}（pid {who[0]}）" if who else ""
    en = f" by {who[1]} (pid {who[0]})" if who else ""
    return Finding(
        FAIL,
        Text(f"端口 {port} 已被占用{zh}", f"Port {port} is in use{en}"),
        Text(
            "停止该进程，或将 MAILAUNCHER_PORT 设为另一个端口",
            "stop that process, or set MAILAUNCHER_PORT to another port",
        ),
    )
