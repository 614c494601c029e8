"""A stand-in for MaiBot 0.12: `python bot.py --help` lists the ways in which it can misbehave.

`python bot.py --setup` writes the missing .env and config/*.toml from template/ and leaves. Without it
the bot copies one missing TOML file at each start and exits 0, like MaiBot. MAIBOT_WORKER_PROCESS=1 runs the
worker without its runner.
"""

import os
import sys
from pathlib import Path

from src import config
from src.log import speak_utf8
from src.options import read_options


def main() -> int:
    os.chdir(Path(__file__).resolve().parent)
    speak_utf8()
    options = read_options(sys.argv[1:])
    if options.setup:
        config.setup()
        return 0
    if os.environ.get("MAIBOT_WORKER_PROCESS") == "1":
        from src.worker import work  # noqa: PLC0415 - the runner stays without asyncio and sqlite3

        return work(options)
    from src.runner import supervise  # noqa: PLC0415 - and the worker without the runner

    return supervise(options, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
