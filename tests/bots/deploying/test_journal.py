"""The journal has the progress of a deployment, even after interruptions."""

import itertools
import os
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.deploying import journal, report
from bots.deploying.journal import Entry, Kind
from bots.deploying.plan import JOURNAL_FILE, WEIGHTS, Step
from bots.deploying.report import Report
from mailauncher.errors import Code, Text
from tests.support.small_disk import fill, small_disk

STEPS: tuple[Step, ...] = tuple(WEIGHTS)
KINDS: tuple[Kind, ...] = ("begun", "progress", "done", "skipped", "log", "failed", "cancelled")

entries = st.builds(
    Entry,
    kind=st.sampled_from(KINDS),
    step=st.none() | st.sampled_from(STEPS),
    component=st.sampled_from(("", "napcat")),
    share=st.floats(-1, 2),
)


def test_entries_are_read_in_order_with_their_line_numbers(tmp_path: Path) -> None:
    journal.append(tmp_path, Entry(kind="begun", step="check", zh="检查", en="Checking"))
    journal.append(tmp_path, Entry(kind="log", zh="两行\n文字", en="Two\nlines"))
    assert [(cursor, e.kind, e.text) for cursor, e in journal.read(tmp_path)] == [
        (1, "begun", Text("检查", "Checking")),
        (2, "log", Text("两行\n文字", "Two\nlines")),
    ]
    assert [cursor for cursor, _ in journal.read(tmp_path, after=1)] == [2]
    assert journal.read(tmp_path, after=2) == []


def test_a_missing_journal_has_no_entries(tmp_path: Path) -> None:
    assert journal.read(tmp_path) == []
    assert journal.state([]).step is None
    assert journal.progress([], WEIGHTS) == 0


def test_a_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    journal.append(tmp_path, Entry(kind="log"))
    assert stat.S_IMODE((tmp_path / JOURNAL_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("rest", [b'{"at":1,"ki', b"\xff\xfe", b"[" * 10_000, b'"text"', b"\0"])
def test_a_truncated_line_is_skipped_but_counted(tmp_path: Path, rest: bytes) -> None:
    journal.append(tmp_path, Entry(kind="log"))
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(rest)
    assert [cursor for cursor, _ in journal.read(tmp_path)] == [1]
    journal.append(tmp_path, Entry(kind="cancelled"))
    assert [(cursor, e.kind) for cursor, e in journal.read(tmp_path)] == [(1, "log"), (3, "cancelled")]


def test_an_unfinished_line_is_read_once_it_is_complete(tmp_path: Path) -> None:
    with (tmp_path / JOURNAL_FILE).open("ab", buffering=0) as file:
        file.write(b'{"at":1,')
        assert journal.read(tmp_path) == []
        file.write(b'"kind":"log"}\n')
        assert [cursor for cursor, _ in journal.read(tmp_path)] == [1]


def test_a_full_journal_accepts_only_steps_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LIMIT_BYTES", 1000)
    for kind in ("log",) * 100 + ("progress",) * 100:
        journal.append(tmp_path, Entry(kind=kind, step="fetch", en="x" * 50))
    assert (tmp_path / JOURNAL_FILE).stat().st_size < 1300
    journal.append(tmp_path, Entry(kind="done", step="fetch"))
    journal.append(tmp_path, Entry(kind="failed"))
    assert [e.kind for _, e in journal.read(tmp_path)][-2:] == ["done", "failed"]


def test_what_is_done_and_how_it_ended_outlasts_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was in memory only when clients were told."""
    synced: list[tuple[int, bytes]] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        sync(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            synced.append((os.fstat(descriptor).st_ino, (tmp_path / JOURNAL_FILE).read_bytes()))

    monkeypatch.setattr(os, "fsync", note)
    kinds: tuple[Kind, ...] = (
        "begun",
        "progress",
        "log",
        "done",
        "skipped",
        "missing",
        "failed",
        "completed",
    )
    for kind in kinds:
        journal.append(tmp_path, Entry(kind=kind, step="fetch"))
    assert {inode for inode, _ in synced} == {(tmp_path / JOURNAL_FILE).stat().st_ino}
    assert [msgspec.json.decode(content.splitlines()[-1])["kind"] for _, content in synced] == list(kinds[3:])


def test_on_a_full_disk_the_end_finds_the_room_that_was_kept_for_it() -> None:
    """A deployment whose failure could not be written never ended."""
    with small_disk(256) as disk:
        journal.reserve(disk)
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            journal.append(disk, Entry(kind="done", step="check"))
        journal.append(disk, Entry(kind="failed", step="fetch", zh="满", en="full"))
        assert [entry.kind for _, entry in journal.read(disk)] == ["failed"]
        assert not journal.release(disk)
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            journal.append(disk, Entry(kind="failed", step="fetch", zh="满" * 4096, en="full"))


def test_a_concurrent_reader_sees_every_entry_once(tmp_path: Path) -> None:
    def write() -> None:
        for n in range(300):
            journal.append(tmp_path, Entry(kind="log", en=str(n)))

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[str] = []
    cursor = 0
    while len(seen) < 300:
        for at, entry in journal.read(tmp_path, cursor):
            cursor = at
            seen.append(entry.en)
    writer.join()
    assert seen == [str(n) for n in range(300)]


# What the entries come to


def test_the_state_has_step_share_seconds_and_commit() -> None:
    now = journal.state([
        Entry(kind="begun", step="fetch", zh="获取", en="Fetching"),
        Entry(kind="progress", step="fetch", share=0.5),
        Entry(kind="done", step="fetch", seconds=2.5, commit="a" * 40),
        Entry(kind="begun", step="environment", en="Environment"),
        Entry(kind="progress", step="environment", share=0.25),
    ])  # fmt: skip
    assert (now.step, now.share, now.text.en) == ("environment", 0.25, "Environment")
    assert now.seconds == {"fetch": 2.5}
    assert now.commit == "a" * 40
    assert now.ended is None


def test_a_failure_has_its_step_and_ends_installing_components() -> None:
    failed = Entry(kind="failed", step="services", code=Code.DOWNLOAD_FAILED, lines=("fatal: no",))
    now = journal.state([
        Entry(kind="begun", step="services", component="napcat"),
        Entry(kind="done", step="services", component="napcat"),
        Entry(kind="begun", step="services", component="nonebot-ada"),
        Entry(kind="progress", step="services", component="nonebot-ada", share=0.4, en="half"),
        failed,
    ])  # fmt: skip
    assert (now.ended, now.failure, now.step) == ("failed", failed, "services")
    assert now.components["napcat"].status == "completed"
    ada = now.components["nonebot-ada"]
    assert (ada.status, ada.share, ada.text.en) == ("failed", 0.4, "half")


def test_a_retry_reopens_a_failed_deployment() -> None:
    run = [Entry(kind="begun", step="fetch"), Entry(kind="failed", step="fetch")]
    assert journal.state(run).ended == "failed"
    again = journal.state([*run, Entry(kind="begun", step="check")])
    assert (again.ended, again.failure, again.step) == (None, None, "check")


def test_progress_weights_steps_by_their_duration() -> None:
    weights: dict[Step, float] = {"check": 1, "fetch": 3, "start": 1}
    run = [Entry(kind="done", step="check")]
    assert journal.progress(run, weights) == 20
    run.append(Entry(kind="progress", step="fetch", share=0.5))
    assert journal.progress(run, weights) == 50
    run.append(Entry(kind="skipped", step="fetch"))
    assert journal.progress(run, weights) == 80
    run.append(Entry(kind="done", step="start"))
    assert journal.progress(run, weights) == 99
    run.append(Entry(kind="completed"))
    assert journal.progress(run, weights) == 100


@pytest.mark.parametrize("weights", [{}, {"check": 0.0}, {"check": -1.0, "fetch": 2.0}])
def test_odd_weights_are_tolerated(weights: dict[Step, float]) -> None:
    done = [Entry(kind="done", step=step) for step in STEPS]
    assert 0 <= journal.progress(done, weights) <= 99


@given(st.lists(entries, max_size=30))
def test_progress_never_falls_and_is_never_100_before_the_end(run: list[Entry]) -> None:
    shown = [journal.progress(run[:count], WEIGHTS) for count in range(len(run) + 1)]
    assert all(a <= b for a, b in itertools.pairwise(shown))
    assert shown[-1] < 100


def test_the_detail_of_a_step_is_its_text_and_no_sentence_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "EVERY_S", 0.0)
    printed: list[str] = []
    made = Report(tmp_path, printed.append)
    made.begin("dependencies", report.STEPS["dependencies"])
    for count in (1, 1, 2):
        made.detail(Text(f"{count}/2", f"{count} of 2"))
        made.progress(0.001)
    entries = [entry for _, entry in journal.read(tmp_path)]
    assert [(entry.kind, entry.en) for entry in entries[1:]] == [
        ("progress", "1 of 2"),
        ("progress", "2 of 2"),
    ]
    assert journal.state(entries).text.en == "2 of 2"
    assert len(printed) == 1
    made.done()
    made.begin("services", report.STEPS["services"])
    made.progress(0.5)
    assert journal.state(entry for _, entry in journal.read(tmp_path)).text == report.STEPS["services"]
