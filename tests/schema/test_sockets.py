"""`graphql-transport-ws`: the protocol, access control, and invalid messages."""

import asyncio
import json
import logging
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from resolvers.running.live_instances import LiveInstances
from resolvers.views import InstanceView
from schema import endpoint
from store.records import InstanceRecord
from tests.support.context import add_bot, settings_for
from tests.support.graphql import conversing, opening
from tests.support.server import Launcher, running
from tests.support.waiting import until

pytestmark = pytest.mark.slow

HEALTH = "{ systemHealth { status } }"
TOKEN = "correct-horse-battery-staple"


async def test_queries_and_mutations_work_over_the_socket(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    async with conversing(launcher) as socket:
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}
        started = await socket.ask(
            "mutation ($id: ID!) { startInstance(input: {id: $id}) { message } }", id=view.id
        )
        assert started.result == {"message": "实例 bot 已启动"}


async def test_pings_are_answered(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.send("ping", payload={"at": 1})
        assert (await socket.receive())["type"] == "pong"


async def test_a_null_payload_is_accepted(launcher: Launcher) -> None:
    async with opening(launcher) as socket:
        await socket.send("connection_init", payload=None)
        assert await socket.receive() == {"type": "connection_ack"}


async def test_the_legacy_protocol_is_not_supported(launcher: Launcher) -> None:
    async with opening(launcher, subprotocol="graphql-ws") as socket:
        code, _ = await socket.until_closed()
    assert code == 4406


async def test_operations_before_connection_init_are_refused(launcher: Launcher) -> None:
    async with opening(launcher) as socket:
        await socket.begin(HEALTH)
        assert (await socket.until_closed())[0] == 4401


async def test_a_socket_without_connection_init_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.INIT_TIMEOUT_S <= 10
    monkeypatch.setattr(endpoint, "INIT_TIMEOUT_S", 0.05)
    async with running(settings_for(tmp_path)) as launcher, opening(launcher) as socket:
        assert (await socket.until_closed())[0] == 4408


async def test_a_second_connection_init_closes_the_socket(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.send("connection_init")
        assert (await socket.until_closed())[0] == 4429


async def test_an_id_in_use_closes_the_socket(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.follow("subscription { instanceChanged { id } }")
        await socket.send("subscribe", id="1", payload={"query": HEALTH})
        assert (await socket.until_closed())[0] == 4409


NO_MESSAGES = [
    "",
    "{",
    "5",
    "null",
    '"x"',
    "[]",
    "{}",
    '{"type": 5}',
    '{"type": "nonsense"}',
    '{"type": "start", "id": "1"}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ systemHealth { status } }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ systemHealth { status } }"}}',
    '{"type": "subscribe", "id": "1", "payload": "x"}',
    '{"type": "subscribe", "id": "1", "payload": {}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": 5}}',
    '{"type": "complete"}',
    '{"type": "complete", "id": []}',
    '{"type": "ping", "payload": 5}',
    '{"type": "' + "很长" * 500 + '"}',
    "[" * 100_000,
    '{"type": "ping", "payload": {"": [' + ",".join(["[" * 100 + "]" * 100] * 2000) + "]}}",
]


async def test_messages_that_violate_the_protocol_close_the_socket_with_4400(
    launcher: Launcher, caplog: pytest.LogCaptureFixture
) -> None:
    for text in NO_MESSAGES:
        async with conversing(launcher) as socket:
            await socket.socket.send(text)
            code, reason = await socket.until_closed()
        assert (code, bool(reason)) == (4400, True), text[:80]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_binary_message_closes_the_socket(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.socket.send(json.dumps({"type": "ping"}).encode())
        assert (await socket.until_closed())[0] == 4400


WRONG_DOCUMENTS = [
    "{",
    "{ nope }",
    "subscription { nope }",
    "fragment F on Query { systemHealth { status } }",
    " " * 100_001,
]


async def test_an_invalid_document_ends_its_operation_and_not_the_socket(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.follow("subscription { instanceChanged { id } }")
        for document in WRONG_DOCUMENTS:
            answer = await socket.ask(document)
            assert {error["extensions"]["code"] for error in answer.errors} == {"INVALID_PARAMETER"}, document
            assert answer.data is None
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}


async def test_an_unknown_operation_name_ends_its_operation_only(launcher: Launcher) -> None:
    async with conversing(launcher) as socket:
        await socket.send("subscribe", id="x", payload={"query": HEALTH, "operationName": "Nope"})
        message = await socket.next("x")
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "INVALID_PARAMETER"
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}


async def test_operations_on_one_socket_have_a_limit(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, graphql_max_subscriptions=2)
    english = {"Accept-Language": "en"}
    async with running(settings) as launcher, conversing(launcher, english) as socket:
        first = await socket.begin("subscription { instanceChanged { id } }")
        await socket.begin("subscription { instanceChanged { id } }")
        refused = await socket.ask(HEALTH)
        assert refused.error == {
            "message": "At most 2 concurrent operations on one socket",
            "extensions": {"code": "INVALID_PARAMETER", "status": 400},
        }
        await socket.end(first)
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173", "http://127.0.0.1:1", "tauri://localhost", "https://tauri.localhost"]
)
async def test_pages_of_this_machine_may_open_a_socket(launcher: Launcher, origin: str) -> None:
    async with conversing(launcher, origin=origin) as socket:
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}


async def test_pages_of_other_sites_may_not_open_a_socket(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, allowed_origins=["https://friend.example"])) as launcher:
        async with conversing(launcher, origin="https://friend.example") as socket:
            assert (await socket.ask(HEALTH)).result == {"status": "healthy"}
        with pytest.raises(InvalidStatus) as refusal:
            async with opening(launcher, origin="https://foreign.example"):
                pass
        assert refusal.value.response.status_code == 403


async def test_the_token_may_be_in_the_handshake_or_the_payload(tmp_path: Path) -> None:
    bearer = f"Bearer {TOKEN}"
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher:
        async with conversing(launcher, {"Authorization": bearer}) as socket:
            assert (await socket.ask(HEALTH)).result == {"status": "healthy"}
        for name in ("authorization", "Authorization"):
            async with opening(launcher) as socket:
                assert (await socket.init({name: bearer}))["type"] == "connection_ack"
                assert (await socket.ask(HEALTH)).result == {"status": "healthy"}


WRONG_PAYLOADS: list[dict[str, object] | None] = [
    None,
    {},
    {"authorization": "Bearer wrong"},
    {"authorization": TOKEN},
    {"authorization": ""},
    {"authorization": None},
    {"authorization": [f"Bearer {TOKEN}"]},
    {"token": TOKEN},
    {"authorization": "Bearer é"},
]


async def test_without_the_token_a_socket_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(settings_for(tmp_path, token=TOKEN)) as launcher:
        for payload in WRONG_PAYLOADS:
            async with opening(launcher) as socket:
                await socket.send("connection_init", **({} if payload is None else {"payload": payload}))
                code, reason = await socket.until_closed()
            assert (code, reason) == (4403, "Forbidden"), payload
    assert TOKEN not in caplog.text


async def test_a_command_completes_after_its_client_disconnects(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cancelled with its socket: the instance was in the database, and nowhere else."""
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "bot.py").touch()
    entered, released, add = asyncio.Event(), asyncio.Event(), LiveInstances.add

    async def held_up(live: LiveInstances, record: InstanceRecord) -> InstanceView:
        entered.set()
        await released.wait()
        return await add(live, record)

    monkeypatch.setattr(LiveInstances, "add", held_up)
    before = asyncio.all_tasks()
    async with conversing(launcher) as socket:
        operation = await socket.begin(
            "mutation ($input: AddInstanceInput!) { addInstance(input: $input) { message } }",
            input={"name": "bot", "path": str(tmp_path / "bot"), "port": 1234},
        )
        await entered.wait()
        await socket.end(operation)
        assert (await socket.ask(HEALTH)).result == {"status": "healthy"}
        socket.socket.transport.abort()
    released.set()
    await until(lambda: asyncio.all_tasks() <= before)
    assert [view.name for view in launcher.ctx.live.views] == ["bot"]
    assert [row["kind"] for row in await launcher.ctx.store.journal.after(0, 9)] == ["add"]


async def test_a_client_that_disconnects_leaves_nothing_behind(
    launcher: Launcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await add_bot(launcher.ctx, tmp_path / "bot")
    before, own = asyncio.all_tasks(), set(launcher.ctx.bus._subscriptions)
    async with conversing(launcher) as socket:
        for _ in range(20):
            await socket.begin("subscription { systemMetrics(intervalMs: 100) { at } }")
        await socket.follow("subscription { instanceChanged { id } }")
        socket.socket.transport.abort()
    await until(lambda: launcher.ctx.bus._subscriptions == own and asyncio.all_tasks() <= before)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
