"""Runs a program that is a GraphQL client against a server, and compares what it sends with what was recorded of it."""

import asyncio
import faulthandler
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.context import add_bot
from tests.support.recorder import Recorded, recording
from tests.support.server import Launcher

FOLDER = Path(__file__).parents[1] / "clients"
RECORDED = FOLDER / "recorded.json"
PATIENCE_S = 120
INSTALL_PATIENCE_S = 900
INSTANCE = "{instance}"
"""Stands for the instance's id in recorded requests."""
NAME = "树苗 1"


@dataclass(frozen=True)
class ClientTrial:
    """A server with one instance, for clients that are told its address, the instance, and a number of their own."""

    port: int
    instance_id: str

    async def requests_of(
        self, number: int, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]
    ) -> list[Recorded]:
        """Runs a client to its end, and returns what it sent over HTTP. Fails with its output if it fails."""
        async with recording(self.port) as (port, found):
            url = f"http://127.0.0.1:{port}/graphql"
            await run([*command, url, self.instance_id, str(number)], cwd, env)
        return sorted(
            one._replace(
                target=one.target.replace(self.instance_id, INSTANCE),
                body=one.body.replace(self.instance_id, INSTANCE),
            )
            for one in found
        )


@asynccontextmanager
async def trial(launcher: Launcher, folder: Path) -> AsyncIterator[ClientTrial]:
    view = await add_bot(launcher.ctx, folder / NAME)
    yield ClientTrial(launcher.port, view.id)


async def install(command: Sequence[str | Path], cwd: Path) -> None:
    """Runs a command that installs packages, which may take longer than tests may, and has a limit of its own for that."""
    faulthandler.cancel_dump_traceback_later()
    await run(command, cwd, patience_s=INSTALL_PATIENCE_S)


async def run(
    command: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Runs a command to its end; fails with its output if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(patience_s):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(map(str, command))}\n{output.decode(errors='replace')}"


def recorded() -> dict[str, list[Recorded]]:
    """The requests of each client, as `recorded.json` has them."""
    found = json.loads(RECORDED.read_text("utf-8"))
    return {
        client: [
            Recorded(one["method"], one["target"], (*one["headers"].items(),), one["body"])
            for one in requests
        ]
        for client, requests in found.items()
    }


def require_recorded(clients: Mapping[str, Sequence[Recorded]], folder: Path) -> None:
    """Fails if these clients send something else than was recorded of them, which is then the content of a new file."""
    known = recorded()
    if any(known.get(client) != requests for client, requests in clients.items()):
        new = folder / RECORDED.name
        content = {
            client: [one._asdict() | {"headers": dict(one.headers)} for one in requests]
            for client, requests in sorted({**known, **clients}.items())
        }
        new.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        raise AssertionError(
            f"the clients' requests are not those of {RECORDED.name}; the new ones are in {new}"
        )
