"""Parameters of a scheduled run: values of the tick replace objects such as `{tick: date, offset: -1d}`."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from domain.pipelines.durations import parse_duration
from domain.schedules.zones import to_instant, to_local

TICK_VALUES: Final = ("date", "datetime", "timestamp")
MAX_OFFSET: Final = 3_660 * 86_400.0
_KEYS: Final = frozenset({"tick", "offset"})
_DAY: Final = 86_400


def find_tick_parameter_problems(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for every object with the key `tick` that names no value of a tick."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from find_tick_parameter_problems(part, f"{path}[{index}]")
    elif isinstance(value, Mapping) and not _is_reference(value):
        for key, part in value.items():
            yield from find_tick_parameter_problems(part, f"{path}.{key}")
    elif isinstance(value, Mapping):
        if value["tick"] not in TICK_VALUES:
            yield f"{path}.tick", "must be one of " + ", ".join(TICK_VALUES)
        if _parse_offset(value.get("offset", 0)) is None:
            yield f"{path}.offset", "must be a duration such as -1d or 12h, at most ten years"


def resolve_tick_parameters(parameters: Mapping[str, Any], due_at: datetime, zone: tzinfo) -> dict[str, Any]:
    """Return the parameters of the run for a tick. `date` and `datetime` are in the zone; `timestamp` is in seconds since the epoch.

    The whole days of an offset are days of the calendar, and the rest is elapsed time.
    """
    return {key: _resolve(value, due_at, zone) for key, value in parameters.items()}


def _resolve(value: Any, due_at: datetime, zone: tzinfo) -> Any:
    if isinstance(value, list):
        return [_resolve(part, due_at, zone) for part in value]
    if not isinstance(value, Mapping):
        return value
    if not _is_reference(value):
        return {key: _resolve(part, due_at, zone) for key, part in value.items()}
    moved = _move(due_at, _parse_offset(value.get("offset", 0)) or 0.0, zone)
    match value["tick"]:
        case "date":
            return to_local(moved, zone).date().isoformat()
        case "datetime":
            return moved.astimezone(zone).isoformat(timespec="seconds")
        case _:
            return int(moved.timestamp())


def _move(due_at: datetime, offset: float, zone: tzinfo) -> datetime:
    days = int(offset / _DAY)
    moved = to_instant(to_local(due_at, zone) + timedelta(days=days), zone) if days else due_at
    return moved + timedelta(seconds=offset - days * _DAY)


def _is_reference(value: Mapping[str, Any]) -> bool:
    return "tick" in value and value.keys() <= _KEYS


def _parse_offset(value: object) -> float | None:
    if isinstance(value, str) and value.startswith("-"):
        seconds = parse_duration(value[1:])
        offset = None if seconds is None else -seconds
    else:
        offset = parse_duration(value)
    return offset if offset is not None and abs(offset) <= MAX_OFFSET else None
