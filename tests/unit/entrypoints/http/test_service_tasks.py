"""Stopping the background services of a web process."""

import asyncio
import contextlib

from entrypoints.http.service_tasks import ServiceTasks


async def end_at_cancellation(number: int) -> None:
    """Go on after every cancellation before this one."""
    for _ in range(number):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def test_a_service_that_goes_on_after_a_cancellation_is_cancelled_again() -> None:
    tasks = ServiceTasks()
    tasks.start("first", end_at_cancellation(1))
    tasks.start("second", end_at_cancellation(2))
    await asyncio.sleep(0)

    assert await tasks.stop(20) == []


async def test_a_service_that_does_not_end_is_returned_by_name() -> None:
    tasks = ServiceTasks()
    tasks.start("obedient", end_at_cancellation(1))
    tasks.start("stubborn", end_at_cancellation(2))
    await asyncio.sleep(0)

    assert await tasks.stop(0.1) == ["stubborn"]
    assert await tasks.stop(20) == []


async def test_a_service_that_is_started_while_the_others_end_is_stopped_too() -> None:
    tasks = ServiceTasks()

    async def start_another() -> None:
        await end_at_cancellation(1)
        tasks.start("late", asyncio.sleep(3600))

    tasks.start("start", start_another())
    await asyncio.sleep(0)

    assert await tasks.stop(20) == []
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "late"] == []
