import asyncio

from application.ports.persistence.sink_positions import SinkPosition
from tests.contracts.stores import StoreUnderTest

SHORT = 0.1
LONG = 600.0


async def acquire(store: StoreUnderTest, publisher: str, seconds: float = LONG, sink: str = "ci") -> SinkPosition | None:
    async with store.open_unit_of_work() as work:
        acquired = await work.sink_positions.acquire(sink, publisher, seconds)
        await work.commit()
        return acquired


async def advance(store: StoreUnderTest, publisher: str, cursor: str, sink: str = "ci") -> bool:
    async with store.open_unit_of_work() as work:
        advanced = await work.sink_positions.advance(sink, publisher, cursor)
        await work.commit()
        return advanced


async def postpone(store: StoreUnderTest, publisher: str, delay: float) -> None:
    async with store.open_unit_of_work() as work:
        await work.sink_positions.postpone("ci", publisher, "It does not respond.", delay)
        await work.commit()


async def find(store: StoreUnderTest, sink: str = "ci") -> SinkPosition:
    async with store.open_unit_of_work() as work:
        return await work.sink_positions.find(sink)


async def test_a_new_sink_is_free_and_has_no_cursor(store: StoreUnderTest) -> None:
    assert await find(store) == SinkPosition(None, 0, is_free=True)


async def test_the_next_publisher_continues_from_the_stored_cursor(store: StoreUnderTest) -> None:
    await acquire(store, "one")

    assert await advance(store, "one", "cursor-1")

    assert await find(store) == SinkPosition("cursor-1", 0, is_free=True)
    assert await acquire(store, "two") == SinkPosition("cursor-1", 0, is_free=False)


async def test_one_publisher_holds_a_sink_until_its_time_is_over(store: StoreUnderTest) -> None:
    await acquire(store, "one", LONG, sink="held")
    await acquire(store, "one", SHORT, sink="expired")

    assert await acquire(store, "two", sink="held") is None
    assert not (await find(store, "held")).is_free
    await store.pass_time(2 * SHORT)

    assert await acquire(store, "two", sink="expired") is not None


async def test_a_publisher_whose_time_is_over_cannot_advance_the_sink_of_another(store: StoreUnderTest) -> None:
    await acquire(store, "one", SHORT)
    await store.pass_time(2 * SHORT)
    await acquire(store, "two")

    assert not await advance(store, "one", "too far")
    await postpone(store, "one", LONG)

    assert (await find(store)).cursor is None
    assert await advance(store, "two", "cursor-2")


async def test_a_sink_is_not_free_for_a_while_after_a_failure(store: StoreUnderTest) -> None:
    await acquire(store, "one")
    await postpone(store, "one", LONG)

    assert await acquire(store, "one") is None
    assert await find(store) == SinkPosition(None, 1, is_free=False)


async def test_failures_are_counted_until_a_success_resets_them(store: StoreUnderTest) -> None:
    await acquire(store, "one")
    await advance(store, "one", "cursor-1")
    await acquire(store, "one")

    await postpone(store, "one", SHORT)
    await store.pass_time(2 * SHORT)

    assert await acquire(store, "one") == SinkPosition("cursor-1", 1, is_free=False)
    await advance(store, "one", "cursor-2")
    assert await find(store) == SinkPosition("cursor-2", 0, is_free=True)


async def test_sinks_do_not_wait_for_each_other(store: StoreUnderTest) -> None:
    await acquire(store, "one", sink="ci")

    assert await acquire(store, "one", sink="openlineage") is not None
    assert await advance(store, "one", "cursor-9", sink="openlineage")

    assert (await find(store, "ci")).cursor is None


async def test_one_of_several_concurrent_publishers_gets_the_sink(store: StoreUnderTest) -> None:
    acquired = await asyncio.gather(*(acquire(store, f"publisher-{number}") for number in range(6)))

    assert len([position for position in acquired if position is not None]) == 1


async def test_acquiring_without_a_commit_holds_nothing(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.sink_positions.acquire("ci", "one", LONG)

    assert await acquire(store, "two") is not None
