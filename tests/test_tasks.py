"""Background tasks with an owner."""

import asyncio
import logging

import pytest

from mailauncher import tasks
from mailauncher.errors import InvalidPath
from mailauncher.tasks import Tasks


async def test_what_fails_in_the_background_is_logged_under_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> None:
        raise ValueError("no")

    owner = Tasks()
    owner.spawn(broken(), "the broken one")
    await owner.finish()
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "the broken one failed")
    assert record.exc_info is not None


async def test_an_error_for_users_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def refused() -> None:
        raise InvalidPath("路径无效", "not a folder")

    owner = Tasks()
    with caplog.at_level(logging.INFO):
        owner.spawn(refused(), "adding")
        await owner.finish()
    [record] = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info) == (
        logging.INFO,
        "adding: not a folder",
        None,
    )


async def test_the_caller_of_uninterrupted_work_goes_on_after_its_end_even_if_it_is_cancelled() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()

    owner = Tasks()
    caller = asyncio.create_task(owner.uninterrupted(work(), "work"))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert len(owner) == 0


async def test_work_that_is_to_be_completed_goes_on_when_its_caller_is_cancelled() -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> str:
        begun.set()
        await go_on.wait()
        done.append("yes")
        return "result"

    owner = Tasks()
    caller = asyncio.create_task(owner.complete(work(), "work"))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await owner.finish()
    assert done == ["yes"]


async def test_completed_work_gives_its_result_or_its_error(caplog: pytest.LogCaptureFixture) -> None:
    async def fine() -> int:
        return 1

    async def broken() -> None:
        raise ValueError("no")

    owner = Tasks()
    assert await owner.complete(fine(), "fine") == 1
    with pytest.raises(ValueError, match="no"):
        await owner.complete(broken(), "broken")
    await owner.finish()
    assert caplog.records == []


async def test_what_is_kept_running_is_started_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "RESTART_DELAY_S", 0.0)
    attempts = 0

    async def fails_twice() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OSError("gone")

    owner = Tasks()
    owner.keep_running(fails_twice, "sampling")
    await owner.finish()
    assert attempts == 3
    assert [record.getMessage() for record in caplog.records] == [
        "sampling failed, and is started again until it works"
    ]


async def test_what_is_kept_running_is_said_to_work_again_once_it_has_run_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure was logged with a traceback, every minute for as long as it failed."""
    monkeypatch.setattr(tasks, "RESTART_DELAY_S", 0.0)
    monkeypatch.setattr(tasks, "SETTLED_S", 0.0)
    attempts = 0

    async def fails_at_first() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise OSError("gone")
        async with asyncio.timeout(30):
            while len(caplog.records) < 2 * (attempts - 3):
                await asyncio.sleep(0)
        if attempts == 4:
            raise OSError("gone again")

    owner = Tasks()
    owner.keep_running(fails_at_first, "sampling")
    await owner.finish()
    assert [(record.getMessage(), record.exc_info is not None) for record in caplog.records] == [
        ("sampling failed, and is started again until it works", True),
        ("sampling works again", False),
    ] * 2


async def test_closing_cancels_everything_and_waits_for_its_end() -> None:
    ended = []

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    owner = Tasks()
    owner.spawn(forever("one"), "one")
    owner.keep_running(lambda: forever("two"), "two")
    await asyncio.sleep(0)
    await owner.close()
    assert (sorted(ended), len(owner)) == (["one", "two"], 0)
