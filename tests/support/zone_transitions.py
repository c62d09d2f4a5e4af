"""The clock changes of the installed tzdata, read from its files (RFC 9636) and not through `zoneinfo`."""

import re
import struct
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import available_timezones

_HEADER = 44
_NAME = r"(?:<[^>]+>|[A-Za-z]+)"
_TIME = r"[+-]?\d+(?::\d+)*"
_RULE = re.compile(rf"{_NAME}({_TIME}){_NAME}({_TIME})?,M(\d+)\.(\d)\.(\d)(?:/({_TIME}))?,M(\d+)\.(\d)\.(\d)(?:/({_TIME}))?")


@dataclass(frozen=True)
class Transition:
    """An instant at which a zone's offset changes from `before` to `after`."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def shift(self) -> timedelta:
        """Return how far the clocks go forward; negative if they go back."""
        return self.after - self.before

    @property
    def shown_before(self) -> datetime:
        """Return what the clocks would show without the change."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def shown_after(self) -> datetime:
        return (self.at + self.after).replace(tzinfo=None)

    def __str__(self) -> str:
        return f"{self.zone} {self.at:%Y-%m-%d}"


@cache
def list_distinct_zones() -> list[str]:
    """Return one name of each zone: other names for the same rules are left out."""
    by_content: dict[bytes, str] = {}
    for name in sorted(available_timezones()):
        by_content.setdefault(_read_file(name), name)
    return sorted(by_content.values())


@cache
def list_transitions(first_year: int, last_year: int) -> list[Transition]:
    """Return the changes of offset in these years, in all distinct zones."""
    return [change for name in list_distinct_zones() for change in _list_changes(name, last_year) if change.at.year >= first_year]


def _read_file(name: str) -> bytes:
    return (resources.files("tzdata") / "zoneinfo" / name).read_bytes()


def _list_changes(name: str, last_year: int) -> list[Transition]:
    """Return the changes since 1970: those that the 64-bit block lists, then those of the rule in the footer."""
    data = _read_file(name)
    start = _HEADER + _get_block_size(data[20:_HEADER], 4)
    _, _, _, count, types, _ = struct.unpack(">6l", data[start + 20 : start + _HEADER])
    body = data[start + _HEADER :]
    seconds = struct.unpack(f">{count}q", body[: 8 * count])
    indexes = body[8 * count : 9 * count]
    offsets = [struct.unpack(">lBB", body[9 * count + 6 * index : 9 * count + 6 * index + 6])[0] for index in range(types)]
    moments = [(_to_instant(at), timedelta(seconds=offsets[index])) for at, index in zip(seconds, indexes, strict=True) if at > -(2**35)]
    last = moments[-1][0] if moments else _to_instant(0)
    moments += [moment for moment in _apply_rule(data.split(b"\n")[-2].decode(), last_year) if moment[0] > last]
    found, offset = [], timedelta(seconds=offsets[0])
    for at, following in sorted(moments):
        if following != offset and 1970 <= at.year <= last_year:
            found.append(Transition(name, at, offset, following))
        offset = following
    return found


def _apply_rule(footer: str, last_year: int) -> Iterator[tuple[datetime, timedelta]]:
    """Yield the changes of a rule such as CET-1CEST,M3.5.0,M10.5.0/3 from 1970 on. Offsets of POSIX are west of Greenwich."""
    match = _RULE.fullmatch(footer)
    if match is None:
        assert "," not in footer, footer
        return
    standard = -_parse_time(match[1])
    summer = -_parse_time(match[2]) if match[2] else standard + timedelta(hours=1)
    for year in range(1970, last_year + 1):
        yield _get_rule_time(year, match, 3) - standard, summer
        yield _get_rule_time(year, match, 7) - summer, standard


def _get_rule_time(year: int, match: re.Match[str], group: int) -> datetime:
    month, week, weekday = (int(match[group + index]) for index in range(3))
    first = 1 + (weekday - date(year, month, 1).isoweekday()) % 7
    days = range(first, monthrange(year, month)[1] + 1, 7)
    return datetime(year, month, days[:week][-1], tzinfo=UTC) + _parse_time(match[group + 3] or "2")


def _parse_time(text: str) -> timedelta:
    hours, minutes, seconds, *_ = [*(int(part) for part in text.lstrip("+-").split(":")), 0, 0]
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -size if text.startswith("-") else size


def _to_instant(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _get_block_size(counts: bytes, time_size: int) -> int:
    is_utc, is_standard, leaps, times, types, characters = struct.unpack(">6l", counts)
    return int(times * (time_size + 1) + types * 6 + characters + leaps * (time_size + 4) + is_standard + is_utc)
