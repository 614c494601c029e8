"""Queries: instances, terminals, the system, events."""

import logging
import re
from pathlib import Path

import pytest

from mailauncher import __version__
from mailauncher.errors import Text
from resolvers import instances
from store.journal import Kind
from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

SERVICE = "import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(0))\ntime.sleep(600)\n"


async def test_an_instance_has_all_its_fields(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot", napcat=SERVICE)
    answer = await ask(
        launcher,
        """query ($id: ID!) { instance(id: $id) {
            id name status installedAt path port version recipe pid startedAt ready restarts failure { reason }
            services { name path status port pid startedAt ready restarts failure { reason } terminal { sessionId name } }
            terminals { sessionId instanceId name status shell pid columns rows viewers oldest end }
        } }""",
        id=view.id,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.result.pop("installedAt"))
    terminal = {
        "instanceId": view.id,
        "status": "STOPPED",
        "shell": False,
        "pid": None,
        "columns": 80,
        "rows": 24,
        "viewers": 0,
        "oldest": 0,
        "end": 0,
    }
    assert answer.result == {
        "id": view.id,
        "name": "bot",
        "status": "STOPPED",
        "path": str(tmp_path / "bot"),
        "port": view.port,
        "version": view.version,
        "recipe": "maibot",
        "pid": None,
        "startedAt": None,
        "ready": None,
        "restarts": 0,
        "failure": None,
        "services": [
            {
                "name": "napcat",
                "path": str(tmp_path / "bot" / "napcat"),
                "status": "STOPPED",
                "port": view.services[0].port,
                "pid": None,
                "startedAt": None,
                "ready": None,
                "restarts": 0,
                "failure": None,
                "terminal": {"sessionId": f"{view.id}_napcat", "name": "napcat"},
            }
        ],
        "terminals": [
            {"sessionId": f"{view.id}_main", "name": "main", **terminal},
            {"sessionId": f"{view.id}_napcat", "name": "napcat", **terminal},
        ],
    }


async def test_a_running_instance_has_a_pid_and_a_start_time(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    await instances.start(launcher.ctx, view.id)
    found = launcher.ctx.live.view(view.id)
    answer = await ask(launcher, "{ instances { status pid startedAt } }")
    assert answer.result[0]["status"] == "RUNNING"
    assert answer.result[0]["pid"] == found.pid
    assert answer.result[0]["startedAt"] is not None


async def test_a_failed_instance_has_a_reason_in_the_callers_language(
    launcher: Launcher, tmp_path: Path
) -> None:
    script = "import sys\nprint('no config', flush=True)\nsys.exit(3)\n"
    view = await add_bot(launcher.ctx, tmp_path / "bot", script)
    document = """mutation ($id: ID!) { startInstance(input: {id: $id}) { complete } }"""
    refused = await ask(launcher, document, {"Accept-Language": "en"}, id=view.id)
    assert refused.code == "COMMAND_FAILED"
    assert "no config" in refused.error["message"]
    query = "{ instances { status failure { reason exitCode signal lastLines at hint restartAt } } }"
    english = (await ask(launcher, query, {"Accept-Language": "en"})).result[0]
    chinese = (await ask(launcher, query)).result[0]
    assert english["status"] == "FAILED"
    assert english["failure"]["reason"] == "exited with code 3"
    assert chinese["failure"]["reason"] == "已退出，退出码 3"
    assert english["failure"]["exitCode"] == 3
    assert english["failure"]["signal"] is None
    assert english["failure"]["restartAt"] is None
    assert english["failure"]["lastLines"] == ["no config"]


async def test_instances_are_filtered_by_status_and_name(launcher: Launcher, tmp_path: Path) -> None:
    for name in ("Alpha", "Beta", "alphabet"):
        await add_bot(launcher.ctx, tmp_path / name)
    await instances.start(launcher.ctx, launcher.ctx.live.views[1].id)

    async def names(arguments: str) -> list[str]:
        answer = await ask(launcher, f"{{ instances{arguments} {{ name }} }}")
        return [instance["name"] for instance in answer.result]

    assert await names("") == ["Alpha", "Beta", "alphabet"]
    assert await names('(search: "ALPHA")') == ["Alpha", "alphabet"]
    assert await names("(status: RUNNING)") == ["Beta"]
    assert await names('(status: STOPPED, search: "bet")') == ["alphabet"]
    assert (await ask(launcher, "{ instanceStats { total running stopped } }")).result == {
        "total": 3,
        "running": 1,
        "stopped": 2,
    }


async def test_health_and_metrics_match_the_resolvers(launcher: Launcher) -> None:
    answer = await ask(
        launcher,
        """{ systemHealth { status uptime version timestamp machine { system release machine processor } }
             systemMetrics { at cpu { usage cores } memory { total used free usagePercent }
               disk { total used free usagePercent }
               network { bytesSent bytesReceived sentPerSecond receivedPerSecond } } }""",
    )
    health, metrics = answer.data["systemHealth"], answer.data["systemMetrics"]
    assert (health["status"], health["version"]) == ("healthy", __version__)
    assert health["machine"]["system"] == launcher.ctx.samplers.machine.machine.system
    assert metrics["memory"]["total"] == launcher.ctx.samplers.machine.latest.memory_total
    assert metrics["memory"]["used"] + metrics["memory"]["free"] == metrics["memory"]["total"]
    assert metrics["disk"]["total"] == launcher.ctx.samplers.machine.latest.disk_total
    assert metrics["cpu"]["cores"] == launcher.ctx.samplers.machine.latest.cpu_cores


async def test_events_are_read_page_by_page(launcher: Launcher) -> None:
    for number in range(5):
        await launcher.ctx.store.journal.note("add", "nobody", Text(f"第 {number} 件", f"number {number}"))
    document = """query ($after: ID) { events(after: $after, first: 2) {
        edges { cursor node { id kind caller instanceId message } } pageInfo { hasNextPage endCursor } } }"""
    seen, after = [], None
    for _ in range(3):
        page = (await ask(launcher, document, {"Accept-Language": "en"}, after=after)).result
        seen += [edge["node"]["message"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        assert page["edges"][-1]["cursor"] == page["edges"][-1]["node"]["id"] == after
        assert page["pageInfo"]["hasNextPage"] is (len(seen) < 5)
    assert seen == [f"number {number}" for number in range(5)]
    empty = (await ask(launcher, document, after=after)).result
    assert empty == {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_events_are_filtered_and_read_backwards(launcher: Launcher) -> None:
    journal, one, other = launcher.ctx.store.journal, "a" * 40, "b" * 40
    for number in range(12):
        kind: Kind = ("start", "stop", "died")[number % 3]
        await journal.note(kind, "nobody", Text("", str(number)), (one, other, None)[number % 4 % 3])
    document = """query ($id: ID, $kinds: [String!], $begin: DateTime, $end: DateTime, $before: ID, $last: Int) {
        events(instanceId: $id, kinds: $kinds, begin: $begin, end: $end, before: $before, last: $last) {
        edges { cursor node { message } } pageInfo { hasNextPage } } }"""

    async def found(**given: object) -> list[int]:
        page = (await ask(launcher, document, {"Accept-Language": "en"}, **given)).result
        return [int(edge["node"]["message"]) for edge in page["edges"]]

    assert await found(id=one) == [0, 3, 4, 7, 8, 11]
    assert await found(kinds=["start", "died"]) == [0, 2, 3, 5, 6, 8, 9, 11]
    assert await found(id=one, kinds=["died"]) == [8, 11]
    assert await found(kinds=[]) == []
    assert await found(begin="2020-01-01T00:00:00Z", end="2021-01-01T00:00:00Z") == []
    assert await found(begin="2020-01-01T00:00:00Z") == list(range(12))
    assert await found(end="2100-01-01T00:00:00Z", last=2) == [10, 11]
    pages, before = [], None
    while page := (await ask(launcher, document, id=one, last=4, before=before)).result["edges"]:
        pages.append(len(page))
        before = page[0]["cursor"]
    assert pages == [4, 2]


@pytest.mark.parametrize(
    "arguments, field",
    [
        ("first: 0", "first"),
        ("first: 201", "first"),
        ('after: "x"', "after"),
        ('after: "99999999999999999999"', "after"),
        ('before: "x"', "before"),
        ("last: 0", "last"),
        ("first: 1, last: 1", "last"),
        ("kinds: [" + '"x",' * 101 + "]", "kinds"),
    ],
)
async def test_a_page_of_events_has_limits(launcher: Launcher, arguments: str, field: str) -> None:
    answer = await ask(launcher, f"{{ events({arguments}) {{ edges {{ cursor }} }} }}")
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", field)


async def test_a_list_costs_one_query_however_long_it_is(
    launcher: Launcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        view = await add_bot(launcher.ctx, tmp_path / f"bot{number}")
        await launcher.ctx.store.journal.note("add", "nobody", Text(f"给 {number}", ""), view.id)
    document = """{ instances { name services { name terminal { end } } terminals { sessionId }
                    recentEvents(first: 3) { message at } more: recentEvents(first: 2) { kind } } }"""
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        answer = await ask(launcher, document)
    queries = [record.getMessage() for record in caplog.records if record.name == "tortoise.db_client"]
    assert len(queries) == 1, queries
    assert [instance["recentEvents"][0]["message"] for instance in answer.result] == [
        f"给 {number}" for number in range(50)
    ]
    assert all(instance["more"][0] == {"kind": "add"} for instance in answer.result)
    assert {len(instance["more"]) for instance in answer.result} == {2}


@pytest.mark.parametrize("first", [0, 51])
async def test_recent_events_have_a_limit(launcher: Launcher, tmp_path: Path, first: int) -> None:
    await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(launcher, f"{{ instances {{ recentEvents(first: {first}) {{ at }} }} }}")
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "first")
