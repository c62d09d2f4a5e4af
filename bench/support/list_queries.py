"""The queries behind every list and page, at several positions of a large database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.persistence.database import Database
from application.ports.persistence.flow_runs import FlowRunRef
from application.ports.persistence.unit_of_work import UnitOfWork
from application.queries.views.logs import LogFilter
from application.queries.views.ticks import TickWindow
from bench.seed import FLOW_RUNS, GROUP, WAITING_RUNS
from bench.support.alert_queries import build_alert_queries
from domain.concurrency.bucket import Bucket, get_group_bucket
from domain.runs.status import Status
from domain.schedules.tick import TickState

Query = Callable[[], Awaitable[object]]
DAY = timedelta(days=1)
_FINGERPRINT = "0123456789"


def build_queries(database: Database, runs: int) -> Mapping[str, Query]:
    """Return a call for each query, by name. Lists are read at the start, in the middle and at the end of `runs` seeded runs."""
    reader = database.reader
    page: dict[str, Any] = {"skip": 0, "limit": 100}
    now = datetime.now(UTC)
    buckets = [get_group_bucket(GROUP), Bucket("pipeline:1", "pipeline:1")]
    middle, pipeline, failing_pipeline = max(1, runs // 2), 1, 2
    return {
        "pipelines": lambda: reader.pipeline_state_versions(0, 101),
        "pipelines, whole": lambda: reader.get_pipelines_by_id(range(1, 101)),
        "pipelines, a page back": lambda: reader.pipeline_state_versions(0, 26, below=90),
        "one pipeline": lambda: reader.pipeline(pipeline),
        "one pipeline by name": lambda: reader.pipeline("seeded-000"),
        "board": reader.board,
        "how far runs are, newest": lambda: reader.run_state_versions(pipeline_id=None, status=None, **page),
        "how far runs are, 10,000 passed over": lambda: reader.run_state_versions(pipeline_id=None, status=None, skip=10_000, limit=100),
        "how far runs are, in the middle": lambda: reader.run_state_versions(pipeline_id=None, status=None, below=middle, **page),
        "how far failed runs are, in the middle": lambda: reader.run_state_versions(
            pipeline_id=None, status=Status.FAILED, below=middle, **page
        ),
        "how far a pipeline's runs are": lambda: reader.run_state_versions(pipeline_id=pipeline, status=None, **page),
        "runs, newest": lambda: reader.runs(pipeline_id=None, status=None, **page),
        "runs, in the middle": lambda: reader.runs(pipeline_id=None, status=None, below=middle, **page),
        "runs, the oldest": lambda: reader.runs(pipeline_id=None, status=None, below=101, **page),
        "runs, back from the middle": lambda: reader.runs(pipeline_id=None, status=None, above=middle, **page),
        "runs that failed": lambda: reader.runs(pipeline_id=None, status=Status.FAILED, **page),
        "runs that failed, in the middle": lambda: reader.runs(pipeline_id=None, status=Status.FAILED, below=middle, **page),
        "runs that are under way": lambda: reader.runs(pipeline_id=None, status=Status.RUNNING, **page),
        "a pipeline's runs": lambda: reader.runs(pipeline_id=pipeline, status=None, **page),
        "a pipeline's runs, in the middle": lambda: reader.runs(pipeline_id=pipeline, status=None, below=middle, **page),
        "runs of all pipelines by name": lambda: reader.runs(pipeline_id=None, pipeline_ids=range(1, 101), status=None, **page),
        "failed runs of some pipelines, in the middle": lambda: reader.runs(
            pipeline_id=None, pipeline_ids=range(1, 9), status=Status.FAILED, below=middle, **page
        ),
        "pipelines by part of a name": lambda: reader.pipeline_names("ded-01", 1_000),
        "a pipeline's failed runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.FAILED, **page),
        "a pipeline's running runs": lambda: reader.runs(pipeline_id=pipeline, status=Status.RUNNING, **page),
        "waiting runs": lambda: reader.waiting_runs(100),
        "one run": lambda: reader.run(middle),
        "a run's events": lambda: reader.events(middle, 0, 500),
        "a run's newest events": lambda: reader.newest_events(middle, 100),
        "a run's log": lambda: reader.log(middle, stage=None, attempt=None, after=0, limit=500),
        "the end of a run's log": lambda: reader.log_window(middle, LogFilter(), limit=100, last=True),
        "a pipeline's stage times": lambda: reader.stage_times(pipeline),
        "a pipeline's failures": lambda: reader.failures(failing_pipeline, 500),
        "how an approval was decided before": lambda: reader.past_decisions(pipeline, "stage-1", before=runs, limit=3),
        "when a failure was first seen": lambda: reader.first_seen(failing_pipeline, "stage-5", _FINGERPRINT),
        "who waits for a pool": lambda: reader.queue("headgate", 15, 1_000),
        "ticks, newest": lambda: reader.ticks(limit=100),
        "ticks, in the middle": lambda: reader.ticks(limit=100, below=middle),
        "ticks that were missed, in the middle": lambda: reader.ticks(limit=100, state=TickState.MISSED, below=middle),
        "ticks that wait": lambda: reader.ticks(limit=100, state=TickState.WAITING),
        "a pipeline's ticks": lambda: reader.ticks(limit=100, pipeline_id=pipeline),
        "a pipeline's missed ticks": lambda: reader.ticks(limit=100, pipeline_id=pipeline, state=TickState.MISSED),
        "a day's ticks": lambda: reader.ticks(limit=100, since=now - 2 * DAY, until=now - DAY),
        "a pipeline's schedules": lambda: reader.schedules(pipeline),
        "a schedule's last ticks": lambda: reader.recent_ticks([1, 2, 3], 20),
        "schedules that fire next": lambda: reader.upcoming_schedules(now + 7 * DAY, 1_000),
        "ticks of a day by hour": lambda: reader.tick_counts(now - DAY, now, timedelta(hours=1), 10_000),
        "ticks of a day by outcome": lambda: reader.tick_groups(pipeline, [TickWindow("daily", now - DAY, now)], 100),
        "revisions of a day": lambda: reader.revisions_between(pipeline, now - DAY, now, limit=20),
        "times of a day's runs": lambda: reader.run_times_between(pipeline, now - DAY, now, 20_000),
        "times of some runs": lambda: reader.run_times(range(middle, middle + 100)),
        "tick service: schedules that are due": lambda: _ask(database, lambda work: work.schedules.lock_due(now + 2 * DAY, 50)),
        "tick service: schedules whose run has ended": lambda: _ask(database, lambda work: work.schedules.lock_released(50)),
        "backfills, newest": lambda: reader.backfills(100),
        "ticks of a backfill": lambda: reader.backfill_ticks(1, 100),
        "backfill service: what is to do": lambda: _ask(database, lambda work: work.backfills.lock_due(now)),
        "backfill service: whether anything is unfinished": lambda: _ask(database, lambda work: work.backfills.has_unfinished()),
        "backfills: runs of a schedule's ticks": lambda: _ask(
            database, lambda work: work.backfills.find_newest_runs(pipeline, 1, now - 30 * DAY, now)
        ),
        "backfills: durations of the last runs": lambda: _ask(database, lambda work: work.backfills.find_durations(pipeline, 20)),
        "tick service: when to look next": lambda: _ask(database, lambda work: work.schedules.find_next_wake()),
        "tick service: ticks that may change": lambda: _ask(database, lambda work: work.ticks.list_open(range(1, 51))),
        "tick service: runs that are not over": lambda: _ask(database, lambda work: work.runs.find_unfinished(range(1, 51))),
        "tick service: numbers of the next runs": lambda: _ask(database, lambda work: work.runs.next_numbers(range(1, 51))),
        "groups": lambda: reader.groups(limit=100),
        "one group with its line": lambda: reader.group(GROUP, holders=100, waiting=100),
        "what a run waits for": lambda: reader.slot_waits(WAITING_RUNS),
        "grant service: requests that can start": lambda: _ask(database, lambda work: work.concurrency.find_grantable(32)),
        "grant service: locked buckets": lambda: _ask(database, lambda work: work.concurrency.lock(buckets)),
        "grant service: requests for locked buckets": lambda: _ask(
            database, lambda work: work.concurrency.list_waiting([bucket.name for bucket in buckets], 500)
        ),
        "runs that hold slots of a group": lambda: _ask(database, lambda work: work.concurrency.find_holders(buckets[0].name)),
        "runs that wait for a group": lambda: _ask(database, lambda work: work.concurrency.find_waiting(buckets[0].name)),
        "dispatches by priority": lambda: _ask(database, lambda work: work.dispatches.find_requested("headgate", 100)),
        "flow run services: requests that are due": lambda: _ask(database, lambda work: work.flow_runs.lease_requests(32, 30.0)),
        "flow run services: when to look next": lambda: _ask(database, lambda work: work.flow_runs.get_next_request_at()),
        "flow run services: whether anything is followed": lambda: _ask(database, lambda work: work.flow_runs.has_followed()),
        "flow run services: flow runs to follow": lambda: _ask(database, lambda work: work.flow_runs.begin_poll(2.0, 200)),
        "flow run services: flow runs to follow, in the middle": lambda: _ask(
            database, lambda work: work.flow_runs.begin_poll(2.0, 200, FlowRunRef(FLOW_RUNS // 2, "stage-1", 1))
        ),
        "flow run services: followed flow runs of some runs": lambda: _ask(
            database, lambda work: work.flow_runs.find_followed(range(100, 110))
        ),
        "flow run services: changes of many": lambda: _ask(database, _change_flow_runs),
        **build_alert_queries(database, runs),
        "change feed, new events": lambda: _read_new_events(database),
    }


async def _ask(database: Database, question: Callable[[UnitOfWork], Awaitable[object]]) -> None:
    """Ask in a transaction of its own, and change nothing."""
    async with database.open_unit_of_work() as work:
        await question(work)


async def _change_flow_runs(work: UnitOfWork) -> None:
    """Mark and remove flow runs, and send these statements with a query."""
    refs = [FlowRunRef(run_id, "stage-1", 1) for run_id in range(10, 210, 10)]
    await work.flow_runs.mark_missing(refs)
    await work.flow_runs.remember(refs[0], "running")
    await work.flow_runs.remove(refs)
    await work.flow_runs.lock_log(refs[0])


async def _read_new_events(database: Database) -> None:
    """Read the change feed from its current position, as the web process does after each notification."""
    await database.change_feed.read(await database.change_feed.position())
