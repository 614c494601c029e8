"""A server without front doors, to be killed: `python -m tests.support.doomed FOLDER URL [COMMAND ARGUMENT...]`.

Prints `up` once it runs and the command is taken, and waits for its end.
"""

import asyncio
import sys
from pathlib import Path

from mailauncher.errors import LauncherError
from resolvers import deployments, upgrades
from resolvers.context import Context
from resolvers.deployments import NewDeployment
from tests.support.context import parts


async def _serve(folder: str, url: str, *command: str) -> None:
    async with parts(Path(folder), sources_maibot=[url], stop_bots_at_exit=False) as ctx:
        sys.stdout.write("up\n")
        sys.stdout.flush()
        try:
            await _obey(ctx, *command)
        except LauncherError as error:
            sys.stderr.write(f"{error}\n")
        await asyncio.Event().wait()


async def _obey(ctx: Context, what: str = "", *arguments: str) -> None:
    match what:
        case "deploy":
            await deployments.deploy(ctx, NewDeployment(arguments[0], auto_start=True, accept_terms=True))
        case "upgrade":
            await upgrades.upgrade(ctx, *arguments)
        case "rollback":
            await upgrades.rollback(ctx, *arguments)
        case "cancel":
            await deployments.cancel(ctx, *arguments)


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
