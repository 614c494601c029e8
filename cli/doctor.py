"""`mailauncher doctor`: checks this machine, and says how to fix what is missing."""

import http.client
import json
import locale
import os
import platform
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import typer

from cli.colours import GREEN, RED, YELLOW, coloured
from cli.console import Console, console_of
from cli.finding import FAIL, OK, WARN, Finding
from cli.language import described
from mailauncher import files, lock
from mailauncher.errors import LauncherError, Text
from mailauncher.settings import Settings, from_environment

LOW_SPACE_BYTES = 2 << 30
MIN_SPACE_BYTES = 256 << 20
MIN_OPEN_FILES = 1024
ANSWER_S = 3.0
ANSWER_BYTES = 64 << 10


@described(
    "检查这台机器，并说明如何补上所缺的。缺少必需的东西时状态为 1。",
    "Check this machine and say how to fix what is missing. Status 1 if something necessary is missing.",
)
def doctor(context: typer.Context) -> None:
    console = console_of(context)
    failed = False
    for finding in examine():
        failed = failed or finding.verdict == FAIL
        print(_line(finding, console), flush=True)
    if failed:
        raise typer.Exit(1)


_VERDICTS = {
    OK: (Text("正常", "ok  "), GREEN),
    WARN: (Text("注意", "warn"), YELLOW),
    FAIL: (Text("错误", "fail"), RED),
}
"""Each as wide as the others."""


def _line(finding: Finding, console: Console) -> str:
    verdict, colour = _VERDICTS[finding.verdict]
    line = f"{coloured(console.translate(verdict), colour)}  {console.translate(finding.what)}"
    return f"{line}\n      -> {console.translate(finding.remedy)}" if finding.remedy else line


def examine() -> Iterator[Finding]:
    """Runs all checks in order."""
    from cli import doctor_bots, doctor_database, doctor_ssh  # what they import would slow down every command

    yield _python()
    yield from _programs()
    uv = _uv_path()
    yield _uv(uv)
    yield _event_loop()
    yield _terminals()
    yield _processes()
    yield _open_files()
    yield _encoding()
    yield _ipv6()
    try:
        settings = from_environment()
    except LauncherError as error:
        yield Finding(FAIL, error.text, Text("改正后再试", "correct it and try again"))
        return
    yield _folder(settings.data_folder, Text("数据文件夹", "Data folder"), "data")
    yield _folder(settings.workspace_folder, Text("工作文件夹", "Workspace"), "workspace")
    yield _space(settings.workspace_folder)
    yield from doctor_database.examine(settings)
    yield _port(settings)
    yield from doctor_ssh.examine(settings)
    yield from doctor_bots.examine(settings, uv)


def _python() -> Finding:
    version = platform.python_version()
    return Finding(OK, Text(f"Python {version}（{sys.executable}）", f"Python {version} ({sys.executable})"))


def _programs() -> Iterator[Finding]:
    wanted = [
        (
            "git",
            Text("部署 Bot 需要它", "needed to deploy bots"),
            Text(
                "用系统的包管理器安装 git（如 apt install git）",
                "install git with the system's package manager (such as apt install git)",
            ),
        ),
        (
            "node",
            Text("用 Node 运行的 NapCat 需要它", "needed by a NapCat that runs on Node"),
            Text("可选：安装 Node.js 20 或更新版本", "optional: install Node.js 20 or newer"),
        ),
    ]
    for name, why, remedy in wanted:
        found = shutil.which(name)
        if found:
            yield _found(name, found)
        else:
            yield Finding(WARN, Text(f"没有找到 {name}：{why.zh}", f"{name} not found: {why.en}"), remedy)


def _uv_path() -> str | None:
    """uv is a dependency of MaiLauncher, so that it is usually beside its Python and not in PATH."""
    import uv

    try:
        return uv.find_uv_bin()
    except FileNotFoundError:
        return None


def _uv(path: str | None) -> Finding:
    if path is None:
        return Finding(
            FAIL,
            Text("没有找到 uv：安装依赖需要它", "uv not found: needed to install dependencies"),
            Text("pip install uv", "pip install uv"),
        )
    return _found("uv", path)


def _found(program: str, path: str) -> Finding:
    return Finding(OK, Text(f"{program}（{path}）", f"{program} ({path})"))


def _event_loop() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        what = Text(
            "没有 uvloop，使用 asyncio 自带的事件循环", "uvloop not found: asyncio's own event loop is used"
        )
        return Finding(WARN, what, Text("可选：pip install uvloop", "optional: pip install uvloop"))
    return Finding(OK, Text(found, found))


def _terminals() -> Finding:
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return Finding(
            FAIL,
            Text(f"无法打开伪终端：{error.strerror}", f"Cannot open a pseudo-terminal: {error.strerror}"),
            Text(
                "在容器中请挂载 /dev/pts（devpts），并检查 /proc/sys/kernel/pty/max",
                "in a container, mount devpts at /dev/pts; also check /proc/sys/kernel/pty/max",
            ),
        )
    return Finding(OK, Text("可以打开伪终端", "Pseudo-terminals can be opened"))


def _processes() -> Finding:
    if sys.platform == "linux" and not files.exists(Path("/proc/self/stat")):
        return Finding(
            FAIL,
            Text("没有 /proc，无法找到 Bot 的子进程", "No /proc: a bot's child processes cannot be found"),
            Text("挂载 proc 文件系统：mount -t proc proc /proc", "mount it: mount -t proc proc /proc"),
        )
    return Finding(OK, Text("可以查看进程", "Processes can be inspected"))


def _open_files() -> Finding:
    import resource

    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)  # the server raises the soft one to it
    what = Text(f"最多可打开 {limit} 个文件", f"Limit of open files: {limit}")
    if limit != resource.RLIM_INFINITY and limit < MIN_OPEN_FILES:
        remedy = Text(
            f"提高上限：ulimit -Hn {MIN_OPEN_FILES}", f"raise the limit: ulimit -Hn {MIN_OPEN_FILES}"
        )
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
            Text(
                "没有 IPv6 回环地址，只监听 127.0.0.1",
                "No IPv6 loopback address: the server listens on 127.0.0.1 only",
            ),
            Text("如需要，启用 lo 上的 ::1", "if you need it, enable ::1 on the loopback interface"),
        )
    return Finding(OK, Text("有 IPv6 回环地址", "The IPv6 loopback address is available"))


def _folder(folder: Path, title: Text, setting: str) -> Finding:
    where = _existing(folder)
    what = Text(f"{title.zh} {folder}", f"{title.en} {folder}")
    try:
        with tempfile.TemporaryFile(dir=where):
            return Finding(OK, what)
    except OSError as error:
        reason = error.strerror
    variable = f"MAILAUNCHER_{setting.upper()}"
    if where == folder:
        problem = Text(f"{what.zh} 不可写（{reason}）", f"{what.en} is not writable ({reason})")
        remedy = Text(
            f"让当前用户可以写入它，或将 {variable} 设为别处",
            f"let this user write to it, or set {variable} to another folder",
        )
    else:
        problem = Text(
            f"{what.zh} 不存在，也无法在 {where} 中创建（{reason}）",
            f"{what.en} does not exist and cannot be created in {where} ({reason})",
        )
        remedy = Text(
            f"以 root 创建它并归当前用户所有，或将 {variable} 设为别处",
            f"create it as root, owned by this user, or set {variable} to another folder",
        )
    return Finding(FAIL, problem, remedy)


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next(path for path in (folder, *folder.parents) if files.exists(path))


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    what = Text(f"剩余空间 {free / (1 << 30):.1f} GiB", f"{free / (1 << 30):.1f} GiB of disk space free")
    if free >= LOW_SPACE_BYTES:
        return Finding(OK, what)
    remedy = Text(
        f"一个 Bot 约需 {LOW_SPACE_BYTES >> 30} GiB：清理磁盘，或更改 MAILAUNCHER_WORKSPACE",
        f"a bot takes about {LOW_SPACE_BYTES >> 30} GiB: free some space, or set MAILAUNCHER_WORKSPACE to another disk",
    )
    return Finding(FAIL if free < MIN_SPACE_BYTES else WARN, what, remedy)


def _port(settings: Settings) -> Finding:
    from mailauncher import listeners

    port = settings.port
    if not listeners.is_taken(port):
        return Finding(OK, Text(f"端口 {port} 空闲", f"Port {port} is free"))
    holder = lock.holder(settings.data_folder)
    if holder and holder.url == settings.url:
        return Finding(
            OK,
            Text(
                f"MaiLauncher 正在 {holder.url} 运行（pid {holder.pid}）",
                f"MaiLauncher is running at {holder.url} (pid {holder.pid})",
            ),
        )
    who = listeners.listener(port)
    if _is_mailauncher(settings.url):
        return _other_server(port, who[0] if who else None)
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


def _other_server(port: int, pid: int | None) -> Finding:
    zh, en = (f"（pid {pid}）", f" (pid {pid})") if pid else ("", "")
    return Finding(
        WARN,
        Text(
            f"端口 {port} 上是另一个 MaiLauncher{zh}，用的是别的数据文件夹，例如 demo",
            f"Port {port} belongs to another MaiLauncher{en} with another data folder, such as a demo",
        ),
        Text(
            "启动服务器前先停止它，或将 MAILAUNCHER_PORT 设为另一个端口",
            "before you start a server, stop that one, or set MAILAUNCHER_PORT to another port",
        ),
    )


def _is_mailauncher(url: str) -> bool:
    """Whether what answers there is a MaiLauncher: it tells its health, or that a token is needed, in the form of this API."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/system/health", timeout=ANSWER_S) as answer:  # noqa: S310 - our own URL
            found = json.loads(answer.read(ANSWER_BYTES))
            return isinstance(found, dict) and {"status", "uptime", "version"} <= found.keys()
    except urllib.error.HTTPError as refused:
        with refused:
            return "X-Request-ID" in refused.headers
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return False
