"""`python -m bots.deploying <folder> [--until STEP | --revert]`"""

import argparse
import sys
from pathlib import Path

import msgspec

from bots.deploying.interrupt import Cancelled, Interrupt
from bots.deploying.worker import CANCELLED, FAILED, ORDER, Busy, run


def main() -> int:
    """Exit status: 0 success, 1 failure, 2 wrong usage, 130 cancelled."""
    parser = argparse.ArgumentParser(
        prog="bots.deploying", description="Carries out the plan of a deployment."
    )
    parser.add_argument("folder", type=Path, help="the folder of plan.json")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--until", choices=ORDER, default="register", help="last step to carry out")
    which.add_argument("--revert", action="store_true", help="revert an upgrade")
    given = parser.parse_args()
    interrupt = Interrupt()
    interrupt.listen()
    try:
        return run(given.folder, interrupt, until=given.until, revert_upgrade=given.revert)
    except Cancelled:
        return CANCELLED
    except Busy:
        reason = "另一个进程正在执行此计划 · Another process is carrying out this plan"
    except (OSError, msgspec.MsgspecError) as error:
        reason = f"无法读取计划 · The plan cannot be read: {error}"
    sys.stderr.write(f"{reason}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
