"""Malformed requests, or malformed files of a former keeper, ended the keeper and every bot with it."""

import asyncio
import json
from pathlib import Path

import pytest

from terminals import keeper
from terminals.local import LocalKeepers

SPAWN = {
    "id": 1, "op": "spawn", "terminal": "main", "run": "r", "argv": ["/bin/true"], "env": {}, "cwd": "/",
    "columns": 80, "rows": 24,
}  # fmt: skip
TYPED = {"id": 2, "op": "input", "terminal": "main", "data": "x"}
REQUESTS = [
    keeper.pack_json(SPAWN) + keeper.pack_json({**TYPED, "seq": 1}),
    keeper.pack_json(SPAWN) + keeper.pack_json({**TYPED, "seq": 1, "viewer": ["x"]}),
    keeper.pack_json(SPAWN) + keeper.pack_json({**TYPED, "seq": True, "viewer": "x"}),
    keeper.pack_json(SPAWN) + keeper.pack_json({**TYPED, "seq": "1", "viewer": "x" * 1000}),
    keeper.pack(74, b"[" * 200_000),
    keeper.pack_json({"id": "x", "op": "read", "terminal": "main", "offset": 0, "limit": 5}),
    keeper.pack_json({"id": 1 << 70, "op": "read", "terminal": "main", "offset": 0, "limit": 5}),
    keeper.pack_json({**SPAWN, "columns": 70_000}),
    keeper.pack_json({**SPAWN, "rows": "many"}),
    keeper.pack_json(SPAWN) + keeper.pack_json({"id": "x", "op": "follow", "terminal": "main", "after": 0}),
    keeper.pack_json(SPAWN) + keeper.pack_json({"id": -1, "op": "follow", "terminal": "main", "after": 0}),
    keeper.pack_json(SPAWN)
    + keeper.pack_json({"id": 2, "op": "resize", "terminal": "main", "columns": 99_999, "rows": 2}),
]
RUNS = [
    "[]",
    "null",
    '{"main": {"run": "r"}}',
    '{"../x": {"run": "r", "pid": 1}}',
    '{"main": 5}',
    "[" * 100_000,
]


class Answers(asyncio.Protocol):
    """Collects the messages of a keeper."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.received = bytearray()
        self.ended = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        for kind, payload in keeper.unpack(self.received):
            if kind == 74:
                self.messages.put_nowait(json.loads(payload))

    def connection_lost(self, _error: Exception | None) -> None:
        self.ended.set()
        self.messages.put_nowait({"id": None})


async def connected(keepers: LocalKeepers, *, start: bool = False) -> tuple[asyncio.Transport, Answers]:
    answers = Answers()
    assert await keepers.dial("bot", lambda: answers, start)
    return answers.transport, answers


async def pid_and_end(keepers: LocalKeepers) -> int:
    """The keeper's pid, which still answers; afterwards it has ended."""
    transport, answers = await connected(keepers)
    async with asyncio.timeout(10):
        transport.write(keeper.pack_json({"id": 1, "op": "hello"}))
        hello = await answers.messages.get()
        while not answers.ended.is_set():
            transport.write(keeper.pack_json({"id": 2, "op": "end"}))  # refused while /bin/true runs
            await asyncio.sleep(0.02)
    return int(str(hello["pid"]))


@pytest.fixture
def keepers(tmp_path: Path) -> LocalKeepers:
    made = LocalKeepers(tmp_path, 1 << 20, 2)
    made.create_folders()
    return made


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
async def test_a_keeper_survives_malformed_requests(keepers: LocalKeepers, request_: bytes) -> None:
    transport, answers = await connected(keepers, start=True)
    transport.write(keeper.pack_json({"id": 9, "op": "hello"}))
    async with asyncio.timeout(10):
        pid = (await answers.messages.get())["pid"]
        transport.write(request_)
        transport.write(keeper.pack_json({"id": 10, "op": "hello"}))
        while (await answers.messages.get()).get("id") not in (10, None):
            pass
    assert await pid_and_end(keepers) == pid
    transport.close()


@pytest.mark.parametrize("runs", RUNS, ids=range(len(RUNS)))
async def test_a_keeper_starts_with_an_invalid_runs_json(keepers: LocalKeepers, runs: str) -> None:
    keepers.folder("bot").mkdir()
    (keepers.folder("bot") / "runs.json").write_text(runs)
    transport, _ = await connected(keepers, start=True)
    await pid_and_end(keepers)
    transport.close()


async def test_foreign_files_in_a_log_folder_are_ignored(keepers: LocalKeepers) -> None:
    folder = keepers.folder("bot") / "main"
    folder.mkdir(parents=True)
    for name in ("notes.log", "-0000000000000000005.log", "99999999999999999999.log"):
        (folder / name).write_text("x")
    transport, answers = await connected(keepers, start=True)
    transport.write(keeper.pack_json({"id": 1, "op": "status", "terminal": "main"}))
    async with asyncio.timeout(10):
        assert (await answers.messages.get())["end"] == 0
    await pid_and_end(keepers)
    transport.close()
