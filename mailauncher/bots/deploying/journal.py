"""How far a deployment is: lines appended to a file by its worker and read by the server.

Lines are only ever added, each whole; a line that a kill or a full disk cut short is skipped. The number of a line is its
cursor. Worker and server never write at the same moment: the server writes before the worker starts and after it ended.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from mailauncher.bots.deploying.plan import JOURNAL_FILE, WEIGHTS, Step
from mailauncher.errors import Code, Text

Kind = Literal["begun", "progress", "done", "skipped", "log", "failed", "cancelled", "completed"]
ENDS: frozenset[Kind] = frozenset({"failed", "cancelled", "completed"})
LIMIT_BYTES = 4 << 20

Status = Literal["pending", "installing", "completed", "failed", "cancelled"]
NOTHING = Text("", "")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`begun`, `progress`, `done`, `skipped` are about a step; `log` is a sentence for people; the rest are ends.

    `share` is how much of the step is done, 0-1; `seconds` how long the step took. With a `component` all of that is about
    the component alone (by its name; never `main`), and the step has entries of its own. `completed` is the server's, after
    `start`. A retry goes on in the same file after a `failed`.
    """

    at: int = msgspec.field(default_factory=lambda: int(time.time() * 1000))
    """Milliseconds since 1970; now, if not given."""
    kind: Kind
    step: Step | None = None
    component: str = ""
    share: float = 0.0
    seconds: float = 0.0
    zh: str = ""
    en: str = ""
    code: Code | None = None
    lines: tuple[str, ...] = ()
    """The last lines that the failed command printed."""
    commit: str = ""
    """With `done` of `fetch`: what was checked out."""

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


@dataclass(slots=True)
class ComponentState:
    """How far one service is: `share` of it is there, 0-1, never falling. `text`: the newest sentence about it."""

    status: Status = "pending"
    share: float = 0.0
    text: Text = NOTHING


@dataclass(slots=True)
class State:
    """What the entries of a journal come to.

    `ended` and `failure` are of the newest run: a `begun` after an end opens the deployment again. `seconds` has the steps
    that are done, as long as each took.
    """

    step: Step | None = None
    share: float = 0.0
    text: Text = NOTHING
    """The newest sentence about the step."""
    ended: Literal["failed", "cancelled", "completed"] | None = None
    failure: Entry | None = None
    commit: str = ""
    shares: dict[Step, float] = field(default_factory=dict)
    seconds: dict[Step, float] = field(default_factory=dict)
    components: dict[str, ComponentState] = field(default_factory=dict)


def append(folder: Path, entry: Entry) -> None:
    """Adds a whole line. Beyond LIMIT_BYTES sentences and shares are left out; steps and ends never are.

    Raises OSError: the disk is full, the folder is gone.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(folder / JOURNAL_FILE, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size > LIMIT_BYTES and entry.kind in ("log", "progress"):
            return
        cut_short = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = b"\n" * cut_short + msgspec.json.encode(entry) + b"\n"
        while line:
            line = line[os.write(descriptor, line) :]
    finally:
        os.close(descriptor)


def shorten(folder: Path) -> None:
    """Before a retry: of a journal that has grown long only what still counts is kept, each line at its cursor. Without
    that, what many retries say would one day lie beyond what is read. Raises OSError."""
    file = folder / JOURNAL_FILE
    if not file.exists() or file.stat().st_size <= LIMIT_BYTES // 2:
        return
    entries = read(folder)
    kept: dict[tuple[object, ...], tuple[int, Entry]] = {}
    for number, entry in entries:
        about = (entry.kind, entry.step, entry.component) if entry.kind not in ENDS else ("end",)
        before = kept.get(about)
        if entry.kind == "log" or (before and entry.kind == "progress" and before[1].share > entry.share):
            continue
        kept[about] = (number, entry)
    lines = [b""] * (entries[-1][0] if entries else 0)
    for number, entry in kept.values():
        lines[number - 1] = msgspec.json.encode(entry)
    unfinished = folder / f".{JOURNAL_FILE}"
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(b"".join(line + b"\n" for line in lines))
    unfinished.rename(file)


def read(folder: Path, after: int = 0) -> list[tuple[int, Entry]]:
    """The entries after a cursor, each with its own. No file yet: none. A line that is being written is left for the next
    time; one that is broken is skipped and counted. Reads at most twice LIMIT_BYTES. Raises OSError."""
    try:
        with (folder / JOURNAL_FILE).open("rb") as file:
            content = file.read(2 * LIMIT_BYTES)
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        if number > after and (entry := _decoded(line)) is not None:
            found.append((number, entry))
    return found


_decoder = msgspec.json.Decoder(Entry)


def _decoded(line: bytes) -> Entry | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # bytes that are no UTF-8 are a ValueError
        return None


def progress(entries: Iterable[Entry], weights: Mapping[Step, float]) -> int:
    """How much of a deployment is done, 0-100: each step counts as long as it is expected to take (`Plan.weights`; empty:
    WEIGHTS). Never falls when entries are added, and is 100 only with `completed`."""
    now = state(entries)
    if now.ended == "completed":
        return 100
    expected = {step: max(0.0, weight) for step, weight in (weights or WEIGHTS).items()}
    whole = sum(expected.values())
    if whole <= 0:
        return 0
    done = sum(weight * now.shares.get(step, 0.0) for step, weight in expected.items())
    return min(99, int(100 * done / whole + 1e-9))


def state(entries: Iterable[Entry]) -> State:
    """How far a deployment is, from all of its entries in order."""
    now = State()
    for entry in entries:
        if entry.kind in ENDS:
            _end(now, entry)
        elif entry.component:
            _component(now.components.setdefault(entry.component, ComponentState()), entry)
        elif entry.step is not None and entry.kind != "log":
            _step(now, entry, entry.step)
    return now


def _end(now: State, entry: Entry) -> None:
    match entry.kind:
        case "failed":
            now.ended, now.failure, now.step = "failed", entry, entry.step or now.step
        case "cancelled":
            now.ended = "cancelled"
        case _:
            now.ended = "completed"
    for component in now.components.values():
        if component.status == "installing":
            component.status = now.ended
    if (entry.zh or entry.en) and entry.kind != "failed":
        now.text = entry.text


def _component(component: ComponentState, entry: Entry) -> None:
    component.share = max(component.share, _share(entry))
    if entry.kind in ("done", "skipped"):
        component.status = "completed"
    elif entry.kind in ("begun", "progress"):
        component.status = "installing"
    if entry.zh or entry.en:
        component.text = entry.text


def _step(now: State, entry: Entry, step: Step) -> None:
    if entry.kind == "begun":
        now.ended = now.failure = None
    if entry.kind == "done":
        now.seconds[step] = entry.seconds
        now.commit = entry.commit or now.commit
    now.step = step
    now.share = now.shares[step] = max(now.shares.get(step, 0.0), _share(entry))
    if entry.zh or entry.en:
        now.text = entry.text


def _share(entry: Entry) -> float:
    return 1.0 if entry.kind in ("done", "skipped") else min(1.0, max(0.0, entry.share))
