"""A disk that is full from any moment of a deployment on: it is whole or fails for lack of space, and goes on when there is
room."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mailauncher.errors import Code
from resolvers import deployments, instances
from terminals.states import State
from tests.rest.test_deployments_failing import deploying
from tests.support.deploying import ended
from tests.support.git import Repository
from tests.support.graphql import ask
from tests.support.http import API, client
from tests.support.preloaded import COMMAND, run
from tests.support.server import Launcher, running
from tests.support.small_disk import fill
from tests.support.stress import sized

pytestmark = [pytest.mark.slow, pytest.mark.stress]

LEFT_KIB = [*range(0, 160, 8), *range(160, 1200, 80)]
"""What is left on the disk when a deployment begins: it decides how far that gets."""

Door = Callable[[Launcher], Awaitable[Code | None]]
"""Begins a deployment of `bot`, and may wait for its end. The code of an error, None after a success."""


async def rest(launcher: Launcher) -> Code | None:
    async with client(launcher) as http:
        answer = (await http.post(f"{API}/deploy/deploy", json={"instance_name": "bot"})).json()
    return None if answer["success"] else Code(answer["error"]["code"])


async def graphql(launcher: Launcher) -> Code | None:
    document = 'mutation { deployInstance(input: {name: "bot"}) { message } }'
    answer = await ask(launcher, document)
    return Code(answer.code) if answer.errors else None


async def command_line(launcher: Launcher) -> Code | None:
    command = [*COMMAND, "--lang", "en", "deploy", "bot", "--url", launcher.url]
    done = await asyncio.to_thread(run, command, os.environ)
    if done.returncode == 0:
        return None
    [named] = [code for code in Code if f"Error {code}" in done.stderr]
    return named


@pytest.mark.parametrize(
    "door, left_kib",
    sized(
        [(rest, 120), (graphql, 40), (command_line, 240)],
        [*zip(itertools.cycle((rest, graphql, command_line)), LEFT_KIB, strict=False)],
    ),
)
async def test_a_deployment_that_finds_no_room_says_so_and_goes_on_when_there_is_some(
    door: Door, left_kib: int, disk: Path, tmp_path: Path, releases: Repository
) -> None:
    places = {"data": str(disk / "data"), "workspace": str(disk / "bots")}
    async with deploying(tmp_path, releases.url, recipe="space_mb = 0", **places) as (launcher, _):
        ctx = launcher.ctx
        await ctx.bots.versions.known(ctx.bots.catalogue.get("maibot"))
        filler = fill(disk, left_kib)
        refusal = await door(launcher)
        begun = instances.list_all(ctx)
        if begun:
            view = await ended(ctx, begun[0].id)
            ended_with = view.failure.code if view.failure else None
            assert refusal in (None, ended_with)
            refusal = ended_with
            assert (view.status == "failed") is (refusal is not None) is not (disk / "bots" / "bot").exists()
        assert refusal in (None, Code.INSUFFICIENT_SPACE), left_kib
        filler.unlink()
        if not begun:
            assert list((disk / "bots").iterdir()) == []
            assert await door(launcher) is None
            begun = instances.list_all(ctx)
        elif refusal:
            await deployments.retry(ctx, begun[0].id)
        await ended(ctx, begun[0].id)
    async with running(launcher.ctx.settings) as launcher:
        ctx = launcher.ctx
        view = await deployments.get(ctx, begun[0].id)
        assert (view.status, view.failure) == ("completed", None)
        assert instances.get(ctx, begun[0].id).status is State.STOPPED
        assert (await instances.delete(ctx, begun[0].id, files=True)).complete
        assert list((disk / "bots").iterdir()) == []
