"""A command in a terminal of its own, as a person uses it."""

import os
import pty
import re
import select
import termios

from tests.support import preloaded
from tests.support.program import DEADLINE_S, Home


class Screen:
    """A command in a PTY of 100 x 30, its controlling terminal. `before` is how the terminal was set."""

    def __init__(self, place: Home, *arguments: str, **given: str) -> None:
        self._master, self.terminal = pty.openpty()
        termios.tcsetwinsize(self.terminal, (30, 100))
        self.before = termios.tcgetattr(self.terminal)
        self.process = preloaded.Command(
            [*place.command, *arguments],
            cwd=place.root,
            env=place.environment(TERM="xterm-256color", **given),
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            preexec_fn=preloaded.terminal,
        )
        self._text = ""

    def expect(self, pattern: str) -> re.Match[str]:
        """Waits for the pattern in what was shown after the one expected before."""
        while not (found := re.search(pattern, self._text)):
            ready, _, _ = select.select([self._master], [], [], DEADLINE_S)
            assert ready, f"{pattern} not in\n{self._text!r}"
            self._text += os.read(self._master, 65536).decode(errors="replace")
        self._text = self._text[found.end() :]
        return found

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait(self) -> int:
        """The exit status."""
        return self.process.wait(DEADLINE_S)

    def settings(self) -> list[object]:
        """How the terminal is set now."""
        return termios.tcgetattr(self.terminal)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        os.close(self._master)
