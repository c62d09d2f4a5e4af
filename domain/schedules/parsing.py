"""Parse the keys `schedules` and `expect` of a pipeline definition."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final, TypeVar

from domain.errors import InvalidInput
from domain.pipelines.field_parser import MAX_SECONDS, FieldParser
from domain.schedules.cron_syntax import find_cron_syntax_problem
from domain.schedules.definition import (
    DEFAULT_CATCH_UP_WINDOW,
    DEFAULT_GRACE,
    DEFAULT_ZONE,
    CatchUpPolicy,
    Expectation,
    OverlapPolicy,
    Recurrence,
    ScheduleDefinition,
)
from domain.schedules.local_times import parse_date, parse_end, parse_start, parse_time
from domain.schedules.tick_parameters import find_tick_parameter_problems
from domain.schedules.zones import find_zone, find_zone_problem

MAX_SCHEDULES: Final = 20
MIN_INTERVAL: Final = 5.0
MAX_JITTER: Final = 86_400.0
MAX_SKIPPED: Final = 500
RECURRENCE_KEYS: Final = frozenset({"cron", "every", "offset", "at", "timezone"})
SCHEDULE_KEYS: Final = RECURRENCE_KEYS | {"name", "start", "end", "skip", "jitter", "parameters", "catch_up", "catch_up_window", "overlap"}
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


def parse_expectation(raw: Mapping[str, Any]) -> Expectation:
    """Return a serialized expectation. Raises InvalidInput."""
    fields = FieldParser(raw, "")
    expectation = _parse_expectation(fields)
    if fields.problems:
        raise InvalidInput(fields.problems)
    return expectation


def parse_schedules(pipeline: FieldParser, is_all_external: bool | None) -> tuple[ScheduleDefinition, ...]:
    """Return the schedules of a definition, and add its problems to those of the pipeline.

    `is_all_external` tells whether all stages are external; None if the stages are invalid.
    """
    schedules = _parse_items(pipeline, "schedules", _parse_schedule)
    if schedules and is_all_external:
        pipeline.add_problem("schedules", "needs a stage that Headgate starts; use expect, since all stages are external")
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
        pipeline.add_problem("expect", "is for pipelines whose stages are all external; use schedules to start this one")
    return expectations


def parse_recurrence(fields: FieldParser, with_at: bool = True) -> Recurrence:
    """Return when something happens: `cron`, or `every` with `offset`, or, if allowed, `at`; and the `timezone`."""
    zone_name, zone = _parse_zone(fields)
    allowed = ("cron", "every", "at") if with_at else ("cron", "every")
    given = [key for key in allowed if fields.raw.get(key) is not None]
    if len(given) != 1:
        _add_count_problem(fields, allowed, given)
        return Recurrence(timezone=zone_name)
    if fields.raw.get("offset") is not None and given != ["every"]:
        fields.add_problem("offset", "belongs to every")
    match given[0]:
        case "cron":
            return Recurrence(cron=_parse_cron(fields), timezone=zone_name)
        case "every":
            every = _parse_whole_seconds(fields, "every", MIN_INTERVAL, MAX_SECONDS)
            return Recurrence(every=every, offset=_parse_offset(fields, every), timezone=zone_name)
        case _:
            at = _parse_instant(fields, "at", zone, parse_time, "must be a date and a time such as 2026-12-24T18:00")
            return Recurrence(at=at, timezone=zone_name)


def _add_count_problem(fields: FieldParser, allowed: Sequence[str], given: Sequence[str]) -> None:
    names = ", ".join(allowed[:-1]) + f" or {allowed[-1]}"
    if given:
        fields.add_problem(given[1], f"cannot be combined with {given[0]}: write exactly one of {names}")
    else:
        fields.add_problem(allowed[0], f"is missing: write exactly one of {names}")


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
    recurrence = parse_recurrence(fields)
    zone = find_zone(recurrence.timezone) or UTC
    start = _parse_instant(fields, "start", zone, parse_start, "must be a date or a time such as 2026-12-24 or 2026-12-24T18:00")
    end = _parse_instant(fields, "end", zone, parse_end, "must be a date or a time such as 2026-12-24 or 2026-12-24T18:00")
    if start and end and end < start:
        fields.add_problem("end", "must not be before start")
    for key in _RANGE_KEYS:
        if fields.raw.get("at") is not None and fields.raw.get(key):
            fields.add_problem(key, "has no effect on a schedule with at: leave it out")
    return ScheduleDefinition(
        name=name,
        recurrence=recurrence,
        start=start,
        end=end,
        skip=_parse_skip(fields),
        jitter=_parse_jitter(fields, recurrence),
        parameters=_parse_parameters(fields),
        catch_up=fields.parse_choice("catch_up", CatchUpPolicy, CatchUpPolicy.LATEST) or CatchUpPolicy.LATEST,
        catch_up_window=fields.parse_duration("catch_up_window", DEFAULT_CATCH_UP_WINDOW),
        overlap=fields.parse_choice("overlap", OverlapPolicy, OverlapPolicy.SKIP) or OverlapPolicy.SKIP,
    )


def _parse_expectation(fields: FieldParser) -> Expectation:
    recurrence = parse_recurrence(fields, with_at=False)
    grace = fields.parse_duration("grace", DEFAULT_GRACE)
    has_limit = fields.raw.get("max_duration") is not None
    return Expectation(recurrence, grace, fields.parse_duration("max_duration", 0.0, above_zero=True) if has_limit else None)


def _parse_zone(fields: FieldParser) -> tuple[str, tzinfo]:
    name = fields.parse_text("timezone", DEFAULT_ZONE, 100)
    if problem := find_zone_problem(name):
        fields.add_problem("timezone", problem)
        return DEFAULT_ZONE, UTC
    return name, find_zone(name) or UTC


def _parse_cron(fields: FieldParser) -> str | None:
    written = fields.parse_text("cron", "", 4_096)
    if not isinstance(fields.raw.get("cron"), str):
        return None
    if problem := find_cron_syntax_problem(written):
        fields.add_problem("cron", problem)
        return None
    return " ".join(written.split())


def _parse_whole_seconds(fields: FieldParser, key: str, low: float, high: float) -> float | None:
    seconds = fields.parse_duration(key, low)
    if low <= seconds <= high and seconds.is_integer():
        return seconds
    fields.add_problem(key, f"must be whole seconds, at least {low:.0f} s")
    return None


def _parse_offset(fields: FieldParser, every: float | None) -> float:
    offset = fields.parse_duration("offset", 0.0) if fields.raw.get("offset") is not None else 0.0
    if not offset.is_integer() or (every is not None and offset >= every):
        fields.add_problem("offset", "must be whole seconds, less than every")
        return 0.0
    return offset


def _parse_instant(
    fields: FieldParser, key: str, zone: tzinfo, parse: Callable[[object, tzinfo], datetime | None], message: str
) -> datetime | None:
    value = fields.raw.get(key)
    instant = parse(value, zone) if value is not None else None
    if value is not None and instant is None:
        fields.add_problem(key, message)
    return instant


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
