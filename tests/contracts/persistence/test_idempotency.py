import pytest

from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import Conflict, IdempotencyKeyReused
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_definition

ANSWER = {"run_id": 7, "facts": {"list": [1, None]}}


def a_key(scope: str = "POST /trigger/nightly", key: str = "k1", body: str = "body") -> IdempotencyKey:
    return IdempotencyKey(scope, key, body.encode() * 8)


async def stored(store: StoreUnderTest, key: IdempotencyKey) -> None:
    async with store.open_unit_of_work() as work:
        assert await work.idempotency.find(key, NOW) is None
        await work.idempotency.add(key, ANSWER)
        await work.commit()


async def test_an_answer_is_found_only_by_its_scope_and_key(store: StoreUnderTest) -> None:
    await stored(store, a_key())

    async with store.open_unit_of_work() as work:
        assert await work.idempotency.find(a_key(), NOW) == ANSWER
        assert await work.idempotency.find(a_key(scope="POST /trigger/other"), NOW) is None
        assert await work.idempotency.find(a_key(key="k2"), NOW) is None


async def test_the_same_key_with_another_body_is_refused(store: StoreUnderTest) -> None:
    await stored(store, a_key())

    async with store.open_unit_of_work() as work:
        with pytest.raises(IdempotencyKeyReused):
            await work.idempotency.find(a_key(body="other"), NOW)


async def test_a_key_of_a_request_that_rolled_back_is_new_again(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.idempotency.find(a_key(), NOW)
        await work.idempotency.add(a_key(), ANSWER)

    await stored(store, a_key(body="other"))


async def test_the_answer_is_stored_in_the_transaction_of_its_request(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.idempotency.find(a_key(), NOW)
        await work.pipelines.add(a_definition(), NOW)
        await work.idempotency.add(a_key(), ANSWER)

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.count() == 0
        assert await work.idempotency.find(a_key(), NOW) is None


async def test_a_second_request_waits_for_the_first_and_gets_its_answer(store: StoreUnderTest) -> None:
    async def second() -> object:
        async with store.open_unit_of_work() as work:
            return await work.idempotency.find(a_key(), NOW)

    async with store.open_unit_of_work() as work:
        await work.idempotency.find(a_key(), NOW)
        waiting = await is_blocked(second())
        assert waiting is not None
        await work.idempotency.add(a_key(), ANSWER)
        await work.commit()

    assert await waiting == ANSWER


async def test_a_second_request_proceeds_if_the_first_failed(store: StoreUnderTest) -> None:
    async def second() -> object:
        async with store.open_unit_of_work() as work:
            return await work.idempotency.find(a_key(), NOW)

    async with store.open_unit_of_work() as work:
        await work.idempotency.find(a_key(), NOW)
        waiting = await is_blocked(second())
        assert waiting is not None

    assert await waiting is None


async def test_a_second_request_that_waits_too_long_is_a_conflict(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work, store.open_unit_of_work() as other:
        await work.idempotency.find(a_key(), NOW)

        with pytest.raises(Conflict) as refusal:
            await other.idempotency.find(a_key(), NOW)

    assert refusal.value.kind == "in_progress"
