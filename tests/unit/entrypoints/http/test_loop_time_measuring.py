"""The measurement of the event loop's time finds what blocks it, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from time import thread_time

import pytest

from tests.support.loop_time import LoopTime

BUSY = 0.05


def compute() -> None:
    """Use BUSY seconds of processor time."""
    end = thread_time() + BUSY
    while thread_time() < end:
        sum(range(1_000))


class Store:
    """A port like those of the fakes."""

    async def read(self) -> None:
        compute()


async def block_at_once() -> None:
    compute()


async def block_after_a_pause() -> None:
    await asyncio.sleep(0.001)
    compute()


async def block_in_a_task() -> None:
    await asyncio.gather(asyncio.create_task(block_after_a_pause()), asyncio.sleep(0))


async def block_and_fail() -> None:
    try:
        compute()
        raise ValueError
    except ValueError:
        await asyncio.sleep(0)


async def compute_in_a_thread() -> None:
    await asyncio.to_thread(compute)


async def pause_often() -> None:
    for _ in range(10):
        sum(range(10_000))
        await asyncio.sleep(0)


async def measure(work: Callable[[], Awaitable[None]], loop_time: LoopTime) -> float:
    async with loop_time.measuring():
        await asyncio.create_task(work())  # type: ignore[arg-type]
    return loop_time.longest


@pytest.mark.parametrize("work", [block_at_once, block_after_a_pause, block_in_a_task, block_and_fail])
async def test_a_step_that_computes_for_long_is_found(work: Callable[[], Awaitable[None]]) -> None:
    assert await measure(work, LoopTime()) >= BUSY


@pytest.mark.parametrize("work", [compute_in_a_thread, pause_often])
async def test_work_that_lets_other_tasks_run_does_not_count(work: Callable[[], Awaitable[None]]) -> None:
    assert min([await measure(work, LoopTime()) for _ in range(3)]) < BUSY


async def test_the_time_of_a_fake_store_does_not_count() -> None:
    loop_time = LoopTime()
    store = loop_time.leave_out(Store())

    assert min([await measure(store.read, loop_time) for _ in range(3)]) < BUSY
