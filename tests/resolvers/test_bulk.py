"""A command on many instances: results in order, each by itself, and bounded."""

import asyncio
import logging

import pytest

from mailauncher.errors import Code, InstanceNotFound, InvalidParameter
from resolvers import bulk


async def test_each_result_stands_in_its_place_whatever_ends_first(caplog: pytest.LogCaptureFixture) -> None:
    last = asyncio.Event()

    async def command(instance_id: str) -> str:
        if instance_id == "unknown":
            raise InstanceNotFound(instance_id)
        if instance_id == "broken":
            raise RuntimeError("secret")
        if instance_id == "slow":
            await last.wait()
        last.set()
        return f"{instance_id} done"

    with caplog.at_level(logging.ERROR):
        found = await bulk.each(["slow", "unknown", "broken", "quick"], command)
    assert [result.instance_id for result in found] == ["slow", "unknown", "broken", "quick"]
    assert [result.outcome for result in found] == ["slow done", None, None, "quick done"]
    codes = [result.error.code if result.error else None for result in found]
    assert codes == [None, Code.INSTANCE_NOT_FOUND, Code.INTERNAL_ERROR, None]
    assert found[2].error is not None
    assert "secret" not in str(found[2].error.text)
    assert "secret" in caplog.text


async def test_no_more_commands_than_allowed_go_on_at_once() -> None:
    going: set[str] = set()
    most = 0

    async def command(instance_id: str) -> None:
        nonlocal most
        going.add(instance_id)
        most = max(most, len(going))
        await asyncio.sleep(0)
        going.remove(instance_id)

    await bulk.each([str(number) for number in range(bulk.LIMIT)], command, at_once=bulk.AT_ONCE)
    assert most == bulk.AT_ONCE


@pytest.mark.parametrize("ids", [[], ["a", "b", "a"], [str(number) for number in range(bulk.LIMIT + 1)]])
async def test_none_too_many_and_repeated_instances_are_refused_before_anything_happens(
    ids: list[str],
) -> None:
    async def command(instance_id: str) -> None:
        raise AssertionError(instance_id)

    with pytest.raises(InvalidParameter) as refused:
        await bulk.each(ids, command)
    assert refused.value.field == "ids"
