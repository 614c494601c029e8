"""The server is killed at random moments, again and again: bots do not notice, and viewers and subscribers miss nothing."""

import asyncio
import contextlib
import itertools
import random
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.context import free_port, processes_in
from tests.support.killable import PATIENCE_S, Server
from tests.support.stress import sized
from tests.support.transcripts import (
    Cursor,
    EventTranscript,
    SocketTranscript,
    StreamTranscript,
    Transcript,
)
from tests.support.waiting import until

KILLS = sized(3, 50)
BOTS = 3
COUNTING_BOT = """
import itertools, random, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
for number in itertools.count():
    print("line", number, flush=True)
    if random.random() < 0.2:
        time.sleep(random.random() * 0.02)
"""


async def rename_for_ever(server: Server, instance_id: str) -> None:
    """Each time is an event, unless the server dies of it."""
    query = "mutation ($input: EditInstanceInput!) { editInstance(input: $input) { message } }"
    for number in itertools.count():
        variables = {"input": {"id": instance_id, "name": f"bot-{number}"}}
        with contextlib.suppress(httpx.TransportError):
            answer = await server.ask("POST", f"{server.url}/graphql", query=query, variables=variables)
            assert "errors" not in answer, answer
        await asyncio.sleep(0.01)


async def all_events(server: Server) -> list[dict[str, str]]:
    query = "query ($after: ID) { events(after: $after, first: 200) { edges { node { id kind message } } } }"
    found: list[dict[str, str]] = []
    while True:
        variables = {"after": found[-1]["id"] if found else None}
        answer = await server.ask("POST", f"{server.url}/graphql", query=query, variables=variables)
        page = [edge["node"] for edge in answer["data"]["events"]["edges"]]
        if not page:
            return found
        found += page


@pytest.mark.slow
@pytest.mark.stress
async def test_kills_restart_no_bot_and_lose_no_line(server: Server, tmp_path: Path) -> None:
    for name in range(BOTS):
        folder = tmp_path / "bots" / f"bot{name}"
        folder.mkdir(parents=True)
        (folder / "bot.py").write_text(COUNTING_BOT)
        added = await server.ask(
            "POST", "/instances/add", name=f"bot{name}", path=str(folder), port=free_port()
        )
        await server.ask("GET", f"/instance/{added['instance_id']}/start")
    ids = list(await server.instances())
    pids = sorted(
        pid
        for pid in processes_in(tmp_path / "bots")
        if psutil.Process(pid).cwd().startswith(str(tmp_path / "bots"))
    )
    transcripts = [Transcript(server, f"{instance_id}_main") for instance_id in ids]
    transcripts += [StreamTranscript(server, f"{ids[0]}_main") for _ in range(2)]
    output, journal = Cursor(), Cursor()
    subscribers = [SocketTranscript(server, f"{ids[0]}_main", output) for _ in range(2)]
    transcripts += subscribers
    readers = [EventTranscript(server, journal) for _ in range(2)]
    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(each.follow()) for each in (*transcripts, *readers)]
        renaming = tasks.create_task(rename_for_ever(server, ids[0]))
        for _ in range(KILLS):
            await until(
                lambda: (
                    all(reader.last > journal.position for reader in readers)
                    and all(len(subscriber.seen) > output.position for subscriber in subscribers)
                )
            )
            await asyncio.sleep(random.random() * 0.5)
            await server.end(signal.SIGKILL)
            output.position = min(len(subscriber.seen) for subscriber in subscribers)
            journal.position = min(reader.last for reader in readers)
            await server.start()
            async with asyncio.timeout(PATIENCE_S):
                while set((await server.instances()).values()) != {"running"}:
                    await asyncio.sleep(0.05)
        end = [len(transcript.seen) for transcript in transcripts]
        while any(
            len(transcript.seen) < size + 1000 for transcript, size in zip(transcripts, end, strict=True)
        ):
            await asyncio.sleep(0.05)
        renaming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renaming
        events = await all_events(server)
        await until(lambda: all(reader.last >= int(events[-1]["id"]) for reader in readers))
        for task in following:
            task.cancel()
    now = sorted(
        pid
        for pid in processes_in(tmp_path / "bots")
        if psutil.Process(pid).cwd().startswith(str(tmp_path / "bots"))
    )
    assert now == pids
    keepers = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(tmp_path / "data" / "terminals") in " ".join(p.info["cmdline"] or ())
    ]
    assert len(keepers) == BOTS
    for transcript in transcripts:
        assert transcript.connections > KILLS // 4
        assert transcript.numbers == list(range(len(transcript.numbers)))
    assert sum(event["kind"] == "edit" for event in events) >= KILLS
    for reader in readers:
        assert reader.connections > KILLS // 4
        assert [*reader.seen.values()] == events
    for instance_id in ids:
        await server.ask("DELETE", f"/instance/{instance_id}/delete")
    assert await server.end(signal.SIGTERM) == 0
    assert not processes_in(tmp_path)
