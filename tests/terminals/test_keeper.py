"""The keeper, spoken to as any client would: over its socket, frame by frame."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from terminals import keeper
from tests.support.unprivileged import NOBODY


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

    def spawn(self, *argv: str, terminal: str = "main", run: str = "r1", **fields: Any) -> Any:
        given = {"env": dict(os.environ), "cwd": "/", "columns": 80, "rows": 24} | fields
        return self.ask("spawn", terminal=terminal, run=run, argv=argv, **given)

    def event(self, name: str) -> Any:
        while True:
            kind, payload = self.frame()
            if kind == ord("J") and (message := json.loads(payload)).get("event") == name:
                return message

    def output(self, wanted: bytes, *, terminal: str = "main", after: int = 0) -> bytes:
        """Follows on a connection of its own until `wanted` was printed."""
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


class Started:
    def __init__(self, folder: Path, idle_s: float = 60, segment_bytes: int = 1 << 20) -> None:
        self.folder, self.socket = folder / "k", folder / "s"
        self.options = [str(segment_bytes), "2", str(idle_s)]
        self.clients: list[Client] = []

    def start(self) -> int:
        command = [
            sys.executable,
            "-I",
            "-S",
            keeper.__file__,
            "--detach",
            str(self.folder),
            str(self.socket),
            *self.options,
        ]
        return subprocess.run(command, check=False, timeout=30).returncode

    def client(self) -> Client:
        self.clients.append(Client(self.socket))
        return self.clients[-1]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    place = Started(tmp_path)
    assert place.start() == 0
    yield place
    with contextlib.suppress(OSError, EOFError):
        client = place.client()
        hello = client.ask("hello")
        for name in hello["terminals"]:
            client.ask("signal", terminal=name, signal="SIGKILL", to="tree")
        psutil.Process(hello["pid"]).kill()
    for client in place.clients:
        client.connection.close()


def test_output_and_exit_code_are_kept_until_somebody_asks(started: Started) -> None:
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "printf 'last words'; exit 42")
    ended = client.event("exit")
    assert (ended["code"], ended["signal"], ended["offset"]) == (42, None, 10)
    assert started.client().ask("read", terminal="main", offset=0, limit=100) == (0, b"last words")
    assert started.client().ask("hello")["terminals"]["main"]["exit"]["code"] == 42


def test_the_same_run_is_started_once(started: Started) -> None:
    first = started.client().spawn("sleep", "100")
    assert started.client().spawn("sleep", "100")["pid"] == first["pid"]
    assert started.client().spawn("sleep", "100", run="r2")["error"] == "terminal is busy"


def test_a_program_or_folder_that_is_not_there_is_named(started: Started) -> None:
    assert "nonesuch" in started.client().spawn("nonesuch")["error"]
    assert "/no/such" in started.client().spawn("true", cwd="/no/such")["error"]
    assert started.client().spawn("true")["ok"]


def test_the_child_has_default_signals_its_own_session_and_no_descriptor_of_the_keeper(
    started: Started,
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


def test_a_paste_larger_than_the_terminal_takes_at_once_arrives_whole(started: Started) -> None:
    client = started.client()
    client.spawn("sh", "-c", "stty raw -echo; echo go; head -c 1000000 | wc -c")
    client.output(b"go")
    assert started.client().ask("input", terminal="main", data="x" * 1_000_000)["ok"]
    assert b"1000000" in started.client().output(b"1000000")


def test_input_has_a_bound(started: Started) -> None:
    client = started.client()
    client.spawn("sh", "-c", "stty raw -echo; sleep 100")
    answers = [client.ask("input", terminal="main", data="x" * 1_000_000) for _ in range(6)]
    assert answers[-1]["error"] == "too much input waits already"


def test_a_signal_to_the_tree_reaches_what_left_the_group_and_lost_its_parent(started: Started) -> None:
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
    assert psutil.pid_exists(escaped)
    assert client.ask("signal", terminal="main", signal="SIGKILL", to="tree")["sent"] == 2
    _wait_until(lambda: not psutil.pid_exists(escaped))


def test_a_follower_that_never_reads_holds_nobody_up(started: Started) -> None:
    stalled = started.client()
    stalled.connection.sendall(keeper.pack_json({"id": 1, "op": "follow", "terminal": "main", "after": 0}))
    client = started.client()
    client.ask("hello")
    client.spawn("sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo done")
    assert client.event("exit")["offset"] == 20_000_008
    pid = client.ask("hello")["pid"]
    assert psutil.Process(pid).memory_info().rss < 64 << 20


def test_the_log_keeps_its_size_and_says_what_is_gone(started: Started) -> None:
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


def test_every_byte_can_be_read_back_by_offset(started: Started) -> None:
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


def test_strangers_are_refused_by_the_modes_of_folder_and_socket(started: Started) -> None:
    assert started.folder.stat().st_mode & 0o077 == 0
    assert started.socket.stat().st_mode & 0o077 == 0


def test_nonsense_ends_the_connection_and_nothing_else(started: Started) -> None:
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


def test_starting_a_second_one_finds_the_first(started: Started) -> None:
    pid = started.client().ask("hello")["pid"]
    assert started.start() == 0
    assert started.client().ask("hello")["pid"] == pid


@pytest.mark.slow
def test_it_ends_by_itself_when_nothing_runs_and_nobody_asks(tmp_path: Path) -> None:
    place = Started(tmp_path, idle_s=0.3)
    assert place.start() == 0
    client = place.client()
    pid = client.ask("hello")["pid"]
    client.spawn("sleep", "1")
    client.event("exit")  # it lived on while something ran
    with pytest.raises(EOFError):
        client.frame()
    _wait_until(lambda: not psutil.pid_exists(pid))
    assert not place.socket.exists()
    client.connection.close()


def test_after_its_death_the_next_one_ends_what_is_left_and_says_so(started: Started) -> None:
    client = started.client()
    hello = client.ask("hello")
    script = "import signal,time; signal.signal(1, signal.SIG_IGN); print('up', flush=True); time.sleep(100)"
    left = client.spawn(sys.executable, "-I", "-S", "-c", script)["pid"]
    client.output(b"up")
    os.kill(hello["pid"], signal.SIGKILL)
    _wait_until(lambda: not psutil.pid_exists(hello["pid"]))
    assert psutil.pid_exists(left)
    assert started.start() == 0
    status = started.client().ask("hello")["terminals"]["main"]
    assert status["exit"]["lost"]
    assert started.client().ask("read", terminal="main", offset=0, limit=100) == (0, b"up\r\n")
    _wait_until(lambda: not psutil.pid_exists(left))


def _wait_until(predicate: Any) -> None:
    """Waits for something that no event tells; the run's own limit ends it if it never happens."""
    while not predicate():
        time.sleep(0.005)


def test_a_request_with_id_0_is_answered_only_when_it_fails(started: Started) -> None:
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
    """Whether the keeper answers a process of that user. A fork: a stranger may not be able to run this Python."""
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
def test_another_user_who_reaches_the_socket_is_turned_away(started: Started) -> None:
    # A folder and a socket that let everyone through, or their modes would do the refusing.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        door = Path(place) / "s"
        door.hardlink_to(started.socket)
        door.chmod(0o666)
        assert answered(door, os.getuid())
        assert not answered(door, NOBODY)


def test_a_folder_of_sockets_in_the_temporary_folder_goes_with_its_last_keeper(tmp_path: Path) -> None:
    place = Started(tmp_path)
    sockets = tmp_path / f"{keeper.TEMPORARY}0-0123"
    sockets.mkdir()
    place.socket = sockets / "s"
    assert place.start() == 0
    client = place.client()
    client.ask("end")
    with client.connection, pytest.raises((EOFError, ConnectionError)):
        client.frame()
    assert not sockets.exists()
