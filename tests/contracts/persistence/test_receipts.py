import pytest

from application.ports.persistence.receipts import Receipt, ReceiptKey
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, a_stored_run


async def a_run_id(store: StoreUnderTest) -> int:
    return await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))


def a_receipt(word: str = "first") -> Receipt:
    return Receipt(word.encode() * 8, {"outcome": "applied", "why": word, "facts": {"list": [1, None]}})


async def test_a_receipt_is_found_only_by_its_key(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    key = ReceiptKey(run_id, "ci", "e1")

    async with store.open_unit_of_work() as work:
        await work.receipts.add({key: a_receipt()}, NOW)
        await work.commit()

    strangers = [ReceiptKey(run_id, "", "e1"), ReceiptKey(run_id, "ci", "e2"), ReceiptKey(run_id + 1, "ci", "e1")]
    async with store.open_unit_of_work() as work:
        assert await work.receipts.find([*strangers, key, key]) == {key: a_receipt()}
        assert await work.receipts.find(strangers) == {}
        assert await work.receipts.find([]) == {}


async def test_many_receipts_are_stored_together(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    receipts = {ReceiptKey(run_id, "ci", f"e{n}"): a_receipt(str(n)) for n in range(300)}

    async with store.open_unit_of_work() as work:
        await work.receipts.add(receipts, NOW)
        await work.receipts.add({}, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.receipts.find(list(receipts)) == receipts


async def test_an_event_id_has_one_receipt(store: StoreUnderTest) -> None:
    key = ReceiptKey(await a_run_id(store), "ci", "e1")
    async with store.open_unit_of_work() as work:
        await work.receipts.add({key: a_receipt("first")}, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        with pytest.raises(store.refusals):
            await work.receipts.add({key: a_receipt("second")}, NOW)
            await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.receipts.find([key]) == {key: a_receipt("first")}


async def test_the_second_of_two_concurrent_receipts_for_an_event_id_is_refused(store: StoreUnderTest) -> None:
    key = ReceiptKey(await a_run_id(store), "ci", "e1")

    async def second() -> None:
        async with store.open_unit_of_work() as work:
            await work.receipts.add({key: a_receipt("second")}, NOW)
            await work.commit()

    async with store.open_unit_of_work() as work:
        await work.receipts.add({key: a_receipt("first")}, NOW)
        assert await work.receipts.find([key])
        waiting = await is_blocked(second())
        assert waiting is not None
        await work.commit()

    with pytest.raises(store.refusals):
        await waiting


async def test_the_seq_of_a_reporter_never_decreases(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)

    for seq in (5, 9, 7):
        async with store.open_unit_of_work() as work:
            await work.receipts.set_last_seqs({(run_id, "ci"): seq})
            await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.receipts.last_seqs([(run_id, "ci"), (run_id, "other"), (run_id + 1, "ci")]) == {(run_id, "ci"): 9}
        assert await work.receipts.last_seqs([]) == {}


async def test_a_seq_has_at_most_64_bits(store: StoreUnderTest) -> None:
    run_id = await a_run_id(store)
    async with store.open_unit_of_work() as work:
        await work.receipts.set_last_seqs({(run_id, "ci"): 2**63 - 1, (run_id, "other"): 0})
        await work.commit()

    async with store.open_unit_of_work() as work:
        with pytest.raises(store.refusals):
            await work.receipts.set_last_seqs({(run_id, "ci"): 2**63})

    async with store.open_unit_of_work() as work:
        assert await work.receipts.last_seqs([(run_id, "ci")]) == {(run_id, "ci"): 2**63 - 1}
