"""The runner: starts bot.py again as the worker and restarts it whenever it exits with 42."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from src.log import start_log

RESTART = 42
_log = logging.getLogger("runner")
_PATIENCE_S = 5


def supervise(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """The worker's exit code, or 0 after SIGINT, which cuts the worker short as 0.12 does.

    SIGTERM kills the runner alone: the worker, in the same process group, lives on.
    """
    start_log(quiet=options.quiet)
    signal.signal(signal.SIGINT, signal.SIG_IGN if options.ignore_sigint else signal.default_int_handler)
    if options.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    command = [sys.executable, "bot.py", *arguments]
    worker = None
    try:
        while True:
            worker = subprocess.Popen(command, env={**os.environ, "MAIBOT_WORKER_PROCESS": "1"})
            if (code := worker.wait()) != RESTART:
                return code
            _log.info("工作进程请求重启（退出码 %d），正在重新启动", code)
    except KeyboardInterrupt:
        if worker:
            _end(worker)
        return 0


def _end(worker: subprocess.Popen[bytes]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker.terminate()
    try:
        worker.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
