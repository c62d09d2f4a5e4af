"""Process items concurrently, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


async def run_bounded(limit: int, process: Callable[[Item], Awaitable[None]], items: Iterable[Item]) -> None:
    """Process all items, at most `limit` of them at the same time. An error of one stops no other; raise the last one at the end."""
    free = asyncio.Semaphore(limit)

    async def process_in_turn(item: Item) -> None:
        async with free:
            await process(item)

    results = await asyncio.gather(*(process_in_turn(item) for item in items), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise errors[-1]
