"""The progress of a deployment: lines that its worker appends to a file and the server reads.

Lines are only appended; a line that a kill or a full disk has truncated is skipped. The number of a line is its cursor.
Worker and server never write at the same time: the server writes before the worker starts and after it has ended.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from bots.deploying.plan import JOURNAL_FILE, WEIGHTS, Step
from mailauncher import files
from mailauncher.errors import Code, Text

Kind = Literal["begun", "progress", "done", "skipped", "log", "missing", "failed", "cancelled", "completed"]
ENDS: frozenset[Kind] = frozenset({"failed", "cancelled", "completed"})
SYNCED: frozenset[Kind] = ENDS | {"done", "skipped", "missing"}
"""These are brought to the disk at once, and outlast a power cut. The others tell what is under way, and come often."""
LIMIT_BYTES = 4 << 20
BALLAST_FILE = "ballast"
BALLAST_BYTES = 64 << 10

Status = Literal["pending", "installing", "completed", "failed", "cancelled"]
NO_TEXT = Text("", "")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`begun`, `progress`, `done` and `skipped` are about a step; `log` is a sentence for people; the others are ends.

    A `done` with a `code` tells what went wrong in a step without which the deployment is complete all the same; a `missing`
    tells why the deployment goes on without its component.
    `share`: the finished share of the step, 0-1; `seconds`: the duration of the step. With a `component` (the name of a
    service, never `main`), the entry is about that component only, and the step has entries of its own. The server writes
    `completed`, after `start`. A retry continues in the same file after a `failed`.
    """

    at: int = msgspec.field(default_factory=lambda: int(time.time() * 1000))
    """Milliseconds since 1970; by default the present time."""
    kind: Kind
    step: Step | None = None
    component: str = ""
    share: float = 0.0
    seconds: float = 0.0
    zh: str = ""
    en: str = ""
    code: Code | None = None
    lines: tuple[str, ...] = ()
    """The last lines of output of the failed command."""
    commit: str = ""
    """With `done` of `fetch`: the checked-out commit."""

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


@dataclass(slots=True)
class ComponentState:
    """The progress of one service. `share`: the finished share, 0-1, never falling; `text`: the newest sentence about it;
    `missing`: why the deployment goes on without it."""

    status: Status = "pending"
    share: float = 0.0
    text: Text = NO_TEXT
    missing: Entry | None = None


@dataclass(slots=True)
class DeploymentState:
    """The state of a deployment, computed from the entries of its journal.

    `ended` and `failure` are of the newest run: a `begun` after an end reopens the deployment. `seconds`: the duration of
    each finished step.
    """

    step: Step | None = None
    share: float = 0.0
    text: Text = NO_TEXT
    """The newest sentence about the step."""
    ended: Literal["failed", "cancelled", "completed"] | None = None
    failure: Entry | None = None
    problem: Entry | None = None
    """What went wrong in a step without making the deployment fail: the installed bot did not start."""
    commit: str = ""
    shares: dict[Step, float] = field(default_factory=dict)
    seconds: dict[Step, float] = field(default_factory=dict)
    components: dict[str, ComponentState] = field(default_factory=dict)

    @property
    def missing(self) -> dict[str, Entry]:
        """The services that could not be installed, and why."""
        return {name: found.missing for name, found in self.components.items() if found.missing}


def append(folder: Path, entry: Entry) -> None:
    """Appends a line, and brings it to the disk if it is one of those in SYNCED. Beyond LIMIT_BYTES, `log` and `progress`
    entries are dropped, steps and ends never.

    Raises OSError: the folder does not exist, or the disk is full; for the end of a run, what `reserve` has kept is used.
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
            try:
                line = line[os.write(descriptor, line) :]
            except OSError as error:
                if not (entry.kind in ENDS and files.is_full(error) and release(folder)):
                    raise
        if entry.kind in SYNCED:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if size == 0:
        files.sync_folder(folder)


def reserve(folder: Path) -> None:
    """Keeps some of the disk for the last entry of a run, which says that the rest of it was not enough. Raises OSError."""
    (folder / BALLAST_FILE).write_bytes(os.urandom(BALLAST_BYTES))


def release(folder: Path) -> bool:
    """Gives back what was kept. Returns whether there was something. Raises OSError."""
    kept = files.exists(folder / BALLAST_FILE)
    (folder / BALLAST_FILE).unlink(missing_ok=True)
    return kept


def shorten(folder: Path) -> None:
    """Before a retry: reduces a long journal to the entries that still matter, each at its cursor. Otherwise the entries of
    many retries would exceed the part of the file that is read. Raises OSError."""
    file = folder / JOURNAL_FILE
    if not files.exists(file) or file.stat().st_size <= LIMIT_BYTES // 2:
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
    files.write(file, b"".join(line + b"\n" for line in lines))


def size(folder: Path) -> int:
    """Bytes of the journal; 0 for none, or one that cannot be looked at."""
    try:
        return (folder / JOURNAL_FILE).stat().st_size
    except OSError:
        return 0


def read(folder: Path, after: int = 0) -> list[tuple[int, Entry]]:
    """The entries after a cursor, each with its own cursor; none if the file does not exist yet. An unfinished last line is
    left for the next call; a malformed line is skipped but counted. Reads at most twice LIMIT_BYTES. Raises OSError."""
    try:
        with files.open_regular(folder / JOURNAL_FILE) as file:
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
    except (msgspec.MsgspecError, ValueError, RecursionError):  # bytes that are not UTF-8 raise ValueError
        return None


def progress(entries: Iterable[Entry], weights: Mapping[Step, float]) -> int:
    """The progress of a deployment, 0-100. Each step is weighted by its expected duration (`Plan.weights`; empty: WEIGHTS).
    Never falls when entries are added, and is 100 only with `completed`."""
    now = state(entries)
    if now.ended == "completed":
        return 100
    expected = {step: max(0.0, weight) for step, weight in (weights or WEIGHTS).items()}
    whole = sum(expected.values())
    if whole <= 0:
        return 0
    done = sum(weight * now.shares.get(step, 0.0) for step, weight in expected.items())
    return min(99, int(100 * done / whole + 1e-9))


def state(entries: Iterable[Entry]) -> DeploymentState:
    """The state of a deployment, from all of its entries in order."""
    now = DeploymentState()
    for entry in entries:
        if entry.kind in ENDS:
            _end(now, entry)
        elif entry.component:
            _component(now.components.setdefault(entry.component, ComponentState()), entry)
        elif entry.step is not None and entry.kind != "log":
            _step(now, entry, entry.step)
    return now


def _end(now: DeploymentState, entry: Entry) -> None:
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
    match entry.kind:
        case "done" | "skipped":
            component.status, component.missing = "completed", None
        case "begun" | "progress":
            component.status, component.missing = "installing", None
        case "missing":
            component.status, component.missing = "failed", entry
    if entry.zh or entry.en:
        component.text = entry.text


def _step(now: DeploymentState, entry: Entry, step: Step) -> None:
    if entry.kind == "begun":
        if now.ended is not None:  # another run, which tries everything again
            for component in now.components.values():
                component.missing = None
        now.ended = now.failure = None
    now.problem = entry if entry.code else None
    if entry.kind == "done":
        if (
            entry.code is None
        ):  # else it took as long as somebody was patient, which is no measure for the next one
            now.seconds[step] = entry.seconds
        now.commit = entry.commit or now.commit
    now.step = step
    now.share = now.shares[step] = max(now.shares.get(step, 0.0), _share(entry))
    if entry.zh or entry.en:
        now.text = entry.text


def _share(entry: Entry) -> float:
    return 1.0 if entry.kind in ("done", "skipped") else min(1.0, max(0.0, entry.share))
