"""What a status does not tell: whether a bot is ready, what it waits for, what it asks, and why."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from mailauncher import listeners
from mailauncher.events import InstanceChanged
from resolvers import instances, terminals
from resolvers.context import Context
from resolvers.views import Details, InstanceView, WaitingFor
from terminals import keeper, observer
from terminals.client import KeeperClient
from terminals.states import State
from tests.support.context import PATIENT_BOT, add_bot, free_port, parts

ASKING = """
print("Starting", flush=True)
answer = input({question!r})
print("got", answer, flush=True)
import socket
listener = socket.create_server(("127.0.0.1", {port}))
while True:
    input()
"""
"""Asks, then listens, and then reads its terminal for ever."""
UNFINISHED = """
import threading, time
if {reads}:
    threading.Thread(target=input, daemon=True).start()
while True:
    print("loading", end="", flush=True)
    time.sleep(0.05)
"""
ASKING_LATER = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", {port}))
print("All is well", flush=True)
while not os.path.exists("ask"):
    time.sleep(0.02)
answer = input({question!r})
print("got", answer, flush=True)
time.sleep(600)
"""
READING = """
import socket, sys
listener = socket.create_server(("127.0.0.1", {port}))
print("All is well", flush=True)
for line in sys.stdin:
    print("Alice:", line, end="", flush=True)
"""
MISPLACED = """
import socket, time
listener = socket.create_server(("127.0.0.1", {port}))
time.sleep(600)
"""
LOGGING_IN = """
import time
while True:
    print("请扫描下面的二维码，然后在手Q上授权登录：\\n█▀▀█", flush=True)
    command = input()
    if command == "flood":
        print("x" * 200_000, flush=True)
        time.sleep(600)
    print("[OneBot11] [WebSocket Server] Server Started :::3001", flush=True)
    input()
"""
NEEDING_MAIN = """
name = "helper"
kind = "service"
run = [["{python}", "main.py"]]
needs = ["main"]
title = { zh = "助手", en = "The helper" }
description = { zh = "助手", en = "The helper" }
"""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(observer, "QUIET_S", 0.2)
    monkeypatch.setattr(observer, "PORTS_EVERY_S", 0.2)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """What the keeper has answered so far, each time it was asked whether a program reads its terminal."""
    found: list[bool | None] = []
    asked = KeeperClient.reading

    async def counted(client: KeeperClient, terminal: str) -> bool | None:
        found.append(await asked(client, terminal))
        return found[-1]

    monkeypatch.setattr(KeeperClient, "reading", counted)
    return found


async def more(looks: list[bool | None]) -> None:
    """Waits for ten more looks."""
    seen = len(looks)
    async with asyncio.timeout(30):
        while len(looks) < seen + 10:
            await asyncio.sleep(0.05)


async def until(ctx: Context, instance_id: str, wanted: Callable[[InstanceView], object]) -> InstanceView:
    with ctx.bus.subscribe(InstanceChanged) as changes:
        async with asyncio.timeout(30):
            while not wanted(view := instances.get(ctx, instance_id)):
                await anext(changes)
    return view


@pytest.mark.slow
@pytest.mark.parametrize("question", ["Go on? ", "Answer with a word ", "请输入 y\n"])
async def test_a_bot_that_waits_for_an_answer_is_said_to_until_it_has_got_it(
    ctx: Context, tmp_path: Path, question: str
) -> None:
    """It was plainly `running`: for ever, if nobody looked into its terminal."""
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(ASKING.format(question=question, port=bot.port))
    await instances.start(ctx, bot.id)
    asking = await until(ctx, bot.id, lambda view: view.details.question)
    assert (asking.status, asking.ready) == (State.RUNNING, False)
    assert (asking.details.waiting_for, asking.details.question) == (WaitingFor.INPUT, question.strip())
    assert asking.details.reason is not None
    assert "mailauncher attach bot" in asking.details.reason.en
    await terminals.send_input(ctx, f"{bot.id}_main", "y\n")
    # It reads its terminal now as well, and has printed no line end after its last words: but it works.
    ready = await until(ctx, bot.id, lambda view: view.ready)
    assert ready.details.waiting_for is None
    assert ready.details.question is None
    assert ready.details.reason is None


@pytest.mark.slow
async def test_a_service_that_shows_a_code_waits_for_a_log_in_until_it_is_logged_in(
    ctx: Context, tmp_path: Path
) -> None:
    """It was plainly `running`, while nobody could talk to the bot."""
    bot = await add_bot(ctx, tmp_path / "bot", napcat=LOGGING_IN)

    def waits(view: InstanceView) -> bool:
        return view.services[0].details.waiting_for is WaitingFor.LOGIN

    await instances.start(ctx, bot.id)
    reason = (await until(ctx, bot.id, waits)).services[0].details.reason
    assert reason is not None
    assert "mailauncher attach bot -t napcat" in reason.en
    await terminals.send_input(ctx, f"{bot.id}_napcat", "scanned\n")
    assert (await until(ctx, bot.id, lambda view: not waits(view))).services[0].details == Details()
    await terminals.send_input(ctx, f"{bot.id}_napcat", "offline\n")
    await until(ctx, bot.id, waits)
    # What has been printed since then is more than is looked through: somebody may have logged in.
    await terminals.send_input(ctx, f"{bot.id}_napcat", "flood\n")
    await until(ctx, bot.id, lambda view: not waits(view))


@pytest.mark.slow
@pytest.mark.parametrize("reads", [False, True])
async def test_a_line_without_an_end_is_not_a_question(
    ctx: Context, tmp_path: Path, looks: list[bool | None], *, reads: bool
) -> None:
    """Not even if a thread beside the work reads the terminal all the time, as some bots do."""
    bot = await add_bot(ctx, tmp_path / "bot", UNFINISHED.format(reads=reads))
    await instances.start(ctx, bot.id)
    await more(looks)
    assert looks[-1] is reads
    assert instances.get(ctx, bot.id).details.question is None


@pytest.mark.slow
@pytest.mark.parametrize("question", ["Really? ", "请输入 y\n"])
async def test_a_ready_bot_that_asks_is_said_to(
    ctx: Context, tmp_path: Path, looks: list[bool | None], question: str
) -> None:
    """Nobody looked at its terminal any more."""
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(ASKING_LATER.format(question=question, port=bot.port))
    await instances.start(ctx, bot.id)
    await until(ctx, bot.id, lambda view: view.ready)
    async with asyncio.timeout(30):
        while (
            not looks
        ):  # the first look at a ready bot, maybe over already, tells that it does not read all the time
            await asyncio.sleep(0.01)
    (tmp_path / "bot" / "ask").touch()
    asking = await until(ctx, bot.id, lambda view: view.details.question)
    assert (asking.status, asking.ready) == (State.RUNNING, True)
    assert (asking.details.waiting_for, asking.details.question) == (WaitingFor.INPUT, question.strip())
    await terminals.send_input(ctx, f"{bot.id}_main", "y\n")
    answered = await until(ctx, bot.id, lambda view: not view.details.question)
    assert (answered.ready, answered.details) == (True, Details())


@pytest.mark.slow
async def test_a_ready_bot_that_always_reads_its_terminal_does_not_ask_by_its_log(
    ctx: Context, tmp_path: Path, looks: list[bool | None]
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(READING.format(port=bot.port))
    await instances.start(ctx, bot.id)
    await until(ctx, bot.id, lambda view: view.ready)
    async with asyncio.timeout(30):
        while not looks:
            await asyncio.sleep(0.01)
    await terminals.send_input(ctx, f"{bot.id}_main", "are you there?\n")
    await more(looks)
    assert looks[-1] is True
    assert instances.get(ctx, bot.id).details == Details()


@pytest.mark.slow
async def test_a_bot_whose_terms_are_not_accepted_waits_for_that(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(ASKING.format(question="> ", port=bot.port))
    (tmp_path / "bot" / "EULA.md").write_text("Be kind.")
    await instances.start(ctx, bot.id)
    asking = await until(ctx, bot.id, lambda view: view.details.question)
    assert (asking.details.waiting_for, asking.details.question) == (WaitingFor.TERMS, "Starting")
    assert asking.details.reason is not None
    assert "mailauncher accept bot" in asking.details.reason.en


@pytest.mark.slow
async def test_a_bot_on_another_port_than_the_launcher_believes_tells_both(
    ctx: Context, tmp_path: Path
) -> None:
    """It was `running`, never ready, and nothing said that 8555 was expected and 18123 is what it listens on."""
    port = free_port()
    bot = await add_bot(ctx, tmp_path / "bot", MISPLACED.format(port=port))
    await instances.start(ctx, bot.id)
    lost = await until(ctx, bot.id, lambda v: v.details.reason and str(port) in v.details.reason.en)
    assert (lost.ready, lost.details.waiting_for) == (False, WaitingFor.PORT)
    assert lost.details.reason is not None
    assert lost.details.reason.en == f"it does not listen on port {bot.port} yet; it listens on {port}"
    assert lost.details.reason.zh == f"还没有监听端口 {bot.port}；它监听的是 {port}"


@pytest.mark.slow
async def test_a_bot_that_listens_on_its_port_is_not_said_to_listen_elsewhere(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "it does not listen on port 8000 yet; it listens on 8000" was said until the next look at whether it is ready."""
    monkeypatch.setattr(listeners, "is_served_by", lambda *_: False)  # so that this look never comes
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(MISPLACED.format(port=bot.port))
    await instances.start(ctx, bot.id)
    seen = await until(ctx, bot.id, lambda v: v.details.reason and "accept" in v.details.reason.en)
    assert seen.details.reason is not None
    assert seen.details.reason.en == f"it does not accept connections on port {bot.port} yet"


@pytest.mark.slow
async def test_a_ready_bot_whose_port_was_changed_tells_where_it_listens(
    ctx: Context, tmp_path: Path
) -> None:
    """`ls` showed the port of the changed configuration, while the bot still listened on the former one."""
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(MISPLACED.format(port=bot.port))
    await instances.start(ctx, bot.id)
    await until(ctx, bot.id, lambda view: view.ready)
    later = free_port()
    await ctx.live.set_ports(bot.id, {"main": later})
    reason = instances.get(ctx, bot.id).details.reason
    assert reason is not None
    assert reason.en == f"it listens on {bot.port}; port {later} is used from its next start on"


@pytest.mark.slow
async def test_a_crash_loop_is_told_with_its_restarts_and_last_lines(ctx: Context, tmp_path: Path) -> None:
    """A bot that died again and again was `running` whenever somebody looked in between."""
    script = "import time\nprint('no key', flush=True)\ntime.sleep(0.5)\nraise SystemExit(3)\n"
    bot = await add_bot(ctx, tmp_path / "bot", script)
    await instances.supervise(ctx, bot.id, restart="on-failure", restart_delay_s=0.5)
    await instances.start(ctx, bot.id)
    waiting = await until(ctx, bot.id, lambda view: view.details.waiting_for is WaitingFor.BACKOFF)
    assert (waiting.status, waiting.restarts, waiting.ready) == (State.STARTING, 1, None)
    assert waiting.details.reason is not None
    assert waiting.details.reason.en == "exited with code 3\nno key"
    again = await until(ctx, bot.id, lambda view: view.status is State.RUNNING and view.restarts == 1)
    assert again.details.reason is not None
    assert again.details.reason.en.endswith("restarted once; before that, it exited with code 3\nno key")
    failed = await until(ctx, bot.id, lambda view: view.status is State.FAILED)
    assert failed.restarts == 4
    assert failed.details.reason is not None
    assert failed.details.reason.en == "exited with code 3\nno key"


@pytest.mark.slow
async def test_equal_details_are_no_event(ctx: Context, tmp_path: Path, looks: list[bool | None]) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").write_text(ASKING.format(question="Go on? ", port=bot.port))
    await instances.start(ctx, bot.id)
    await until(ctx, bot.id, lambda view: view.details.question)
    version = ctx.live.version
    await more(looks)
    assert ctx.live.version == version


@pytest.mark.slow
async def test_where_nobody_knows_who_reads_a_question_and_silence_count(
    ctx: Context, tmp_path: Path, looks: list[bool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with the keeper of an earlier version, which a later server adopts."""
    old = tmp_path / "keeper.py"
    old.write_text(
        Path(keeper.__file__).read_text("utf-8").replace("def op_reading", "def op_later"), "utf-8"
    )
    monkeypatch.setattr(keeper, "__file__", str(old))
    asking = await add_bot(ctx, tmp_path / "asking", "input('Go on? ')\n")
    working = await add_bot(ctx, tmp_path / "working", "print('Loading', end='', flush=True)\ninput()\n")
    for bot in (asking, working):
        await instances.start(ctx, bot.id)
    found = await until(ctx, asking.id, lambda view: view.details.question)
    assert found.details.question == "Go on?"
    await more(looks)
    assert set(looks) == {None}
    assert instances.get(ctx, working.id).details.question is None


@pytest.mark.slow
async def test_a_service_tells_for_which_program_it_waits(tmp_path: Path) -> None:
    recipes = tmp_path / "data" / "recipes"
    recipes.mkdir(parents=True)
    (recipes / "helper.toml").write_text(NEEDING_MAIN, "utf-8")
    begun = asyncio.Event()

    async def delay(_id: str) -> None:
        await begun.wait()

    async with parts(tmp_path) as ctx:
        ctx.live.call_before_start(delay)
        bot = await add_bot(ctx, tmp_path / "bot", helper=PATIENT_BOT)
        starting = asyncio.create_task(instances.start(ctx, bot.id))
        waiting = await until(ctx, bot.id, lambda view: view.services[0].details.waiting_for)
        details = waiting.services[0].details
        assert details.waiting_for is WaitingFor.PROGRAM
        assert details.reason is not None
        assert details.reason.en == "The main program has to start first"
        begun.set()
        await starting
        assert instances.get(ctx, bot.id).services[0].details == Details()
