"""Starting and stopping real processes: what runs is what was asked for, and what cannot run says why."""

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from mailauncher.errors import (
    CommandFailed,
    InstanceAlreadyRunning,
    InstanceNotFound,
    InstanceNotRunning,
    PortInUse,
    ResourceNotFound,
    ServiceUnavailable,
)
from resolvers import instances, services, system, terminals
from resolvers.context import Context
from store.records import ServiceRecord
from terminals.states import State
from terminals.terminal import Terminal
from tests.support.context import PATIENT_BOT, add_bot, free_port, lives, outputs, parts, processes_in, until

STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("grandchild", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists("grandchild"):
    time.sleep(0.01)
print("up", flush=True)
time.sleep(600)
"""


async def test_a_started_instance_runs_and_a_stopped_one_does_not(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    started = await instances.start(ctx, bot.id)
    assert started.complete
    assert started.instance.status is State.RUNNING
    assert started.instance.pid is not None
    assert psutil.Process(started.instance.pid).cwd() == bot.path
    stopped = await instances.stop(ctx, bot.id)
    assert stopped.instance.status is State.STOPPED
    assert not lives(started.instance.pid)


async def test_the_uptime_of_a_bot_does_not_follow_a_clock_that_is_set_anew(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    uptimes = []
    for shifted in (time.time() - 86400, time.time() + 86400):
        monkeypatch.setattr("resolvers.views.time.time", lambda shifted=shifted: shifted)
        uptimes.append(instances.get(ctx, bot.id).uptime_s or 0)
    monkeypatch.undo()
    assert uptimes == sorted(uptimes)
    assert all(0 <= uptime < 3600 for uptime in uptimes)


async def test_a_restart_replaces_the_process_and_starts_what_is_stopped(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    first = (await instances.restart(ctx, bot.id)).instance.pid
    second = (await instances.restart(ctx, bot.id)).instance.pid
    assert first != second
    assert second is not None
    assert not lives(first)


LAUNCHER = (
    "import subprocess, time; subprocess.run(['true']); subprocess.Popen(['sleep', '600']); time.sleep({})"
)
FORK = "import os, time; os.fork() and (time.sleep({{}}), os._exit(0)); {}; time.sleep(600)"
MULTIPROCESSING = (
    "import multiprocessing, os, time; multiprocessing.Process(target=time.sleep, args=(600,)).start(); time.sleep({});"
    "os._exit(0)"
)
PYTHON = "{python} -I -S start"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command, script, at_once",
    [
        ("./start", "#!/bin/sh\nsleep 600 &\nsleep {}", True),
        ("./start", "#!/bin/sh\nsleep 600 &\nsleep {}", False),
        ("./start", "#!/bin/sh\nsetsid sleep 600 &\nsleep {}", False),
        (PYTHON, LAUNCHER, True),
        (PYTHON, LAUNCHER, False),
        (PYTHON, FORK.format("pass"), True),
        (PYTHON, FORK.format("pass"), False),
        (PYTHON, FORK.format("os.fork() and os._exit(0)"), False),
        (PYTHON, FORK.format("os.setsid(); os.fork() and os._exit(0)"), False),
        (PYTHON, MULTIPROCESSING, False),
    ],
)
async def test_a_launcher_that_puts_its_bot_in_the_background_is_told_so(
    tmp_path: Path, command: str, script: str, at_once: bool
) -> None:
    """Such a bot was ended with its launcher, and the instance was `stopped` without a word. Where the launcher was no shell,
    that was so for longer: the end of its session had ended the bot before anybody counted it, and a bot that was only forked
    was taken for a part of the launcher."""
    async with parts(tmp_path, start_grace_s=5 if at_once else 0.05) as ctx:
        folder = tmp_path / "bot"
        folder.mkdir()
        (folder / "start").write_text(script.format(0 if at_once else 0.6))
        (folder / "start").chmod(0o755)
        bot = await instances.add(ctx, instances.NewInstance("bot", str(folder), free_port(), command, ()))
        if at_once:
            with pytest.raises(CommandFailed, match=r"in the background.*\n.*in the foreground"):
                await instances.start(ctx, bot.id)
        else:
            await instances.start(ctx, bot.id)
        failure = (await until(ctx, bot.id, State.FAILED, State.STOPPED)).failure
        assert failure is not None
        assert failure.hint is not None
        assert "in the background (processes: 1) was ended" in failure.reason.en
        assert "in the foreground" in failure.hint.en
        assert not processes_in(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "r, w = os.pipe(); os.fork() or (os.close(w), os.read(r, 1), os._exit(0)); time.sleep(1.6)",
        "from multiprocessing import forkserver; forkserver.ensure_running()",  # which runs the resource tracker too
        "subprocess.Popen(['true'])",  # which nobody has waited for
    ],
)
async def test_a_program_whose_helpers_end_with_it_is_stopped_by_code_0(
    ctx: Context, tmp_path: Path, script: str
) -> None:
    """Python's resource tracker, for example, notices the end of its program a little later."""
    script = f"import os, subprocess, time; {script}; time.sleep(0.6)"
    bot = await add_bot(ctx, tmp_path / "bot", script)
    await instances.start(ctx, bot.id)
    await until(ctx, bot.id, State.STOPPED, State.FAILED)
    assert instances.get(ctx, bot.id).status is State.STOPPED


async def test_a_command_that_does_not_fit_the_status_is_refused(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    with pytest.raises(InstanceNotRunning):
        await instances.stop(ctx, bot.id)
    await instances.start(ctx, bot.id)
    with pytest.raises(InstanceAlreadyRunning):
        await instances.start(ctx, bot.id)
    with pytest.raises(ResourceNotFound):
        await services.start(ctx, bot.id, "napcat")
    with pytest.raises(InstanceNotFound):
        await instances.start(ctx, "0" * 40)


async def test_a_program_that_dies_at_once_is_reported_with_its_last_lines(
    ctx: Context, tmp_path: Path
) -> None:
    script = "print('first'); print('\\x1b[31mno licence\\x1b[0m'); raise SystemExit(3)"
    bot = await add_bot(ctx, tmp_path / "bot", script)
    with pytest.raises(CommandFailed) as error:
        await instances.start(ctx, bot.id)
    assert "退出码 3" in error.value.text.zh
    assert "code 3" in error.value.text.en
    assert "no licence" in error.value.text.en
    view = instances.get(ctx, bot.id)
    assert view.status is State.FAILED
    assert view.failure is not None
    assert (view.failure.exit_code, view.failure.last_lines) == (3, ("first", "no licence"))


async def test_a_program_that_dies_later_is_failed_and_can_be_started_again(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    pid = (await instances.start(ctx, bot.id)).instance.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(ctx, bot.id, State.FAILED)
    failure = instances.get(ctx, bot.id).failure
    assert failure is not None
    assert (failure.signal, failure.exit_code) == ("SIGKILL", None)
    assert (await instances.start(ctx, bot.id)).instance.failure is None


async def test_a_program_that_exits_with_code_0_is_stopped(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    await terminals.send_input(ctx, f"{bot.id}_main", "exit 0\n")
    await until(ctx, bot.id, State.STOPPED)
    assert instances.get(ctx, bot.id).failure is None


async def test_a_missing_folder_and_a_missing_executable_are_named(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    (tmp_path / "bot" / "bot.py").unlink()
    with pytest.raises(CommandFailed, match=r"bot\.py"):
        await instances.start(ctx, bot.id)
    (tmp_path / "bot").rename(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="No such folder"):
        await instances.start(ctx, bot.id)
    (tmp_path / "elsewhere").rename(tmp_path / "bot")


async def test_a_taken_port_names_its_owner_and_starts_nothing(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat="import time; time.sleep(600)")
    with socket.socket() as other:
        other.bind(("127.0.0.1", bot.services[0].port))
        other.listen()
        with pytest.raises(PortInUse, match=str(os.getpid())):
            await instances.start(ctx, bot.id)
    assert not processes_in(tmp_path / "bot")
    assert (await instances.start(ctx, bot.id)).complete


@pytest.mark.slow
async def test_a_stop_ends_children_that_ignore_signals_and_left_the_group(tmp_path: Path) -> None:
    async with parts(tmp_path, stop_timeout_s=0.2) as ctx:
        (tmp_path / "data" / "recipes").mkdir(parents=True)
        bot = await add_bot(ctx, tmp_path / "bot", STUBBORN)
        supervisor = ctx.live.supervisor(bot.id)
        await instances.start(ctx, bot.id)
        await outputs(ctx, f"{bot.id}_main", "up")
        grandchild = int((tmp_path / "bot" / "grandchild").read_text())
        assert lives(grandchild)
        os.kill(supervisor.main_program.pid or 0, signal.SIGKILL)
        await until(ctx, bot.id, State.FAILED)
        assert not lives(grandchild)


@pytest.mark.slow
async def test_a_kill_ends_everything_at_once_also_while_a_stop_waits(ctx: Context, tmp_path: Path) -> None:
    """A program that ignored signals ran on for as long as the stop was patient, and nothing could hurry that."""
    bot = await add_bot(ctx, tmp_path / "bot", STUBBORN, napcat=STUBBORN)
    await instances.supervise(ctx, bot.id, stop_timeout_s=600, restart="always")
    await instances.start(ctx, bot.id)
    for terminal in ("main", "napcat"):
        await outputs(ctx, f"{bot.id}_{terminal}", "up")
    stopping = asyncio.create_task(instances.stop(ctx, bot.id))
    await until(ctx, bot.id, State.STOPPING)
    killed = await instances.kill(ctx, bot.id)
    with pytest.raises(InstanceNotRunning):
        await stopping
    assert (killed.complete, killed.message.en) == (True, "Instance bot killed")
    assert not processes_in(tmp_path / "bot")
    now = instances.get(ctx, bot.id)
    assert (now.status, now.failure, now.services[0].status) == (State.STOPPED, None, State.STOPPED)
    record = ctx.store.registry.get(bot.id)
    assert record is not None
    assert not record.wanted
    assert [event.kind for event in await system.events(ctx)][-2:] == ["stop", "kill"]
    with pytest.raises(InstanceNotRunning):
        await instances.kill(ctx, bot.id)


async def test_a_kill_ends_the_wait_for_an_automatic_restart(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, restart_delay_s=600, restart_delay_max_s=600, restart="always")
    await instances.start(ctx, bot.id)
    await terminals.send_input(ctx, f"{bot.id}_main", "exit 1\n")
    await until(ctx, bot.id, State.STARTING)
    assert (await instances.kill(ctx, bot.id)).instance.status is State.STOPPED


@pytest.mark.slow
async def test_one_service_is_restarted_and_killed_by_itself(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=STUBBORN)
    main = (await instances.start(ctx, bot.id)).instance.pid
    await services.kill(ctx, bot.id, "napcat")
    assert not processes_in(tmp_path / "bot" / "napcat")
    with pytest.raises(InstanceNotRunning):
        await services.kill(ctx, bot.id, "napcat")
    first = await services.restart(ctx, bot.id, "napcat")
    (tmp_path / "bot" / "napcat" / "main.py").write_text(PATIENT_BOT)
    await instances.supervise(ctx, bot.id, stop_timeout_s=0.01)
    second = await services.restart(ctx, bot.id, "napcat")
    assert second.message.zh == "实例 bot 的NapCat服务已重启"
    pids = [outcome.instance.services[0].pid for outcome in (first, second)]
    assert None not in pids
    assert pids[0] != pids[1]
    assert not lives(pids[0])
    assert instances.get(ctx, bot.id).pid == main
    record = ctx.store.registry.get(bot.id)
    assert record is not None
    assert record.services[0].wanted
    kinds = [event.kind for event in await system.events(ctx)]
    assert [kind for kind in kinds if "service" in kind] == [
        "kill-service",
        "restart-service",
        "restart-service",
    ]


async def test_services_start_after_the_main_program_and_stop_before_it(ctx: Context, tmp_path: Path) -> None:
    note = "import os,signal,sys,time\ndef say(w): open('{}','a').write(w)\n".format(tmp_path / "order")
    main = (
        note + "say('M'); signal.signal(2, lambda *_: (say('m'), sys.exit(0)))\nwhile True: time.sleep(600)"
    )
    service = (
        note + "say('S'); signal.signal(2, lambda *_: (say('s'), sys.exit(0)))\nwhile True: time.sleep(600)"
    )
    bot = await add_bot(ctx, tmp_path / "bot", main, napcat=service)
    started = await instances.start(ctx, bot.id)
    assert [view.status for view in started.instance.services] == [State.RUNNING]
    assert (started.instance.started_at or 0) <= (started.instance.services[0].started_at or 0)
    order = tmp_path / "order"
    while len(order.read_text() if order.exists() else "") < 2:
        await asyncio.sleep(0.01)
    await instances.stop(ctx, bot.id)
    assert order.read_text()[2:] == "sm"


async def test_one_service_starts_and_stops_by_itself(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT, nonebot_ada=PATIENT_BOT)
    started = await services.start(ctx, bot.id, "nonebot")
    assert started.message.zh == "实例 bot 的NoneBot服务已启动"
    assert started.instance.status is State.STOPPED
    assert {view.name: view.status for view in started.instance.services} == {
        "napcat": State.STOPPED,
        "nonebot-ada": State.RUNNING,
    }
    with pytest.raises(InstanceAlreadyRunning):
        await services.start(ctx, bot.id, "nonebot-ada")
    await services.stop(ctx, bot.id, "nonebot")
    with pytest.raises(InstanceNotRunning):
        await instances.stop(ctx, bot.id)


async def test_a_stop_overrides_a_start_that_is_under_way(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    starting = asyncio.create_task(instances.start(ctx, bot.id))
    await asyncio.sleep(0)
    await instances.stop(ctx, bot.id)
    with pytest.raises(InstanceNotRunning):
        await starting
    assert instances.get(ctx, bot.id).status is State.STOPPED


async def test_a_dead_keeper_is_noticed_and_its_bot_can_be_started_again(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    pid = (await instances.start(ctx, bot.id)).instance.pid
    keeper = psutil.Process(psutil.Process(pid).ppid())
    assert "keeper" in " ".join(keeper.cmdline())
    keeper.kill()
    await until(ctx, bot.id, State.FAILED)
    failure = instances.get(ctx, bot.id).failure
    assert failure is not None
    assert "keeper" in failure.reason.en
    again = (await instances.start(ctx, bot.id)).instance
    assert again.status is State.RUNNING
    assert not lives(pid)


async def test_deleting_stops_and_removes_the_instance_but_leaves_its_files(
    ctx: Context, tmp_path: Path
) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    pid = (await instances.start(ctx, bot.id)).instance.pid
    await instances.delete(ctx, bot.id)
    assert not lives(pid)
    assert (tmp_path / "bot" / "bot.py").exists()
    with pytest.raises(InstanceNotFound):
        instances.get(ctx, bot.id)
    assert not (tmp_path / "data" / "terminals" / bot.id).exists()


async def test_a_bot_that_ends_a_moment_after_the_last_signal_has_stopped(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a short timeout it was said that the bot "cannot be stopped", and had failed; a moment later it had ended."""
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.supervise(ctx, bot.id, stop_timeout_s=1e-300)
    pid = (await instances.start(ctx, bot.id)).instance.pid
    assert pid is not None
    ends: list[asyncio.TimerHandle] = []

    async def signal_later(_terminal: Terminal, _name: str, _to: str) -> int:
        if not ends:
            ends.append(asyncio.get_running_loop().call_later(0.2, os.kill, pid, signal.SIGKILL))
        return 0

    monkeypatch.setattr(Terminal, "signal", signal_later)
    outcome = await instances.stop(ctx, bot.id)
    assert (outcome.complete, outcome.instance.status) == (True, State.STOPPED)
    assert instances.get(ctx, bot.id).failure is None


async def test_changes_of_supervision_at_once_are_all_kept(ctx: Context, tmp_path: Path) -> None:
    """Each was merged into what was stored before any of them: all but the last one were lost."""
    bot = await add_bot(ctx, tmp_path / "bot")
    changes: tuple[dict[str, object], ...] = (
        {"crash_limit": 7},
        {"restart_delay_s": 8.0},
        {"crash_window_s": 9.0},
    )
    await asyncio.gather(*(instances.supervise(ctx, bot.id, **change) for change in changes))
    now = instances.supervision(ctx, bot.id)
    assert (now.crash_limit, now.restart_delay_s, now.crash_window_s) == (7, 8.0, 9.0)
    late = asyncio.create_task(ctx.store.registry.remove(bot.id))
    await asyncio.sleep(0)  # it is being removed, and still there
    with pytest.raises(InstanceNotFound):
        await instances.supervise(ctx, bot.id, crash_limit=8)
    await late


async def test_the_journal_says_who_did_what(ctx: Context, tmp_path: Path) -> None:
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    await instances.stop(ctx, bot.id)
    kinds = [event.kind for event in await system.events(ctx)]
    assert kinds == ["add", "supervise", "start", "stop"]


async def test_nothing_of_the_server_is_in_a_bots_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOST", "PORT", "MAILAUNCHER_TOKEN", "MAILAUNCHER_PORT"):
        monkeypatch.setenv(name, "1")
    script = "import os; print(sorted(n for n in os.environ if n in ('HOST','PORT') or 'MAILAUNCHER' in n), 'end')\ninput()"
    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", script)
        await instances.start(ctx, bot.id)
        assert "[] end" in await outputs(ctx, f"{bot.id}_main", "end")


async def test_closing_leaves_no_process_behind(tmp_path: Path) -> None:
    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot", napcat=PATIENT_BOT)
        await instances.start(ctx, bot.id)
        await outputs(ctx, f"{bot.id}_main", "ready")
    while processes_in(tmp_path):  # a keeper has said goodbye and is on its last instructions
        await asyncio.sleep(0.001)


async def test_the_journal_tells_a_failed_start_as_a_sentence(ctx: Context, tmp_path: Path) -> None:
    """It read "The main program Command failed: ...", and "The main program The main program cannot be stopped"."""
    (tmp_path / "bot").mkdir()
    bot = await instances.add(
        ctx, instances.NewInstance("bot", str(tmp_path / "bot"), free_port(), "no-such-program")
    )
    with pytest.raises(CommandFailed):
        await instances.start(ctx, bot.id)
    async for event in system.event_stream(ctx, after=0):
        if event.kind == "failed":
            break
    assert event.text.en.startswith(
        "bot: The main program: Command failed: No such program: no-such-program;"
    )


@pytest.mark.parametrize("why", ["replaced", "deleted"])
async def test_a_command_whose_programs_are_given_up_is_answered(
    ctx: Context, tmp_path: Path, why: str
) -> None:
    """It waited for its time to be over, and was then told that the bot is starting."""

    async def never(_instance_id: str, _program: str) -> None:
        waits.set()
        await asyncio.Event().wait()

    bot = await add_bot(ctx, tmp_path / "bot")
    waits = asyncio.Event()
    ctx.live.call_before_program(never)
    supervisor = ctx.live.supervisor(bot.id)
    command = supervisor.start()
    await waits.wait()
    if why == "replaced":
        record = ctx.store.registry.get(bot.id)
        assert record is not None
        added = ServiceRecord(name="napcat", path=str(tmp_path), port=free_port())
        await ctx.live.replace(msgspec.structs.replace(record, services=(added,)))
        with pytest.raises(ServiceUnavailable, match="another version"):
            await command.wait(60)
    else:
        await ctx.live.remove(bot.id)
        with pytest.raises(InstanceNotFound):
            await command.wait(60)
