""".env and config/*.toml: written from template/ when missing, read strictly.

What cannot be read ends the process with exit code 1 and one line that names file and line.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

_log = logging.getLogger("config")
_ENV = (Path("template/template.env"), Path(".env"))
_NEEDED = ("bot_config", "model_config")
_NOT_READ = ("lpmm_config",)  # 0.12 has no such file; the documented LPMM routes of the launcher edit it


@dataclass(frozen=True)
class Settings:
    """`webui_port` is None when no WebUI is wanted."""

    host: str
    port: int
    webui_host: str
    webui_port: int | None
    nickname: str


def setup() -> None:
    """Writes every missing file from its template and leaves existing ones alone."""
    for template, path in (_ENV, *map(_toml_paths, (*_NEEDED, *_NOT_READ))):
        if _copy_if_missing(template, path):
            print(f"已创建 {path}")


def load() -> Settings:
    """The settings. Exits 0 after copying a missing TOML file, 1 when a file is wrong, as 0.12 does."""
    if _copy_if_missing(*_ENV):
        _log.info("没有 .env，已按模板创建")
    for name in _NEEDED:
        template, path = _toml_paths(name)
        if _copy_if_missing(template, path):
            _log.warning("没有 %s，已按模板创建；请检查后重新启动", path)
            sys.exit(0)
    bot, _models = (_read_versioned(_toml_paths(name)[1]) for name in _NEEDED)
    env = {**os.environ, **_read_env(Path(".env"))}  # the file beats the environment
    webui_wanted = env.get("WEBUI_PORT") and _table(bot, "webui").get("enabled", True)
    return Settings(
        host=env.get("HOST") or "127.0.0.1",
        port=_port(env, "PORT", "8000"),
        webui_host=env.get("WEBUI_HOST") or "127.0.0.1",
        webui_port=_port(env, "WEBUI_PORT", "") if webui_wanted else None,
        nickname=str(_table(bot, "bot").get("nickname", "麦麦")),
    )


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; exits 1 with the line when it is broken."""
    try:
        import tomllib  # noqa: PLC0415 - younger than the syntax of these files
    except ImportError:
        _fail(f"读取 {path} 需要 Python 3.11 或更新的版本，当前是 {sys.version.split()[0]}")
    content = path.read_bytes()
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _fail(f"{path} 第 {line} 行不是 UTF-8")
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))  # without one it means the end of the file
        line = int(found[1]) if found else len(content.splitlines())
        _fail(f"{path} 第 {line} 行不是有效的 TOML: {error}")


def _read_versioned(path: Path) -> dict[str, Any]:
    content = read_toml(path)
    if "version" not in _table(content, "inner"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        line = next((n for n, text in enumerate(lines, 1) if text.strip().startswith("[inner]")), len(lines))
        _fail(f"{path} 第 {line} 行: 缺少 [inner].version，无法判断配置版本")
    return content


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _read_env(path: Path) -> dict[str, str]:
    variables = {}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            variables[name.strip()] = value.partition(" #")[0].strip().strip("\"'")
    return variables


def _port(env: dict[str, str], name: str, default: str) -> int:
    text = env.get(name) or default
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        _fail(f".env 里的 {name}={text} 不是端口号")
    return int(text)


def _toml_paths(name: str) -> tuple[Path, Path]:
    return Path(f"template/{name}_template.toml"), Path(f"config/{name}.toml")


def _copy_if_missing(template: Path, path: Path) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(template, path)
    return True


def _fail(message: str) -> NoReturn:
    _log.error(message)
    sys.exit(1)
