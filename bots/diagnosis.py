"""Diagnoses why a program ended, from known patterns in its last lines."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mailauncher.errors import Text
from mailauncher.listeners import UNKNOWN


class _Cause(NamedTuple):
    """A pattern in the last lines and its explanation; `{0}` is the first group of the pattern, or who has a port. The lines may
    be hostile: no repetition is without a bound, and none is within or right behind another one."""

    pattern: re.Pattern[str]
    zh: str
    en: str


_PORT_TAKEN = _Cause(
    re.compile(
        r"(?i)address already in use|port \d{1,9} (?:is )?(?:already )?(?:in use|used)|端口.{0,100}(?:占用|已被使用)"
    ),
    "端口被{0}占用：换一个端口，或结束占用它的程序",
    "A port is in use by {0}: choose another one, or end that program",
)
_MODULE_MISSING = _Cause(
    re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,200})"),
    "缺少 Python 模块 {0}：在实例的虚拟环境中安装依赖",
    "The Python module {0} is missing: install the requirements in the instance's environment",
)
_OWN_MODULE_MISSING = Text(
    "程序自己的模块 {0} 缺失或不完整：请放回它的文件；要重新安装一个版本，用 mailauncher upgrade 加 --version 与 --force",
    "The program's own module {0} is missing or incomplete: put its files back; to install a version again, use mailauncher upgrade with --version and --force",
)
_CAUSES = (
    _PORT_TAKEN,
    _Cause(
        re.compile(r"(?i)eula|privacy\.confirmed|用户协议|隐私条款|隐私协议"),
        "尚未同意用户协议与隐私条款：用 mailauncher accept 同意，或在终端中输入“同意”",
        "The licence and privacy terms are not accepted: accept them with mailauncher accept, or type 同意 in the terminal",
    ),
    _Cause(
        re.compile(
            r"(?i)(?:(?:TOMLDecodeError|toml\.\w{0,40}error|Invalid TOML|TOMLKitError|Invalid value)\D{0,200}|Expected .{0,200} at )"
            r"(?:line|第)\s{0,3}(\d{1,9})|(?:line|第)\s{0,3}(\d{1,9})\s{0,3}(?:行|,? ?col)"
        ),
        "配置文件有语法错误（第 {0} 行）：改正它，或用 config restore 恢复以前的内容",
        "A configuration file has a syntax error (line {0}): correct it, or restore an earlier content with config restore",
    ),
    _MODULE_MISSING,
    _Cause(
        re.compile(r"(?i)no space left on device|ENOSPC|disk quota exceeded"),
        "磁盘空间已满",
        "The disk is full",
    ),
    _Cause(
        re.compile(r"MemoryError|Cannot allocate memory"),
        "内存不足",
        "Out of memory",
    ),
    _Cause(
        re.compile(r"PermissionError: [^']{0,200}'([^']{1,300})'"),
        "没有权限访问 {0}",
        "No permission to access {0}",
    ),
    _Cause(
        re.compile(r"database is locked"),
        "数据库被另一个进程锁定：是否有另一个同样的 Bot 在运行？",
        "The database is locked by another process: is the same bot running elsewhere?",
    ),
)


def cause(
    last_lines: Sequence[str],
    port_holder: Text = UNKNOWN,
    is_own: Callable[[str], bool] = lambda module: False,
) -> Text | None:
    """The known cause in the last lines of a program that has ended, the newest line first; None if there is none.

    `port_holder`: the process that now listens on the program's port. `is_own`: whether a Python module is the program's own,
    and so not among its requirements.
    """
    for line in reversed(last_lines):
        for known in _CAUSES:
            if match := known.pattern.search(line):
                group = next((group for group in match.groups() if group), "?")
                if known is _MODULE_MISSING and is_own(group):
                    return Text(_OWN_MODULE_MISSING.zh.format(group), _OWN_MODULE_MISSING.en.format(group))
                found = port_holder if known is _PORT_TAKEN else Text(group, group)
                return Text(known.zh.format(found.zh), known.en.format(found.en))
    return None


def is_own_module(module: str, folder: Path, files: Iterable[str]) -> bool:
    """Whether the outermost package of a Python module is in a program's folder, or in one of the files that every version of the
    program has (paths with `/`). Blocks."""
    package = module.partition(".")[0]
    known = {PurePosixPath(file).parts[0].removesuffix(".py") for file in files}
    places = (folder / package, folder / f"{package}.py")
    return package in known or (package != "" and any(map(os.path.lexists, places)))


class MemoryWatch:
    """Detects whether the kernel has killed a process for lack of memory since the last check (`oom_kill` in /proc/vmstat)."""

    def __init__(self, counters: Path = Path("/proc/vmstat")) -> None:
        self._counters = counters
        self._seen = _memory_kills(counters)

    def cause(self) -> Text | None:
        """The cause of a SIGKILL just now, if the kernel has killed a process since the last check."""
        before, self._seen = self._seen, _memory_kills(self._counters)
        if self._seen > before:
            return Text(
                "系统因内存不足结束了它：减少同时运行的程序，或增加内存",
                "The system ended it for lack of memory: run fewer programs, or add memory",
            )
        return None


def _memory_kills(counters: Path) -> int:
    try:
        lines = counters.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
