"""What the worker says: entries in the journal, and lines of its own in the terminal."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from mailauncher.bots.deploying import journal
from mailauncher.bots.deploying.journal import Entry, Kind
from mailauncher.bots.deploying.plan import Step
from mailauncher.errors import LauncherError, Text

Share = Callable[[float], None]
"""Is told how much of something is done, 0-1."""

LEAST = 0.01
EVERY_S = 0.2

STEPS: dict[Step, Text] = {
    "check": Text("检查", "Checking"),
    "fetch": Text("获取主程序", "Fetching the bot"),
    "environment": Text("创建 Python 环境", "Making its Python environment"),
    "dependencies": Text("安装依赖", "Installing its dependencies"),
    "services": Text("安装服务", "Installing services"),
    "stop": Text("停止实例", "Stopping the instance"),
    "configure": Text("写入配置", "Writing configuration"),
    "register": Text("放到最终位置", "Putting everything into place"),
    "start": Text("启动实例", "Starting the instance"),
}


class StepFailed(Exception):
    """Why a step cannot go on, with the last lines of the command that failed, if one did."""

    def __init__(self, error: LauncherError, lines: tuple[str, ...] = ()) -> None:
        super().__init__(error.text.en)
        self.error = error
        self.lines = lines


class Report:
    """Writes entries about one step at a time, and about the components in it (`of`)."""

    def __init__(self, folder: Path, say: Callable[[str], None], component: str = "") -> None:
        self.step: Step | None = None
        self._folder = folder
        self._say = say
        self._component = component
        self._began = self._told = 0.0
        self._share = 0.0

    def of(self, component: str) -> "Report":
        """The same step, about one component."""
        other = Report(self._folder, self._say, component)
        other.step = self.step
        return other

    def begin(self, step: Step, text: Text) -> None:
        self.step, self._began, self._share = step, time.monotonic(), 0.0
        self._heading(text)
        self._append("begun", text)

    def share(self, share: float) -> None:
        """Written down when it is worth it: a hundredth more, and not all the time."""
        now = time.monotonic()
        if share - self._share >= LEAST and now - self._told >= EVERY_S:
            self._share, self._told = share, now
            self._append("progress", share=round(min(1.0, share), 3))

    def done(self, commit: str = "") -> None:
        self._append("done", seconds=round(time.monotonic() - self._began, 3), commit=commit)

    def skipped(self, commit: str = "") -> None:
        """It was done before."""
        self._append("skipped", commit=commit)

    def note(self, text: Text) -> None:
        """A sentence for people."""
        self._say(f"   {text.zh}")
        self._say(f"   {text.en}")
        self._append("log", text)

    def end(self, entry: Entry) -> None:
        """The last entry. Raises OSError."""
        journal.append(self._folder, entry)

    def _heading(self, text: Text) -> None:
        mark = "──" if self._component else "━━"
        self._say(f"{mark} {text.zh} · {text.en}")

    def _append(self, kind: Kind, text: Text = journal.NOTHING, **more: object) -> None:
        entry = Entry(kind=kind, step=self.step, component=self._component, zh=text.zh, en=text.en, **more)  # type: ignore[arg-type]
        # On a full disk a step may still succeed; what only tells of it must not be what fails.
        with contextlib.suppress(OSError) if kind in ("log", "progress") else contextlib.nullcontext():
            journal.append(self._folder, entry)


def part(share: Share, low: float, high: float) -> Share:
    """For something that is the part from `low` to `high` of something else."""
    return lambda done: share(low + (high - low) * min(1.0, max(0.0, done)))
