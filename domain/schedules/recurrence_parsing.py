"""Parse when something happens: `cron`, `every` or `at`, and the time zone."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from domain.pipelines.field_parser import MAX_SECONDS, FieldParser
from domain.schedules.cron_syntax import find_cron_syntax_problem
from domain.schedules.definition import DEFAULT_ZONE, Recurrence
from domain.schedules.local_times import parse_time
from domain.schedules.zones import find_zone, find_zone_problem

MIN_INTERVAL: Final = 5.0
RECURRENCE_KEYS: Final = frozenset({"cron", "every", "offset", "at", "timezone"})


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
            at = parse_instant(fields, "at", zone, parse_time, "must be a date and a time such as 2026-12-24T18:00")
            return Recurrence(at=at, timezone=zone_name)


def parse_instant(
    fields: FieldParser, key: str, zone: tzinfo, parse: Callable[[object, tzinfo], datetime | None], message: str
) -> datetime | None:
    """Return the instant of a local time; None if the key is absent or invalid."""
    value = fields.raw.get(key)
    instant = parse(value, zone) if value is not None else None
    if value is not None and instant is None:
        fields.add_problem(key, message)
    return instant


def _add_count_problem(fields: FieldParser, allowed: Sequence[str], given: Sequence[str]) -> None:
    names = ", ".join(allowed[:-1]) + f" or {allowed[-1]}"
    if given:
        fields.add_problem(given[1], f"cannot be combined with {given[0]}: write exactly one of {names}")
    else:
        fields.add_problem(allowed[0], f"is missing: write exactly one of {names}")


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
