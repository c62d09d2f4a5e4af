import asyncio

from application.ports.persistence.sink_positions import SinkPosition
from tests.contracts.stores import StoreUnderTest

SHORT = 0.1
LONG = 600.0


async def take(store: StoreUnderTest, teller: str, seconds: float = LONG, audience: str = "ci") -> SinkPosition | None:
    async with store.open_unit_of_work() as work:
        taken = await work.sink_positions.acquire(audience, teller, seconds)
        await work.commit()
        return taken


async def move(store: StoreUnderTest, teller: str, cursor: str, audience: str = "ci") -> bool:
    async with store.open_unit_of_work() as work:
        moved = await work.sink_positions.advance(audience, teller, cursor)
        await work.commit()
        return moved


async def postpone(store: StoreUnderTest, teller: str, delay: float) -> None:
    async with store.open_unit_of_work() as work:
        await work.sink_positions.postpone("ci", teller, "It does not answer.", delay)
        await work.commit()


async def find(store: StoreUnderTest, audience: str = "ci") -> SinkPosition:
    async with store.open_unit_of_work() as work:
        return await work.sink_positions.find(audience)


async def test_an_audience_nobody_has_told_anything_is_free_and_has_no_place(store: StoreUnderTest) -> None:
    assert await find(store) == SinkPosition(None, 0, is_free=True)


async def test_where_it_was_told_to_is_kept_for_the_next_teller(store: StoreUnderTest) -> None:
    await take(store, "one")

    assert await move(store, "one", "cursor-1")

    assert await find(store) == SinkPosition("cursor-1", 0, is_free=True)
    assert await take(store, "two") == SinkPosition("cursor-1", 0, is_free=False)


async def test_one_teller_holds_it_until_its_time_is_up(store: StoreUnderTest) -> None:
    await take(store, "one", SHORT)

    assert await take(store, "two") is None
    assert not (await find(store)).is_free
    await store.pass_time(2 * SHORT)

    assert await take(store, "two") is not None


async def test_a_teller_whose_time_was_up_does_not_move_what_another_holds(store: StoreUnderTest) -> None:
    await take(store, "one", SHORT)
    await store.pass_time(2 * SHORT)
    await take(store, "two")

    assert not await move(store, "one", "too far")
    await postpone(store, "one", LONG)

    assert (await find(store)).cursor is None
    assert await move(store, "two", "cursor-2")


async def test_a_failure_is_counted_and_waited_out_and_a_success_forgets_it(store: StoreUnderTest) -> None:
    await take(store, "one")
    await move(store, "one", "cursor-1")
    await take(store, "one")

    await postpone(store, "one", SHORT)
    assert await take(store, "one") is None
    await store.pass_time(2 * SHORT)

    assert await take(store, "one") == SinkPosition("cursor-1", 1, is_free=False)
    await move(store, "one", "cursor-2")
    assert await find(store) == SinkPosition("cursor-2", 0, is_free=True)


async def test_audiences_do_not_wait_for_each_other(store: StoreUnderTest) -> None:
    await take(store, "one", audience="ci")

    assert await take(store, "one", audience="openlineage") is not None
    assert await move(store, "one", "cursor-9", audience="openlineage")

    assert (await find(store, "ci")).cursor is None


async def test_of_tellers_at_once_one_gets_it(store: StoreUnderTest) -> None:
    taken = await asyncio.gather(*(take(store, f"teller-{number}") for number in range(6)))

    assert len([position for position in taken if position is not None]) == 1


async def test_without_a_commit_nothing_was_taken(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.sink_positions.acquire("ci", "one", LONG)

    assert await take(store, "two") is not None
