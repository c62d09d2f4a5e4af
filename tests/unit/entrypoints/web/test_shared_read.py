"""A read that several views share."""

import asyncio

import pytest

from domain.errors import Unavailable
from entrypoints.web.shared_read import SharedRead


class Store:
    """A store whose reads take until `release` is set, and return the state they began with."""

    def __init__(self) -> None:
        self.state, self.reads = 0, 0
        self.release = asyncio.Event()
        self.error: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        state = self.state
        await self.release.wait()
        if self.error:
            raise self.error
        return state


@pytest.mark.parametrize("callers", [2, 5, 20, 100])
async def test_callers_at_the_same_time_share_one_read(callers: int) -> None:
    store = Store()
    shared = SharedRead(store.read)
    store.release.set()

    assert await asyncio.gather(*(shared.load() for _ in range(callers))) == [0] * callers
    assert store.reads == 1


async def test_a_caller_never_gets_a_state_from_before_its_call() -> None:
    store = Store()
    shared = SharedRead(store.read)
    first = asyncio.create_task(shared.load())
    await asyncio.sleep(0.01)

    store.state = 1
    others = [asyncio.create_task(shared.load()) for _ in range(20)]
    await asyncio.sleep(0)
    store.release.set()

    assert await first == 0
    assert await asyncio.gather(*others) == [1] * 20 and store.reads == 2


async def test_a_caller_that_leaves_takes_nothing_from_the_others() -> None:
    store = Store()
    shared = SharedRead(store.read)
    leaving, staying = asyncio.create_task(shared.load()), asyncio.create_task(shared.load())
    await asyncio.sleep(0.01)

    leaving.cancel()
    store.release.set()

    assert await staying == 0


async def test_after_an_error_the_next_call_reads_again() -> None:
    store = Store()
    shared = SharedRead(store.read)
    store.release.set()
    store.error = Unavailable("the database")

    with pytest.raises(Unavailable):
        await shared.load()
    store.error = None

    assert await shared.load() == 0
