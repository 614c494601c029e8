"""A keeper without free descriptors took a whole processor: `accept` failed, and the listener stayed ready. A refused spawn
kept its descriptors. A pipe in the place of one of its files held it for ever."""

import contextlib
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from terminals import keeper
from tests.terminals.test_keeper import RUNS, KeeperProcess, running

pytestmark = pytest.mark.slow
ROUNDS = 40


def test_a_keeper_that_cannot_accept_does_not_spin_and_accepts_later(tmp_path: Path) -> None:
    with running(KeeperProcess(tmp_path)) as place:
        client = place.client()
        process = psutil.Process(client.ask("hello")["pid"])
        before = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds(), before[1]))
        waiting = place.client()
        began = process.num_ctx_switches().voluntary
        for number in range(ROUNDS):
            assert "error" in client.spawn("true", run=f"{RUNS}-{number}")
            time.sleep(0.02)  # on a busy machine the next request would be there before it waits
        # Between two requests its loop has nothing to do: it waits, unless the listener is ready again and again.
        assert process.num_ctx_switches().voluntary - began > ROUNDS / 4
        process.rlimit(psutil.RLIMIT_NOFILE, before)
        assert waiting.ask("hello")["ok"]


@pytest.mark.parametrize("given", [None, 400])
def test_a_keeper_may_open_what_the_hard_limit_allows_and_its_programs_what_was_usual(
    tmp_path: Path, given: int | None
) -> None:
    """With the usual 1,024, keepers and servers ran out of descriptors that the system would have given them."""
    place = KeeperProcess(tmp_path)
    place.options += [] if given is None else [str(given)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    try:
        with running(place):
            client = place.client()
            assert psutil.Process(client.ask("hello")["pid"]).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
            client.spawn("sh", "-c", "ulimit -Sn; ulimit -Hn; echo told")
            told = client.output(b"told").split()
            assert told == [str(given or 500).encode(), str(hard).encode(), b"told"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "given", [{"columns": 70000}, {"cwd": "/nowhere"}, {"argv": ["/nowhere"]}, {"argv": ["a\0b"]}]
)
def test_a_refused_spawn_keeps_no_descriptor(tmp_path: Path, given: dict[str, Any]) -> None:
    with running(KeeperProcess(tmp_path)) as place:
        client = place.client()
        process = psutil.Process(client.ask("hello")["pid"])
        fields = {
            "terminal": "main",
            "argv": ["true"],
            "env": {},
            "cwd": "/",
            "columns": 80,
            "rows": 24,
        } | given
        counts = []
        for number in range(8):
            assert "error" in client.ask("spawn", run=f"{RUNS}-{number}", **fields)
            counts.append(process.num_fds())
        assert counts[0] == counts[-1]


def test_spawns_without_descriptors_keep_none(tmp_path: Path) -> None:
    with running(KeeperProcess(tmp_path)) as place:
        client = place.client()
        client.ask("status", terminal="main")
        process = psutil.Process(client.ask("hello")["pid"])
        before, open_now = process.rlimit(psutil.RLIMIT_NOFILE), process.num_fds()
        for free in range(6):
            process.rlimit(psutil.RLIMIT_NOFILE, (open_now + free, before[1]))
            client.spawn("true", run=f"{RUNS}-{free}")
            while client.ask("status", terminal="main")["alive"]:
                pass
        process.rlimit(psutil.RLIMIT_NOFILE, before)
        assert client.spawn("sleep", "100", run="last")["alive"]
        assert process.num_fds() <= open_now + 3  # the master and the log


@pytest.mark.parametrize(
    "name", ["keeper.log", "runs.json", "runs.json.new", "main/00000000000000000000.log"]
)
def test_a_pipe_in_the_place_of_a_file_holds_no_keeper(tmp_path: Path, name: str) -> None:
    place = KeeperProcess(tmp_path)
    pipe = place.folder / name
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    with running(place):
        client = place.client()
        client.ask("hello")
        assert client.spawn("echo", "said")["alive"]
        assert b"said" in client.output(b"said")


def test_a_folder_in_the_place_of_the_lock_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = KeeperProcess(tmp_path)
    (place.folder / "keeper.lock").mkdir(parents=True)
    assert place.start() == 1
    assert "keeper.lock" in capfd.readouterr().err


ENDED = {"code": 0, "signal": None, "at": 1, "offset": 0}
RUN = {"run": f"{RUNS}-0", "pid": 1, "birth": None, "started": 1, "start": 0, "exit": ENDED}


VALUES: list[object] = [{"a": []}, [1], "text", -1.5, True, None]
WRONG: list[dict[str, object]] = [
    {key: value}
    for key in RUN
    for value in VALUES
    if not (key in ("run", "birth") and value == "text") and not (key in ("birth", "exit") and value is None)
] + [{"exit": ENDED | {"offset": "far"}}, {"exit": ENDED | {"at": None}}]


def test_runs_of_the_wrong_types_are_forgotten(tmp_path: Path) -> None:
    """Every start of that program failed until the file was removed."""
    wrong = dict(zip(("main", *map(str, range(1, len(WRONG)))), WRONG, strict=True))
    place = KeeperProcess(tmp_path)
    place.folder.mkdir()
    (place.folder / "runs.json").write_text(
        json.dumps({name: RUN | each for name, each in wrong.items()} | {"napcat": RUN})
    )
    with running(place):
        client = place.client()
        terminals = client.ask("hello")["terminals"]
        assert {name: wrong.get(name) for name in terminals} == {"napcat": None}
        assert client.spawn("cat")["alive"]


def test_memory_that_runs_out_ends_no_keeper(tmp_path: Path) -> None:
    with running(KeeperProcess(tmp_path)) as place:
        client = place.client()
        process = psutil.Process(client.ask("hello")["pid"])
        client.spawn("cat")
        before = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms, before[1]))
        log = place.folder / "keeper.log"
        request = keeper.pack_json({"id": 1, "op": "input", "terminal": "main", "data": "x" * (3 << 20)})
        flood = place.client().connection
        flood.settimeout(0.05)
        for at in range(0, len(request), 1 << 16):
            with contextlib.suppress(TimeoutError):
                flood.sendall(request[at : at + (1 << 16)])
            if "MemoryError" in log.read_text():
                break
        assert "MemoryError" in log.read_text()
        process.rlimit(psutil.RLIMIT_AS, before)
        client.ask("signal", terminal="main", signal="SIGKILL", to="process")
        assert client.ask("status", terminal="main")["pid"]
        assert place.client().ask("hello")["pid"] == process.pid
