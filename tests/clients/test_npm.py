"""The GraphQL clients that people use in JavaScript, as npm has them: each does what `npm/scenario.mjs` asks."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.graphql_clients import FOLDER, install, require_recorded, trial
from tests.support.server import Launcher

SCHEMA = FOLDER.parents[1] / "schema" / "schema.graphql"
CLIENTS = ("urql", "apollo", "graphql-request", "graphql-ws", "graphql-sse", "codegen")


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.alone
async def test_every_client_of_javascript_works(launcher: Launcher, tmp_path: Path) -> None:
    """Every query of urql failed, after every other client had been found to work. Needs Node.js 20 or newer and npm."""
    # Not below `tmp_path`, which is kept for a while: it is 160 MB.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "npm"
        shutil.copytree(FOLDER / "npm", folder, ignore=shutil.ignore_patterns("node_modules"))
        await install(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        async with trial(launcher, tmp_path) as server:
            found = {
                client: await server.requests_of(
                    number, ["node", f"{client}.mjs"], folder, {"PRINTED_SCHEMA": str(SCHEMA)}
                )
                for number, client in enumerate(CLIENTS)
            }
    require_recorded(found, tmp_path)
