"""The queries behind every list and page, at several positions of a large database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.persistence.database import Database
from application.queries.views.logs import LogFilter
from domain.runs.status import Status

Query = Callable[[], Awaitable[object]]
_FINGERPRINT = "0123456789"


def build_queries(database: Database, runs: int) -> Mapping[str, Query]:
    """Return a call for each query, by name. Lists are read at the start, in the middle and at the end of `runs` seeded runs."""
    reader = database.reader
    page: dict[str, Any] = {"skip": 0, "limit": 100}
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
        "change feed, new events": lambda: _read_new_events(database),
    }


async def _read_new_events(database: Database) -> None:
    """Read the change feed from its current position, as the web process does after each notification."""
    await database.change_feed.read(await database.change_feed.position())
