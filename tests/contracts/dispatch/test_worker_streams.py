import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from application.ports.dispatch.worker_messages import AttemptStart, Claim, StopRun, WakeRun, WorkerMessage
from application.ports.dispatch.worker_streams import Reservation, WorkerStreams
from application.ports.persistence.workers import WorkerStatus


def a_worker(id: str = "w1", *, pool: str = "headgate", free: int = 4, token_id: int | None = None) -> WorkerStatus:
    return WorkerStatus(id, id, pool, 4, free, token_id=token_id)


def a_claim(run_id: int = 1, starts: int = 1) -> Claim:
    started = [AttemptStart(f"s{n}", 1, "token", "command", 60.0, {"command": ["true"]}) for n in range(starts)]
    return Claim(run_id, 1, 1, "nightly", "headgate", [start.stage for start in started], {}, started, False, "key", {})


class StreamReader:
    """Reads a worker's stream in the background."""

    def __init__(self, messages: AsyncIterator[WorkerMessage]) -> None:
        self.received: asyncio.Queue[WorkerMessage] = asyncio.Queue()
        self.is_reading = asyncio.Event()
        self.task = asyncio.ensure_future(self._read(messages))

    async def _read(self, messages: AsyncIterator[WorkerMessage]) -> None:
        asyncio.get_running_loop().call_soon(self.is_reading.set)
        async for message in messages:
            self.received.put_nowait(message)

    async def next(self) -> WorkerMessage:
        async with asyncio.timeout(5):
            return await self.received.get()

    async def disconnect(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def connect(worker_streams: WorkerStreams, *workers: WorkerStatus) -> AsyncIterator[list[StreamReader]]:
    """Open a stream for each worker and read its first message, a wake-up."""
    opened = [StreamReader(worker_streams.open(worker)) for worker in workers]
    try:
        for worker, reader in zip(workers, opened, strict=True):
            await reader.is_reading.wait()
            assert worker_streams.push(worker.id, WakeRun(0))
            assert await reader.next() == WakeRun(0)
        yield opened
    finally:
        for reader in opened:
            await reader.disconnect()


async def test_messages_arrive_in_order_at_their_worker_only(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker("w1"), a_worker("w2")) as (one, two):
        assert worker_streams.push("w1", StopRun(1))
        assert worker_streams.push("w1", WakeRun(2))
        assert worker_streams.push("w2", StopRun(3))

        assert [await one.next(), await one.next(), await two.next()] == [StopRun(1), WakeRun(2), StopRun(3)]


async def test_an_unconnected_worker_gets_nothing(worker_streams: WorkerStreams) -> None:
    assert worker_streams.push("unknown", StopRun(1)) is False
    assert worker_streams.reserve("headgate", 1) is None
    assert list(worker_streams.pools_with_free_slots()) == []
    assert worker_streams.finish_reservation(Reservation("unknown", 1), None) is False
    assert worker_streams.set_free_slots("unknown", 4, 0) is False


async def test_all_workers_of_a_token_are_disconnected(worker_streams: WorkerStreams) -> None:
    workers = a_worker("w1", token_id=7), a_worker("w2", token_id=7), a_worker("w3", token_id=8), a_worker("w4")
    async with connect(worker_streams, *workers):
        assert set(worker_streams.token_ids()) == {7, 8}

        worker_streams.disconnect_token(7)

        assert [worker_streams.push(worker.id, StopRun(1)) for worker in workers] == [False, False, True, True]
        assert set(worker_streams.token_ids()) == {8}


async def test_a_disconnected_worker_gets_nothing(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker()) as (reader,):
        await reader.disconnect()

        assert worker_streams.push("w1", StopRun(1)) is False
        assert worker_streams.reserve("headgate", 1) is None


async def test_a_worker_whose_stream_was_ended_gets_nothing_until_it_opens_another(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker("w1"), a_worker("w2", free=1)) as (reader, _):
        worker_streams.disconnect("w1")
        worker_streams.disconnect("unknown")

        async with asyncio.timeout(5):
            await reader.task
        assert worker_streams.reserve("headgate", 4) == Reservation("w2", 1)
        assert worker_streams.reserve("headgate", 4) is None
        async with connect(worker_streams, a_worker("w1")):
            assert worker_streams.reserve("headgate", 4) == Reservation("w1", 4)


async def test_opening_again_ends_the_earlier_stream(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker()) as (earlier,), connect(worker_streams, a_worker()) as (later,):
        async with asyncio.timeout(5):
            await earlier.task
        assert worker_streams.push("w1", StopRun(1))
        assert await later.next() == StopRun(1)


async def test_the_end_of_an_earlier_stream_does_not_end_the_later_one(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker()) as (earlier,), connect(worker_streams, a_worker()):
        await earlier.disconnect()

        assert worker_streams.push("w1", StopRun(1)) is True


async def test_slots_are_reserved_once(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker(free=4)):
        assert worker_streams.reserve("headgate", 3) == Reservation("w1", 3)
        assert worker_streams.reserve("headgate", 3) == Reservation("w1", 1)
        assert worker_streams.reserve("headgate", 3) is None
        assert list(worker_streams.pools_with_free_slots()) == []


async def test_the_worker_with_most_free_slots_of_the_pool_is_chosen(worker_streams: WorkerStreams) -> None:
    workers = [a_worker("busy", free=1), a_worker("idle", free=3), a_worker("elsewhere", pool="gpu", free=4)]
    async with connect(worker_streams, *workers):
        assert sorted(worker_streams.pools_with_free_slots()) == ["gpu", "headgate"]
        assert worker_streams.reserve("headgate", 9) == Reservation("idle", 3)
        assert worker_streams.reserve("headgate", 9) == Reservation("busy", 1)
        assert worker_streams.reserve("headgate", 9) is None
        assert worker_streams.reserve("nowhere", 1) is None


async def test_a_reservation_without_a_claim_returns_its_slots(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker(free=2)):
        reservation = worker_streams.reserve("headgate", 2)
        assert reservation is not None

        assert worker_streams.finish_reservation(reservation, None) is True

        assert worker_streams.reserve("headgate", 2) == Reservation("w1", 2)


async def test_a_finished_reservation_sends_the_claim_and_keeps_its_slots(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker(free=4)) as (reader,):
        reservation = worker_streams.reserve("headgate", 3)
        assert reservation is not None

        assert worker_streams.finish_reservation(reservation, a_claim(starts=1)) is True

        assert await reader.next() == a_claim(starts=1)
        assert worker_streams.reserve("headgate", 9) == Reservation("w1", 3)


async def test_a_claim_for_a_disconnected_worker_is_not_sent(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker(free=4)) as (reader,):
        reservation = worker_streams.reserve("headgate", 3)
        assert reservation is not None
        await reader.disconnect()

        assert worker_streams.finish_reservation(reservation, a_claim()) is False


@pytest.mark.parametrize(("free", "received", "left"), [(4, 0, 1), (2, 1, 1), (2, 2, 2), (4, 2, 4), (0, 2, None)])
async def test_reported_slots_are_reduced_by_claims_the_worker_had_not_received(
    worker_streams: WorkerStreams, free: int, received: int, left: int | None
) -> None:
    """Two claims were sent, with two starts and one. The worker reports how many claims it had received when it counted its slots."""
    async with connect(worker_streams, a_worker(free=4)):
        for starts in (2, 1):
            reservation = worker_streams.reserve("headgate", starts)
            assert reservation is not None
            worker_streams.finish_reservation(reservation, a_claim(starts=starts))

        worker_streams.set_free_slots("w1", free, received)

        reserved = worker_streams.reserve("headgate", 9)
        assert (reserved.slots if reserved else None) == left


async def test_a_report_of_free_slots_keeps_reservations(worker_streams: WorkerStreams) -> None:
    async with connect(worker_streams, a_worker(free=4)):
        reservation = worker_streams.reserve("headgate", 3)
        assert reservation is not None
        worker_streams.set_free_slots("w1", 4, 0)

        assert worker_streams.reserve("headgate", 9) == Reservation("w1", 1)
        worker_streams.finish_reservation(reservation, None)
        assert worker_streams.reserve("headgate", 9) == Reservation("w1", 3)


async def test_after_close_all_present_and_future_streams_end(worker_streams: WorkerStreams) -> None:
    stream = worker_streams.open(a_worker())
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    worker_streams.close()

    async with asyncio.timeout(5):
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert [message async for message in worker_streams.open(a_worker())] == []
    assert worker_streams.pools_with_free_slots() == []
