"""Parse the keys `schedules` and `expect` of a pipeline definition."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

from domain.errors import InvalidInput
from domain.pipelines.field_parser import FieldParser
from domain.schedules.definition import (
    DEFAULT_CATCH_UP_WINDOW,
    DEFAULT_GRACE,
    CatchUpPolicy,
    Expectation,
    OverlapPolicy,
    Recurrence,
    ScheduleDefinition,
)
from domain.schedules.local_times import parse_date, parse_end, parse_start
from domain.schedules.recurrence_parsing import RECURRENCE_KEYS, parse_instant, parse_recurrence
from domain.schedules.tick_parameters import find_tick_parameter_problems
from domain.schedules.zones import find_zone

MAX_SCHEDULES: Final = 20
MAX_JITTER: Final = 86_400.0
MAX_SKIPPED: Final = 500
SCHEDULE_KEYS: Final = RECURRENCE_KEYS | {"name", "start", "end", "skip", "jitter", "parameters", "catch_up", "catch_up_window", "overlap"}
TIMING_KEYS: Final = RECURRENCE_KEYS | {"start", "end", "skip", "jitter"}
EXPECTATION_KEYS: Final = RECURRENCE_KEYS - {"at"} | {"grace", "max_duration"}
_RANGE_KEYS: Final = ("start", "end", "skip")
Item = TypeVar("Item")


def parse_schedule(raw: Mapping[str, Any]) -> ScheduleDefinition:
    """Return a serialized schedule. Raises InvalidInput."""
    fields = FieldParser(raw, "")
    schedule = _parse_schedule(fields)
    if fields.problems:
        raise InvalidInput(fields.problems)
    return schedule


def parse_timing(fields: FieldParser) -> ScheduleDefinition:
    """Return a schedule without a name, and with the keys that decide its ticks only."""
    recurrence = parse_recurrence(fields)
    start, end = _parse_range(fields, recurrence)
    return ScheduleDefinition("", recurrence, start, end, _parse_skip(fields), _parse_jitter(fields, recurrence))


def restore_schedule(raw: Mapping[str, Any]) -> ScheduleDefinition:
    """Return a stored schedule without validating it again. Values that would be refused today are replaced by their defaults."""
    return _parse_schedule(FieldParser(raw, ""))


def restore_expectation(raw: Mapping[str, Any]) -> Expectation:
    """Return a stored expectation, as `restore_schedule` does."""
    return _parse_expectation(FieldParser(raw, ""))


def parse_schedules(pipeline: FieldParser, is_all_external: bool | None) -> tuple[ScheduleDefinition, ...]:
    """Return the schedules of a definition, and add its problems to those of the pipeline.

    `is_all_external` tells whether all stages are external; None if the stages are invalid.
    """
    schedules = _parse_items(pipeline, "schedules", _parse_schedule)
    if schedules and is_all_external:
        pipeline.add_problem("schedules", "requires a stage that Headgate starts; all stages are external, so use expect")
    names: set[str] = set()
    for index, schedule in enumerate(schedules):
        if schedule.name and schedule.name in names:
            pipeline.add_problem(f"schedules[{index}].name", f"another schedule has the name {schedule.name}")
        names.add(schedule.name)
    return schedules


def parse_expectations(pipeline: FieldParser, is_all_external: bool | None) -> tuple[Expectation, ...]:
    """Return the expectations of a definition, and add its problems to those of the pipeline."""
    expectations = _parse_items(pipeline, "expect", _parse_expectation)
    if expectations and is_all_external is False:
        pipeline.add_problem("expect", "requires all stages to be external; use schedules to start this pipeline")
    return expectations


def _parse_items(pipeline: FieldParser, key: str, parse: Callable[[FieldParser], Item]) -> tuple[Item, ...]:
    raw = pipeline.raw.get(key)
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > MAX_SCHEDULES:
        pipeline.add_problem(key, f"must be a list of at most {MAX_SCHEDULES} items")
        return ()
    items = []
    for index, item in enumerate(raw):
        if isinstance(item, Mapping):
            known = SCHEDULE_KEYS if key == "schedules" else EXPECTATION_KEYS
            fields = FieldParser(item, f"{key}[{index}].", pipeline.problems)
            fields.reject_unknown_keys(known)
            items.append(parse(fields))
        else:
            pipeline.add_problem(f"{key}[{index}]", "must be an object with the key cron or every")
    return tuple(items)


def _parse_schedule(fields: FieldParser) -> ScheduleDefinition:
    name = fields.parse_name("name")
    return replace(
        parse_timing(fields),
        name=name,
        parameters=_parse_parameters(fields),
        catch_up=fields.parse_choice("catch_up", CatchUpPolicy, CatchUpPolicy.LATEST) or CatchUpPolicy.LATEST,
        catch_up_window=fields.parse_duration("catch_up_window", DEFAULT_CATCH_UP_WINDOW),
        overlap=fields.parse_choice("overlap", OverlapPolicy, OverlapPolicy.SKIP) or OverlapPolicy.SKIP,
    )


def _parse_range(fields: FieldParser, recurrence: Recurrence) -> tuple[datetime | None, datetime | None]:
    zone = find_zone(recurrence.timezone) or UTC
    start = parse_instant(fields, "start", zone, parse_start, "must be a date or a time such as 2026-12-24 or 2026-12-24T18:00")
    end = parse_instant(fields, "end", zone, parse_end, "must be a date or a time such as 2026-12-24 or 2026-12-24T18:00")
    if start and end and end < start:
        fields.add_problem("end", "must not be before start")
    for key in _RANGE_KEYS:
        if fields.raw.get("at") is not None and fields.raw.get(key):
            fields.add_problem(key, "has no effect on a schedule with at; remove it")
    return start, end


def _parse_expectation(fields: FieldParser) -> Expectation:
    recurrence = parse_recurrence(fields, with_at=False)
    grace = fields.parse_duration("grace", DEFAULT_GRACE)
    has_limit = fields.raw.get("max_duration") is not None
    return Expectation(recurrence, grace, fields.parse_duration("max_duration", 0.0, above_zero=True) if has_limit else None)


def _parse_skip(fields: FieldParser) -> tuple[date, ...]:
    value = fields.raw.get("skip")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_SKIPPED:
        fields.add_problem("skip", f"must be a list of at most {MAX_SKIPPED} dates")
        return ()
    days = [parse_date(item) for item in value]
    for index, day in enumerate(days):
        if day is None:
            fields.add_problem(f"skip[{index}]", "must be a date such as 2026-12-25")
    return tuple(sorted({day for day in days if day is not None}))


def _parse_jitter(fields: FieldParser, recurrence: Recurrence) -> float:
    jitter = fields.parse_duration("jitter", 0.0)
    if jitter > MAX_JITTER:
        fields.add_problem("jitter", "must be at most 24h")
    elif recurrence.every is not None and jitter >= recurrence.every:
        fields.add_problem("jitter", "must be less than every")
    return jitter


def _parse_parameters(fields: FieldParser) -> Mapping[str, Any]:
    parameters = fields.parse_object("parameters") or {}
    if not fields.has_problem_in("parameters"):
        for path, problem in find_tick_parameter_problems(parameters, "parameters"):
            fields.add_problem(path, problem)
    return parameters
