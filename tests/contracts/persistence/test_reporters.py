"""The last report of each reporter on a pipeline."""

import asyncio

import pytest

from application.ports.persistence.reporters import ReporterKey, TakenReport
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import a_pipeline


async def save(store: StoreUnderTest, key: ReporterKey, report: TakenReport) -> None:
    async with store.open_unit_of_work() as work:
        await work.reporters.save({key: report})
        await work.commit()


async def find(store: StoreUnderTest, *keys: ReporterKey) -> dict[ReporterKey, TakenReport]:
    async with store.open_unit_of_work() as work:
        return {key: last.report for key, last in (await work.reporters.find(keys)).items()}


async def test_the_last_report_of_a_reporter_is_found_only_by_its_key(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    key, report = ReporterKey(pipeline.id, "ci"), TakenReport(b"1" * 32, 7, 3)
    await save(store, key, report)

    strangers = [ReporterKey(pipeline.id, ""), ReporterKey(pipeline.id, "other"), ReporterKey(pipeline.id + 1, "ci")]
    assert await find(store, key, key, *strangers) == {key: report}
    assert await find(store, *strangers) == {}
    assert await find(store) == {}


async def test_a_later_report_replaces_the_last_one_and_keeps_the_highest_seq(store: StoreUnderTest) -> None:
    key = ReporterKey((await a_pipeline(store.open_unit_of_work)).id, "ci")

    for digest, run_id, seq in ((b"a", 1, 5), (b"b", 2, None), (b"c", 3, 4)):
        await save(store, key, TakenReport(digest, run_id, seq))

    assert await find(store, key) == {key: TakenReport(b"c", 3, 5)}


async def test_the_age_of_a_report_grows_by_the_clock_of_the_store(store: StoreUnderTest) -> None:
    key = ReporterKey((await a_pipeline(store.open_unit_of_work)).id, "")
    await save(store, key, TakenReport(b"a", 1, None))

    async with store.open_unit_of_work() as work:
        young = (await work.reporters.find([key]))[key].seconds_ago
    await asyncio.sleep(0.05)
    async with store.open_unit_of_work() as work:
        older = (await work.reporters.find([key]))[key].seconds_ago

    assert 0 <= young <= older < 60


async def test_a_seq_of_a_reporter_has_at_most_64_bits(store: StoreUnderTest) -> None:
    key = ReporterKey((await a_pipeline(store.open_unit_of_work)).id, "ci")
    await save(store, key, TakenReport(b"a", 1, 2**63 - 1))

    with pytest.raises(store.refusals):
        await save(store, key, TakenReport(b"b", 2, 2**63))

    assert await find(store, key) == {key: TakenReport(b"a", 1, 2**63 - 1)}
