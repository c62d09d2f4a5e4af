"""The contract of silences, and of the tags that they name."""

from dataclasses import replace

import pytest

from domain.alerts.silence import Silence
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, an_hour_later, seconds_later
from tests.support.stored_alerts import add_silence


async def end(store: StoreUnderTest, silence_id: int, seconds: float) -> Silence | None:
    async with store.open_unit_of_work() as work:
        ended = await work.silences.end(silence_id, seconds_later(seconds), "bob")
        await work.commit()
        return ended


async def list_active(store: StoreUnderTest, seconds: float) -> list[int]:
    async with store.open_unit_of_work() as work:
        return [each.id for each in await work.silences.list_active(seconds_later(seconds))]


async def test_silences_are_active_from_their_start_to_their_end(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    first = await add_silence(store.open_unit_of_work, pipeline_id=pipeline.id)
    second = await add_silence(store.open_unit_of_work, tag="warehouse", starts_at=seconds_later(60), created_by=None)

    assert [await list_active(store, seconds) for seconds in (-1, 0, 60, 3599, 3600)] == [
        [],
        [first.id],
        [first.id, second.id],
        [first.id, second.id],
        [],
    ]
    async with store.open_unit_of_work() as work:
        assert list(await work.silences.list_active(seconds_later(60))) == [first, second]
        assert [await work.silences.lock(number) for number in (second.id, 404, 2**70)] == [second, None, None]


async def test_a_silence_ends_early_once(store: StoreUnderTest) -> None:
    silence = await add_silence(store.open_unit_of_work)

    ended = replace(silence, ends_at=seconds_later(60))
    assert await end(store, silence.id, 60) == ended
    assert await end(store, silence.id, 90) == ended

    (view,) = await store.reader.silences(NOW, include_ended=True)
    assert (view.ends_at, view.ended_at, view.ended_by) == (seconds_later(60), seconds_later(60), "bob")
    assert await list_active(store, 60) == []


async def test_a_silence_that_has_not_begun_ends_at_its_start(store: StoreUnderTest) -> None:
    silence = await add_silence(store.open_unit_of_work, starts_at=seconds_later(60))

    assert await end(store, silence.id, 10) == replace(silence, ends_at=seconds_later(60))
    assert [await list_active(store, seconds) for seconds in (10, 60, 61)] == [[], [], []]


async def test_an_unknown_silence_has_no_end(store: StoreUnderTest) -> None:
    assert [await end(store, number, 0) for number in (404, 2**70)] == [None, None]


async def test_a_locked_silence_makes_others_wait(store: StoreUnderTest) -> None:
    silence = await add_silence(store.open_unit_of_work)

    async with store.open_unit_of_work() as first, store.other_unit_of_work() as second:
        await first.silences.end(silence.id, seconds_later(9), "ada")
        waiting = await is_blocked(second.silences.lock(silence.id))
        assert waiting is not None
        await first.commit()
        assert await waiting == replace(silence, ends_at=seconds_later(9))


async def test_a_tag_is_known_if_a_pipeline_has_it_that_is_not_archived(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, tag, tags=[tag, "all"]) for tag in ("live", "archived", "deleted")]
    await a_pipeline(store.open_unit_of_work, "untagged")
    async with store.open_unit_of_work() as work:
        for pipeline in pipelines:
            await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.set_activation(pipelines[1].id, pipelines[1].activation.archive(NOW, "ada"))
        await work.pipelines.mark_deleted(pipelines[2].id, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert [await work.pipelines.has_tag(tag) for tag in ("live", "all", "archived", "deleted", "other", "%")] == [
            True,
            True,
            False,
            False,
            False,
            False,
        ]


@pytest.mark.parametrize("field", [{"reason": "a\0b"}, {"tag": "\ud800", "ends_at": an_hour_later()}])
async def test_text_that_cannot_be_stored_is_refused(store: StoreUnderTest, field: dict[str, object]) -> None:
    with pytest.raises(store.refusals):
        await add_silence(store.open_unit_of_work, **field)
