"""A command of another program, on a terminal of its own below ours, so that it shows how far it is as it does for people.

It runs in a session of its own: what it starts is ended with it, and when this process is killed the kernel hangs up on all
of it. What it prints goes to our standard output, secrets masked, and line by line to whoever asks.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailauncher.bots.deploying.interrupt import Interrupt

LAST_LINES = 20
LINE_LENGTH = 1000
END_WITHIN_S = 5.0
SILENCE_S = 1800.0
_LOOK_AGAIN_S = 0.2
_PIECE_BYTES = 64 << 10
_FULL = re.compile(
    r"(?i)no space left on device|disk quota exceeded|\(os error 28\)|ENOSPC|out of disk ?space"
)
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-Z\\^-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: its exit status (negative: the signal that ended it), its last lines without terminal sequences;
    `silent`: it was ended because it had not printed anything for too long; `full`: it said that the disk is full, perhaps
    long before its last lines."""

    status: int
    lines: tuple[str, ...]
    silent: bool = False
    full: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.silent

    @property
    def disk_full(self) -> bool:
        return not self.ok and self.full

    def said(self, *patterns: str) -> bool:
        """Whether one of its last lines has one of the patterns, in any case."""
        return any(re.search(p, line, re.IGNORECASE) for p in patterns for line in self.lines)


@dataclass(slots=True)
class Runner:
    """Runs commands one after the other. `lock`: a descriptor that each of them, and what it starts, keeps open, so that a
    file lock on it holds for as long as any of them lives."""

    interrupt: Interrupt
    lock: int = -1
    secrets: tuple[str, ...] = ()
    output: int = 1

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None] = lambda line: None,
        silence_s: float = SILENCE_S,
    ) -> Finished:
        """Runs a command to its end; `on_line` gets each line and each piece up to a carriage return.

        Raises OSError when it cannot be started, Cancelled after the whole group is ended.
        """
        self.interrupt.check()
        screen = _Screen(self.output, self.secrets, on_line)
        master = process = None
        try:
            with self.interrupt.shielded():
                process, master = self._started(argv, env, cwd)
            self.interrupt.check()
            silent = _follow(process, master, screen, silence_s, self.output)
        finally:
            with self.interrupt.shielded():
                if process is not None and master is not None:
                    _end(process, master, screen)
                    os.close(master)
                screen.close()
        return Finished(process.returncode, tuple(screen.last), silent, screen.full)

    def say(self, text: str) -> None:
        """A line of our own."""
        _write(self.output, f"{text}\n".encode())

    def _started(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> tuple["subprocess.Popen[bytes]", int]:
        master, slave = pty.openpty()
        try:
            _make_plain(slave, self.output)
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=slave,
                stderr=slave,
                env=dict(env),
                cwd=cwd,
                pass_fds=(self.lock,) if self.lock >= 0 else (),
                start_new_session=True,
                preexec_fn=_take_terminal,  # noqa: PLW1509 - there are no threads here
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return process, master


def _take_terminal() -> None:
    """In the child: its terminal controls it, so that the end of ours hangs up on it and on what it has started."""
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def _make_plain(slave: int, ours: int) -> None:
    """The same size as our terminal; line breaks as they are, since ours turns them into CR LF already."""
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, _size(ours))


def _size(terminal: int) -> bytes:
    """Rows and columns, as the kernel has them; 24 and 80 for what is no terminal."""
    usual = struct.pack("HHHH", 24, 80, 0, 0)
    try:
        found = fcntl.ioctl(terminal, termios.TIOCGWINSZ, usual)
    except OSError:
        return usual
    return found if struct.unpack("HHHH", found)[1] > 0 else usual


def _follow(
    process: "subprocess.Popen[bytes]", master: int, screen: "_Screen", silence_s: float, ours: int
) -> bool:
    """Returns once the process has ended, or, with True, once it has been silent for too long. Its terminal follows the size
    of ours."""
    heard = time.monotonic()
    size = _size(ours)
    while True:
        ready, _, _ = select.select([master], [], [], _LOOK_AGAIN_S)
        if (now := _size(ours)) != size:
            size = now
            fcntl.ioctl(master, termios.TIOCSWINSZ, size)
        if ready:
            data = _read(master)
            if not data:
                break
            screen.show(data)
            heard = time.monotonic()
        elif process.poll() is not None:
            return False  # what it has left behind still holds the terminal
        elif time.monotonic() - heard > silence_s:
            return True
    while process.poll() is None:  # it has let go of its terminal
        if time.monotonic() - heard > silence_s:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_AGAIN_S)
    return False


def _end(process: "subprocess.Popen[bytes]", master: int, screen: "_Screen") -> None:
    """Whatever of the group still lives is ended: SIGINT, and SIGKILL some seconds later."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGINT)
        deadline = time.monotonic() + END_WITHIN_S
        while process.poll() is None and (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([master], [], [], min(left, 0.05))
            if ready and (data := _read(master)):
                screen.show(data)
            elif ready:
                time.sleep(0.01)  # an end of file is always ready
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    # Once nobody holds the terminal any more, nobody of the group is left who could still write somewhere.
    deadline = time.monotonic() + END_WITHIN_S
    while (left := deadline - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            if not (data := _read(master)):
                break
            screen.show(data)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # macOS says the latter of one that is a zombie
        os.killpg(group, number)


def _read(master: int) -> bytes:
    try:
        return os.read(master, _PIECE_BYTES)
    except OSError:  # Linux says EIO once nobody holds the other side
        return b""


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone keeps nobody from working
        while data:
            data = data[os.write(descriptor, data) :]


class _Screen:
    """Passes output on, and reads it: `last` has its last lines, without what was overwritten; `full` whether any line said
    that the disk is."""

    def __init__(self, output: int, secrets: Iterable[str], on_line: Callable[[str], None]) -> None:
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self.full = False
        self._output = output
        self._mask = Mask(secrets)
        self._on_line = on_line
        self._begun = b""
        self._overwritten = ""

    def show(self, data: bytes) -> None:
        self._take(self._mask.feed(data))

    def close(self) -> None:
        self._take(self._mask.rest())
        if text := readable(self._begun) or self._overwritten:
            self.full = self.full or _FULL.search(text) is not None
            self.last.append(text)

    def _take(self, data: bytes) -> None:
        _write(self._output, data)
        *pieces, begun = re.split(rb"(?<=[\r\n])", self._begun + data)
        self._begun = begun[: 8 * LINE_LENGTH]
        for piece in pieces:
            self._piece(readable(piece), kept=piece.endswith(b"\n"))

    def _piece(self, text: str, kept: bool) -> None:
        if text:
            self.full = self.full or _FULL.search(text) is not None
            self._on_line(text)
        if kept and (line := text or self._overwritten):
            self.last.append(line)
        self._overwritten = "" if kept else text or self._overwritten


def readable(piece: bytes) -> str:
    """A piece of terminal output as text: no sequences, no control characters, at most LINE_LENGTH."""
    text = _SEQUENCE.sub("", piece.decode("utf-8", "replace"))
    return re.sub(r" {3,}", "  ", _CONTROL.sub("", text)).strip()[:LINE_LENGTH]


class Mask:
    """Puts `***` for secrets in a stream, also for one that comes in pieces: what may be the beginning of one waits."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({s.encode() for s in secrets if s}, key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._masked(self._held + data)
        kept = max((self._begun(data, secret) for secret in self._secrets), default=0)
        self._held = data[len(data) - kept :]
        return data[: len(data) - kept]

    def rest(self) -> bytes:
        data, self._held = self._held, b""
        return data

    def _masked(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, b"***")
        return data

    @staticmethod
    def _begun(data: bytes, secret: bytes) -> int:
        """How many bytes at the end of the data may be the beginning of the secret."""
        longest = min(len(secret) - 1, len(data))
        return next((count for count in range(longest, 0, -1) if data.endswith(secret[:count])), 0)
