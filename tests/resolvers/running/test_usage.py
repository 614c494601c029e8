"""The usage of running programs is sampled for as long as the server runs."""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailauncher.tasks import Tasks
from resolvers import instances
from resolvers.context import Context
from resolvers.running.usage import UsageSampler
from tests.support.context import add_bot

pytestmark = pytest.mark.slow


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Nothing can be opened in this process, as when a server has used up its limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def test_usage_is_sampled_again_after_a_sample_that_failed(
    ctx: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The sampler ended at the first OSError, and whatever was known then was shown for ever. Later, each failure was a
    traceback in the log, one a second."""
    bot = await add_bot(ctx, tmp_path / "bot")
    await instances.start(ctx, bot.id)
    pid = instances.get(ctx, bot.id).pid
    sampler, tasks = UsageSampler(ctx.live, ctx.bus, 0.02), Tasks()
    tasks.keep_running(sampler.run, "usage")
    try:
        await eventually(lambda: sampler.latest(pid) is not None)
        with no_more_descriptors():
            await eventually(lambda: sampler.latest(pid) is None)
        await eventually(lambda: sampler.latest(pid) is not None)
    finally:
        await tasks.close()
    told = [record for record in caplog.records if "sampling the usage of programs" in record.getMessage()]
    assert (
        1 <= [record.levelname for record in told].count("ERROR") <= 2
    )  # the server has a sampler of its own
    assert not [record for record in told if record.exc_info]
