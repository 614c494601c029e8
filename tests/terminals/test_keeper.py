"""The keeper over its socket, frame by frame, as any client uses it."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from terminals import keeper
from tests.support.context import lives, wait_for_end
from tests.support.small_disk import fill, small_disk
from tests.support.unprivileged import NOBODY

RUNS = f"r{os.getpid()}"
"""Begins the ids of runs: processes are found by them, and other tests run at the same time."""


class Client:
    """A blocking client of one keeper."""

    def __init__(self, path: Path) -> None:
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(20)
        self.connection.connect(str(path))
        self.received = bytearray()
        self.frames: list[tuple[int, bytes]] = []
        self.number = 0

    def frame(self) -> tuple[int, bytes]:
        while not self.frames:
            data = self.connection.recv(1 << 16)
            if not data:
                raise EOFError
            self.received += data
            self.frames += keeper.unpack(self.received)
        return self.frames.pop(0)

    def ask(self, op: str, **fields: Any) -> Any:
        """The answer; a data frame as (offset, bytes). Events on the way are dropped."""
        self.number += 1
        self.connection.sendall(keeper.pack_json({"id": self.number, "op": op, **fields}))
        while True:
            kind, payload = self.frame()
            if kind == ord("D"):
                return keeper.DATA.unpack_from(payload)[1], payload[keeper.DATA.size :]
            message = json.loads(payload)
            if message.get("id") == self.number:
                return message

    def spawn(self, *argv: str, terminal: str = "main", run: str = f"{RUNS}-1", **fields: Any) -> Any:
        given = {"env": dict(os.environ), "cwd": "/", "columns": 80, "rows": 24} | fields
        return self.ask("spawn", terminal=terminal, run=run, argv=argv, **given)

    def event(self, name: str) -> Any:
        while True:
            kind, payload = self.frame()
            if kind == ord("J") and (message := json.loads(payload)).get("event") == name:
                return message

    def output(self, wanted: bytes, *, terminal: str = "main", after: int = 0) -> bytes:
        """Follows the terminal until `wanted` is printed."""
        self.number += 1
        self.connection.sendall(
            keeper.pack_json({"id": self.number, "op": "follow", "terminal": terminal, "after": after})
        )
        seen = b""
        while wanted not in seen:
            kind, payload = self.frame()
            if kind == ord("D"):
                seen += payload[keeper.DATA.size :]
        return seen


class KeeperProcess:
    """A keeper in a folder of its own."""

    def __init__(self, folder: Path, idle_s: float = 60, segment_bytes: int = 1 << 20) -> None:
        self.folder, self.socket = folder / "k", folder / "s"
        self.options = [str(segment_bytes), "2", str(idle_s)]
        self.clients: list[Client] = []

    @property
    def command(self) -> list[str]:
        return [*keeper.command_line("--detach", str(self.folder), str(self.socket)), *self.options]

    def start(self) -> int:
        return subprocess.run(self.command, check=False, timeout=30).returncode

    def client(self) -> Client:
        self.clients.append(Client(self.socket))
        return self.clients[-1]


@contextlib.contextmanager
def running(place: KeeperProcess) -> Iterator[KeeperProcess]:
    """Starts the keeper; ends it and all it runs."""
    assert place.start() == 0
    try:
        yield place
    finally:
        with contextlib.suppress(OSError, EOFError):
            client = place.client()
            hello = client.ask("hello")
            for name in hello["terminals"]:
                client.ask("signal", terminal=name, signal="SIGKILL", to="tree")
            process = psutil.Process(hello["pid"])
            process.kill()
            wait_for_end(process.pid)
        for client in place.clients:
            client.connection.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[KeeperProcess]:
    with running(KeeperProcess(tmp_path)) as place:
        yield place


def test_output_and_exit_code_are_kept_until_requested(started: KeeperProcess) -> None:
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "printf 'last words'; exit 42")
    ended = client.event("exit")
    assert (ended["code"], ended["signal"], ended["offset"]) == (42, None, 10)
    assert started.client().ask("read", terminal="main", offset=0, limit=100) == (0, b"last words")
    assert started.client().ask("hello")["terminals"]["main"]["exit"]["code"] == 42


def test_the_same_run_is_started_once(started: KeeperProcess) -> None:
    first = started.client().spawn("sleep", "100")
    assert started.client().spawn("sleep", "100")["pid"] == first["pid"]
    assert started.client().spawn("sleep", "100", run="r2")["error"] == "terminal is busy"


def test_a_missing_program_or_folder_is_named_in_the_error(started: KeeperProcess) -> None:
    assert "nonesuch" in started.client().spawn("nonesuch")["error"]
    assert "/no/such" in started.client().spawn("true", cwd="/no/such")["error"]
    assert started.client().spawn("true")["ok"]


def test_the_child_has_default_signals_its_own_session_and_no_descriptor_of_the_keeper(
    started: KeeperProcess,
) -> None:
    client = started.client()
    script = (
        "import os,signal;"
        "print([signal.getsignal(n) for n in (1,13,17)] == [signal.SIG_DFL, signal.SIG_IGN, signal.SIG_DFL],"  # Python ignores SIGPIPE
        " os.getsid(0) == os.getpid(), sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.get_terminal_size())"
    )
    client.spawn(sys.executable, "-I", "-S", "-c", script, columns=101, rows=33)
    seen = client.output(b"\n").decode()
    assert seen.startswith("True True [0, 1, 2, 3]"), seen  # 3 is the listing itself
    assert "columns=101, lines=33" in seen


def test_a_paste_larger_than_the_terminals_buffer_arrives_whole(started: KeeperProcess) -> None:
    client = started.client()
    client.spawn("sh", "-c", "stty raw -echo; echo go; head -c 1000000 | wc -c")
    client.output(b"go")
    assert started.client().ask("input", terminal="main", data="x" * 1_000_000)["ok"]
    assert b"1000000" in started.client().output(b"1000000")


def test_queued_input_is_limited(started: KeeperProcess) -> None:
    client = started.client()
    client.spawn("sh", "-c", "stty raw -echo; echo go; sleep 100")
    client.output(b"go")  # before that the terminal discards what it has no room for
    answers = [client.ask("input", terminal="main", data="x" * 1_000_000) for _ in range(6)]
    assert answers[-1]["error"] == "too much input waits already"


def test_a_signal_to_the_tree_reaches_what_left_the_group_and_lost_its_parent(started: KeeperProcess) -> None:
    client = started.client()
    client.spawn(
        "sh",
        "-c",
        "(setsid sh -c \"trap '' INT TERM HUP; sleep 100 & echo \\$\\$; wait\" &) ; exec sleep 100",
    )
    client.ask("hello")
    escaped = int(client.output(b"\n").split()[0])
    assert client.ask("signal", terminal="main", signal="SIGKILL", to="process")["sent"] == 1
    client.event("exit")
    assert lives(escaped)
    assert client.ask("signal", terminal="main", signal="SIGKILL", to="tree")["sent"] == 2
    wait_for_end(escaped)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the mark is a limit that only Linux leaves without effect"
)
def test_a_signal_to_the_tree_reaches_what_left_its_session_and_emptied_its_environment(
    started: KeeperProcess,
) -> None:
    """A daemon that had forked twice and had no environment belonged to nobody: it outlived stop and delete. A keeper that is
    started in the terminal of another one belongs to no run of it."""
    client, inner = started.client(), KeeperProcess(started.folder / "inner")
    other = client.spawn("sleep", "100", terminal="napcat", run=f"{RUNS}-2")["pid"]
    command = f"env -u KEEPER_RUN -u KEEPER_TERMINAL {shlex.join(inner.command)}"
    client.spawn("sh", "-c", f"{command}; (env -i setsid sh -c 'echo $$; exec sleep 100' &) ; exec sleep 100")
    escaped = int(client.output(b"\n").split()[0])
    with running(inner):
        client.ask("signal", terminal="main", signal="SIGKILL", to="tree")
        wait_for_end(escaped)
        assert psutil.pid_exists(other)
        assert inner.client().ask("hello")["ok"]


def test_of_a_tree_that_is_killed_the_leader_sees_nobody_die(started: KeeperProcess) -> None:
    """A worker whose command was killed before itself put it into its journal as a failure of the deployment."""
    client = started.client()
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; echo $$; wait"
    for number in range(5):  # whose pids are in another order each
        name, run = f"terminal-{number}", f"{RUNS}-{number}"
        pid = client.spawn("sh", "-c", script, terminal=name, run=run)["pid"]
        client.output(b"\n", terminal=name)
        tree = keeper.process_tree(pid, run)
        assert (tree[0], len(tree)) == (pid, 9)


def test_a_follower_that_never_reads_blocks_nobody(started: KeeperProcess) -> None:
    stalled = started.client()
    stalled.connection.sendall(keeper.pack_json({"id": 1, "op": "follow", "terminal": "main", "after": 0}))
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo done")
    assert client.event("exit")["offset"] == 20_000_008
    pid = client.ask("hello")["pid"]
    assert psutil.Process(pid).memory_info().rss < 64 << 20


def test_the_log_has_a_maximum_size_and_reads_report_what_is_lost(started: KeeperProcess) -> None:
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x")
    client.event("exit")
    status = client.ask("status", terminal="main")
    assert status["end"] == 5_000_000
    assert 1_000_000 < status["end"] - status["oldest"] <= 2 << 20
    assert client.ask("read", terminal="main", offset=0, limit=10)[0] == status["oldest"]
    kept = sum(file.stat().st_size for file in (started.folder / "main").glob("*.log"))
    assert kept == status["end"] - status["oldest"]


def test_every_byte_can_be_read_back_by_offset(started: KeeperProcess) -> None:
    client = started.client()
    client.ask("hello")
    client.spawn("seq", "100000")
    end = client.event("exit")["offset"]
    expected = b"".join(b"%d\r\n" % n for n in range(1, 100001))
    seen = b""
    while len(seen) < end:
        offset, data = client.ask("read", terminal="main", offset=len(seen), limit=50_000)
        assert offset == len(seen)
        seen += data
    assert seen == expected


def test_folder_and_socket_are_accessible_to_the_owner_only(started: KeeperProcess) -> None:
    assert started.folder.stat().st_mode & 0o077 == 0
    assert started.socket.stat().st_mode & 0o077 == 0


def test_a_malformed_frame_ends_only_its_connection(started: KeeperProcess) -> None:
    for nonsense in (
        b"\xff" * 64,
        keeper.pack(ord("J"), b"not json"),
        keeper.pack(ord("J"), b"[]"),
        keeper.pack(ord("X"), b""),
    ):
        client = started.client()
        client.connection.sendall(nonsense)
        with contextlib.suppress(ConnectionResetError):
            assert client.connection.recv(10) == b""
    assert started.client().ask("nonsense")["error"] == "unknown operation"
    assert started.client().ask("status", terminal="../evil")["error"] == "bad terminal name"
    assert started.client().ask("hello")["ok"]


def test_a_second_start_finds_the_running_keeper(started: KeeperProcess) -> None:
    pid = started.client().ask("hello")["pid"]
    log = started.folder / "keeper.log"
    log.write_text("a report of the first\n")
    assert started.start() == 0
    assert started.client().ask("hello")["pid"] == pid
    assert log.read_text() == "a report of the first\n"


@pytest.mark.slow
def test_an_idle_keeper_exits(tmp_path: Path) -> None:
    place = KeeperProcess(tmp_path, idle_s=1.0)
    assert place.start() == 0
    client = place.client()
    pid = client.ask("hello")["pid"]
    client.spawn("sleep", "1")
    client.event("exit")  # it lived on while something ran
    with pytest.raises(EOFError):
        client.frame()
    wait_for_end(pid)
    assert not place.socket.exists()
    client.connection.close()


def test_the_next_keeper_kills_what_a_dead_one_left_and_reports_it_as_lost(started: KeeperProcess) -> None:
    client = started.client()
    hello = client.ask("hello")
    script = "import signal,time; signal.signal(1, signal.SIG_IGN); print('up', flush=True); time.sleep(100)"
    left = client.spawn(sys.executable, "-I", "-S", "-c", script)["pid"]
    client.output(b"up")
    os.kill(hello["pid"], signal.SIGKILL)
    wait_for_end(hello["pid"])
    assert lives(left)
    assert started.start() == 0
    status = started.client().ask("hello")["terminals"]["main"]
    assert status["exit"]["lost"]
    assert started.client().ask("read", terminal="main", offset=0, limit=100) == (0, b"up\r\n")
    wait_for_end(left)


@pytest.mark.slow
def test_on_a_full_disk_the_exit_of_one_program_ends_no_other() -> None:
    """The keeper reported that it could not write `runs.json`, to a log on the same disk; that failed too, and ended it."""
    with small_disk(256) as disk, running(KeeperProcess(disk)) as started:
        client = started.client()
        keeper_pid = client.ask("hello")["pid"]
        service = client.spawn("sleep", "100", terminal="napcat", run="r2")
        client.spawn("cat")
        filler = fill(disk)
        client.ask("signal", terminal="main", signal="SIGKILL", to="process")
        assert client.event("exit")["signal"] == signal.SIGKILL
        assert started.client().ask("hello")["pid"] == keeper_pid
        assert client.ask("status", terminal="napcat")["alive"]
        assert lives(service["pid"])
        assert client.spawn("cat", run="r3")["alive"]
        filler.unlink()
        client.ask("signal", terminal="main", signal="SIGKILL", to="process")
        client.event("exit")
        assert (
            json.loads((started.folder / "runs.json").read_text())["main"]["exit"]["signal"] == signal.SIGKILL
        )


def test_a_request_with_id_0_is_answered_only_if_it_fails(started: KeeperProcess) -> None:
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "stty -echo; echo go; read line; echo got $line")
    started.client().output(b"go")
    client.connection.sendall(keeper.pack_json({"id": 0, "op": "input", "terminal": "main", "data": "it\n"}))
    assert client.event("exit")["code"] == 0  # nothing came before it
    assert b"got it" in started.client().output(b"got it")
    client.connection.sendall(keeper.pack_json({"id": 0, "op": "input", "terminal": "other", "data": "x"}))
    assert client.event("refused")["error"] == "nothing runs in the terminal"


def answered(door: Path, user: int) -> bool:
    """Whether the keeper answers a process of that user. It is a fork, since the user may not be allowed to run this Python."""
    child = os.fork()
    if child == 0:
        answer = b""
        with contextlib.suppress(OSError):
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(20)
                connection.connect(str(door))
                connection.sendall(keeper.pack_json({"id": 1, "op": "hello"}))
                answer = connection.recv(1)
        os._exit(0 if answer else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_connections_of_other_users_are_refused(started: KeeperProcess) -> None:
    # A folder and a socket with permissions for everyone: it must be the keeper that refuses.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        door = Path(place) / "s"
        door.hardlink_to(started.socket)
        door.chmod(0o666)
        assert answered(door, os.getuid())
        assert not answered(door, NOBODY)


def test_the_last_keeper_removes_its_socket_folder_in_the_temporary_folder(tmp_path: Path) -> None:
    place = KeeperProcess(tmp_path)
    sockets = tmp_path / f"{keeper.SOCKET_FOLDER_PREFIX}0-0123"
    sockets.mkdir()
    place.socket = sockets / "s"
    assert place.start() == 0
    client = place.client()
    client.ask("end")
    with client.connection, pytest.raises((EOFError, ConnectionError)):
        client.frame()
    assert not sockets.exists()


def test_a_program_that_closes_its_terminal_lives_on_and_can_open_it_again(
    started: KeeperProcess, tmp_path: Path
) -> None:
    """A terminal that no process had open counted as ended: the keeper closed it, which killed the program (SIGHUP)."""
    client = started.client()
    client.ask("hello")
    script = (
        f"exec </dev/null >{tmp_path}/log 2>&1; echo begun; read line </dev/tty; echo $line >/dev/tty; exit 7"
    )
    client.spawn("bash", "-c", script)
    while not (log := tmp_path / "log").exists() or log.read_text() != "begun\n":
        time.sleep(0.01)
    assert client.ask("status", terminal="main")[
        "alive"
    ]  # the loop has seen by now what the terminal reports
    assert client.ask("input", terminal="main", data="hello\n")["ok"]
    assert client.event("exit")["code"] == 7
    assert b"hello\r\nhello\r\n" in client.output(b"hello\r\nhello\r\n")  # the echo, and the answer


@pytest.mark.parametrize(
    "script, reads",
    [
        ("input('name? ')", True),
        (
            "import threading, time; print('up', end='', flush=True); threading.Thread(target=input).start()",
            True,
        ),
        ("import time; print('name? ', end='', flush=True); time.sleep(60)", False),
        ("import socket; pair = socket.socketpair(); print('up', flush=True); pair[0].recv(1)", False),
        ("import tty, time; tty.setcbreak(0); print('up', flush=True); time.sleep(60)", None),
    ],
)
def test_whether_something_waits_for_input_is_known_where_the_system_tells(
    started: KeeperProcess, script: str, reads: bool | None
) -> None:
    client = started.client()
    client.spawn(sys.executable, "-I", "-S", "-c", script)
    client.output(b"up" if "up" in script else b"name?")
    answers: list[bool | None] = []
    until = time.monotonic() + 20
    while answers[-5:] != [reads] * 5:  # what it prints comes just before it waits
        assert time.monotonic() < until, answers
        answers.append(client.ask("reading", terminal="main")["reading"])
    assert client.ask("reading", terminal="other")["reading"] is False
    client.spawn("sh", "-c", "exec </dev/null >/dev/null 2>&1; sleep 60", terminal="closed", run=f"{RUNS}-2")
    assert client.ask("reading", terminal="closed")["reading"] is False


def _entries_one_by_one(log: keeper.Log) -> list[tuple[int, int, int]]:
    """(time, offset, end) of each index entry, by reading them all."""
    found = []
    for start in log.starts:
        raw = (Path(log.folder) / f"{start:020}.index").read_bytes()
        found += list(keeper.INDEX.iter_unpack(raw))
    ends = [offset for _, offset in found[1:]] + [log.end]
    return [(*entry, end) for entry, end in zip(found, ends, strict=True)]


@pytest.mark.slow
def test_an_index_is_searched_without_reading_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of entries were read for each history, while the keeper's programs waited. The clock is set back three times."""
    clock = [0]
    monkeypatch.setattr(keeper, "now_ms", lambda: clock[0])
    monkeypatch.setattr(keeper, "INDEX_EVERY_S", -1)
    log = keeper.Log(str(tmp_path / "main"), 20_000, 3)
    wanted = (-1, 0, 500, 501, 1000, 1001, 9_000, 1 << 40)
    every: list[tuple[int, int, int]] = []
    for rounds in range(4):
        for number in range(0, 3000, 3):
            clock[0] = number
            log.append(b"some text ")
        every = _entries_one_by_one(log)
        for moment in wanted:
            after = [at < moment for at, _, _ in every][::-1]
            earlier = len(every) - after.index(True) if True in after else 0
            assert log.seek(moment) == (every[earlier][1] if earlier < len(every) else log.end), (
                rounds,
                moment,
            )
            for last in wanted:
                asked = [piece for piece in every if moment <= piece[0] <= last]
                assert list(log.times(moment, last)) == asked, (rounds, moment, last)
    read = []

    def pread(descriptor: int, size: int, at: int) -> bytes:
        read.append(found := os.pread(descriptor, size, at))
        return found

    monkeypatch.setattr(keeper, "os", SimpleNamespace(**(vars(os) | {"pread": pread})))
    monkeypatch.setattr(keeper, "TIMES_MAX", 5)
    assert list(log.times(0, 1 << 40)) == every[-5:]
    assert log.seek(1) == every[-999][1]
    assert sum(map(len, read)) < 100 * keeper.INDEX.size
    log.close()
