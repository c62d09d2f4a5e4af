"""A judge that is stopped at any of its statements: the next process repeats and skips nothing."""

import asyncio
import contextlib
from collections import Counter

from application.services.alerts.message_planner import MessagePlanner
from domain.alerts.incident import IncidentState
from domain.runs.status import Status
from tests.contracts.stores import StoreUnderTest
from tests.support.cancelled_work import Fuse, open_until_cancelled
from tests.support.judged_alerts import RULE, JudgedStore
from tests.support.stored_alerts import add_channel


async def test_a_judge_that_is_stopped_at_any_step_leaves_each_run_judged_once(store: StoreUnderTest) -> None:
    judged = JudgedStore(store.open_unit_of_work, store.change_feed)
    judged.planner = MessagePlanner()
    judge = judged.create_judge(store.open_unit_of_work, store.change_feed)
    await judge.run_once()
    await add_channel(store.open_unit_of_work)
    step, was_stopped = 0, True

    while was_stopped:
        step += 1
        pipeline = await judged.add_pipeline(f"p{step}", RULE)
        judged.clock.advance(60)  # or its incidents would be grouped with those of the step before
        await judged.end(pipeline, Status.FAILED, Status.COMPLETED, Status.FAILED, Status.FAILED)
        fuse = Fuse(step)
        stopped = judged.create_judge(open_until_cancelled(store.other_unit_of_work, fuse), store.other_feed)
        with contextlib.suppress(asyncio.CancelledError):
            await stopped.run_once()
        was_stopped = fuse.has_burnt
        await judge.run_once()

        async with store.open_unit_of_work() as work:
            found = await work.incidents.find(range(1, 1_000))
            incidents = [incident for incident in found.values() if incident.pipeline_id == pipeline.id]
            deliveries = await work.deliveries.list_of_incidents([incident.id for incident in incidents])
        assert sorted((each.state, each.repeats) for each in incidents) == [(IncidentState.OPEN, 1), (IncidentState.RESOLVED, 0)], step
        assert Counter(each.kind for each in deliveries)["opened"] == 2, step

    assert step > 20
