"""What the two service stand-ins share."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

from src.log import speak_utf8, start_log


def run_service(folder: Path, job: Coroutine[Any, Any, None], *signals: signal.Signals) -> None:
    """Runs `job` inside `folder` until one of `signals` comes, then exits 0 at once."""

    def leave(number: int, _frame: object) -> NoReturn:
        print(f"收到 {signal.Signals(number).name}，已停止", flush=True)
        sys.exit(0)

    os.chdir(folder)
    speak_utf8()
    start_log()
    for number in signals:
        signal.signal(number, leave)
    asyncio.run(job)
