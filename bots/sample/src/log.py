"""Log lines as MaiBot writes them: coloured on standard error, JSON in logs/app_<time>.log.jsonl."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import sys
import time
from pathlib import Path

_ALIASES = {"main": "主程序", "config": "配置", "chat": "聊天", "server": "消息服务", "emoji": "表情包"}
_COLOURS = {"INFO": 32, "WARNING": 33, "ERROR": 31}
_FILE_BYTES = 5 << 20


def speak_utf8() -> None:
    """Makes both outputs UTF-8, whatever the locale or the Windows code page says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def start_log(folder: Path | None = None, *, quiet: bool = False) -> None:
    """Sends logs to the console, only errors when `quiet`, and to a new file in `folder` if there is one."""
    console = logging.StreamHandler()
    console.setFormatter(_Console())
    console.setLevel(logging.ERROR if quiet else logging.INFO)
    handlers: list[logging.Handler] = [console]
    if folder:
        folder.mkdir(exist_ok=True)
        path = folder / time.strftime("app_%Y%m%d_%H%M%S.log.jsonl")
        file = logging.handlers.RotatingFileHandler(path, "a", _FILE_BYTES, backupCount=1, encoding="utf-8")
        file.setFormatter(_JsonLine())
        handlers.append(file)
    logging.basicConfig(level=logging.INFO, handlers=handlers)


def console_line(level: str, name: str, text: str) -> str:
    colour = _COLOURS.get(level, 0)
    return f"\x1b[90m{_clock()}\x1b[0m [\x1b[{colour}m{level:<7}\x1b[0m] [\x1b[36m{name}\x1b[0m] {text}"


def _clock() -> str:
    return time.strftime("%m-%d %H:%M:%S")


class _Console(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return console_line(record.levelname, _ALIASES.get(record.name, record.name), record.getMessage())


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "timestamp": _clock(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger_name": record.name,
            "lineno": record.lineno,
            "module": record.module,
        }
        return json.dumps(fields, ensure_ascii=False)
