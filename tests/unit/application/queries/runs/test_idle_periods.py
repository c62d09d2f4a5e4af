"""The idle periods of a run add up to its idle time, which the run itself counts."""

import asyncio
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from application.queries.runs.idle_periods import IdleCause, find_idle_periods
from domain.access.actor import Actor
from domain.runs.active_time import get_idle_seconds
from domain.runs.approvals import Decision, decide_approval
from domain.runs.retry import retry_failed
from domain.runs.status import Status
from tests.support.builders import NOW, a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start

MARA = Actor("mara")
STAGES = [a_stage("a"), a_stage("ask", "approval", needs=["a"]), a_stage("b", needs=["ask"], retries=1, retry_delay=10)]
SECONDS = st.integers(1, 100_000)


@given(works=st.lists(SECONDS, min_size=2, max_size=2), sleeps=st.lists(SECONDS, min_size=2, max_size=2))
def test_periods_found_by_attempts_add_up_to_the_idle_time(works: list[int], sleeps: list[int]) -> None:
    asyncio.run(check_periods(works, sleeps))


async def check_periods(works: list[int], sleeps: list[int]) -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline(stages=STAGES)
    run_id = await headgate.stories.open_run(pipeline, NOW)

    def at(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    failed = works[0]
    retried = failed + sleeps[0]
    asked = retried + works[1]
    decided = asked + sleeps[1]
    await headgate.stories.change_run(
        run_id,
        lambda run: start(run, at(0)),
        end("a", Status.FAILED, at(failed)),
        lambda run: retry_failed(run, at(retried), MARA),
        lambda run: start(run, at(retried)),
        end("a", Status.COMPLETED, at(asked)),
        lambda run: decide_approval(run, "ask", Decision(True), at(decided), MARA),
        lambda run: start(run, at(decided)),
        end("b", Status.FAILED, at(decided + 5)),
        lambda run: run.process_due(at(decided + 15)),
        lambda run: start(run, at(decided + 20)),
        end("b", Status.COMPLETED, at(decided + 30)),
    )
    run = await headgate.fakes.reader.run(run_id)
    assert run is not None

    periods = find_idle_periods(run, at(decided + 1_000))

    assert [(period.start, period.end, period.cause) for period in periods] == [
        (at(failed), at(retried), IdleCause.RETRY),
        (at(asked), at(decided), IdleCause.APPROVAL),
    ]
    assert sum(period.seconds for period in periods) == get_idle_seconds(run, at(decided + 1_000)) == sum(sleeps)


async def test_a_run_that_waits_for_a_slot_beside_an_approval_is_not_idle() -> None:
    headgate = InProcessHeadgate()
    stages = [a_stage("ask", "approval"), a_stage("work", needs=[]) | {"uses": ["cluster"]}]
    pipeline = await headgate.stories.add_pipeline(stages=stages)
    run_id = await headgate.stories.open_run(pipeline, NOW)
    granted, worked, decided = (NOW + timedelta(seconds=seconds) for seconds in (100, 130, 190))
    await headgate.stories.change_run(
        run_id,
        lambda run: run.grant(1, granted),
        lambda run: start(run, granted),
        end("work", Status.COMPLETED, worked),
        lambda run: decide_approval(run, "ask", Decision(True), decided, MARA),
    )
    run = await headgate.fakes.reader.run(run_id)
    assert run is not None

    assert [(period.start, period.end) for period in find_idle_periods(run, decided)] == [(worked, decided)]
    assert run.idle_seconds == 60.0
