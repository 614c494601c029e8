"""`python -m mailauncher.bots.deploying <folder> [--until STEP | --revert]`"""

import argparse
import sys
from pathlib import Path

import msgspec

from mailauncher.bots.deploying.interrupt import Cancelled, Interrupt
from mailauncher.bots.deploying.worker import CANCELLED, FAILED, ORDER, Busy, run


def main() -> int:
    """Exit status: 0 did what was asked, 1 failed, 2 called wrongly, 130 cancelled."""
    parser = argparse.ArgumentParser(
        prog="mailauncher.bots.deploying", description="Carries out a deployment's plan."
    )
    parser.add_argument("folder", type=Path, help="where plan.json is")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--until", choices=ORDER, default="register", help="the last step to carry out")
    which.add_argument("--revert", action="store_true", help="take an upgrade back")
    given = parser.parse_args()
    interrupt = Interrupt()
    interrupt.listen()
    try:
        return run(given.folder, interrupt, until=given.until, back=given.revert)
    except Cancelled:
        return CANCELLED
    except Busy:
        reason = "另一个进程正在执行此计划 · Another process is carrying this plan out"
    except (OSError, msgspec.MsgspecError) as error:
        reason = f"无法读取计划 · The plan cannot be read: {error}"
    sys.stderr.write(f"{reason}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
