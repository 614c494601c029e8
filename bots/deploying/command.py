"""Runs a command on a pseudo-terminal of its own, so that it prints its progress as it does for people.

The command has a session of its own: it is ended together with everything that it started, and if this process is killed,
the kernel hangs up on all of it. Its output goes to our standard output, secrets masked, and line by line to a callback.
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

from bots.deploying.interrupt import Interrupt

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
class CommandResult:
    """How a command ended. `status`: its exit status, negative for a signal. `lines`: its last lines, without terminal
    sequences. `silent`: it was ended because it printed nothing for too long. `full`: any of its lines reported a full
    disk."""

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

    def mentions(self, *patterns: str) -> bool:
        """Whether one of the last lines matches one of the patterns, case ignored."""
        return any(re.search(p, line, re.IGNORECASE) for p in patterns for line in self.lines)


@dataclass(slots=True)
class CommandRunner:
    """Runs commands one after the other. `lock`: a descriptor that every command and its children inherit, so that a file lock
    on it holds as long as any of them lives."""

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
    ) -> CommandResult:
        """Runs a command to its end; `on_line` gets each line, and each piece up to a carriage return.

        Raises OSError if it cannot be started, Cancelled after the whole process group has ended.
        """
        self.interrupt.check()
        parser = _OutputParser(self.output, self.secrets, on_line)
        master = process = None
        try:
            with self.interrupt.shielded():
                process, master = self._started(argv, env, cwd)
            self.interrupt.check()
            silent = _follow(process, master, parser, silence_s, self.output)
        finally:
            with self.interrupt.shielded():
                if process is not None and master is not None:
                    _end(process, master, parser)
                    os.close(master)
                parser.close()
        return CommandResult(process.returncode, tuple(parser.last), silent, parser.full)

    def print_line(self, text: str) -> None:
        """Prints a line of our own."""
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
    """In the child: makes the terminal its controlling terminal, so that closing our side hangs up on it and its children."""
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def _make_plain(slave: int, ours: int) -> None:
    """Gives it the size of our terminal, and leaves line breaks unchanged: our terminal converts them to CR LF already."""
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, _size(ours))


def _size(terminal: int) -> bytes:
    """Rows and columns in the kernel's structure; 24 and 80 if it is not a terminal."""
    usual = struct.pack("HHHH", 24, 80, 0, 0)
    try:
        found = fcntl.ioctl(terminal, termios.TIOCGWINSZ, usual)
    except OSError:
        return usual
    return found if struct.unpack("HHHH", found)[1] > 0 else usual


def _follow(
    process: "subprocess.Popen[bytes]", master: int, parser: "_OutputParser", silence_s: float, ours: int
) -> bool:
    """Returns False once the process has ended, True once it has been silent for too long. Its terminal follows the size of
    ours."""
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
            parser.feed(data)
            heard = time.monotonic()
        elif process.poll() is not None:
            return False  # its children still hold the terminal
        elif time.monotonic() - heard > silence_s:
            return True
    while process.poll() is None:  # it has closed its terminal
        if time.monotonic() - heard > silence_s:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_AGAIN_S)
    return False


def _end(process: "subprocess.Popen[bytes]", master: int, parser: "_OutputParser") -> None:
    """Ends every process of the group that still lives: SIGINT, and SIGKILL some seconds later."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGINT)
        deadline = time.monotonic() + END_WITHIN_S
        while process.poll() is None and (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([master], [], [], min(left, 0.05))
            if ready and (data := _read(master)):
                parser.feed(data)
            elif ready:
                time.sleep(0.01)  # at the end of file it is always ready
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    # Wait until no process holds the terminal: until then one of the group may still be dying and write to the folder that
    # the caller is about to remove or reuse.
    deadline = time.monotonic() + END_WITHIN_S
    while (left := deadline - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            if not (data := _read(master)):
                break
            parser.feed(data)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a zombie
        os.killpg(group, number)


def _read(master: int) -> bytes:
    try:
        return os.read(master, _PIECE_BYTES)
    except OSError:  # Linux reports EIO once no process holds the other side
        return b""


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the work goes on without a terminal
        while data:
            data = data[os.write(descriptor, data) :]


class _OutputParser:
    """Forwards output and parses it. `last`: its last lines, without overwritten text; `full`: whether any line reported a
    full disk."""

    def __init__(self, output: int, secrets: Iterable[str], on_line: Callable[[str], None]) -> None:
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self.full = False
        self._output = output
        self._mask = Mask(secrets)
        self._on_line = on_line
        self._unfinished = b""
        self._overwritten = ""

    def feed(self, data: bytes) -> None:
        self._take(self._mask.feed(data))

    def close(self) -> None:
        self._take(self._mask.rest())
        if text := readable(self._unfinished) or self._overwritten:
            self.full = self.full or _FULL.search(text) is not None
            self.last.append(text)

    def _take(self, data: bytes) -> None:
        _write(self._output, data)
        *pieces, begun = re.split(rb"(?<=[\r\n])", self._unfinished + data)
        self._unfinished = begun[: 8 * LINE_LENGTH]
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
    """A piece of terminal output as text without sequences and control characters, at most LINE_LENGTH characters."""
    text = _SEQUENCE.sub("", piece.decode("utf-8", "replace"))
    return re.sub(r" {3,}", "  ", _CONTROL.sub("", text)).strip()[:LINE_LENGTH]


class Mask:
    """Replaces secrets in a stream by `***`, also those split over several pieces: a possible beginning of one is held back."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({s.encode() for s in secrets if s}, key=len, reverse=True)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._masked(self._held + data)
        kept = max((self._partial_match_length(data, secret) for secret in self._secrets), default=0)
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
    def _partial_match_length(data: bytes, secret: bytes) -> int:
        """Number of bytes at the end of the data that may be the beginning of the secret."""
        longest = min(len(secret) - 1, len(data))
        return next((count for count in range(longest, 0, -1) if data.endswith(secret[:count])), 0)
