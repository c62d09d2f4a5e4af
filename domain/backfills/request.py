"""A request for a backfill, and how its times and its schedule are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from domain.backfills.plan import MAX_PARALLEL, BackfillOrder, BackfillPlan, ExistingPolicy
from domain.errors import FieldProblem, InvalidInput
from domain.name_lists import MAX_CHOICES_NAMED, format_names
from domain.pipelines.field_parser import FieldParser
from domain.schedules.definition import DEFAULT_ZONE, Recurrence, ScheduleDefinition
from domain.schedules.local_times import parse_end, parse_start
from domain.schedules.recurrence_parsing import parse_recurrence
from domain.schedules.tick_parameters import find_tick_parameter_problems
from domain.schedules.ticks import get_zone

_TIME = "must be a date or a time, such as 2026-11-01 or 2026-11-01T06:00"


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """`since` and `until` are dates or times in the schedule's zone, both inclusive.

    Without `schedule` and `cron`, the pipeline's only schedule is meant. `timezone` belongs to `cron`. `parameters` replace those of the
    schedule, key by key.
    """

    since: str
    until: str
    schedule: str | None = None
    cron: str | None = None
    timezone: str | None = None
    order: BackfillOrder = BackfillOrder.OLDEST
    parallel: int = 1
    existing: ExistingPolicy = ExistingPolicy.SKIP
    parameters: Mapping[str, Any] = field(default_factory=dict)


def choose_schedule(request: BackfillRequest, schedules: tuple[ScheduleDefinition, ...]) -> ScheduleDefinition | None:
    """Return the definition of the ticks: a schedule of the pipeline, or one of the request's cron. None if there is no such schedule.

    Raises InvalidInput.
    """
    if request.cron is not None:
        if request.schedule is not None:
            raise InvalidInput.for_field("cron", "cannot be combined with schedule: write one of them")
        return ScheduleDefinition("", _parse_cron(request))
    if request.timezone is not None:
        raise InvalidInput.for_field("timezone", "belongs to cron")
    if request.schedule is None:
        if len(schedules) != 1:
            names = format_names([each.name for each in schedules], shown=MAX_CHOICES_NAMED, last="or")
            choice = f"write one of the pipeline's schedules: {names}" if schedules else "the pipeline has no schedule, so write cron"
            raise InvalidInput.for_field("schedule", f"is missing: {choice}")
        return schedules[0]
    return next((each for each in schedules if each.name == request.schedule), None)


def build_plan(request: BackfillRequest, schedule: ScheduleDefinition, schedule_id: int | None, now: datetime) -> BackfillPlan:
    """Return the plan of a request. Ticks later than now are ignored. Raises InvalidInput."""
    zone = get_zone(schedule.recurrence)
    since, until = _parse_range(request, zone)
    parameters = {**schedule.parameters, **request.parameters}
    problems = [FieldProblem(path, message) for path, message in find_tick_parameter_problems(request.parameters, "parameters")]
    if not 1 <= request.parallel <= MAX_PARALLEL:
        problems.append(FieldProblem("parallel", f"must be from 1 to {MAX_PARALLEL}"))
    if since > now:
        problems.append(FieldProblem("from", "must not be later than now"))
    if problems:
        raise InvalidInput(problems)
    return BackfillPlan(
        since=since,
        until=min(until, now),
        schedule_id=schedule_id,
        schedule=schedule.name if schedule_id is not None else None,
        cron=schedule.recurrence.cron if schedule_id is None else None,
        timezone=schedule.recurrence.timezone,
        order=request.order,
        parallel=request.parallel,
        existing=request.existing,
        parameters=parameters,
    )


def _parse_cron(request: BackfillRequest) -> Recurrence:
    fields = FieldParser({"cron": request.cron, "timezone": request.timezone or DEFAULT_ZONE}, "")
    recurrence = parse_recurrence(fields, with_at=False)
    if fields.problems:
        raise InvalidInput(fields.problems)
    return recurrence


def _parse_range(request: BackfillRequest, zone: tzinfo) -> tuple[datetime, datetime]:
    since, until = parse_start(request.since, zone), parse_end(request.until, zone)
    problems = [FieldProblem(name, _TIME) for name, at in (("from", since), ("to", until)) if at is None]
    if since is None or until is None:
        raise InvalidInput(problems)
    if until < since:
        raise InvalidInput.for_field("to", "must not be earlier than from")
    return since, until
