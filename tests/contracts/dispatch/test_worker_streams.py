import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from application.ports.dispatch.worker_messages import AttemptStart, Claim, StopRun, WakeRun, WorkerMessage
from application.ports.dispatch.worker_streams import Reservation, WorkerStreams
from application.ports.persistence.workers import WorkerStatus


def a_worker(id: str = "w1", *, pool: str = "headgate", free: int = 4) -> WorkerStatus:
    return WorkerStatus(id, id, pool, 4, free)


def a_claim(run_id: int = 1, starts: int = 1) -> Claim:
    started = [AttemptStart(f"s{n}", 1, "token", "command", 60.0, {"command": ["true"]}) for n in range(starts)]
    return Claim(run_id, 1, 1, "nightly", "headgate", [start.stage for start in started], {}, started, False, "key", {})


class Link:
    """A worker's end of a stream: reads it in the background."""

    def __init__(self, messages: AsyncIterator[WorkerMessage]) -> None:
        self.received: asyncio.Queue[WorkerMessage] = asyncio.Queue()
        self.begun = asyncio.Event()
        self.reading = asyncio.ensure_future(self._read(messages))

    async def _read(self, messages: AsyncIterator[WorkerMessage]) -> None:
        asyncio.get_running_loop().call_soon(self.begun.set)
        async for message in messages:
            self.received.put_nowait(message)

    async def next(self) -> WorkerMessage:
        async with asyncio.timeout(5):
            return await self.received.get()

    async def leave(self) -> None:
        self.reading.cancel()
        await asyncio.wait([self.reading])


@asynccontextmanager
async def linked(links: WorkerStreams, *workers: WorkerStatus) -> AsyncIterator[list[Link]]:
    """The workers with their streams open, the first message of each (a wake-up) read."""
    opened = [Link(links.open(worker)) for worker in workers]
    try:
        for worker, link in zip(workers, opened, strict=True):
            await link.begun.wait()
            assert links.push(worker.id, WakeRun(0))
            assert await link.next() == WakeRun(0)
        yield opened
    finally:
        for link in opened:
            await link.leave()


async def test_what_is_pushed_arrives_in_order_at_that_worker_alone(links: WorkerStreams) -> None:
    async with linked(links, a_worker("w1"), a_worker("w2")) as (one, two):
        assert links.push("w1", StopRun(1))
        assert links.push("w1", WakeRun(2))
        assert links.push("w2", StopRun(3))

        assert [await one.next(), await one.next(), await two.next()] == [StopRun(1), WakeRun(2), StopRun(3)]


async def test_a_worker_that_is_not_linked_gets_nothing(links: WorkerStreams) -> None:
    assert links.push("nobody", StopRun(1)) is False
    assert links.reserve("headgate", 1) is None
    assert list(links.pools_with_free_slots()) == []
    assert links.finish_reservation(Reservation("nobody", 1), None) is False
    links.set_free_slots("nobody", 4, 0)


async def test_a_worker_that_left_is_not_linked(links: WorkerStreams) -> None:
    async with linked(links, a_worker()) as (link,):
        await link.leave()

        assert links.push("w1", StopRun(1)) is False
        assert links.reserve("headgate", 1) is None


async def test_opening_again_ends_the_earlier_stream(links: WorkerStreams) -> None:
    async with linked(links, a_worker()) as (earlier,), linked(links, a_worker()) as (later,):
        async with asyncio.timeout(5):
            await earlier.reading
        assert links.push("w1", StopRun(1))
        assert await later.next() == StopRun(1)


async def test_the_earlier_stream_leaving_late_does_not_unlink_the_later(links: WorkerStreams) -> None:
    async with linked(links, a_worker()) as (earlier,), linked(links, a_worker()):
        await earlier.leave()

        assert links.push("w1", StopRun(1)) is True


async def test_slots_are_reserved_once(links: WorkerStreams) -> None:
    async with linked(links, a_worker(free=4)):
        assert links.reserve("headgate", 3) == Reservation("w1", 3)
        assert links.reserve("headgate", 3) == Reservation("w1", 1)
        assert links.reserve("headgate", 3) is None
        assert list(links.pools_with_free_slots()) == []


async def test_the_worker_with_most_free_slots_of_the_pool_is_chosen(links: WorkerStreams) -> None:
    workers = [a_worker("busy", free=1), a_worker("idle", free=3), a_worker("elsewhere", pool="gpu", free=4)]
    async with linked(links, *workers):
        assert sorted(links.pools_with_free_slots()) == ["gpu", "headgate"]
        assert links.reserve("headgate", 9) == Reservation("idle", 3)
        assert links.reserve("headgate", 9) == Reservation("busy", 1)
        assert links.reserve("headgate", 9) is None
        assert links.reserve("nowhere", 1) is None


async def test_a_reservation_without_a_claim_gives_its_slots_back(links: WorkerStreams) -> None:
    async with linked(links, a_worker(free=2)):
        reservation = links.reserve("headgate", 2)
        assert reservation is not None

        assert links.finish_reservation(reservation, None) is True

        assert links.reserve("headgate", 2) == Reservation("w1", 2)


async def test_a_settled_claim_is_pushed_and_its_starts_keep_their_slots(links: WorkerStreams) -> None:
    async with linked(links, a_worker(free=4)) as (link,):
        reservation = links.reserve("headgate", 3)
        assert reservation is not None

        assert links.finish_reservation(reservation, a_claim(starts=1)) is True

        assert await link.next() == a_claim(starts=1)
        assert links.reserve("headgate", 9) == Reservation("w1", 3)


async def test_a_claim_for_a_worker_that_left_meanwhile_is_not_delivered(links: WorkerStreams) -> None:
    async with linked(links, a_worker(free=4)) as (link,):
        reservation = links.reserve("headgate", 3)
        assert reservation is not None
        await link.leave()

        assert links.finish_reservation(reservation, a_claim()) is False


@pytest.mark.parametrize(("free", "received", "left"), [(4, 0, 1), (2, 1, 1), (2, 2, 2), (4, 2, 4), (0, 2, None)])
async def test_the_workers_word_counts_less_the_claims_it_had_not_seen(
    links: WorkerStreams, free: int, received: int, left: int | None
) -> None:
    """Two claims are under way, of two starts and of one; the worker says how many it got before it counted."""
    async with linked(links, a_worker(free=4)):
        for starts in (2, 1):
            reservation = links.reserve("headgate", starts)
            assert reservation is not None
            links.finish_reservation(reservation, a_claim(starts=starts))

        links.set_free_slots("w1", free, received)

        reserved = links.reserve("headgate", 9)
        assert (reserved.slots if reserved else None) == left


async def test_what_is_reserved_stays_reserved_when_the_worker_speaks(links: WorkerStreams) -> None:
    async with linked(links, a_worker(free=4)):
        reservation = links.reserve("headgate", 3)
        assert reservation is not None
        links.set_free_slots("w1", 4, 0)

        assert links.reserve("headgate", 9) == Reservation("w1", 1)
        links.finish_reservation(reservation, None)
        assert links.reserve("headgate", 9) == Reservation("w1", 3)


async def test_once_closed_every_stream_has_ended_and_those_to_come_end_at_once(links: WorkerStreams) -> None:
    stream = links.open(a_worker())
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    links.close()

    async with asyncio.timeout(5):
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert [message async for message in links.open(a_worker())] == []
    assert links.pools_with_free_slots() == []
