"""A deployment that was tried again some hundred times, each time with much to say of its failure, had a journal longer
than what is read: its last end was never seen, it stayed `installing`, and could neither be cancelled nor tried again."""

import asyncio
from pathlib import Path

import pytest

from bots.deploying import journal
from bots.deploying.journal import LIMIT_BYTES, Entry
from bots.deploying.plan import JOURNAL_FILE, WEIGHTS
from resolvers import deployments
from tests.support.deploying import Bots, deploy, ended

LINES = ("\N{REPLACEMENT CHARACTER}" * 1000,) * 20


def fill(folder: Path, size: int) -> None:
    """What retries write until there is so much of it."""
    entries = (
        Entry(kind="begun", step="check", zh="检查", en="Checking"),
        Entry(kind="done", step="check", seconds=0.1),
        Entry(kind="begun", step="fetch"),
        Entry(kind="progress", step="fetch", share=0.4),
        Entry(kind="progress", step="fetch", share=0.2),
        Entry(kind="log", step="fetch", zh="说明", en="a note"),
        Entry(kind="progress", step="services", component="napcat", share=0.5),
        Entry(kind="failed", step="fetch", lines=LINES),
    )
    while not (folder / JOURNAL_FILE).exists() or (folder / JOURNAL_FILE).stat().st_size < size:
        for entry in entries:
            journal.append(folder, entry)


def test_a_long_journal_is_shortened_and_says_the_same(tmp_path: Path) -> None:
    fill(tmp_path, LIMIT_BYTES // 2 + 1)
    before = journal.read(tmp_path)
    journal.shorten(tmp_path)
    after = journal.read(tmp_path)
    assert after[-1] == before[-1]
    assert set(after) <= set(before)
    was, now = (journal.state(entry for _, entry in entries) for entries in (before, after))
    assert (now.step, now.shares, now.seconds, now.ended) == (was.step, was.shares, was.seconds, was.ended)
    assert (now.failure, now.components) == (was.failure, was.components)
    progress = [journal.progress((entry for _, entry in entries), WEIGHTS) for entries in (before, after)]
    assert progress[0] == progress[1] > 0
    assert (tmp_path / JOURNAL_FILE).stat().st_size < 200_000
    journal.append(tmp_path, Entry(kind="begun", step="check"))
    assert journal.read(tmp_path)[-1][0] == before[-1][0] + 1


def test_a_short_journal_stays_as_it_is(tmp_path: Path) -> None:
    journal.shorten(tmp_path)
    fill(tmp_path, 1)
    before = (tmp_path / JOURNAL_FILE).read_bytes()
    journal.shorten(tmp_path)
    assert (tmp_path / JOURNAL_FILE).read_bytes() == before


@pytest.mark.slow
async def test_the_end_of_a_retry_after_many_is_seen(bots: Bots) -> None:
    async with bots.parts() as ctx:
        (bots.repository.folder / "config").mkdir(exist_ok=True)
        (bots.repository.folder / "config" / "bot_config.toml").symlink_to("/etc/passwd")
        bots.repository.commit()
        bots.repository.tag("0.12.2")
        begun = await deploy(ctx, version="0.12.2")
        assert (await ended(ctx, begun.instance_id)).status == "failed"
        await asyncio.to_thread(fill, ctx.deployer.folder(begun.instance_id), 2 * LIMIT_BYTES)
        await deployments.retry(ctx, begun.instance_id)
        done = await ended(ctx, begun.instance_id)
        assert done.failure is not None
        assert (done.status, done.failure.step) == ("failed", "configure")
        assert ctx.deployer.job(begun.instance_id) is None
