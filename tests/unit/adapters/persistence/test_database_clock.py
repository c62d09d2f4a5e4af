"""The clock that follows the database: how accurate it is, whatever the network and the database's clock do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.persistence.database_clock import DatabaseClock
from domain.errors import Unavailable

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
delays = st.floats(0, 200) | st.floats(0, 0.01)
jumps = st.just(0.0) | st.floats(-1e8, 1e8)


@dataclass
class FakeConnection:
    """A connection to a database whose clock can jump, in a process whose monotonic clock the test moves."""

    monotonic: float = 1_000.0
    jumped: float = 0.0
    delays: tuple[float, float] = (0.0, 0.0)
    is_lost: bool = False

    @property
    def database_time(self) -> datetime:
        return START + timedelta(seconds=self.monotonic + self.jumped)

    def get_monotonic(self) -> float:
        return self.monotonic

    async def read_time(self) -> datetime:
        self.monotonic += self.delays[0]
        if self.is_lost:
            raise Unavailable("The database does not respond.")
        time = self.database_time
        self.monotonic += self.delays[1]
        return time

    def build_clock(self) -> DatabaseClock:
        return DatabaseClock(self.read_time, self.get_monotonic)


def get_error(clock: DatabaseClock, connection: FakeConnection) -> float:
    return abs((clock.now() - connection.database_time) / timedelta(seconds=1))


def test_before_the_first_measurement_there_is_no_time() -> None:
    with pytest.raises(Unavailable):
        FakeConnection().build_clock().now()


async def test_half_of_the_round_trip_is_taken_into_account() -> None:
    connection = FakeConnection(delays=(0.1, 0.1))
    clock = connection.build_clock()

    await clock.measure()

    assert abs(clock.now() - connection.database_time) <= MICROSECOND


async def test_the_time_goes_on_without_the_database() -> None:
    connection = FakeConnection()
    clock = connection.build_clock()
    await clock.measure()
    connection.is_lost = True

    connection.monotonic += 3_600
    with pytest.raises(Unavailable):
        await clock.measure()

    assert abs(clock.now() - connection.database_time) <= MICROSECOND


async def test_a_slow_measurement_does_not_make_the_clock_less_accurate() -> None:
    connection = FakeConnection()
    clock = connection.build_clock()
    await clock.measure()
    before = clock.now()

    connection.delays = (120.0, 0.0)
    await clock.measure()

    assert clock.now() - before == timedelta(seconds=120)


async def test_a_new_connection_is_followed_by_a_measurement() -> None:
    connection = FakeConnection()
    clock = connection.build_clock()
    await clock.run_once()
    connection.jumped = 7_200

    clock.note_new_connection()
    await asyncio.wait_for(clock.wait(), 60)
    await clock.run_once()

    assert abs(clock.now() - connection.database_time) <= MICROSECOND


@given(st.lists(st.tuples(st.floats(0, 1e5), jumps, delays, delays), min_size=1))
def test_after_every_measurement_the_error_is_at_most_the_round_trip(steps: list[tuple[float, float, float, float]]) -> None:
    connection = FakeConnection()
    clock = connection.build_clock()

    for passed, jump, there, back in steps:
        connection.monotonic += passed
        connection.jumped += jump
        connection.delays = there, back
        asyncio.run(clock.measure())

        assert get_error(clock, connection) <= there + back + 1e-3


@given(st.lists(st.tuples(st.floats(0, 1e5), delays, delays), min_size=1))
def test_the_time_never_steps_while_the_databases_clock_does_not(steps: list[tuple[float, float, float]]) -> None:
    connection = FakeConnection()
    clock = connection.build_clock()
    asyncio.run(clock.measure())

    for passed, there, back in steps:
        connection.monotonic += passed
        connection.delays = there, back
        asyncio.run(clock.measure())

        assert get_error(clock, connection) <= 1e-3
