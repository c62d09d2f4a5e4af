"""Answers the queries of pages and the API. Queries of several statements read from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Unpack

from sqlalchemy import BigInteger, bindparam, select, text

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id
from adapters.persistence.connection.clock import seconds_ago
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.database_errors import translate_database_errors
from adapters.persistence.connection.sql_transaction import READ_ONLY_SNAPSHOT, SqlTransaction
from adapters.persistence.readers import run_pages
from adapters.persistence.readers.alert_settings import AlertSettingsReader
from adapters.persistence.readers.applied_files import select_applied_files, to_applied_file_view
from adapters.persistence.readers.approvals import DECISIONS, WAITING, to_past_decision
from adapters.persistence.readers.backfills import BackfillReader
from adapters.persistence.readers.failures import FAILURES, FIRST_SEEN, to_failure_view
from adapters.persistence.readers.groups import GroupReader
from adapters.persistence.readers.incidents import IncidentReader
from adapters.persistence.readers.log_lines import EARLIEST, UNFINISHED, select_lines, to_line_view, to_unfinished_views
from adapters.persistence.readers.pipelines import PipelineReader
from adapters.persistence.readers.queue import QUEUE, WORKERS, to_queue_view, to_worker_view
from adapters.persistence.readers.revisions import (
    REVISIONS,
    REVISIONS_WITH_SOURCE,
    build_revision_views,
    build_revision_with_source,
    is_revision,
    up_to_revision,
)
from adapters.persistence.readers.run_names import RUN_ID_BY_NAME, RUN_IDS_BY_NAMES
from adapters.persistence.readers.run_times import RUN_TIMES_BETWEEN, RUN_TIMES_BY_ID, to_run_times
from adapters.persistence.readers.run_views import RUNS, StageViewCache, load_run_views, to_event_view
from adapters.persistence.readers.schedules import ScheduleReader
from adapters.persistence.readers.stage_times import STAGE_TIMES
from adapters.persistence.readers.tick_groups import TICK_GROUPS, to_tick_group, write_windows
from adapters.persistence.repositories.definitions import DefinitionCache, DefinitionLoader
from adapters.persistence.repositories.pipelines import is_valid_pipeline_ref
from adapters.persistence.schema_state import SchemaState, get_schema_state
from adapters.persistence.tables.pipelines import pipeline, revision
from adapters.persistence.tables.runs import event, run
from adapters.persistence.tables.workers import worker
from application.ports.persistence.pipelines import PipelineRef
from application.ports.queries.reader import ArchivedFilter, RunListQuery, StoreProblem, TickListQuery
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
from domain.errors import Unavailable
from domain.runs.run_name import RunName

MAX_CACHED_ATTEMPTS = 5_000
_EVENTS = select(event).where(event.c.run_id == bindparam("run"), event.c.at >= EARLIEST).limit(bindparam("limit"))
_RUNS_BY_ID = RUNS.where(is_any_of(run.c.id, "ids")).order_by(run.c.id)
_IS_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
_EVENTS_AFTER = _EVENTS.where(event.c.seq > bindparam("after", type_=BigInteger)).order_by(event.c.seq)
_NEWEST_EVENTS = _EVENTS.order_by(event.c.seq.desc())


class SqlReader:
    def __init__(self, connections: ConnectionPool, cache: DefinitionCache) -> None:
        self._connections = connections
        self._cache = cache
        self._stages = StageViewCache(size=MAX_CACHED_ATTEMPTS)

    async def pipelines(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineView]:
        async with self._pipelines(READ_ONLY_SNAPSHOT) as pipelines:
            return await pipelines.page(skip, limit, above, below, archived)

    async def pipeline_state_versions(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineStateVersion]:
        async with self._pipelines(None) as pipelines:
            return await pipelines.marks(skip, limit, above, below, archived)

    async def get_pipelines_by_id(self, ids: Sequence[int]) -> list[PipelineView]:
        async with self._pipelines(READ_ONLY_SNAPSHOT) as pipelines:
            return await pipelines.where(pipeline.c.id.in_([id for id in ids if is_storable_id(id)]))

    async def pipeline(self, ref: PipelineRef) -> PipelineView | None:
        if not is_valid_pipeline_ref(ref):
            return None
        async with self._pipelines(READ_ONLY_SNAPSHOT) as pipelines:
            if isinstance(ref, int):
                found = await pipelines.where(pipeline.c.id == ref)
            else:
                found = await pipelines.where(pipeline.c.name == ref) or await pipelines.find_renamed(ref)
            return next(iter(found), None)

    async def pipeline_names(self, part: str, limit: int) -> list[tuple[int, str]]:
        if not is_valid_pipeline_ref(part):
            return []
        async with self._pipelines(None) as pipelines:
            return await pipelines.names(part, limit)

    async def revisions(self, pipeline_id: int, *, limit: int, newest: int | None = None) -> list[RevisionView]:
        query = REVISIONS.where(revision.c.pipeline_id == pipeline_id).order_by(revision.c.revision.desc()).limit(limit)
        if newest is not None:
            query = query.where(up_to_revision(newest))
        async with self._read(None) as (transaction, definitions):
            return await build_revision_views(await transaction.execute(query), definitions)

    async def revisions_numbered(self, pipeline_id: int, numbers: Collection[int]) -> list[RevisionView]:
        query = REVISIONS.where(revision.c.pipeline_id == pipeline_id, is_any_of(revision.c.revision, "numbers"))
        async with self._read(None) as (transaction, definitions):
            rows = await transaction.execute(query.order_by(revision.c.revision.desc()), {"numbers": list(numbers)})
            return await build_revision_views(rows, definitions)

    async def revision(self, pipeline_id: int, number: int) -> RevisionWithSource | None:
        query = REVISIONS_WITH_SOURCE.where(revision.c.pipeline_id == pipeline_id, is_revision(number))
        async with self._read(None) as (transaction, definitions):
            row = (await transaction.execute(query)).one_or_none()
            return await build_revision_with_source(row, definitions) if row is not None else None

    async def revisions_between(self, pipeline_id: int, since: datetime, until: datetime, *, limit: int) -> list[RevisionView]:
        query = REVISIONS.where(revision.c.pipeline_id == pipeline_id, revision.c.created_at < until)
        async with self._read(None) as (transaction, definitions):
            rows = (await transaction.execute(query.order_by(revision.c.revision.desc()).limit(limit))).all()
            newer = list(takewhile(lambda row: row.created_at > since, rows))
            return (await build_revision_views(rows[: len(newer) + 1], definitions))[::-1]

    async def board(self, archived: ArchivedFilter = ArchivedFilter.EXCLUDE) -> list[BoardRow]:
        async with self._pipelines(READ_ONLY_SNAPSHOT) as pipelines:
            return await pipelines.board(archived)

    async def runs(self, **query: Unpack[RunListQuery]) -> list[RunView]:
        if (page := run_pages.build_run_page(query)) is None:
            return []
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, definitions):
            rows = (await transaction.execute(page.select_rows(RUNS), page.values)).all()
            return await load_run_views(transaction, definitions, rows[::-1] if page.is_ascending else rows)

    async def run_state_versions(self, **query: Unpack[RunListQuery]) -> list[RunStateVersion]:
        if (page := run_pages.build_run_page(query)) is None:
            return []
        async with self._read(None) as (transaction, _):
            (rows,) = await transaction.fetch_batch((page.select_marks(), page.values))
            return [RunStateVersion(*row) for row in rows]

    async def get_runs_by_id(self, ids: Sequence[int]) -> list[RunView]:
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, definitions):
            parameters = {"ids": [id for id in ids if is_storable_id(id)]}
            return await load_run_views(transaction, definitions, (await transaction.execute(_RUNS_BY_ID, parameters)).all())

    async def run_times(self, ids: Sequence[int]) -> list[RunTimes]:
        async with self._read(None) as (transaction, _):
            rows = await transaction.execute(RUN_TIMES_BY_ID, {"ids": [id for id in ids if is_storable_id(id)]})
            return [to_run_times(row) for row in rows]

    async def run_times_between(self, pipeline_id: int, since: datetime, until: datetime, limit: int) -> list[RunTimes]:
        async with self._read(None) as (transaction, _):
            values = {"pipeline": pipeline_id, "since": since, "until": until, "limit": limit}
            return [to_run_times(row) for row in (await transaction.execute(RUN_TIMES_BETWEEN, values)).all()[::-1]]

    async def waiting_runs(self, limit: int) -> list[RunView]:
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, definitions):
            ids = [row.run_id for row in await transaction.execute(WAITING, {"limit": limit})]
            rows = (await transaction.execute(_RUNS_BY_ID, {"ids": ids})).all() if ids else []
            return await load_run_views(transaction, definitions, rows)

    async def failures(self, pipeline_id: int, runs: int) -> list[FailureView]:
        async with self._read(None) as (transaction, _):
            return [to_failure_view(row) for row in await transaction.execute(FAILURES, {"pipeline": pipeline_id, "runs": runs})]

    async def first_seen(self, pipeline_id: int, stage: str, fingerprint: str) -> FirstOccurrence | None:
        async with self._read(None) as (transaction, _):
            parameters = {"pipeline": pipeline_id, "stage": stage, "fingerprint": fingerprint}
            row = (await transaction.execute(FIRST_SEEN, parameters)).one_or_none()
            return FirstOccurrence(row.id, row.number, row.first_at) if row else None

    async def past_decisions(self, pipeline_id: int, stage: str, *, before: int, limit: int) -> list[PastDecision]:
        parameters = {"pipeline": pipeline_id, "stage": stage, "before": before, "limit": limit}
        async with self._read(None) as (transaction, _):
            return [to_past_decision(row) for row in await transaction.execute(DECISIONS, parameters)]

    async def run(self, run_id: int) -> RunView | None:
        if not is_storable_id(run_id):
            return None
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, definitions):
            rows = (await transaction.execute(RUNS.where(run.c.id == run_id))).all()
            return next(iter(await load_run_views(transaction, definitions, rows)), None)

    async def find_run_id(self, name: RunName) -> int | None:
        async with self._read(None) as (transaction, _):
            values = {"name": name.pipeline, "number": name.number}
            row = (await transaction.execute(RUN_ID_BY_NAME, values)).one_or_none()
            return row.id if row else None

    async def find_run_ids(self, names: Collection[RunName]) -> Mapping[RunName, int]:
        async with self._read(None) as (transaction, _):
            values = {"names": [name.pipeline for name in names], "numbers": [name.number for name in names]}
            rows = await transaction.execute(RUN_IDS_BY_NAMES, values)
            return {RunName(row.name, row.number): row.id for row in rows}

    async def events(self, run_id: int, after: int, limit: int) -> list[EventView]:
        async with self._read(None) as (transaction, _):
            rows = await transaction.execute(_EVENTS_AFTER, {"run": run_id, "after": after, "limit": limit})
            return [to_event_view(row) for row in rows]

    async def newest_events(self, run_id: int, limit: int) -> list[EventView]:
        async with self._read(None) as (transaction, _):
            return [to_event_view(row) for row in await transaction.execute(_NEWEST_EVENTS, {"run": run_id, "limit": limit})]

    async def log(self, run_id: int, *, stage: str | None, attempt: int | None, after: int, limit: int) -> list[LogLineView]:
        return await self.log_window(run_id, LogFilter(stage, attempt), above=after, limit=limit)

    async def unfinished_lines(self, run_id: int, line_filter: LogFilter, after: int) -> list[LogLineView]:
        if line_filter.text is not None:
            return []
        async with self._read(None) as (transaction, _):
            rows = (await transaction.execute(UNFINISHED, {"run": run_id, "after": after})).all()
        return [line for row in rows for line in to_unfinished_views(row, line_filter, after)]

    async def log_window(
        self, run_id: int, log_filter: LogFilter, *, limit: int, above: int = 0, below: int | None = None, last: bool = False
    ) -> list[LogLineView]:
        query = select_lines(log_filter, limit=limit, above=above, below=below, last=last)
        async with self._read(None) as (transaction, _):
            found = [to_line_view(row) for row in await transaction.execute(query, {"run": run_id})]
        return found[::-1] if last else found

    async def workers(self, pool: str | None, within_seconds: float) -> list[WorkerView]:
        query = WORKERS.where(worker.c.seen_at >= seconds_ago(within_seconds))
        if pool is not None:
            query = query.where(worker.c.pool == pool)
        async with self._read(None) as (transaction, _):
            return [to_worker_view(row) for row in await transaction.execute(query)]

    async def queue(self, pool: str, within_seconds: float, limit: int) -> QueueView:
        async with self._read(None) as (transaction, _):
            rows = (await transaction.execute(QUEUE, {"pool": pool, "within": within_seconds, "limit": limit})).all()
        return to_queue_view(rows)

    async def stage_times(self, pipeline_id: int) -> list[StageTimes]:
        async with self._read(None) as (transaction, _):
            return [StageTimes(**row._mapping) for row in await transaction.execute(STAGE_TIMES, {"pipeline": pipeline_id})]

    async def schedules(self, pipeline_id: int) -> list[ScheduleView]:
        async with self._schedules(READ_ONLY_SNAPSHOT) as schedules:
            return await schedules.of_pipeline(pipeline_id)

    async def upcoming_schedules(self, until: datetime, limit: int) -> list[ScheduleView]:
        async with self._schedules(READ_ONLY_SNAPSHOT) as schedules:
            return await schedules.upcoming(until, limit)

    async def recent_ticks(self, schedule_ids: Sequence[int], limit: int) -> list[TickView]:
        async with self._schedules(None) as schedules:
            return await schedules.recent_ticks(schedule_ids, limit)

    async def ticks(self, **query: Unpack[TickListQuery]) -> list[TickView]:
        async with self._schedules(None) as schedules:
            return await schedules.ticks(query)

    async def tick_counts(self, since: datetime, until: datetime, step: timedelta, limit: int) -> list[TickCount]:
        async with self._schedules(None) as schedules:
            return await schedules.counts(since, until, step, limit)

    async def applied_files(
        self, *, source: str | None = None, pipeline_id: int | None = None, skip: int = 0, limit: int
    ) -> list[AppliedFileView]:
        query = select_applied_files(source, pipeline_id, skip, limit)
        async with self._read(None) as (transaction, _):
            return [to_applied_file_view(row) for row in await transaction.execute(query)]

    async def groups(self, *, limit: int, after: str | None = None) -> list[GroupView]:
        async with self._groups() as groups:
            return await groups.page(limit, after)

    async def group(self, name: str, *, holders: int, waiting: int) -> GroupDetailView | None:
        async with self._groups() as groups:
            return await groups.detail(name, holders, waiting)

    async def slot_waits(self, run_id: int) -> list[FullBucketView]:
        if not is_storable_id(run_id):
            return []
        async with self._groups() as groups:
            return await groups.full_buckets(run_id)

    async def tick_groups(self, pipeline_id: int, windows: Sequence[TickWindow], limit: int) -> list[TickGroup]:
        async with self._read(None) as (transaction, _):
            values = {"pipeline": pipeline_id, "windows": write_windows(windows), "limit": limit}
            return [to_tick_group(row) for row in await transaction.execute(TICK_GROUPS, values)]

    async def backfills(
        self, limit: int, *, pipeline_id: int | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillView]:
        async with self._read(None) as (transaction, _):
            return await BackfillReader(transaction).page(limit, pipeline_id, above, below)

    async def backfill(self, backfill_id: int) -> BackfillView | None:
        async with self._read(None) as (transaction, _):
            return await BackfillReader(transaction).find(backfill_id)

    async def backfill_ticks(
        self, backfill_id: int, limit: int, *, state: BackfillTickState | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillTickView]:
        async with self._read(None) as (transaction, _):
            return await BackfillReader(transaction).ticks(backfill_id, limit, state, above, below)

    async def incidents(
        self, limit: int, *, states: Collection[IncidentState] = (), pipeline_id: int | None = None, before: int | None = None
    ) -> list[IncidentView]:
        async with self._read(None) as (transaction, _):
            return await IncidentReader(transaction).page(limit, states, pipeline_id, before)

    async def incident(self, incident_id: int) -> IncidentDetailView | None:
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, _):
            return await IncidentReader(transaction).find(incident_id)

    async def open_incidents(self, limit: int) -> OpenIncidentsView:
        async with self._read(None) as (transaction, _):
            return await IncidentReader(transaction).open(limit)

    async def run_incidents(self, run_id: int, limit: int) -> list[IncidentView]:
        async with self._read(None) as (transaction, _):
            return await IncidentReader(transaction).of_run(run_id, limit)

    async def channels(self) -> list[ChannelView]:
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, _):
            return await AlertSettingsReader(transaction).channels()

    async def channel(self, name: str) -> ChannelView | None:
        if not is_valid_pipeline_ref(name):
            return None
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, _):
            return next(iter(await AlertSettingsReader(transaction).channels(name)), None)

    async def deliveries(self, channel: str, limit: int, *, before: int | None = None) -> list[DeliveryView]:
        if not is_valid_pipeline_ref(channel):
            return []
        async with self._read(None) as (transaction, _):
            return await AlertSettingsReader(transaction).deliveries(channel, limit, before)

    async def silences(
        self, now: datetime, *, include_ended: bool = False, limit: int = 200, before: int | None = None
    ) -> list[SilenceView]:
        async with self._read(None) as (transaction, _):
            return await AlertSettingsReader(transaction).silences(now, include_ended, limit, before)

    async def silence(self, silence_id: int) -> SilenceView | None:
        async with self._read(None) as (transaction, _):
            return await AlertSettingsReader(transaction).silence(silence_id)

    async def alert_rules(self) -> list[AlertRuleView]:
        async with self._read(None) as (transaction, _):
            return await AlertSettingsReader(transaction).rules()

    async def alert_rule(self, name: str) -> AlertRuleView | None:
        if not is_valid_pipeline_ref(name):
            return None
        async with self._read(None) as (transaction, _):
            return next(iter(await AlertSettingsReader(transaction).rules(name)), None)

    async def find_problem(self) -> StoreProblem | None:
        try:
            with translate_database_errors():
                pooled = await self._connections.acquire()
                try:
                    state = await pooled.connection.run_sync(get_schema_state)
                    is_read_only = await pooled.connection.scalar(_IS_READ_ONLY)
                finally:
                    await self._connections.release(pooled)
        except Unavailable:
            return StoreProblem.DOWN
        if state is not SchemaState.CURRENT:
            return StoreProblem.NEWER_SCHEMA if state is SchemaState.NEWER else StoreProblem.NOT_MIGRATED
        if is_read_only:
            return StoreProblem.READ_ONLY
        return StoreProblem.FULL if self._connections.was_full_recently else None

    async def is_ready(self) -> bool:
        return await self.find_problem() in (None, StoreProblem.READ_ONLY, StoreProblem.FULL)

    @asynccontextmanager
    async def _pipelines(self, begin: str | None) -> AsyncIterator[PipelineReader]:
        async with self._read(begin) as (transaction, definitions):
            yield PipelineReader(transaction, definitions, self._stages)

    @asynccontextmanager
    async def _schedules(self, begin: str | None) -> AsyncIterator[ScheduleReader]:
        async with self._read(begin) as (transaction, definitions):
            yield ScheduleReader(transaction, definitions)

    @asynccontextmanager
    async def _groups(self) -> AsyncIterator[GroupReader]:
        async with self._read(READ_ONLY_SNAPSHOT) as (transaction, definitions):
            yield GroupReader(transaction, definitions)

    @asynccontextmanager
    async def _read(self, begin: str | None) -> AsyncIterator[tuple[SqlTransaction, DefinitionLoader]]:
        transaction = SqlTransaction(self._connections, begin)
        try:
            yield transaction, DefinitionLoader(transaction, self._cache)
        finally:
            await transaction.close()
