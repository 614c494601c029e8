"""One command on many instances, with a result for each."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailauncher.errors import UNEXPECTED, InvalidParameter, LauncherError, as_known

log = logging.getLogger(__name__)
T = TypeVar("T")

LIMIT = 100
AT_ONCE = 4
"""Commands that copy files or ask other servers, of one call. The others wait for processes, all of them at once."""


@dataclass(frozen=True, slots=True)
class BulkResult(Generic[T]):
    """What became of the command on one instance: `outcome`, or the error that it raised."""

    instance_id: str
    outcome: T | None = None
    error: LauncherError | None = None


async def each(
    instance_ids: Sequence[str], command: Callable[[str], Awaitable[T]], *, at_once: int = LIMIT
) -> list[BulkResult[T]]:
    """Gives the command to each instance, and waits for all. The results are in the order of the ids; a command that fails
    harms no other one. Raises InvalidParameter for no id, more than LIMIT, or one that is given twice."""
    _require_valid(instance_ids)
    turns = asyncio.Semaphore(at_once)

    async def result(instance_id: str) -> BulkResult[T]:
        async with turns:
            try:
                return BulkResult(instance_id, outcome=await command(instance_id))
            except Exception as error:
                known = as_known(error)
                if known is None:
                    log.exception("a command on %s, of many", instance_id)
                return BulkResult(instance_id, error=known or LauncherError(*UNEXPECTED))

    return list(await asyncio.gather(*map(result, instance_ids)))


def _require_valid(instance_ids: Sequence[str]) -> None:
    if not 1 <= len(instance_ids) <= LIMIT:
        raise InvalidParameter(
            f"应给出 1-{LIMIT} 个实例", f"Between 1 and {LIMIT} instances must be given", field="ids"
        )
    [(most, times)] = Counter(instance_ids).most_common(1)
    if times > 1:
        raise InvalidParameter(f"实例 {most} 出现两次", f"Instance {most} is listed twice", field="ids")
