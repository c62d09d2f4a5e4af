"""The reader of committed rows in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import Unpack

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
from application.queries.views.runs import RunBar, RunStateVersion, RunTimes, RunView
from application.queries.views.schedules import ScheduleView, TickCount, TickView
from application.queries.views.ticks import TickGroup, TickWindow
from application.queries.views.workers import QueueView, WorkerTokenView, WorkerView
from domain.alerts.incident import IncidentState
from domain.backfills.tick import BackfillTickState
from domain.pipelines.revision_origin import UNKNOWN_ORIGIN
from domain.runs.attempt import Attempt
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.run_name import RunName
from domain.runs.status import Reason, Status
from domain.schedules.tick import TickState
from tests.fakes.persistence import FakeStore
from tests.fakes.persistence.store import DispatchRow, PipelineRow, Tables, WorkerRow
from tests.fakes.queries import alert_views
from tests.fakes.queries.backfill_views import list_backfill_ticks, list_backfills, take_first
from tests.fakes.queries.group_views import find_group, list_full_buckets, list_groups
from tests.fakes.queries.run_views import run_view
from tests.fakes.queries.schedule_views import get_next_run, list_schedules, list_ticks
from tests.fakes.queries.tick_groups import list_tick_groups

RECENT = 20


class FakeReader:
    """Raise Unavailable while the store is down."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def pipelines(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineView]:
        rows = [row for row in self._rows(archived) if _is_between(row.id, above, below)]
        page = rows[skip : skip + limit] if below is None else rows[::-1][skip : skip + limit][::-1]
        return [self._pipeline(row) for row in page]

    async def pipeline_state_versions(
        self,
        skip: int,
        limit: int,
        *,
        above: int | None = None,
        below: int | None = None,
        archived: ArchivedFilter = ArchivedFilter.EXCLUDE,
    ) -> list[PipelineStateVersion]:
        found = await self.pipelines(skip, limit, above=above, below=below, archived=archived)
        latest = [(view, view.latest) for view in found]
        return [
            PipelineStateVersion(view.id, view.revision, run.id if run else 0, run.last_seq if run else 0, view.activation.changes)
            for view, run in latest
        ]

    async def get_pipelines_by_id(self, ids: Sequence[int]) -> list[PipelineView]:
        return [self._pipeline(row) for row in self._rows() if row.id in ids]

    async def pipeline(self, ref: PipelineRef) -> PipelineView | None:
        found = next((row for row in self._rows() if ref in (row.id, row.name)), None)
        if found is None and isinstance(ref, str):
            owner = self._tables.aliases.get(ref)
            found = next((row for row in self._rows() if row.id == owner), None)
        return self._pipeline(found) if found else None

    async def pipeline_names(self, part: str, limit: int) -> list[tuple[int, str]]:
        matching = sorted((row.name, row.id) for row in self._rows() if part.lower() in row.name.lower())
        return [(id, name) for name, id in matching[:limit]]

    async def revisions(self, pipeline_id: int, *, limit: int, newest: int | None = None) -> list[RevisionView]:
        numbers = (number for id, number in self._tables.revisions if id == pipeline_id and (newest is None or number <= newest))
        return [self._revision(pipeline_id, number) for number in sorted(numbers, reverse=True)[:limit]]

    async def revisions_numbered(self, pipeline_id: int, numbers: Collection[int]) -> list[RevisionView]:
        found = (number for id, number in self._tables.revisions if id == pipeline_id and number in numbers)
        return [self._revision(pipeline_id, number) for number in sorted(found, reverse=True)]

    async def revision(self, pipeline_id: int, number: int) -> RevisionWithSource | None:
        if (pipeline_id, number) not in self._tables.revisions:
            return None
        view, origin = self._revision(pipeline_id, number), self._tables.origins.get((pipeline_id, number), UNKNOWN_ORIGIN)
        return RevisionWithSource(number, view.definition, view.created_at, view.created_by, view.restored_from, origin.source)

    async def revisions_between(self, pipeline_id: int, since: datetime, until: datetime, *, limit: int) -> list[RevisionView]:
        numbers = sorted(number for id, number in self._tables.revisions if id == pipeline_id)
        found = [view for view in (self._revision(pipeline_id, number) for number in numbers) if view.created_at < until]
        before = [view for view in found if view.created_at <= since]
        return [*before[-1:], *(view for view in found if view.created_at > since)][-limit:]

    async def board(self, archived: ArchivedFilter = ArchivedFilter.EXCLUDE) -> list[BoardRow]:
        rows = sorted(self._rows(archived), key=lambda row: row.name)
        return [
            BoardRow(self._pipeline(row), [_bar(run) for run in reversed(self._recent(row.id))], *get_next_run(self._tables, row.id))
            for row in rows
        ]

    async def runs(self, **asked: Unpack[RunListQuery]) -> list[RunView]:
        found = [
            run
            for run in self._newest_first()
            if asked["pipeline_id"] in (None, run.pipeline_id)
            and asked["status"] in (None, run.status)
            and _is_between(run.id, asked.get("above"), asked.get("below"))
            and ((only := asked.get("pipeline_ids")) is None or run.pipeline_id in only)
            and asked.get("trigger") in (None, run.trigger.kind)
            and _is_opened_within(run, asked.get("since"), asked.get("until"))
        ]
        place = slice(asked["skip"], asked["skip"] + asked["limit"])
        page = found[place] if asked.get("above") is None else found[::-1][place][::-1]
        return [run_view(self._tables, run) for run in page]

    async def run_state_versions(self, **asked: Unpack[RunListQuery]) -> list[RunStateVersion]:
        found = await self.runs(**asked)
        return [RunStateVersion(run.id, run.last_seq, run.pipeline, ",".join(run.flow_run_ids)) for run in found]

    async def get_runs_by_id(self, ids: Sequence[int]) -> list[RunView]:
        return [run_view(self._tables, run) for run in self._newest_first() if run.id in ids]

    async def run_times(self, ids: Sequence[int]) -> list[RunTimes]:
        return [_run_times(run) for run in self._newest_first() if run.id in ids]

    async def run_times_between(self, pipeline_id: int, since: datetime, until: datetime, limit: int) -> list[RunTimes]:
        runs = [run for run in self._newest_first() if run.pipeline_id == pipeline_id and _is_opened_within(run, since, until)]
        return [_run_times(run) for run in runs[:limit][::-1]]

    async def waiting_runs(self, limit: int) -> list[RunView]:
        found = [run for run in reversed(self._newest_first()) if any(_waits_for_action(stage.current) for stage in run.stages.values())]
        return [run_view(self._tables, run) for run in found[:limit]]

    async def failures(self, pipeline_id: int, runs: int) -> list[FailureView]:
        ever = [run for run in self._newest_first() if run.pipeline_id == pipeline_id]
        all_groups, recent = _group_failures(ever), _group_failures(ever[:runs])
        found = [_failure(*key, failures, _first(all_groups[key])) for key, failures in recent.items()]
        return sorted(found, key=lambda failure: failure.last_at, reverse=True)[:100]

    async def first_seen(self, pipeline_id: int, stage: str, fingerprint: str) -> FirstOccurrence | None:
        found = _group_failures([run for run in self._newest_first() if run.pipeline_id == pipeline_id]).get((fingerprint, stage))
        return _first(found) if found else None

    async def past_decisions(self, pipeline_id: int, stage: str, *, before: int, limit: int) -> list[PastDecision]:
        runs = [run for run in self._newest_first() if run.pipeline_id == pipeline_id and run.id < before][:100]
        found = [
            PastDecision(run.id, run.number, bool(event.data["approved"]), event.actor, event.data.get("message"), event.at)
            for run in runs
            for event in reversed(self._events(run.id))
            if event.type is EventType.STAGE_DECIDED and event.stage == stage
        ]
        return found[:limit]

    async def run(self, run_id: int) -> RunView | None:
        run = self._tables.runs.get(run_id)
        return run_view(self._tables, run) if run else None

    async def find_run_id(self, name: RunName) -> int | None:
        return (await self.find_run_ids([name])).get(name)

    async def find_run_ids(self, names: Collection[RunName]) -> Mapping[RunName, int]:
        pipelines = dict(self._tables.aliases) | {row.name: row.id for row in self._rows()}
        runs = {(run.pipeline_id, run.number): run.id for run in self._tables.runs.values()}
        places = {name: (pipelines.get(name.pipeline, 0), name.number) for name in names}
        return {name: runs[place] for name, place in places.items() if place in runs}

    async def events(self, run_id: int, after: int, limit: int) -> list[EventView]:
        return [event for event in self._events(run_id) if event.seq > after][:limit]

    async def newest_events(self, run_id: int, limit: int) -> list[EventView]:
        return self._events(run_id)[::-1][:limit]

    async def log(self, run_id: int, *, stage: str | None, attempt: int | None, after: int, limit: int) -> list[LogLineView]:
        lines = self._lines(run_id, stage)
        return [line for line in lines if line.n > after and attempt in (None, line.attempt)][:limit]

    async def unfinished_lines(self, run_id: int, line_filter: LogFilter, after: int) -> list[LogLineView]:
        if after > len(self._lines(run_id, None)):
            return []
        return [
            LogLineView(after, line.at, line.stream, text, stage, attempt, is_unfinished=True)
            for (run, stage, attempt), unfinished in sorted(self._tables.log_unfinished.items())
            for line in unfinished.lines
            if run == run_id and line_filter.text is None and line_filter.selects(stage, attempt, line.stream)
            for text in line.text.split("\n")
        ]

    async def log_window(
        self, run_id: int, log_filter: LogFilter, *, limit: int, above: int = 0, below: int | None = None, last: bool = False
    ) -> list[LogLineView]:
        found = [
            line
            for line in self._lines(run_id, log_filter.stage)
            if line.n > above
            and (below is None or line.n < below)
            and log_filter.attempt in (None, line.attempt)
            and log_filter.stream in (None, line.stream)
            and (log_filter.text is None or log_filter.text.lower() in line.plain_text.lower())
        ]
        return found[max(0, len(found) - limit) :] if last else found[:limit]

    async def workers(self, pool: str | None, within_seconds: float) -> list[WorkerView]:
        now = self._store.clock.now()
        return [
            self._to_worker_view(row)
            for row in sorted(self._tables.workers.values(), key=lambda row: row.worker.name)
            if pool in (None, row.worker.pool) and (now - row.seen_at).total_seconds() <= within_seconds
        ]

    def _to_worker_view(self, row: WorkerRow) -> WorkerView:
        worker = row.worker
        found = next((token for token in self._tables.api_tokens.values() if token.id == worker.token_id), None)
        token = WorkerTokenView(found.name, found.expires_at, found.revoked_at) if found else None
        return WorkerView(worker.id, worker.name, worker.pool, worker.slots, worker.free, row.seen_at, token)

    async def queue(self, pool: str, within_seconds: float, limit: int) -> QueueView:
        unclaimed = [(run_id, row) for (run_id, _), row in self._tables.dispatches.items() if row.pool == pool and _is_unclaimed(row)]
        ordered = sorted((-row.priority, row.requested_at, run_id) for run_id, row in unclaimed)
        return QueueView(await self.workers(pool, within_seconds), [run_id for *_, run_id in ordered[:limit]])

    async def backfills(
        self, limit: int, *, pipeline_id: int | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillView]:
        found = [view for view in list_backfills(self._tables, pipeline_id) if _is_between(view.id, above, below)]
        return take_first(found, limit, from_end=above is not None)

    async def backfill(self, backfill_id: int) -> BackfillView | None:
        return next((view for view in list_backfills(self._tables) if view.id == backfill_id), None)

    async def backfill_ticks(
        self, backfill_id: int, limit: int, *, state: BackfillTickState | None = None, above: int | None = None, below: int | None = None
    ) -> list[BackfillTickView]:
        ticks = list_backfill_ticks(self._tables, backfill_id, state)
        found = [tick for tick in ticks if _is_between(tick.position, above, below)]
        return take_first(found, limit, from_end=below is not None)

    async def stage_times(self, pipeline_id: int) -> list[StageTimes]:
        times: dict[str, list[float]] = {}
        for run in self._recent(pipeline_id):
            for stage in run.stages.values():
                for attempt in stage.attempts:
                    if attempt.status is Status.COMPLETED and attempt.started_at and attempt.finished_at:
                        times.setdefault(stage.name, []).append((attempt.finished_at - attempt.started_at).total_seconds())
        return [StageTimes(name, median(taken), _percentile(taken, 0.95), len(taken)) for name, taken in sorted(times.items())]

    async def schedules(self, pipeline_id: int) -> list[ScheduleView]:
        return [view for view in list_schedules(self._tables) if view.pipeline_id == pipeline_id]

    async def upcoming_schedules(self, until: datetime, limit: int) -> list[ScheduleView]:
        upcoming = [(view.next_run_at, view.id, view) for view in list_schedules(self._tables) if view.next_run_at is not None]
        return [view for at, _, view in sorted(upcoming) if at < until][:limit]

    async def recent_ticks(self, schedule_ids: Sequence[int], limit: int) -> list[TickView]:
        ticks = sorted(self._ticks(), key=lambda tick: tick.due_at)
        return [tick for id in sorted(schedule_ids) for tick in [each for each in ticks if each.schedule_id == id][-limit:]]

    async def ticks(self, **asked: Unpack[TickListQuery]) -> list[TickView]:
        found = [
            tick
            for tick in sorted(self._ticks(), key=lambda tick: -tick.id)
            if asked.get("pipeline_id") in (None, tick.pipeline_id)
            and asked.get("state") in (None, tick.state)
            and ((since := asked.get("since")) is None or tick.due_at >= since)
            and ((until := asked.get("until")) is None or tick.due_at < until)
            and _is_between(tick.id, asked.get("above"), asked.get("below"))
        ]
        return found[: asked["limit"]] if asked.get("above") is None else found[max(0, len(found) - asked["limit"]) :]

    async def tick_counts(self, since: datetime, until: datetime, step: timedelta, limit: int) -> list[TickCount]:
        due = sorted((tick for tick in self._ticks() if since <= tick.due_at < until), key=lambda tick: tick.due_at)[-limit:]
        counts: Counter[tuple[str, int, datetime, TickState, Status | None]] = Counter()
        for tick in due:
            start = since + (tick.due_at - since) // step * step
            counts[tick.pipeline, tick.pipeline_id, start, tick.state, tick.run_status] += tick.count
        ordered = sorted(counts.items(), key=lambda item: item[0][:3])
        return [TickCount(id, name, start, state, status, count) for (name, id, start, state, status), count in ordered]

    async def applied_files(
        self, *, source: str | None = None, pipeline_id: int | None = None, skip: int = 0, limit: int
    ) -> list[AppliedFileView]:
        rows = (row for _, row in sorted(self._tables.pipelines.items()) if row.deleting_at is None and row.applied is not None)
        views = [_to_applied_file_view(self._tables, row) for row in rows if pipeline_id in (None, row.id)]
        return [view for view in views if source in (None, view.applied.file.source)][skip : skip + limit]

    async def groups(self, *, limit: int, after: str | None = None) -> list[GroupView]:
        return [group for group in list_groups(self._tables) if after is None or group.name > after][:limit]

    async def group(self, name: str, *, holders: int, waiting: int) -> GroupDetailView | None:
        return find_group(self._tables, name, holders, waiting)

    async def slot_waits(self, run_id: int) -> list[FullBucketView]:
        return list_full_buckets(self._tables, run_id)

    async def tick_groups(self, pipeline_id: int, windows: Sequence[TickWindow], limit: int) -> list[TickGroup]:
        self._store.require_up()
        return list_tick_groups(self._store, pipeline_id, windows, limit)

    async def incidents(
        self, limit: int, *, states: Collection[IncidentState] = (), pipeline_id: int | None = None, before: int | None = None
    ) -> list[IncidentView]:
        found = alert_views.list_incidents(self._tables, states)
        return [view for view in found if pipeline_id in (None, view.pipeline_id) and _is_between(view.id, None, before)][:limit]

    async def incident(self, incident_id: int) -> IncidentDetailView | None:
        return alert_views.find_incident(self._tables, incident_id)

    async def open_incidents(self, limit: int) -> OpenIncidentsView:
        return alert_views.get_open_incidents(self._tables, limit, self._store.clock.now())

    async def run_incidents(self, run_id: int, limit: int) -> list[IncidentView]:
        return alert_views.list_run_incidents(self._tables, run_id)[:limit]

    async def channels(self) -> list[ChannelView]:
        return alert_views.list_channels(self._tables)

    async def channel(self, name: str) -> ChannelView | None:
        return next((view for view in alert_views.list_channels(self._tables) if view.name == name), None)

    async def deliveries(self, channel: str, limit: int, *, before: int | None = None) -> list[DeliveryView]:
        found = alert_views.list_deliveries(self._tables, channel)
        return [view for view in found if _is_between(view.id, None, before)][:limit]

    async def silences(
        self, now: datetime, *, include_ended: bool = False, limit: int = 200, before: int | None = None
    ) -> list[SilenceView]:
        found = alert_views.list_silences(self._tables, now, include_ended=include_ended)
        return [view for view in found if _is_between(view.id, None, before)][:limit]

    async def silence(self, silence_id: int) -> SilenceView | None:
        found = alert_views.list_silences(self._tables, self._store.clock.now(), include_ended=True)
        return next((view for view in found if view.id == silence_id), None)

    async def alert_rule(self, name: str) -> AlertRuleView | None:
        return next((view for view in alert_views.list_alert_rules(self._tables) if view.name == name), None)

    async def alert_rules(self) -> list[AlertRuleView]:
        return alert_views.list_alert_rules(self._tables)

    async def find_problem(self) -> StoreProblem | None:
        return StoreProblem.DOWN if self._store.is_down else None

    async def is_ready(self) -> bool:
        return not self._store.is_down

    @property
    def _tables(self) -> Tables:
        self._store.require_up()
        return self._store.committed

    def _ticks(self) -> list[TickView]:
        """Return the ticks of pipelines that are not deleted."""
        pipelines = self._tables.pipelines
        return [tick for tick in list_ticks(self._store) if pipelines[tick.pipeline_id].deleting_at is None]

    def _newest_first(self) -> list[Run]:
        return sorted(self._tables.runs.values(), key=lambda run: run.id, reverse=True)

    def _recent(self, pipeline_id: int) -> list[Run]:
        runs = [run for run in self._tables.runs.values() if run.pipeline_id == pipeline_id]
        return sorted(runs, key=lambda run: run.id, reverse=True)[:RECENT]

    def _events(self, run_id: int) -> list[EventView]:
        return [event for _, event in sorted(item for item in self._tables.events.items() if item[0][0] == run_id)]

    def _lines(self, run_id: int, stage: str | None) -> list[LogLineView]:
        lines = sorted(item for item in self._tables.log_lines.items() if item[0][0] == run_id)
        return [line for _, line in lines if stage in (None, line.stage)]

    def _revision(self, pipeline_id: int, number: int) -> RevisionView:
        key = (pipeline_id, number)
        origin = self._tables.origins.get(key, UNKNOWN_ORIGIN)
        definition = self._tables.revisions[key]
        return RevisionView(number, definition, self._tables.revised_at[key], origin.created_by, origin.restored_from)

    def _pipeline(self, row: PipelineRow) -> PipelineView:
        definition = self._tables.revisions[row.id, row.revision]
        latest = next(iter(self._recent(row.id)), None)
        view = run_view(self._tables, latest) if latest else None
        return PipelineView(row.id, row.revision, definition, row.created_at, row.updated_at, view, row.activation)

    def _rows(self, archived: ArchivedFilter = ArchivedFilter.INCLUDE) -> list[PipelineRow]:
        """Return the pipelines that are not deleted, by id."""
        rows = sorted((row for row in self._tables.pipelines.values() if row.deleting_at is None), key=lambda row: row.id)
        if archived is ArchivedFilter.INCLUDE:
            return rows
        return [row for row in rows if row.activation.is_archived is (archived is ArchivedFilter.ONLY)]


def _is_opened_within(run: Run, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or run.created_at >= since) and (until is None or run.created_at < until)


def _is_between(id: int, above: int | None, below: int | None) -> bool:
    return (above is None or id > above) and (below is None or id < below)


def _is_unclaimed(row: DispatchRow) -> bool:
    return not row.is_claimed and row.ended_at is None


def _bar(run: Run) -> RunBar:
    return RunBar(run.id, run.number, run.status, *_get_times(run))


def _run_times(run: Run) -> RunTimes:
    return RunTimes(run.id, run.number, run.status, run.trigger.kind, *_get_times(run))


def _get_times(run: Run) -> tuple[datetime, datetime | None, datetime | None, float, datetime | None]:
    return run.created_at, run.started_at, run.finished_at, run.idle_seconds, run.idle_since


def _percentile(values: Sequence[float], share: float) -> float:
    """Interpolate between the two nearest values, as PostgreSQL's percentile_cont does."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)


def _waits_for_action(attempt: Attempt) -> bool:
    reasons = (Reason.APPROVAL, Reason.EXTERNAL, Reason.PAUSED)
    return attempt.status is Status.WAITING and attempt.reason in reasons and attempt.deadline_at is not None


def _group_failures(runs: Sequence[Run]) -> dict[tuple[str, str], list[tuple[Attempt, Run]]]:
    groups: dict[tuple[str, str], list[tuple[Attempt, Run]]] = {}
    for run in runs:
        for stage in run.stages.values():
            for attempt in stage.attempts:
                if attempt.fingerprint is not None:
                    groups.setdefault((attempt.fingerprint, stage.name), []).append((attempt, run))
    return groups


def _first(found: Sequence[tuple[Attempt, Run]]) -> FirstOccurrence:
    attempt, run = min(found, key=lambda each: (each[0].finished_at or each[0].created_at, each[1].id))
    return FirstOccurrence(run.id, run.number, attempt.finished_at or attempt.created_at)


def _failure(fingerprint: str, stage: str, found: Sequence[tuple[Attempt, Run]], first: FirstOccurrence) -> FailureView:
    ends = sorted(((attempt.finished_at or run.created_at, attempt.error_message or "") for attempt, run in found), reverse=True)
    runs = sorted({(run.id, run.number) for _, run in found}, reverse=True)
    return FailureView(fingerprint, stage, ends[0][1], len(runs), first.at, ends[0][0], runs[:10], (first.run_id, first.number))


def _to_applied_file_view(tables: Tables, row: PipelineRow) -> AppliedFileView:
    assert row.applied is not None
    newest = row.id, row.revision
    author = tables.origins.get(newest, UNKNOWN_ORIGIN).created_by
    view = AppliedFileView(row.id, row.name, row.applied, row.revision, is_archived=row.activation.archived_at is not None)
    return replace(view, changed_at=tables.revised_at[newest], changed_by=author) if view.has_drifted else view
