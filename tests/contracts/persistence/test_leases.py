from application.ports.persistence.leases import Lease
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import a_pipeline, a_stored_run

SHORT = 0.1
LONG = 600.0


async def grant_lease(store: StoreUnderTest, seconds: float, worker: str = "w", epoch: int = 1) -> Lease:
    names = len(await store.reader.pipelines(0, 100))
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, f"p{names}"))
    lease = Lease(run_id, epoch, worker)
    async with store.open_unit_of_work() as work:
        await work.leases.grant(lease, seconds)
        await work.commit()
    return lease


async def test_a_lease_is_held_until_its_end(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, SHORT)
    lasting = await grant_lease(store, LONG)
    async with store.open_unit_of_work() as work:
        assert lasting in await work.leases.find_held_by("w")
        assert await work.leases.find_held_by("another") == []

    await store.pass_time(2 * SHORT)

    async with store.open_unit_of_work() as work:
        assert await work.leases.find_expired(10) == [lease]
        assert await work.leases.is_expired(lease.run_id, 1)
        assert not await work.leases.is_expired(lasting.run_id, 1)
        assert await work.leases.find_held_by("w") == [lasting]


async def test_expiry_is_read_now_rather_than_at_the_start_of_the_transaction(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, LONG)

    async with store.open_unit_of_work() as work:
        assert await work.leases.find_held_by(lease.worker) == [lease]
        await work.leases.grant(lease, SHORT)
        await work.leases.find_expired(10)  # a read sends the buffered write
        await store.pass_time(2 * SHORT)
        assert await work.leases.is_expired(lease.run_id, lease.epoch)
        assert await work.leases.find_expired(10) == [lease]


async def test_a_renewed_lease_lasts_longer(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, 5.0)

    async with store.open_unit_of_work() as work:
        assert await work.leases.renew("w", [(lease.run_id, 1)], LONG) == {(lease.run_id, 1)}
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.leases.renew("w", [(lease.run_id, 1)], SHORT) == {(lease.run_id, 1)}
        await work.commit()
    await store.pass_time(2 * SHORT)
    async with store.open_unit_of_work() as work:
        assert await work.leases.find_expired(10) == [lease]


async def test_an_expired_lease_cannot_be_renewed(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, SHORT)
    await store.pass_time(2 * SHORT)

    async with store.open_unit_of_work() as work:
        assert await work.leases.renew("w", [(lease.run_id, 1)], LONG) == set()
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.leases.is_expired(lease.run_id, 1)


async def test_only_the_holder_can_renew_the_lease_of_its_dispatch(store: StoreUnderTest) -> None:
    mine, other = await grant_lease(store, LONG), await grant_lease(store, LONG, worker="other")

    async with store.open_unit_of_work() as work:
        asked = [(mine.run_id, 1), (mine.run_id, 2), (other.run_id, 1), (404, 1)]
        assert await work.leases.renew("w", asked, LONG) == {(mine.run_id, 1)}
        assert await work.leases.renew("w", [], LONG) == set()


async def test_the_next_dispatch_replaces_the_lease(store: StoreUnderTest) -> None:
    first = await grant_lease(store, SHORT)
    second = Lease(first.run_id, 2, "heir")

    async with store.open_unit_of_work() as work:
        await work.leases.grant(second, LONG)
        await work.commit()
    await store.pass_time(2 * SHORT)

    async with store.open_unit_of_work() as work:
        assert await work.leases.find_expired(10) == []
        assert not await work.leases.is_expired(first.run_id, 1)
        assert await work.leases.find_held_by("heir") == [second]


async def test_a_lease_is_released_only_by_its_own_dispatch(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, LONG, epoch=2)

    async with store.open_unit_of_work() as work:
        await work.leases.release(lease.run_id, 1)
        assert await work.leases.find_held_by("w") == [lease]
        await work.leases.release(lease.run_id, 2)
        await work.leases.release(404, 1)
        assert await work.leases.find_held_by("w") == []
        assert not await work.leases.is_expired(lease.run_id, 2)


async def test_all_leases_can_be_extended_to_a_full_term(store: StoreUnderTest) -> None:
    lease = await grant_lease(store, SHORT)
    await store.pass_time(2 * SHORT)

    async with store.open_unit_of_work() as work:
        await work.leases.extend_all(LONG)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.leases.find_expired(10) == []
        assert await work.leases.find_held_by("w") == [lease]


async def test_the_number_of_expired_leases_is_limited(store: StoreUnderTest) -> None:
    for _ in range(3):
        await grant_lease(store, SHORT)
    await store.pass_time(2 * SHORT)

    async with store.open_unit_of_work() as work:
        assert len(await work.leases.find_expired(2)) == 2
