"""Consent to EULA.md and PRIVACY.md, recorded as MaiBot does it: the MD5 of the text that was agreed to."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from pathlib import Path

from src.keyboard import Keyboard

_log = logging.getLogger("consent")
_DOCUMENTS = {
    "EULA.md": ("eula.confirmed", "EULA_AGREE"),
    "PRIVACY.md": ("privacy.confirmed", "PRIVACY_AGREE"),
}
_AGREED = ("同意", "confirmed")


def require_consent(keyboard: Keyboard) -> None:
    """Returns once both texts are agreed to: by file, environment or at the prompt. End of input exits 1."""
    missing = {name: digest for name in _DOCUMENTS if (digest := _digest(name)) not in _given(name)}
    if not missing:
        return
    print(f"请先阅读 {' 和 '.join(missing)}。输入“同意”或 confirmed 表示你接受，机器人才会继续。", flush=True)
    while (answer := _ask(keyboard)) not in _AGREED:
        print(f"没有识别“{answer}”，请输入“同意”或 confirmed。", flush=True)
    for name, digest in missing.items():
        Path(_DOCUMENTS[name][0]).write_text(digest, encoding="utf-8")
    _log.info("已记录你的同意")


def _digest(name: str) -> str:
    text = Path(name).read_text(encoding="utf-8")  # universal newlines: a CRLF checkout has the same digest
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _given(name: str) -> tuple[str | None, ...]:
    record, variable = _DOCUMENTS[name]
    path = Path(record)
    return os.environ.get(variable), path.read_text(encoding="utf-8") if path.is_file() else None


def _ask(keyboard: Keyboard) -> str:
    print("> ", end="", flush=True)
    answer = keyboard.line()
    if answer is None:
        _log.error("输入已结束，没有得到同意，无法启动")
        sys.exit(1)
    return answer.strip()
