"""The worker's report: entries in the journal, and lines in the terminal."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from bots.deploying import journal
from bots.deploying.journal import Entry, Kind
from bots.deploying.plan import Step
from mailauncher.errors import LauncherError, Text

ProgressCallback = Callable[[float], None]
"""Gets the finished share of something, 0-1."""

LEAST = 0.01
EVERY_S = 0.2

STEPS: dict[Step, Text] = {
    "check": Text("检查", "Checking"),
    "fetch": Text("获取主程序", "Fetching the bot"),
    "environment": Text("创建 Python 环境", "Creating the Python environment"),
    "dependencies": Text("安装依赖", "Installing dependencies"),
    "services": Text("安装服务", "Installing services"),
    "stop": Text("停止实例", "Stopping the instance"),
    "configure": Text("写入配置", "Writing configuration"),
    "register": Text("放到最终位置", "Moving everything into place"),
    "start": Text("启动实例", "Starting the instance"),
}


class StepFailed(Exception):
    """The reason why a step failed, with the last lines of the failed command, if there was one."""

    def __init__(self, error: LauncherError, lines: tuple[str, ...] = ()) -> None:
        super().__init__(error.text.en)
        self.error = error
        self.lines = lines


class Report:
    """Writes entries about one step at a time, and about its components (`of`)."""

    def __init__(self, folder: Path, print_line: Callable[[str], None], component: str = "") -> None:
        self.step: Step | None = None
        self._folder = folder
        self._print_line = print_line
        self._component = component
        self._began = self._told = 0.0
        self._share = 0.0
        self._detail = self._told_detail = journal.NO_TEXT

    def of(self, component: str) -> "Report":
        """A report on one component of the same step."""
        other = Report(self._folder, self._print_line, component)
        other.step = self.step
        return other

    def begin(self, step: Step, text: Text) -> None:
        self.step, self._began, self._share = step, time.monotonic(), 0.0
        self._detail = self._told_detail = journal.NO_TEXT
        # The entry first: what is printed wakes the server, which then finds the entry there.
        self._append("begun", text)
        self._heading(text)

    def detail(self, text: Text) -> None:
        """Sets what is being done within the step, which the next entry of its progress tells."""
        self._detail = text

    def progress(self, share: float) -> None:
        """Writes an entry only for an increase of at least LEAST or another detail, and at most once in EVERY_S."""
        now = time.monotonic()
        if share - self._share < LEAST and self._detail == self._told_detail:
            return
        if now - self._told >= EVERY_S:
            self._share, self._told, self._told_detail = max(share, self._share), now, self._detail
            self._append("progress", self._detail, share=round(min(1.0, share), 3))

    def done(self, commit: str = "") -> None:
        self._append("done", seconds=round(time.monotonic() - self._began, 3), commit=commit)

    def skipped(self, commit: str = "") -> None:
        """The step was done before."""
        self._append("skipped", commit=commit)

    def note(self, text: Text) -> None:
        """Writes a sentence for people."""
        self._append("log", text)
        self._print_line(f"   {text.zh}")
        self._print_line(f"   {text.en}")

    def missing(self, failure: StepFailed) -> None:
        """The component could not be installed, and the deployment goes on without it."""
        text = failure.error.text
        self._append("missing", text, code=failure.error.code, lines=failure.lines)
        self._print_line(
            f"── 未安装 {self._component} · Without {self._component}\n   {text.zh}\n   {text.en}"
        )

    def end(self, entry: Entry) -> None:
        """Writes the last entry. Raises OSError."""
        journal.append(self._folder, entry)

    def _heading(self, text: Text) -> None:
        mark = "──" if self._component else "━━"
        self._print_line(f"{mark} {text.zh} · {text.en}")

    def _append(self, kind: Kind, text: Text = journal.NO_TEXT, **more: object) -> None:
        entry = Entry(kind=kind, step=self.step, component=self._component, zh=text.zh, en=text.en, **more)  # type: ignore[arg-type]
        # On a full disk a step may still succeed: it must not fail because of an entry that only informs.
        with contextlib.suppress(OSError) if kind in ("log", "progress") else contextlib.nullcontext():
            journal.append(self._folder, entry)


def progress_part(on_progress: ProgressCallback, low: float, high: float) -> ProgressCallback:
    """A callback for a part of something, from `low` to `high` of the whole."""
    return lambda done: on_progress(low + (high - low) * min(1.0, max(0.0, done)))
