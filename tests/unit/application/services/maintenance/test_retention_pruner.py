"""The retention pruner, stepped by hand over fakes."""

from application.ports.persistence.logs import NewLogLine
from application.services.maintenance.retention_pruner import RetentionPolicy, RetentionPruner
from domain.alerts.incident import Resolution
from domain.runs.attempt_log import LogLimit
from tests.fakes import FakeAdapters
from tests.support.in_process import InProcessHeadgate
from tests.support.stored_alerts import add_incident, save_incident


async def test_data_older_than_the_policy_is_deleted_and_zero_keeps_it_forever() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    pruner = headgate.application.retention_pruner()
    first = await pruner.prune()
    async with headgate.fakes.open_unit_of_work() as work:
        await work.logs.append(run_id, "a", 1, [NewLogLine(0, headgate.fakes.clock.now(), "stdout", "text")], LogLimit(1_000))
        await work.commit()

    headgate.fakes.clock.advance(40 * 86_400)
    month = await pruner.prune()
    headgate.fakes.clock.advance(60 * 86_400)
    quarter = await pruner.prune()

    assert (len(first.made), list(first.dropped)) == (15, [])
    assert (first.site_events, month.site_events, quarter.site_events) == (0, 0, 1)
    assert list(month.dropped) == ["log_line_p20260302"]
    assert "event_p20260302" in quarter.dropped
    assert await headgate.fakes.reader.events(run_id, 0, 10) == []
    assert (await headgate.use_cases.get_run(run_id)).last_seq > 0
    forever = RetentionPruner(headgate.fakes.retention, headgate.fakes.clock, RetentionPolicy(0, 0))
    headgate.fakes.clock.advance(1_000 * 86_400)
    assert list((await forever.prune()).dropped) == []


async def test_resolved_incidents_are_kept_as_long_as_events_and_for_at_least_ninety_days() -> None:
    kept = {}
    for events_days in (30, 90, 365, 0):
        fakes = FakeAdapters()
        incident = await add_incident(fakes.open_unit_of_work, None, channel_id=1)
        await save_incident(fakes.open_unit_of_work, incident.resolve(Resolution.CHANNEL_WORKS, fakes.clock.now()))
        pruner = RetentionPruner(fakes.retention, fakes.clock, RetentionPolicy(events_days, 30))

        days = 0
        while (await pruner.prune()).alerts == 0 and days < 1_000:
            fakes.clock.advance(5 * 86_400)
            days += 5
        kept[events_days] = days

    assert kept == {30: 95, 90: 95, 365: 370, 0: 1_000}
