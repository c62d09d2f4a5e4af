"""The judge of expectations over the store: missed and late runs, and those that take too long."""

from asyncio import timeout
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from application.services.alerts import expectation_judge
from domain.alerts.incident import IncidentState
from domain.alerts.rule import AlertEvent
from domain.pipelines.activation import ACTIVE
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.run import Run
from domain.runs.status import Status
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import a_stage
from tests.support.judged_alerts import RULE, JudgedStore

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXPECT: dict[str, Any] = {"every": "1h", "grace": "15m", "max_duration": "30m"}


@pytest.fixture
async def judged(store: StoreUnderTest) -> AsyncIterator[JudgedStore]:
    judged = JudgedStore(store.open_unit_of_work, store.change_feed)
    judged.clock.set(EIGHT)
    await judged.judge.run_once()
    yield judged


async def add_pipeline(judged: JudgedStore, **rule: Any) -> StoredPipeline:
    return await judged.add_pipeline("remote", RULE | rule, stages=[a_stage("load", "external")], expect=[EXPECT])


async def step(judged: JudgedStore, at: datetime) -> None:
    judged.clock.set(at)
    await judged.judge.run_once()
    await judged.expectation_judge.run_once()


async def report(judged: JudgedStore, pipeline: StoredPipeline, at: datetime, status: Status = Status.RUNNING) -> int:
    """Open a run by a report."""
    judged.clock.set(at - timedelta(seconds=1))
    run_id = await judged.open_run(pipeline)
    await change(judged, run_id, status, at)
    return run_id


async def change(judged: JudgedStore, run_id: int, status: Status, at: datetime) -> None:
    judged.clock.set(at - timedelta(seconds=1))

    def judge(run: Run, now: datetime) -> None:
        assert judge_report(run, Report(status, "load"), Reporter("etl"), None, now).applied

    await judged.change_run(run_id, judge)


async def test_a_missed_run_opens_an_incident_when_its_grace_is_over_and_the_next_run_resolves_it(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged)
    await step(judged, EIGHT + HOUR + timedelta(minutes=15))
    assert await judged.find_incidents() == []

    await step(judged, EIGHT + HOUR + timedelta(minutes=15, seconds=1))
    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.summary) == (AlertEvent.MISSED, "did not start for 2026-03-02 09:00 UTC")
    assert incident.opened_at == EIGHT + HOUR + timedelta(minutes=15)

    await step(judged, EIGHT + 2 * HOUR + timedelta(minutes=20))
    await step(judged, EIGHT + 2 * HOUR + timedelta(minutes=25))
    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.repeats, judged.sent) == (1, ["opened"])

    await report(judged, pipeline, EIGHT + 3 * HOUR, Status.COMPLETED)
    await step(judged, EIGHT + 3 * HOUR)
    assert await judged.list_incidents(pipeline) == []
    assert judged.sent == ["opened", "recovered"]


async def test_a_run_in_time_opens_nothing(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged)
    run_id = await report(judged, pipeline, EIGHT + HOUR + timedelta(minutes=10))
    await change(judged, run_id, Status.COMPLETED, EIGHT + HOUR + timedelta(minutes=20))
    for minute in range(0, 75, 15):
        await step(judged, EIGHT + HOUR + timedelta(minutes=minute))

    assert await judged.find_incidents() == []


async def test_a_late_run_keeps_its_incident_open_until_it_completes(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged, on=["late"])
    await step(judged, EIGHT + HOUR + timedelta(minutes=16))
    run_id = await report(judged, pipeline, EIGHT + HOUR + timedelta(minutes=20))
    await step(judged, EIGHT + HOUR + timedelta(minutes=20))

    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.first_run_id) == (AlertEvent.LATE, run_id)
    assert incident.summary == "started late: it was due at 2026-03-02 09:00 UTC"

    await step(judged, EIGHT + HOUR + timedelta(minutes=25))
    await change(judged, run_id, Status.COMPLETED, EIGHT + HOUR + timedelta(minutes=30))
    await step(judged, EIGHT + HOUR + timedelta(minutes=30))
    assert (await judged.list_incidents(pipeline), judged.sent) == ([], ["opened", "recovered"])


async def test_a_late_run_that_completes_before_it_is_judged_opens_an_incident_and_resolves_it(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged)
    await report(judged, pipeline, EIGHT + HOUR + timedelta(minutes=20), Status.COMPLETED)
    await step(judged, EIGHT + HOUR + timedelta(minutes=21))
    await step(judged, EIGHT + HOUR + timedelta(minutes=22))

    (incident,) = await judged.find_incidents()
    assert (incident.event, incident.state, judged.sent) == (AlertEvent.LATE, IncidentState.RESOLVED, ["opened", "recovered"])


async def test_a_run_that_takes_too_long_opens_an_incident_until_it_completes(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged, on=["overrun"])
    run_id = await report(judged, pipeline, EIGHT + HOUR)
    await step(judged, EIGHT + HOUR + timedelta(minutes=30))
    assert await judged.find_incidents() == []

    await step(judged, EIGHT + HOUR + timedelta(minutes=30, seconds=1))
    await step(judged, EIGHT + HOUR + timedelta(minutes=40))
    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.summary, incident.repeats) == (AlertEvent.OVERRUN, "takes longer than 30m", 0)

    await change(judged, run_id, Status.COMPLETED, EIGHT + HOUR + timedelta(minutes=50))
    await step(judged, EIGHT + HOUR + timedelta(minutes=50))
    assert (await judged.list_incidents(pipeline), judged.sent) == ([], ["opened", "recovered"])


async def test_after_a_long_outage_few_of_the_missed_ticks_are_repeated(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged)
    for hours in (100, 100, 101, 102):
        await step(judged, EIGHT + hours * HOUR + timedelta(minutes=16))

    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.repeats, judged.sent) == (11, ["opened"])


async def test_a_paused_pipeline_is_not_expected_to_run(judged: JudgedStore) -> None:
    pipeline = await add_pipeline(judged)
    async with judged.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.set_activation(pipeline.id, ACTIVE.pause(EIGHT, "ada"))
        await work.commit()
    await step(judged, EIGHT + 3 * HOUR)

    assert await judged.find_incidents() == []


async def test_the_judge_sleeps_until_the_next_tick_can_be_missed(judged: JudgedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_pipeline(judged)
    await step(judged, EIGHT + HOUR + timedelta(minutes=14, seconds=59.9))
    async with timeout(10):
        await judged.expectation_judge.wait()

    await step(judged, EIGHT + HOUR)
    with pytest.raises(TimeoutError):
        async with timeout(0.3):
            await judged.expectation_judge.wait()
    judged.wakeups.notify_alerts_changed()
    async with timeout(10):
        await judged.expectation_judge.wait()


async def test_without_rules_the_judge_asks_only_whether_there_are_any(judged: JudgedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectation_judge, "MAX_SLEEP_SECONDS", 0.01)
    await step(judged, EIGHT + HOUR)
    async with timeout(10):
        await judged.expectation_judge.wait()
