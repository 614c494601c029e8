"""Subscriptions: instances, terminals, metrics; over sockets and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from mailauncher.errors import Text
from mailauncher.events import InstanceChanged
from resolvers import instances, labels, terminals
from tests.support.context import add_bot
from tests.support.graphql import GraphQLSocket, ask, client, conversing
from tests.support.server import Launcher
from tests.support.waiting import until

pytestmark = pytest.mark.slow

OUTPUT = """subscription ($id: ID!, $after: Long) {
    terminalOutput(sessionId: $id, after: $after) { data offset end missed } }"""
CHANGES = """subscription ($id: ID) { instanceChanged(id: $id) {
    id instance { name status services { status } recentEvents(first: 1) { kind } } } }"""

ECHO = """
import sys
print("ready 机器人🤖", flush=True)
for line in sys.stdin:
    print("got", line.strip().upper(), flush=True)
"""

FLOOD_BYTES = 24 << 20
FLOOD = f"""
import sys
sys.stdin.readline()
line = "x" * 1023 + "\\n"
for _ in range({FLOOD_BYTES} // 1024):
    sys.stdout.write(line)
sys.stdout.flush()
print("the end", flush=True)
sys.stdin.readline()
"""


async def started(launcher: Launcher, folder: Path, script: str) -> str:
    """The session id of a running bot."""
    view = await add_bot(launcher.ctx, folder, script)
    await instances.start(launcher.ctx, view.id)
    return f"{view.id}_main"


async def shown(socket: GraphQLSocket, operation_id: str, wanted: str) -> tuple[str, int]:
    """The output of a subscription until it contains `wanted`, and the offset after it. Checks that there is no gap."""
    text, end = "", None
    while wanted not in text:
        piece = await socket.value(operation_id)
        assert end is None or piece["offset"] == end + piece["missed"]
        text, end = text + piece["data"], piece["end"]
    assert end is not None
    return text, end


# Instances


async def test_every_change_of_an_instance_is_published(launcher: Launcher, tmp_path: Path) -> None:
    async with conversing(launcher) as socket:
        changes = await socket.follow(CHANGES)
        view = await add_bot(launcher.ctx, tmp_path / "bot")
        added = await socket.value(changes)
        assert (added["id"], added["instance"]["name"]) == (view.id, "bot")
        await instances.start(launcher.ctx, view.id)
        statuses = []
        while "RUNNING" not in statuses:
            statuses.append((await socket.value(changes))["instance"]["status"])
        assert statuses == ["STARTING", "RUNNING"]
        await instances.delete(launcher.ctx, view.id)
        while (change := await socket.value(changes))["instance"] is not None:
            assert change["instance"]["status"] in ("STOPPING", "STOPPED")
        assert change == {"id": view.id, "instance": None}


async def test_one_instance_can_be_followed_alone(launcher: Launcher, tmp_path: Path) -> None:
    one = await add_bot(launcher.ctx, tmp_path / "one")
    other = await add_bot(launcher.ctx, tmp_path / "other")
    async with conversing(launcher) as socket:
        changes = await socket.follow(CHANGES, id=one.id)
        await instances.delete(launcher.ctx, other.id)
        await instances.delete(launcher.ctx, one.id)
        assert await socket.value(changes) == {"id": one.id, "instance": None}


async def test_an_unknown_instance_cannot_be_followed(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        answer = await socket.ask(CHANGES, id="nope")
        assert (answer.code, answer.error["path"]) == ("INSTANCE_NOT_FOUND", ["instanceChanged"])


async def test_changes_that_were_not_fetched_are_merged(launcher: Launcher, tmp_path: Path) -> None:
    """Ten thousand pending events of one instance are merged into one."""
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    own = set(launcher.ctx.bus._subscriptions)
    async with conversing(launcher) as socket:
        await socket.follow(CHANGES)
        (subscription,) = launcher.ctx.bus._subscriptions - own
        for _ in range(10_000):
            launcher.ctx.bus.publish(InstanceChanged(view.id))
        assert len(subscription._waiting) == 1


# Metrics


async def test_metrics_are_sent_at_once_and_then_at_the_interval(launcher: Launcher) -> None:
    document = "subscription ($ms: Int!) { systemMetrics(intervalMs: $ms) { at memory { total } } }"
    async with conversing(launcher) as socket:
        metrics = await socket.begin(document, ms=100)
        first = await socket.value(metrics)
        assert first["memory"]["total"] == launcher.ctx.samplers.machine.latest.memory_total
        assert (await socket.value(metrics))["at"] > first["at"]
        for wrong in (99, 3_600_001, -1):
            refused = await socket.ask(document, ms=wrong)
            assert (refused.code, refused.error["extensions"]["field"]) == ("INVALID_PARAMETER", "intervalMs")


# Terminals


async def test_output_starts_with_recent_output_and_continues(launcher: Launcher, tmp_path: Path) -> None:
    session = await started(launcher, tmp_path / "bot", ECHO)
    async with conversing(launcher) as socket:
        early = await socket.begin(OUTPUT, id=session)
        text, end = await shown(socket, early, "🤖\r\n")
        assert (text, end) == ("ready 机器人🤖\r\n", len("ready 机器人🤖\r\n".encode()))
        late = await socket.begin(OUTPUT, id=session)
        assert await socket.value(late) == {"data": text, "offset": 0, "end": end, "missed": 0}
        await terminals.send_input(launcher.ctx, session, "hello\n")
        assert (await shown(socket, late, "HELLO\r\n"))[0] == (await shown(socket, early, "HELLO\r\n"))[0]


async def test_output_resumes_at_an_offset_without_loss_or_duplicates(
    launcher: Launcher, tmp_path: Path
) -> None:
    session = await started(launcher, tmp_path / "bot", ECHO)
    async with conversing(launcher) as socket:
        first = await socket.begin(OUTPUT, id=session)
        before, end = await shown(socket, first, "🤖\r\n")
        await socket.end(first)
    await terminals.send_input(launcher.ctx, session, "meanwhile\n")
    async with conversing(launcher) as socket:
        second = await socket.begin(OUTPUT, id=session, after=end)
        text, _ = await shown(socket, second, "MEANWHILE\r\n")
        whole = await socket.begin(OUTPUT, id=session, after=0)
        assert (await shown(socket, whole, "MEANWHILE\r\n"))[0] == before + text
        assert "ready" not in text


@pytest.mark.parametrize("after", [-1, 1 << 40])
async def test_an_offset_that_no_output_has_reached_is_refused(
    launcher: Launcher, tmp_path: Path, after: int
) -> None:
    session = await started(launcher, tmp_path / "bot", ECHO)
    async with conversing(launcher) as socket:
        answer = await socket.ask(OUTPUT, id=session, after=after)
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "after")
    assert terminals.find(launcher.ctx, session).tail.viewers == []


@pytest.mark.parametrize("session, code", [("nope", "INVALID_SESSION"), ("0_main", "INSTANCE_NOT_FOUND")])
async def test_an_unknown_terminal_cannot_be_followed(launcher: Launcher, session: str, code: str) -> None:
    async with conversing(launcher) as socket:
        answer = await socket.ask(OUTPUT, id=session)
        assert (answer.code, answer.error["path"]) == (code, ["terminalOutput"])


async def test_an_unsubscribed_client_is_not_counted_as_viewer(launcher: Launcher, tmp_path: Path) -> None:
    session = await started(launcher, tmp_path / "bot", ECHO)
    terminal = terminals.find(launcher.ctx, session)
    async with conversing(launcher) as socket:
        operations = [await socket.begin(OUTPUT, id=session) for _ in range(3)]
        for operation in operations:
            await shown(socket, operation, "ready")
        assert len(terminal.tail.viewers) == 3
        await socket.end(operations[0])
        await until(lambda: len(terminal.tail.viewers) == 2)
        socket.socket.transport.abort()
        await until(lambda: terminal.tail.viewers == [])


async def test_a_subscriber_that_does_not_read_does_no_harm(launcher: Launcher, tmp_path: Path) -> None:
    session = await started(launcher, tmp_path / "bot", FLOOD)
    memory = psutil.Process().memory_info
    async with conversing(launcher) as stalled, conversing(launcher) as reading:
        waiting = await stalled.begin(OUTPUT, id=session, after=0)
        following = await reading.follow(OUTPUT, id=session, after=0)
        terminal = terminals.find(launcher.ctx, session)
        await until(lambda: len(terminal.tail.viewers) == 2)
        before = memory().rss
        await terminals.send_input(launcher.ctx, session, "go\n")
        text, end = "", 0
        while not text.endswith("the end\r\n"):
            piece = await reading.value(following)
            assert piece["offset"] == end + piece["missed"]
            text, end = piece["data"], piece["end"]
        assert end == terminal.tail.end > FLOOD_BYTES
        assert memory().rss - before < 32 << 20
        text, end = "", 0
        while not text.endswith("the end\r\n"):
            piece = await stalled.value(waiting)
            assert piece["offset"] == end + piece["missed"]
            text, end = piece["data"], piece["end"]
        assert end == terminal.tail.end


LARGE = f"""subscription {{ instanceChanged {{ instance {{
    {" ".join(f"n{number}: notes" for number in range(40))} }} }} }}"""


async def test_a_subscriber_of_changes_that_does_not_read_delays_nobody_and_costs_little(
    launcher: Launcher, tmp_path: Path
) -> None:
    """Its equals get every change meanwhile, and it the last one, once it reads."""
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    memory = psutil.Process().memory_info
    async with conversing(launcher, max_queue=1) as stalled, conversing(launcher) as reading:
        waiting = await stalled.follow(LARGE)
        following = await reading.follow(LARGE)

        async def change(first: int, last: int) -> None:
            """So many times, each answered with 160 KB."""
            for number in range(first, last):
                await labels.edit(launcher.ctx, view.id, notes=f"{number:04}" * 1000)
                found = ""
                while not found.startswith(f"{number:04}"):  # adding the bot was a change, too
                    found = (await reading.value(following))["instance"]["n39"]

        await change(0, 50)
        before = memory().rss
        await change(50, 150)
        assert memory().rss - before < 8 << 20
        assert (await ask(launcher, "{ systemHealth { status } }")).result == {"status": "healthy"}
        seen: list[str] = []
        while seen[-1:] != ["0149"]:
            seen.append((await stalled.value(waiting))["instance"]["n0"][:4])
        assert seen == sorted({*seen})
        assert len(seen) < 150


# Server-sent events


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """(event, data) of each event."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield name, line.removeprefix("data:").strip()


STREAM = {"Accept": "text/event-stream"}


async def test_a_subscription_streams_server_sent_events(launcher: Launcher, tmp_path: Path) -> None:
    session = await started(launcher, tmp_path / "bot", ECHO)
    terminal = terminals.find(launcher.ctx, session)
    before = asyncio.all_tasks()
    async with client(launcher) as http:
        body = {"query": OUTPUT, "variables": {"id": session}}
        async with http.stream("POST", "/graphql", json=body, headers=STREAM) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            text = ""
            async for name, data in events(response):
                assert name == "next"
                text += json.loads(data)["data"]["terminalOutput"]["data"]
                if "ready 机器人🤖\r\n" in text:
                    await terminals.send_input(launcher.ctx, session, "once\n")
                if "got ONCE" in text:
                    break
            assert len(terminal.tail.viewers) == 1
        await until(lambda: terminal.tail.viewers == [])
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_query_over_server_sent_events_completes(launcher: Launcher) -> None:
    async with client(launcher) as http:
        body = {"query": "{ systemHealth { status } }"}
        async with http.stream("POST", "/graphql", json=body, headers=STREAM) as response:
            found = [item async for item in events(response)]
    assert found == [("next", '{"data":{"systemHealth":{"status":"healthy"}}}'), ("complete", "")]


async def test_a_failure_over_server_sent_events_has_its_code(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for document in (CHANGES, "{", "{ nope }"):
            body = {"query": document, "variables": {"id": "nope"}}
            async with http.stream("POST", "/graphql", json=body, headers=STREAM) as response:
                found = [item async for item in events(response)]
            assert [name for name, _ in found] == ["next", "complete"]
            (error,) = json.loads(found[0][1])["errors"]
            wanted = "INSTANCE_NOT_FOUND" if document == CHANGES else "INVALID_PARAMETER"
            assert error["extensions"]["code"] == wanted


async def test_an_event_stream_continues_after_the_event_that_its_client_has_seen(launcher: Launcher) -> None:
    """A dashboard that had lost its connection got all events again, or missed some."""
    journal = launcher.ctx.store.journal
    body = {"query": 'subscription { events(after: "0") { id message } }'}
    for number in range(3):
        await journal.note("add", "test", Text(str(number), str(number)))

    async def read(count: int, last: str = "") -> tuple[list[str], str]:
        """The messages of so many events, and the `id` of the last one."""
        found, identifier = [], ""
        async with client(launcher) as http:
            headers = {**STREAM, "Last-Event-ID": last} if last else STREAM
            async with http.stream("POST", "/graphql", json=body, headers=headers) as response:
                async for line in response.aiter_lines():
                    if line.startswith("id: "):
                        identifier = line.removeprefix("id: ")
                    elif line.startswith("data: "):
                        answer = json.loads(line.removeprefix("data: "))
                        found.append(answer["data"] or answer["errors"][0]["extensions"])
                        if len(found) == count:
                            break
        return [str(each.get("code") or each["events"]["message"]) for each in found], identifier

    first, last = await read(2)
    assert first == ["0", "1"]
    await journal.note("add", "test", Text("3", "3"))
    assert (await read(2, last))[0] == ["2", "3"]
    for nonsense in ("x", "-1", "9" * 17):
        assert await read(1, nonsense) == (["INVALID_PARAMETER"], "")
