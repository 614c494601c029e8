"""A server of before the layers moved is replaced by today's: it finds everything, and what runs goes on."""

import signal
import tarfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import deployable
from tests.support.git import Repository
from tests.support.pictures import base64_of, picture
from tests.support.site import Site
from tests.support.waiting import until

EARLIER = Path(__file__).parents[1] / "earlier" / "be0fa2d.tar.xz"

pytestmark = pytest.mark.slow


async def shown(site: Site, instance_id: str) -> Any:
    """Everything of an instance that a server stores or adopts."""
    fields = (
        "id name status version port path pid startedAt services { name status port pid } backups { id reason } "
        "emojis { edges { node { name tags imageUrl } } } persons { edges { node { userId nickname profile } } }"
    )
    document = (
        f'{{ instance(id: "{instance_id}") {{ {fields} }} '
        f'configFile(instanceId: "{instance_id}", name: "bot") {{ etag revisions {{ id source }} }} }}'
    )
    async with site.server.client() as client:
        answer = (await client.post(f"{site.server.url}/graphql", json={"query": document})).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def test_todays_server_adopts_bots_and_deployments_of_an_earlier_one(
    tmp_path: Path, releases: Repository
) -> None:
    with tarfile.open(EARLIER) as archive:
        archive.extractall(tmp_path / "earlier", filter="data")
    site = Site(tmp_path, releases, releases.url, tmp_path / "earlier" / "mailauncher" / "bots" / "recipes")
    server = site.server
    try:
        await server.start(tmp_path / "earlier")
        first = await site.deploy("first", version="0.12.1", auto_start=True)
        assert (await site.ended(first))["status"] == "completed"
        await site.command("upgradeInstance", id=first, version=deployable.STABLE)
        assert (await site.ended(first))["status"] == "completed"
        await site.command("createBackup", instanceId=first)
        await server.ask(
            "POST", f"/resource/{first}/emoji", name="开心", image_data=base64_of(picture()), tags=["happy"]
        )
        await server.ask(
            "POST", f"/resource/{first}/person", user_id="10001", nickname="小明", profile={"age": 3}
        )
        await server.ask("PUT", f"/config/{first}/bot", bot={"nickname": "阿麦"})
        before = await shown(site, first)
        assert before["instance"]["status"] == "RUNNING"
        assert len(before["configFile"]["revisions"]) == 2

        second = await site.deploy("second", auto_start=True)
        await until(lambda: bool(site.workers(second)))
        [worker] = site.workers(second)
        psutil.Process(worker).suspend()
        await server.end(signal.SIGKILL)
        await server.start()

        after = await shown(site, first)
        assert after == before
        assert (await site.bots())["second"]["status"] == "installing"
        assert site.workers(second) == [worker]
        psutil.Process(worker).resume()
        assert (await site.ended(second))["status"] == "completed"
        await site.require_whole(await site.settled("second"), deployable.STABLE)
        found = await server.ask("POST", f"/resource/{first}/person/search", query="明")
        assert [person["user_id"] for person in found["persons"]] == ["10001"]

        given = f'{{sessionId: "{first}_main", data: "", viewer: "me", seq: 1}}'
        async with server.client() as client:
            query = f"mutation {{ sendTerminalInput(input: {given}) {{ held }} }}"
            typed = (await client.post(f"{server.url}/graphql", json={"query": query})).json()
        assert typed["data"]["sendTerminalInput"] == {"held": None}  # its keeper would type it again

        await site.command("rollbackInstance", id=first)
        assert (await site.ended(first))["status"] == "completed"
        assert (await site.settled("first"))["version"] == "0.12.1"
        await server.ask("GET", f"/instance/{first}/stop")
        [backup] = [each for each in before["instance"]["backups"] if each["reason"] == "MANUAL"]
        await site.command("restoreBackup", instanceId=first, backupId=backup["id"], force=True)
        for bot in (await site.bots()).values():
            await site.delete(bot)
    finally:
        if server.lives:
            await server.end(signal.SIGKILL)
        site.clear()
