"""`mailauncher` as a user runs it: real processes, in a home of their own that shows what they leave behind."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support import preloaded
from tests.support.context import free_port, lives, wait_for_end
from tests.support.preloaded import ROOT

DEADLINE_S = 30
_MARK = "TEST_OF_THE_COMMAND_LINE"

BOT = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
for line in sys.stdin:
    print("heard", line.strip(), flush=True)
"""
"""Prints `ready`, then what it hears, until SIGINT."""


class Running:
    """A command that was started. `text` is what it printed so far; its standard error goes to `errors`."""

    def __init__(self, arguments: list[str], environment: dict[str, str], errors: Path) -> None:
        self._errors = errors
        with errors.open("wb") as stderr:
            self.process = preloaded.Command(
                arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr
            )
        self.text = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        output = b""
        while data := os.read(self.process.stdout.fileno(), 65536):
            output += data
            with self._changed:
                self.text = output.decode(errors="replace")
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def errors(self) -> str:
        return self._errors.read_text("utf-8")

    def expect(self, pattern: str) -> re.Match[str]:
        """Waits for the pattern in what was printed."""

        def over() -> bool:
            return bool(re.search(pattern, self.text)) or not self._reader.is_alive()

        deadline = time.monotonic() + DEADLINE_S  # for all of it: a bot that prints goes on printing
        with self._changed:
            while not over() and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
        found = re.search(pattern, self.text)
        assert found, f"{pattern} not in\n{self.text}\n{self.errors}"
        return found

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends a signal and waits for the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return status

    def close(self) -> None:
        self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Home:
    """Where commands run: a data folder, a workspace, a temporary folder; English, on a free port."""

    root = ROOT
    command: tuple[str, ...] = preloaded.COMMAND

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.port = free_port()
        self._mark = secrets.token_hex(8)
        self._started: list[Running] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **given: str) -> dict[str, str]:
        own = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("MAILAUNCHER_", "LC_", "PYTEST_", "COV_"))
        }
        return own | {
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),
            "LANG": "en_US.UTF-8",
            "SHELL": "/bin/sh",
            _MARK: self._mark,
            "MAILAUNCHER_DATA": str(self.data),
            "MAILAUNCHER_WORKSPACE": str(self.folder / "bots"),
            "MAILAUNCHER_PORT": str(self.port),
            "MAILAUNCHER_STOP_BOTS_AT_EXIT": "true",
            "MAILAUNCHER_START_GRACE_S": "0.2",
            **given,
        }

    def run(self, *arguments: str, typed: str = "", **given: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return preloaded.run([*self.command, *arguments], self.environment(**given), typed)

    def start(self, *arguments: str, through: tuple[str, ...] = (), **given: str) -> Running:
        """Starts a command, `through` another if need be; it is killed at the end of the test, if it still runs."""
        errors = self.folder / f"errors-{len(self._started)}"
        running = Running([*through, *self.command, *arguments], self.environment(**given), errors)
        self._started.append(running)
        return running

    def serve(self, *arguments: str, **given: str) -> Running:
        """A server that is ready."""
        server = self.start("serve", *arguments, through=(), **given)
        server.expect("listening on")
        return server

    def bot(self, name: str, script: str = BOT, *services: str) -> Path:
        """A folder with a bot of a few lines and services that do the same."""
        folder = self.folder / "bots" / name
        for place, program in ((folder, "bot.py"), *((folder / service, "main.py") for service in services)):
            place.mkdir(parents=True)
            (place / program).write_text(script, "utf-8")
        return folder

    def processes(self) -> list[psutil.Process]:
        """Everything that these commands started, directly or not, and that runs now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def left(self) -> list[psutil.Process]:
        """What of that does not end by itself."""
        deadline = time.monotonic() + 5
        alive = self.processes()
        while alive and time.monotonic() < deadline:
            time.sleep(0.01)
            alive = [process for process in alive if lives(process.pid)]
        return alive

    def _is_ours(self, process: psutil.Process) -> bool:
        """The environment of a process that has ended cannot be read, that of a preloaded one is not its own."""
        with contextlib.suppress(psutil.Error):
            return process.environ().get(_MARK) == self._mark or any(
                process.pid == running.process.pid and running.process.poll() is None
                for running in self._started
            )
        return False

    def close(self) -> None:
        for running in self._started:
            running.close()
        left = self.processes()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_for_end(*(process.pid for process in left))


@contextmanager
def home() -> Iterator[Home]:
    """A home for the block. Its path is short: sockets stand in it, and a test's own folder is too deep for them."""
    folder = Path(tempfile.mkdtemp(prefix="ml-"))
    place = Home(folder)
    try:
        yield place
    finally:
        place.close()
        shutil.rmtree(folder)
