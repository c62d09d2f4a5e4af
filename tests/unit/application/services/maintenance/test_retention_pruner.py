"""The retention pruner, stepped by hand over fakes."""

from application.ports.persistence.logs import NewLogLine
from application.services.maintenance.retention_pruner import RetentionPolicy, RetentionPruner
from domain.runs.attempt_log import LogLimit
from tests.support.in_process import InProcessHeadgate


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
