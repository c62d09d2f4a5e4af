"""The tick service, stepped by hand over fakes. The clock starts on Monday 2026-03-02 at nine, UTC."""

import asyncio
from datetime import timedelta

import pytest
from dependency_injector import providers

from domain.access.audit import AuditAction
from domain.runs.status import Status
from domain.schedules.tick import TickReason, TickState
from domain.site_events import SiteEventType
from tests.support.schedules import ScheduledHeadgate, at


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def test_a_tick_opens_a_run_at_its_time_and_not_before(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")

    await headgate.pass_time(3_599)
    before = list(headgate.ticks)
    await headgate.pass_time(1)
    await headgate.tick()

    assert before == []
    (tick,) = headgate.ticks
    assert (tick.state, tick.due_at, tick.reason, tick.message, tick.count) == (TickState.FIRED, at("10:00"), None, None, 1)
    assert headgate.runs == [(at("10:00"), Status.QUEUED)]
    run = await headgate.fakes.reader.run(tick.run_id or 0)
    assert run is not None and (run.trigger, run.actor, run.scheduled_for) == ("schedule", "main", at("10:00"))


async def test_each_tick_of_two_schedules_opens_one_run(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(
        "nightly", {"name": "often", "every": "15m", "overlap": "allow"}, {"name": "rare", "cron": "0 10 * * *", "overlap": "allow"}
    )

    await headgate.pass_time(3_600, step=60)

    assert [tick.due_at for tick in headgate.ticks] == [at("09:15"), at("09:30"), at("09:45"), at("10:00"), at("10:00")]
    assert {tick.state for tick in headgate.ticks} == {TickState.FIRED}
    assert len({tick.run_id for tick in headgate.ticks}) == len(headgate.runs) == 5


async def test_a_scheduled_run_is_audited_and_announced(headgate: ScheduledHeadgate) -> None:
    pipeline_id = await headgate.add_schedules(every="1h")
    cursor = await headgate.fakes.change_feed.position()

    await headgate.pass_time(3_600)

    entry = max(headgate.fakes.store.committed.audit.values(), key=lambda entry: entry.id)
    assert (entry.action, entry.actor, entry.auth_method, entry.subject) == (AuditAction.TRIGGERED, "main", "schedule", "run 1")
    events = [event for event in (await headgate.fakes.change_feed.read(cursor)).site_events if event.type is SiteEventType.TICK]
    assert [(event.pipeline_id, event.data["schedule"], event.data["run_id"], event.data["state"]) for event in events] == [
        (pipeline_id, "main", 1, "fired")
    ]


async def test_parameters_of_a_tick_are_those_of_its_time(headgate: ScheduledHeadgate) -> None:
    day = {"tick": "date", "offset": "-1d"}
    await headgate.add_schedules(
        cron="0 10 * * *", timezone="Asia/Tokyo", parameters={"region": "eu", "day": day}, schema={"type": "object"}
    )

    await headgate.pass_time(86_400, step=3_600)

    (run,) = headgate.fakes.store.committed.runs.values()
    assert run.parameters == {"region": "eu", "day": "2026-03-02"}
    assert run.trigger.scheduled_for == at("01:00", day=3)


async def test_a_tick_whose_parameters_the_schema_refuses_says_so(headgate: ScheduledHeadgate) -> None:
    schema = {"properties": {"day": {"not": {"const": "2026-03-02"}}}}
    await headgate.add_schedules(parameters={"day": {"tick": "date"}}, schema=schema)

    await headgate.pass_time(3_600)

    (tick,) = headgate.ticks
    assert (tick.state, tick.reason, tick.run_id) == (TickState.MISSED, TickReason.INVALID_PARAMETERS, None)
    assert "parameters.day" in (tick.message or "")
    assert headgate.runs == []


async def test_a_worker_gets_the_time_of_the_tick_with_the_claim(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 12 * * *", timezone="Europe/Berlin", jitter="1m")
    await headgate.pass_time(3 * 3_600, step=600)
    triggered = await headgate.use_cases.trigger("nightly")

    claims = [await headgate.use_cases.claim(run_id) for run_id in (headgate.ticks[0].run_id or 0, triggered.run_id)]

    assert [claim.scheduled_for for claim in claims] == ["2026-03-02T11:00:00Z", None]


async def test_jitter_delays_the_run_but_not_its_nominal_time(headgate: ScheduledHeadgate) -> None:
    pipeline_id = await headgate.add_schedules(every="1h", jitter="30m")
    async with headgate.fakes.open_unit_of_work() as work:
        (schedule,) = await work.schedules.list_of(pipeline_id)
    assert schedule.next_due_at == at("10:00") and schedule.next_fire_at is not None

    headgate.fakes.clock.set(schedule.next_fire_at - timedelta(seconds=1))
    await headgate.tick()
    before = list(headgate.ticks)
    await headgate.pass_time(1)

    assert before == []
    (tick,) = headgate.ticks
    assert (tick.due_at, tick.fire_at, tick.state) == (at("10:00"), schedule.next_fire_at, TickState.FIRED)
    assert at("10:00") < tick.fire_at < at("10:30")


async def test_a_clock_set_back_never_fires_a_tick_again(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="allow")
    await headgate.pass_time(2 * 3_600, step=60)

    headgate.fakes.clock.set(at("09:30"))
    await headgate.pass_time(2.5 * 3_600, step=60)

    assert headgate.states == ["10:00 fired", "11:00 fired", "12:00 fired"]


async def test_a_schedule_that_was_edited_after_a_clock_went_back_does_not_repeat_a_tick(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="allow")
    await headgate.pass_time(2 * 3_600, step=60)

    headgate.fakes.clock.set(at("09:30"))
    await headgate.change_schedules("nightly", {"name": "main", "every": "30m", "overlap": "allow"})
    await headgate.pass_time(2 * 3_600, step=60)

    assert headgate.states == ["10:00 fired", "11:00 fired", "11:30 fired"]


async def test_a_one_time_schedule_fires_once(headgate: ScheduledHeadgate) -> None:
    pipeline_id = await headgate.add_schedules("once", {"name": "once", "at": "2026-03-02T09:10"})

    await headgate.pass_time(3 * 3_600, step=300)

    assert headgate.states == ["09:10 fired"]
    async with headgate.fakes.open_unit_of_work() as work:
        (schedule,) = await work.schedules.list_of(pipeline_id)
    assert (schedule.next_due_at, schedule.next_fire_at, schedule.last_due_at) == (None, None, at("09:10"))


async def test_low_disk_makes_a_tick_missed_and_space_in_time_lets_it_fire(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    headgate.fakes.disk_space.sentence = "2 MB are free."

    await headgate.pass_time(3_600)
    missed = headgate.ticks
    headgate.fakes.disk_space.sentence = None
    await headgate.pass_time(30)

    assert [(tick.state, tick.reason, tick.message) for tick in missed] == [(TickState.MISSED, TickReason.DISK_FULL, "2 MB are free.")]
    assert headgate.states == ["10:00 fired"]
    assert len(headgate.runs) == 1


async def test_a_tick_waits_for_disk_space_too_and_does_not_keep_the_service_busy(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")
    await headgate.pass_time(2 * 3_600, step=3_600)
    headgate.fakes.disk_space.sentence = "2 MB are free."

    await headgate.end_runs()
    async with asyncio.timeout(10):
        await headgate.tick()
    waiting = headgate.states
    headgate.fakes.disk_space.sentence = None
    await headgate.tick()

    assert waiting == ["10:00 fired", "11:00 waiting overlap"]
    assert headgate.states == ["10:00 fired", "11:00 fired"]


async def test_ticks_missed_for_want_of_disk_space_are_caught_up_by_their_policy(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    headgate.fakes.disk_space.sentence = "2 MB are free."

    await headgate.pass_time(3 * 3_600, step=60)
    missed = headgate.states
    headgate.fakes.disk_space.sentence = None
    await headgate.pass_time(120, step=60)

    assert missed == ["10:00 missed disk_full", "11:00 missed disk_full", "12:00 missed disk_full"]
    assert headgate.states == ["10:00 missed disk_full", "11:00 missed disk_full", "12:00 fired"]
    headgate.fakes.disk_space.sentence = "2 MB are free."
    await headgate.end_runs()
    await headgate.pass_time(3_600, step=60)
    headgate.fakes.disk_space.sentence = None
    await headgate.pass_time(120)
    assert headgate.states[3:] == ["13:00 late disk_full"]


@pytest.mark.parametrize("is_down", [True, False], ids=["store down", "service stopped"])
async def test_after_an_outage_the_newest_missed_tick_runs_late(headgate: ScheduledHeadgate, is_down: bool) -> None:
    await headgate.add_schedules(every="1h")
    headgate.fakes.store.is_down = is_down

    headgate.fakes.clock.advance(3 * 3_600 + 61)
    headgate.fakes.store.is_down = False
    await headgate.tick()

    assert headgate.states == ["10:00 missed superseded", "11:00 missed superseded", "12:00 late outage"]
    assert headgate.runs == [(at("12:00"), Status.QUEUED)]
    assert all("not available" in (tick.message or "") for tick in headgate.ticks)


async def test_more_than_a_thousand_missed_ticks_share_a_row_with_their_count(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="5s", catch_up="none")

    headgate.fakes.clock.advance(3 * 3_600)
    await headgate.tick()

    missed = [tick for tick in headgate.ticks if tick.state is TickState.MISSED]
    assert len(missed) == 1_001
    assert (missed[0].count, missed[0].due_at) == (2_147 - 1_000, at("09:00") + timedelta(seconds=5))
    assert {tick.count for tick in missed[1:]} == {1}
    assert sum(tick.count for tick in headgate.ticks) == 2_160


async def test_an_outage_of_months_is_decided_in_several_steps(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="5s", catch_up="none")

    headgate.fakes.clock.advance(12 * 86_400)
    await headgate.tick()

    assert sum(tick.count for tick in headgate.ticks) == 12 * 86_400 // 5
    assert len(headgate.runs) == 1


async def test_a_schedule_whose_ticks_cannot_be_decided_does_not_stop_the_others(headgate: ScheduledHeadgate) -> None:
    for number in range(5):
        await headgate.add_schedules(f"p{number}", every="1h")
    broken = next(row for row in headgate.fakes.store.committed.schedules.values() if row.pipeline_id == 3)
    blocked = headgate.fakes.store.committed.ticks
    await headgate.pass_time(3_600)
    tick = blocked.pop((broken.id, at("10:00")))
    blocked[broken.id, at("11:00")] = tick

    await headgate.end_runs()
    with pytest.raises(Exception, match="has a tick at"):
        await headgate.pass_time(3_600)

    fired = [tick for tick in headgate.ticks if tick.due_at == at("11:00") and tick.state is TickState.FIRED]
    assert {tick.pipeline_id for tick in fired} == {1, 2, 4, 5}


async def test_a_scheduled_run_starts_its_own_trace_with_a_link_to_the_transaction_of_its_tick() -> None:
    headgate = ScheduledHeadgate()
    headgate.application.telemetry.override(providers.Object(headgate.fakes.telemetry))
    await headgate.add_schedules("first")
    await headgate.add_schedules("second")

    await headgate.pass_time(3_600)

    spans = [span for span in headgate.fakes.telemetry.spans if span.name == "headgate.tick"]
    (batch,) = [span for span in spans if span.resource == "TickService"]
    opened = [span for span in spans if span.resource == "TriggerPipeline"]
    runs = headgate.fakes.store.committed.runs.values()
    assert batch.tags["schedules"] == 2
    assert [span.links for span in opened] == [[batch.context]] * 2
    assert len({span.trace for span in spans}) == 3
    assert [run.trace for run in runs] == [span.context for span in opened]
