"""`details=true`: what a status does not tell, the same through REST and GraphQL, and shown on the front page."""

from pathlib import Path

import pytest

from mailauncher.errors import Code
from resolvers import instances
from tests.support.context import PATIENT_BOT, add_bot
from tests.support.graphql import ask, conversing
from tests.support.http import API, client, failure
from tests.support.server import Launcher
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KEYS = ["id", "name", "status", "installedAt", "path", "port", "version", "services"]
DETAILS = ["ready", "restarts", "reason", "waiting_for", "question", "uptime_s", "cpu", "memory"]
NONE = {**dict.fromkeys(DETAILS), "restarts": 0}
GRAPHQL = "ready restarts reason waitingFor question startedAt usage { cpuPercent memory }"
ASKING = "print('Before you go on', flush=True)\ninput('Is that so? ')\n"


async def test_details_are_added_on_request_and_equal_in_both_apis(
    launcher: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", ASKING, napcat=PATIENT_BOT)
    query = f"query {{ instances {{ {GRAPHQL} services {{ {GRAPHQL} }} }} }}"
    async with client(launcher, accept_language="en") as http:
        plain = await http.get(f"{API}/instances")
        detailed = (await http.get(f"{API}/instances?details=true")).json()["instances"][0]
        assert list(detailed) == [*KEYS, "details"]
        assert [detailed["details"], detailed["services"][0].pop("details")] == [NONE, NONE]
        del detailed["details"]
        assert plain.json() == {"instances": [detailed], "success": True}

        async with conversing(launcher) as socket:
            changes = await socket.follow(
                f"subscription {{ instanceChanged {{ instance {{ {GRAPHQL} }} }} }}"
            )
            await instances.start(launcher.ctx, bot.id)
            while (await socket.value(changes))["instance"]["question"] is None:
                pass
        usage = launcher.ctx.samplers.usage
        await until(lambda: usage.latest(instances.get(launcher.ctx, bot.id).pid) is not None)
        rest = (await http.get(f"{API}/instances?details=true")).json()["instances"][0]
        graphql = (await ask(launcher, query, headers={"accept-language": "en"})).result[0]
        for part, same in ((rest, graphql), (rest["services"][0], graphql["services"][0])):
            details = part["details"]
            assert list(details) == DETAILS
            assert details["waiting_for"] == (same["waitingFor"] and same["waitingFor"].lower())
            assert [details[key] for key in ("ready", "restarts", "reason", "question")] == [
                same[key] for key in ("ready", "restarts", "reason", "question")
            ]
            assert details["uptime_s"] >= 0
        assert rest["details"]["question"] == "Is that so?"
        assert rest["details"]["memory"] > 0
        assert rest["services"][0]["details"] | {"uptime_s": 0, "cpu": 0, "memory": 0} == {
            **NONE,
            "uptime_s": 0,
            "cpu": 0,
            "memory": 0,
        }
        assert (await http.get(f"{API}/instances?details=false")).json() == (
            await http.get(f"{API}/instances")
        ).json()
        chinese = await http.get(f"{API}/instances?details=true", headers={"accept-language": "zh"})
        assert "正在终端中等待回答" in chinese.json()["instances"][0]["details"]["reason"]
        failure(await http.get(f"{API}/instances?details=yes"), Code.INVALID_PARAMETER, "details")
