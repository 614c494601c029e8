"""Waiting for what nobody announces."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 60


async def until(true: Callable[[], bool]) -> None:
    """Looks again and again, often enough to meet a step of a deployment."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.002)
