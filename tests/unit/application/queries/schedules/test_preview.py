from datetime import UTC, datetime, timedelta

import pytest

from application.queries.schedules.preview import PreviewTicks
from domain.errors import InvalidInput
from domain.schedules.definition import Recurrence, ScheduleDefinition
from domain.schedules.ticks import get_jitter, get_schedule_key
from tests.fakes import FakeClock, FakeCronExpressions

CLOCK = FakeClock()
PREVIEW = PreviewTicks(FakeCronExpressions(), CLOCK)


def a_schedule(cron: str = "30 2 * * *", timezone: str = "UTC", jitter: float = 0.0) -> ScheduleDefinition:
    return ScheduleDefinition("nightly", Recurrence(cron=cron, timezone=timezone), jitter=jitter)


async def test_ticks_are_those_after_now() -> None:
    first, second = await PREVIEW(a_schedule(), 2)

    assert first.at == first.scheduled_for == datetime(2026, 3, 3, 2, 30, tzinfo=UTC)
    assert second.at - first.at == timedelta(days=1)


async def test_times_are_local_with_notes_about_clock_changes() -> None:
    before, changed, _ = await PREVIEW(a_schedule(timezone="Europe/Berlin"), 3, datetime(2026, 3, 28, tzinfo=UTC))

    assert (before.local.isoformat(), before.note) == ("2026-03-28T02:30:00+01:00", None)
    assert changed.local.isoformat() == "2026-03-29T03:00:00+02:00"
    assert changed.note == "moved by the clock change: 02:30 does not exist on 2026-03-29"


async def test_a_stored_schedule_fires_with_its_jitter() -> None:
    schedule = a_schedule(jitter=600.0)
    (stored,), (unstored,) = await PREVIEW(schedule, 1, pipeline_id=7), await PREVIEW(schedule, 1)

    assert stored.at == stored.scheduled_for + get_jitter(get_schedule_key(7, "nightly"), stored.scheduled_for, 600.0)
    assert unstored.at == unstored.scheduled_for == stored.scheduled_for


async def test_a_tick_whose_jitter_has_not_passed_is_still_to_come() -> None:
    schedule = a_schedule("0 9 * * *", jitter=3_600.0)
    (tick,) = await PREVIEW(schedule, 1, CLOCK.now() - timedelta(hours=2), pipeline_id=7)
    (pending,), (later,) = [await PREVIEW(schedule, 1, after, pipeline_id=7) for after in (tick.at - timedelta(seconds=1), tick.at)]

    assert CLOCK.now() == tick.scheduled_for < tick.at
    assert pending.at == tick.at
    assert later.scheduled_for == tick.scheduled_for + timedelta(days=1)


async def test_ticks_of_the_far_future_are_left_out() -> None:
    assert [tick.at.year for tick in await PREVIEW(a_schedule("0 0 29 2 *"), 100)] == list(range(2028, 2057, 4))
    assert await PREVIEW(a_schedule(), 100, datetime(9999, 12, 31, tzinfo=UTC), pipeline_id=1) == []
    assert len(await PREVIEW(a_schedule(jitter=60), 100, datetime(1, 1, 1, tzinfo=UTC), pipeline_id=1)) == 100


async def test_an_invalid_expression_is_refused() -> None:
    with pytest.raises(InvalidInput) as error:
        await PREVIEW(a_schedule("61 * * * *"), 1)

    assert error.value.problems[0].field == "cron"
