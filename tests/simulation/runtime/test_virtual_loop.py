"""The event loop of the simulation: an endless loop is reported as what it is."""

import asyncio
import contextlib
from random import Random

import pytest

from tests.simulation.runtime import virtual_loop
from tests.simulation.runtime.virtual_loop import Livelock, VirtualLoop

MAX_STEPS = 1_000


async def _refuse_to_end() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()


def test_an_endless_loop_is_reported_even_if_other_tasks_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_loop, "MAX_STEPS", MAX_STEPS)
    loop = VirtualLoop(Random(1))

    async def spin() -> None:
        loop.create_task(_refuse_to_end())
        for _ in range(MAX_STEPS * 2):
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="1001 steps"):
        loop.run(spin())


def test_an_error_is_raised_even_if_other_tasks_do_not_end() -> None:
    loop = VirtualLoop(Random(1))

    async def fail() -> None:
        loop.create_task(_refuse_to_end())
        await asyncio.sleep(1)
        raise ValueError("what failed")

    with pytest.raises(ValueError, match="what failed"):
        loop.run(fail())
