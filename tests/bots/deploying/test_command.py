"""Commands on a terminal of their own: their output is passed on and parsed, and no process remains."""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.deploying.command import LAST_LINES, LINE_LENGTH, CommandResult, CommandRunner, Mask, readable
from bots.deploying.interrupt import Cancelled, Interrupt
from tests.support.context import wait_for_end

DEADLINE_S = 30
Run = Callable[..., CommandResult]


class Screen:
    """Receives the output of a command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("wb")
        self.interrupt = Interrupt()
        self.secrets: tuple[str, ...] = ()
        self.lines: list[str] = []

    def run(self, code: str, **more: object) -> CommandResult:
        """Runs a Python program."""
        runner = CommandRunner(self.interrupt, secrets=self.secrets, output=self.file.fileno())
        given: dict[str, object] = {"env": os.environ, "cwd": self.path.parent, "on_line": self.lines.append}
        return runner.run([sys.executable, "-c", code], **given | more)  # type: ignore[arg-type]

    @property
    def shown(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    screen = Screen(tmp_path / "screen")
    yield screen
    screen.file.close()


def wait_for(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What it sees and says


def test_a_command_has_a_terminal_and_empty_input(screen: Screen) -> None:
    result = screen.run(
        "import os, sys; print(sys.stdout.isatty(), sys.stderr.isatty(), sys.stdin.read(), os.get_terminal_size().columns)"
    )
    assert result.ok
    assert result.lines == ("True True  80",)


def test_exit_status_and_signal_are_reported(screen: Screen) -> None:
    assert screen.run("raise SystemExit(3)").status == 3
    assert screen.run("import os; os.kill(os.getpid(), 9)").status == -signal.SIGKILL


def test_a_missing_command_raises(screen: Screen) -> None:
    runner = CommandRunner(screen.interrupt, output=screen.file.fileno())
    with pytest.raises(FileNotFoundError):
        runner.run(["/nowhere/git"], env={}, cwd=Path("/"))


def test_output_is_passed_on_byte_for_byte(screen: Screen) -> None:
    screen.run(r"import os; os.write(1, b'\x1b[32mgreen\x1b[0m\r\n\xff 50%\r')")
    assert screen.shown == b"\x1b[32mgreen\x1b[0m\r\n\xff 50%\r"


def test_the_callback_gets_each_line_and_each_piece_up_to_a_carriage_return(screen: Screen) -> None:
    screen.run(
        r"import os; os.write(1, 'Receiving:  5%\rReceiving: 10%\r'.encode()); print('done'); print('麦麦')"
    )
    assert screen.lines == ["Receiving:  5%", "Receiving: 10%", "done", "麦麦"]


def test_only_the_last_of_overwritten_lines_is_kept(screen: Screen) -> None:
    result = screen.run(r"import os; os.write(1, b'5%\r10%\r100%\r\nend\nhalf')")
    assert result.lines == ("100%", "end", "half")


@pytest.mark.slow
def test_only_the_last_lines_are_kept_with_bounded_length(screen: Screen) -> None:
    result = screen.run("[print(n, 'x' * 100_000) for n in range(100)]")
    assert len(result.lines) == LAST_LINES
    assert result.lines[-1].startswith("99 x")
    assert all(len(line) <= LINE_LENGTH for line in result.lines)


def test_output_without_line_breaks_takes_bounded_memory(screen: Screen) -> None:
    result = screen.run("import sys; sys.stdout.write('x' * 3_000_000)")
    assert len(result.lines[0]) <= LINE_LENGTH
    assert len(screen.shown) == 3_000_000


@pytest.mark.parametrize(
    "piece, text",
    [
        (b"\x1b[2K\x1b[37m\xe2\xa0\x8b\x1b[0m \x1b[2mPreparing\x1b[0m (3/12)     \r", "⠋ Preparing (3/12)"),
        (b"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y", "xy"),
        (b"\x1b(Ba\x07b\x08", "ab"),
        (b"\xff\xfe", "��"),
        (b"\r", ""),
    ],
)
def test_terminal_sequences_are_removed_from_lines(piece: bytes, text: str) -> None:
    assert readable(piece) == text


@pytest.mark.parametrize(
    "said",
    ["fatal: write error: No space left on device", "failed to write (os error 28)", "Out of diskspace"],
)
def test_a_full_disk_is_recognised_in_the_output(screen: Screen, said: str) -> None:
    code = f"print({said!r})\nfor n in range(50): print(n)\n"
    assert screen.run(f"{code}raise SystemExit(1)").disk_full
    assert not screen.run(code).disk_full
    assert not screen.run("print('fatal: unable to access'); raise SystemExit(1)").disk_full


@pytest.mark.slow
def test_its_terminal_follows_the_size_of_ours(tmp_path: Path) -> None:
    ours, slave = pty.openpty()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))

    code = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])\n"
        "print(os.get_terminal_size(1).columns, flush=True)\n"
        "signal.sigwait([signal.SIGWINCH])\n"
        "print(os.get_terminal_size(1).columns, flush=True)\n"
    )
    try:
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        CommandRunner(Interrupt(), output=slave).run(
            [sys.executable, "-c", code], env=os.environ, cwd=tmp_path, on_line=on_line
        )
    finally:
        os.close(ours)
        os.close(slave)
    assert lines == ["100", "132"]


# Secrets


def test_a_secret_is_masked_wherever_it_is_split(screen: Screen) -> None:
    screen.secrets = ("pa55word",)
    result = screen.run(
        "import os, time\n"
        "for c in 'https://me:pa55word@host pa5':\n"
        "    os.write(1, c.encode()); time.sleep(0.001)\n"
    )
    assert screen.shown == b"https://me:***@host pa5"
    assert result.lines == ("https://me:***@host pa5",)


@given(
    st.lists(st.text("abc", max_size=5), max_size=8),
    st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
)
def test_masking_pieces_equals_masking_the_whole(pieces: list[str], secrets: list[str]) -> None:
    mask = Mask(secrets)
    shown = b"".join(mask.feed(piece.encode()) for piece in pieces) + mask.rest()
    assert not any(secret.encode() in shown.split(b"***")[0] for secret in secrets)
    if not secrets:
        assert shown == "".join(pieces).encode()


# How it ends


@pytest.mark.slow
def test_background_processes_of_a_command_are_ended(screen: Screen) -> None:
    result = screen.run(
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    )
    assert result.ok
    pid = int(result.lines[0])
    wait_for_end(pid)


def test_a_command_that_closes_its_terminal_is_awaited(screen: Screen) -> None:
    result = screen.run("import os, time; [os.close(fd) for fd in (0, 1, 2)]; time.sleep(0.1); os._exit(7)")
    assert result.status == 7


@pytest.mark.slow
def test_a_silent_command_is_ended(screen: Screen) -> None:
    result = screen.run("import time; print('begun', flush=True); time.sleep(600)", silence_s=0.5)
    assert result.silent
    assert not result.ok
    assert result.lines[0] == "begun"


IGNORES = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["pass", IGNORES])
def test_a_cancel_ends_the_whole_group(screen: Screen, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    monkeypatch.setattr("bots.deploying.command.END_WITHIN_S", 0.3)
    found: list[int] = []
    cancelled = threading.Event()

    def on_line(line: str) -> None:
        with suppress(ValueError):
            found.append(int(line))
        if len(found) == 2 and not cancelled.is_set():
            cancelled.set()
            screen.interrupt.requested = True
            raise Cancelled

    with pytest.raises(Cancelled):
        screen.run(
            f"{first}\nimport os, subprocess, sys, time\n"
            "code = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
            "print(os.getpid(), flush=True)\n"
            "subprocess.Popen([sys.executable, '-c', code]); time.sleep(600)",
            on_line=on_line,
        )
    wait_for_end(*found)


def test_nothing_starts_after_a_cancel(screen: Screen) -> None:
    screen.interrupt.requested = True
    with pytest.raises(Cancelled):
        screen.run("print('never')")
    assert screen.shown == b""


@pytest.mark.slow
def test_a_command_dies_with_the_process_that_runs_it(tmp_path: Path) -> None:
    """The kernel hangs up on it; otherwise it would write to the folder of the next worker."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from bots.deploying.command import CommandRunner\n"
        "from bots.deploying.interrupt import Interrupt\n"
        "sleep = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
        "CommandRunner(Interrupt()).run([sys.executable, '-c', sleep], env=os.environ, cwd=Path('/'))\n"
    )
    output = tmp_path / "output"
    with output.open("wb") as file:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", code],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)],
        )
    wait_for(lambda: output.read_bytes().endswith(b"\n"))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    child = int(output.read_text())
    wait_for_end(child)
