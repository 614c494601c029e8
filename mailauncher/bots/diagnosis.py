"""Why a bot died, in words that help: known causes recognised in its last lines."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mailauncher.errors import Text


class _Cause(NamedTuple):
    """A pattern in the last lines and what it means; `{0}` is the pattern's first group."""

    pattern: re.Pattern[str]
    zh: str
    en: str


_PORT_TAKEN = _Cause(
    re.compile(
        r"(?i)address already in use|port \d+ (?:is )?(?:already )?(?:in use|used)|端口.*(?:占用|已被使用)"
    ),
    "端口被占用：换一个端口，或结束占用它的程序",
    "A port is taken: choose another, or end the program that has it",
)
_CAUSES = (
    _PORT_TAKEN,
    _Cause(
        re.compile(r"(?i)eula|privacy\.confirmed|用户协议|隐私条款|隐私协议"),
        "尚未同意用户协议与隐私条款：在终端中输入“同意”，或在面板中确认",
        "The licence and privacy terms are not accepted: type 同意 in the terminal",
    ),
    _Cause(
        re.compile(
            r"(?i)(?:TOMLDecodeError|toml\.\w*error|Invalid TOML|TOMLKitError|Invalid value|Expected .* at)\D*(?:line|第)\s*(\d+)|(?:line|第)\s*(\d+)\s*(?:行|,? ?col)"
        ),
        "配置文件有语法错误（第 {0} 行）",
        "A configuration file is broken (line {0})",
    ),
    _Cause(
        re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?"),
        "缺少 Python 模块 {0}：在实例的虚拟环境中安装依赖",
        "The Python module {0} is missing: install the requirements in the instance's environment",
    ),
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
        re.compile(r"PermissionError: .*?'([^']+)'"),
        "没有权限访问 {0}",
        "No permission for {0}",
    ),
    _Cause(
        re.compile(r"database is locked"),
        "数据库被另一个进程锁定：是否有另一个同样的 Bot 在运行？",
        "Its database is locked by another process: does the same bot run elsewhere?",
    ),
)


def cause(last_lines: Sequence[str], port_owner: tuple[int, str] | None = None) -> Text | None:
    """What the last lines of a dead program tell, newest first; None when they tell nothing known.

    `port_owner` is (pid, name) of whoever listens on the program's port now that it is dead.
    """
    for line in reversed(last_lines):
        for known in _CAUSES:
            if match := known.pattern.search(line):
                found = next((group for group in match.groups() if group), "?")
                by = port_owner if known is _PORT_TAKEN and port_owner else None
                zh = f"（{by[1]}，pid {by[0]}）" if by else ""
                en = f" ({by[1]}, pid {by[0]})" if by else ""
                return Text(known.zh.format(found) + zh, known.en.format(found) + en)
    return None


class MemoryWatch:
    """Notices that the kernel killed something for lack of memory since the last look (`oom_kill` in /proc/vmstat)."""

    def __init__(self, counters: Path = Path("/proc/vmstat")) -> None:
        self._counters = counters
        self._seen = _memory_kills(counters)

    def cause(self) -> Text | None:
        """The words for a SIGKILL just now, if there was such a kill."""
        before, self._seen = self._seen, _memory_kills(self._counters)
        if self._seen > before:
            return Text(
                "系统因内存不足结束了它：减少同时运行的程序，或增加内存",
                "The system ended it for lack of memory",
            )
        return None


def _memory_kills(counters: Path) -> int:
    try:
        lines = counters.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
