"""Explain a day of a pipeline: why each expected run happened or not."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.ports.system.cron_expressions import CronExpressions
from application.queries.explain_day.clock_changes import add_shifts, list_apart
from application.queries.explain_day.entries import DayEntry, DayExplanation, ExplainedTicks
from application.queries.explain_day.excluded_times import explain_excluded, explain_other_day, explain_undefined
from application.queries.explain_day.expected_runs import explain_expected, find_judged_span
from application.queries.explain_day.joining import join_neighbours
from application.queries.explain_day.queued_runs import explain_queued
from application.queries.explain_day.recorded_ticks import explain_recorded
from application.queries.explain_day.sentences import describe_ticks
from application.queries.explain_day.situation import Situation
from application.queries.explain_day.timeline import Segment, build_segments
from application.queries.explain_day.unrecorded_ticks import explain_gap
from application.queries.explain_day.unscheduled_day import explain_unscheduled
from application.queries.views.pipelines import PipelineView, RevisionView
from application.queries.views.runs import RunTimes
from application.queries.views.ticks import TickGroup, TickWindow
from domain.pipelines.definition import PipelineDefinition
from domain.schedules.definition import Expectation, ScheduleDefinition
from domain.schedules.shifted_times import ShiftedTimes, find_shifted_times
from domain.schedules.ticks import get_zone
from domain.schedules.zones import to_local

MAX_REVISIONS: Final = 20
"""Revisions within a day that are regarded: the last ones."""
MAX_GROUPS: Final = 100
"""Entries of a schedule. With more, its ticks are joined by the hour."""
MAX_RUNS: Final = 20_000
_LONGEST_OFFSET: Final = timedelta(hours=26)
"""No zone is further from UTC; days before a clock change are longer than others."""
Schedules = Sequence[Sequence[Segment[ScheduleDefinition]]]
Expectations = Sequence[Sequence[Segment[Expectation]]]


@dataclass(frozen=True, slots=True)
class ExplainDay:
    """Return what became of each expected run of a day. Days are those of each schedule's zone.

    `ledger_days` is the number of days that ticks are kept; 0 means for ever.
    """

    reader: Reader
    cron_expressions: CronExpressions
    clock: Clock
    ledger_days: float = 0.0

    def get_today(self, pipeline: PipelineView) -> date:
        """Return the present date in the zone of the pipeline's first schedule or expectation; in UTC without any."""
        definition = pipeline.definition
        recurrences = [*(each.recurrence for each in definition.schedules), *(each.recurrence for each in definition.expect)]
        first = next(iter(recurrences), None)
        return to_local(self.clock.now(), get_zone(first) if first is not None else UTC).date()

    async def __call__(self, pipeline: PipelineView, day: date) -> DayExplanation:
        now = self.clock.now()
        revisions = await self._load_revisions(pipeline, day)
        situation = await self._load_situation(pipeline, now)
        schedules = build_segments(revisions, _get_schedules, lambda item: get_zone(item.recurrence), day)
        expectations = build_segments(revisions, _get_expectations, lambda item: get_zone(item.recurrence), day)
        shifts = await asyncio.to_thread(self._find_shifts, schedules, day)
        groups = await self._load_groups(pipeline, schedules, shifts)
        found = await asyncio.to_thread(_explain_schedules, schedules, groups, shifts, situation)
        found += await self._explain_expectations(pipeline, expectations, situation)
        if not any(schedules) and not any(expectations):
            found.append(await explain_unscheduled(self.reader, pipeline, day, now))
        entries = await self._describe(await explain_queued(self.reader, found), now)
        return DayExplanation(pipeline.id, pipeline.name, day, self.get_today(pipeline), entries)

    async def _load_revisions(self, pipeline: PipelineView, day: date) -> Sequence[RevisionView]:
        """Return the revisions that were in force on the day, anywhere on earth. Of very many, the first one stands for those before it."""
        start = datetime.combine(day, time.min, UTC)
        if pipeline.updated_at <= start - _LONGEST_OFFSET:
            return [RevisionView(pipeline.revision, pipeline.definition, pipeline.updated_at)]
        since, until = start - _LONGEST_OFFSET, start + timedelta(days=1) + _LONGEST_OFFSET
        found = await self.reader.revisions_between(pipeline.id, since, until, limit=MAX_REVISIONS)
        if len(found) < MAX_REVISIONS or found[0].revision == 1:
            return found
        return [replace(found[0], created_at=min(found[0].created_at, since)), *found[1:]]

    async def _load_situation(self, pipeline: PipelineView, now: datetime) -> Situation:
        views = await self.reader.schedules(pipeline.id) if pipeline.definition.schedules else []
        kept_since = now - timedelta(days=self.ledger_days) if self.ledger_days > 0 else None
        schedules = {view.name: view for view in views}
        return Situation(pipeline.id, now, pipeline.activation, schedules, kept_since, self.cron_expressions.iterate)

    def _find_shifts(self, schedules: Schedules, day: date) -> list[list[list[ShiftedTimes]]]:
        """Return what clock changes did to the times of each segment."""
        iterate = self.cron_expressions.iterate
        return [
            [_select_shifts(each, find_shifted_times(each.item.recurrence, day, iterate)) for each in segments] for segments in schedules
        ]

    async def _load_groups(
        self, pipeline: PipelineView, schedules: Schedules, shifts: Sequence[Sequence[Sequence[ShiftedTimes]]]
    ) -> Sequence[TickGroup]:
        windows = [
            TickWindow(
                segment.item.name, segment.since, segment.recorded_until, [each.ticks[0] for each in list_apart(shifts[row][column])]
            )
            for row, segments in enumerate(schedules)
            for column, segment in enumerate(segments)
        ]
        return await self.reader.tick_groups(pipeline.id, windows, MAX_GROUPS) if windows else []

    async def _explain_expectations(self, pipeline: PipelineView, expectations: Expectations, situation: Situation) -> list[ExplainedTicks]:
        segments = [segment for each in expectations for segment in each]
        if not segments:
            return []
        spans = [find_judged_span(segment, situation) for segment in segments]
        since, until = min(first for first, _ in spans) - timedelta(days=1), max(last for _, last in spans)
        runs = await self.reader.run_times_between(pipeline.id, since, until, MAX_RUNS)
        explain = self.cron_expressions.explain

        def explain_all() -> list[ExplainedTicks]:
            return [entry for segment in segments for entry in explain_expected(segment, runs, situation, explain)]

        return await asyncio.to_thread(explain_all)

    async def _describe(self, found: Iterable[ExplainedTicks], now: datetime) -> list[DayEntry]:
        ordered = sorted(found, key=lambda each: (each.start, each.end, each.source))
        named = {each.blocked_by for each in ordered if each.blocked_by is not None}
        named |= {run_id for each in ordered if each.count == 1 for run_id in each.run_ids}
        runs: dict[int, RunTimes] = {run.id: run for run in await self.reader.run_times(sorted(named))} if named else {}
        return [DayEntry(each, describe_ticks(each, runs, now), _list_named(each, runs)) for each in ordered]


def _list_named(ticks: ExplainedTicks, runs: Mapping[int, RunTimes]) -> dict[int, int]:
    """Return the ids of the runs that the sentence about the ticks names, by number."""
    return {run.number: run.id for run_id in (*ticks.run_ids, ticks.blocked_by) if (run := runs.get(run_id or 0)) is not None}


def _explain_schedules(
    schedules: Schedules, groups: Sequence[TickGroup], shifts: Sequence[Sequence[Sequence[ShiftedTimes]]], situation: Situation
) -> list[ExplainedTicks]:
    found: list[ExplainedTicks] = []
    window = 0
    for row, segments in enumerate(schedules):
        entries: list[ExplainedTicks] = list(explain_undefined(segments, situation))
        for column, segment in enumerate(segments):
            own = [group for group in groups if group.window == window]
            entries += _explain_segment(segment, own, shifts[row][column], situation)
            window += 1
        found += join_neighbours(entries) or [explain_other_day(segments[-1], situation)]
    return found


def _explain_segment(
    segment: Segment[ScheduleDefinition], groups: Sequence[TickGroup], shifts: Sequence[ShiftedTimes], situation: Situation
) -> list[ExplainedTicks]:
    entries, gaps = explain_recorded(segment, groups, situation)
    apart = tuple(each.ticks[0] for each in list_apart(shifts))
    entries += [entry for gap in gaps for entry in explain_gap(segment, gap, apart, situation)]
    return [*add_shifts(segment, entries, shifts), *explain_excluded(segment, situation)]


def _select_shifts(segment: Segment[ScheduleDefinition], shifts: Sequence[ShiftedTimes]) -> list[ShiftedTimes]:
    """Return the shifts at clock changes of the segment, unless the definition excludes them."""
    schedule, day = segment.item, segment.day
    if day.day in schedule.skip:
        return []
    return [
        shift
        for shift in shifts
        if (segment.since <= shift.change.at < segment.until or segment.until == day.end <= shift.change.at)
        and (schedule.start is None or schedule.start <= shift.change.at)
        and (schedule.end is None or shift.change.at <= schedule.end)
    ]


def _get_schedules(definition: PipelineDefinition) -> dict[object, ScheduleDefinition]:
    return {schedule.name: schedule for schedule in definition.schedules}


def _get_expectations(definition: PipelineDefinition) -> dict[object, Expectation]:
    return {expectation: expectation for expectation in definition.expect}
