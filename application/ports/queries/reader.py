"""Queries of the pages and the API."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Required, TypedDict, Unpack

from application.ports.persistence.pipelines import PipelineRef
from application.queries.views.alerts import (
    AlertRuleView,
    ChannelView,
    DeliveryView,
    IncidentDetailView,
    IncidentView,
    OpenIncidentsView,
    SilenceView,
)
from application.queries.views.backfills import BackfillTickView, BackfillView
from application.queries.views.events import EventView
from application.queries.views.groups import FullBucketView, GroupDetailView, GroupView
from application.queries.views.history import FailureView, FirstOccurrence, PastDecision, StageTimes
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.pipelines import (
    AppliedFileView,
    BoardRow,
    PipelineStateVersion,
    PipelineView,
    RevisionView,
    RevisionWithSource,
)
from application.queries.views.runs import RunStateVersion, RunTimes, RunView
from application.queries.views.schedules import ScheduleView, TickCount, TickView
from application.queries.views.ticks import TickGroup, TickWindow
from application.queries.views.workers import QueueView, WorkerView
from domain.alerts.incident import IncidentState
from domain.backfills.tick import BackfillTickState
from domain.runs.run_name import RunName
from domain.runs.status import Status
from domain.schedules.tick import TickState


class StoreProblem(StrEnum):
    """A reason for which the store cannot accept triggers. The values are stable, for programs."""

    DOWN = "database_down"
    NOT_MIGRATED = "not_migrated"
    NEWER_SCHEMA = "newer_schema"
    READ_ONLY = "database_read_only"
    FULL = "database_full"


class ArchivedFilter(StrEnum):
    """The pipelines of a list: without the archived ones, with them, or only them."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


class RunListQuery(TypedDict, total=False):
    """A page of runs, newest first.

    `below` starts at the next lower run id, `above` at the next higher one; `skip` counts from there. `pipeline_ids` restricts the
    pipelines, `trigger` the kind of trigger, and `since` and `until` (excluded) the time at which the runs were opened.
    """

    pipeline_id: Required[int | None]
    status: Required[Status | None]
    skip: Required[int]
    limit: Required[int]
    above: int | None
    below: int | None
    pipeline_ids: Sequence[int] | None
    trigger: str | None
    since: datetime | None
    until: datetime | None


class TickListQuery(TypedDict, total=False):
    """A page of ticks, newest decision first. `since` and `until` (excluded) restrict the times at which they were due.

    `below` starts at the next lower tick id, `above` at the next higher one.
    """

    limit: Required[int]
    pipeline_id: int | None
    state: TickState | None
    since: datetime | None
    until: datetime | None
    above: int | None
    below: int | None


class Reader(Protocol):
    """Read models of the store. Each query is one short read without locks. Raises Unavailable.

    Pipelines that are marked as deleted are not found.
    """

    async def pipelines(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineView]:
        """Return pipelines by id, each with its latest run and that run's stages. `above` starts at the next higher id, `below` ends at the
        next lower one; `skip` counts from there."""
        ...

    async def pipeline_state_versions(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineStateVersion]:
        """Return the state versions of the same page that `pipelines` returns."""
        ...

    async def get_pipelines_by_id(self, ids: Sequence[int]) -> list[PipelineView]:
        """Return the pipelines that exist, in no order."""
        ...

    async def pipeline(self, ref: PipelineRef) -> PipelineView | None:
        """Return the pipeline, also by a name that it had before a rename."""
        ...

    async def pipeline_names(self, part: str, limit: int) -> list[tuple[int, str]]:
        """Return id and name of pipelines whose name contains `part`, ignoring case, ordered by name."""
        ...

    async def revisions(self, pipeline_id: int, *, limit: int, newest: int | None = None) -> list[RevisionView]:
        """Return the newest revisions, newest first: at most `limit`, and none after the number `newest`."""
        ...

    async def revisions_numbered(self, pipeline_id: int, numbers: Collection[int]) -> list[RevisionView]:
        """Return the revisions that have these numbers, newest first."""
        ...

    async def revision(self, pipeline_id: int, number: int) -> RevisionWithSource | None:
        """Return one revision with its text."""
        ...

    async def revisions_between(self, pipeline_id: int, since: datetime, until: datetime, *, limit: int) -> list[RevisionView]:
        """Return the revision that was the newest at `since` and those created after it, before `until`, oldest first.

        If there are more than `limit`, only the last ones.
        """
        ...

    async def board(self, archived: ArchivedFilter = ArchivedFilter.EXCLUDE) -> list[BoardRow]:
        """Return the pipelines, ordered by name, each with its last 20 runs."""
        ...

    async def runs(self, **asked: Unpack[RunListQuery]) -> list[RunView]:
        """Return runs with their stages, newest first."""
        ...

    async def run_state_versions(self, **asked: Unpack[RunListQuery]) -> list[RunStateVersion]:
        """Return the state versions of the same page that `runs` returns."""
        ...

    async def get_runs_by_id(self, ids: Sequence[int]) -> list[RunView]:
        """Return the runs that exist, in no order."""
        ...

    async def run_times(self, ids: Sequence[int]) -> list[RunTimes]:
        """Return the times of the runs that exist, in no order."""
        ...

    async def run_times_between(self, pipeline_id: int, since: datetime, until: datetime, limit: int) -> list[RunTimes]:
        """Return the times of the pipeline's runs that were opened from `since` to `until` (excluded): the last `limit`, oldest first."""
        ...

    async def waiting_runs(self, limit: int) -> list[RunView]:
        """Return runs with a ready stage that waits for a person or a machine, oldest first."""
        ...

    async def failures(self, pipeline_id: int, runs: int) -> list[FailureView]:
        """Return the distinct failures in the pipeline's last `runs` runs, latest first. The first occurrence of each is searched in all
        runs."""
        ...

    async def first_seen(self, pipeline_id: int, stage: str, fingerprint: str) -> FirstOccurrence | None:
        """Return the first failure of the stage with this fingerprint, among all runs of the pipeline."""
        ...

    async def past_decisions(self, pipeline_id: int, stage: str, *, before: int, limit: int) -> list[PastDecision]:
        """Return decisions on the approval in the 100 runs before the run `before`, latest first."""
        ...

    async def run(self, run_id: int) -> RunView | None: ...

    async def find_run_id(self, name: RunName) -> int | None:
        """Return the id of the run, also by a name that its pipeline had before a rename."""
        ...

    async def find_run_ids(self, names: Collection[RunName]) -> Mapping[RunName, int]:
        """Return the ids of the runs that have these names or had them before a rename. Names of no run are left out."""
        ...

    async def events(self, run_id: int, after: int, limit: int) -> list[EventView]:
        """Return events with `seq` greater than `after`, in order."""
        ...

    async def newest_events(self, run_id: int, limit: int) -> list[EventView]:
        """Return events, newest first."""
        ...

    async def log(self, run_id: int, *, stage: str | None, attempt: int | None, after: int, limit: int) -> list[LogLineView]:
        """Return log lines numbered higher than `after`, in order."""
        ...

    async def unfinished_lines(self, run_id: int, line_filter: LogFilter, after: int) -> list[LogLineView]:
        """Return the present state of lines whose end was not printed yet, with `after` as their numbers.

        A text filter matches none, and neither does a position after the run's last line.
        """
        ...

    async def log_window(
        self, run_id: int, wanted: LogFilter, *, limit: int, above: int = 0, below: int | None = None, last: bool = False
    ) -> list[LogLineView]:
        """Return the first `limit` matching lines with above < n < below, or the last ones, always in order.

        The two bounds limit the cost of a text search.
        """
        ...

    async def workers(self, pool: str | None, within_seconds: float) -> list[WorkerView]:
        """Return workers seen in the last `within_seconds`."""
        ...

    async def queue(self, pool: str, within_seconds: float, limit: int) -> QueueView:
        """Return the pool's workers seen in the last `within_seconds`, and its first `limit` unclaimed runs."""
        ...

    async def schedules(self, pipeline_id: int) -> list[ScheduleView]:
        """Return the schedules of the pipeline's newest revision, oldest first."""
        ...

    async def upcoming_schedules(self, until: datetime, limit: int) -> list[ScheduleView]:
        """Return the schedules of all pipelines that fire next before `until`, soonest first. Paused ones are left out."""
        ...

    async def recent_ticks(self, schedule_ids: Sequence[int], limit: int) -> list[TickView]:
        """Return the newest `limit` ticks of each schedule, in the order in which they were due."""
        ...

    async def ticks(self, **asked: Unpack[TickListQuery]) -> list[TickView]:
        """Return ticks of schedules, newest first."""
        ...

    async def tick_counts(self, since: datetime, until: datetime, step: timedelta, limit: int) -> list[TickCount]:
        """Return how many ticks each pipeline had in each `step` from `since` to `until`, ordered by pipeline name and time.

        Only the last `limit` ticks count.
        """
        ...

    async def tick_groups(self, pipeline_id: int, windows: Sequence[TickWindow], limit: int) -> list[TickGroup]:
        """Return the stored ticks of each window, ordered by window and time, removed schedules included.

        A window with more than `limit` groups has mixed ones instead: one for each hour, state and reason, without messages.
        """
        ...

    async def backfills(
        self, limit: int, *, pipeline_id: int | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillView]:
        """Return backfills, newest first. `below` starts at the next lower id, `above` ends at the next higher one."""
        ...

    async def backfill(self, backfill_id: int) -> BackfillView | None: ...

    async def backfill_ticks(
        self, backfill_id: int, limit: int, *, state: BackfillTickState | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillTickView]:
        """Return ticks of a backfill in the order of their positions. `above` starts at the next higher position, `below` ends at the next
        lower one."""
        ...

    async def stage_times(self, pipeline_id: int) -> list[StageTimes]:
        """Return median and 95th percentile of the durations of each stage, for completed attempts of the last 20 runs."""
        ...

    async def applied_files(
        self, *, source: str | None = None, pipeline_id: int | None = None, skip: int = 0, limit: int
    ) -> list[AppliedFileView]:
        """Return the pipelines that were applied from a file, by id. `source` and `pipeline_id` restrict them."""
        ...

    async def groups(self, *, limit: int, after: str | None = None) -> list[GroupView]:
        """Return groups whose names are greater than `after`, by name."""
        ...

    async def group(self, name: str, *, holders: int, waiting: int) -> GroupDetailView | None:
        """Return the group with at most so many holders and waiting requests; None if neither a limit nor a pipeline names it."""
        ...

    async def slot_waits(self, run_id: int) -> list[FullBucketView]:
        """Return the full buckets, at most 20, for which the run or its stages wait: the run's own first, then by limit and bucket."""
        ...

    async def incidents(
        self, limit: int, *, states: Collection[IncidentState] = (), pipeline_id: int | None = None, before: int | None = None
    ) -> list[IncidentView]:
        """Return incidents, newest first. Without `states`, of every state. `before` starts at the next lower id."""
        ...

    async def incident(self, incident_id: int) -> IncidentDetailView | None: ...

    async def open_incidents(self, limit: int) -> OpenIncidentsView:
        """Return the number of open incidents, the newest `limit` of them, and the channels that do not work, in one statement."""
        ...

    async def run_incidents(self, run_id: int, limit: int) -> list[IncidentView]:
        """Return the incidents of the run's pipeline that lasted when it ran: from their first run to their last one, newest first."""
        ...

    async def channels(self) -> list[ChannelView]:
        """Return all channels by name."""
        ...

    async def channel(self, name: str) -> ChannelView | None: ...

    async def deliveries(self, channel: str, limit: int, *, before: int | None = None) -> list[DeliveryView]:
        """Return deliveries of the channel, newest first. `before` starts at the next lower id."""
        ...

    async def silences(
        self, now: datetime, *, include_ended: bool = False, limit: int = 200, before: int | None = None
    ) -> list[SilenceView]:
        """Return silences that are not over, newest first; with `include_ended`, all. `before` starts at the next lower id."""
        ...

    async def silence(self, silence_id: int) -> SilenceView | None: ...

    async def alert_rule(self, name: str) -> AlertRuleView | None: ...

    async def alert_rules(self) -> list[AlertRuleView]:
        """Return the site rules by name."""
        ...

    async def find_problem(self) -> StoreProblem | None:
        """Return the reason for which the store cannot accept triggers; None if it can. Never raises."""
        ...

    async def is_ready(self) -> bool:
        """Return True if the store answers and has the newest schema. Never raises."""
        ...
