"""Ticks around every clock change of the installed tzdata between 2020 and 2037."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile

import pytest

from adapters.system.cronsim_expressions import CronsimExpressions
from domain.schedules.clock_changes import describe_tick
from domain.schedules.definition import Recurrence
from domain.schedules.ticks import find_ticks
from domain.schedules.zones import SEARCH_STEP, find_zone, to_local
from tests.support.zone_transitions import Transition, list_distinct_zones, list_transitions

TRANSITIONS = list_transitions(2020, 2037)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Replay:
    """The times of an iterator, which it yields as often as it is asked. The clocks of many zones show the same local times."""

    def __init__(self, times: Iterator[datetime]) -> None:
        self._times, self._known = times, list[datetime]()

    def __iter__(self) -> Iterator[datetime]:
        index = 0
        while True:
            if index == len(self._known):
                self._known.append(next(self._times))
            yield self._known[index]
            index += 1


@cache
def replay(expression: str, after: datetime) -> Replay:
    return Replay(CronsimExpressions().iterate(expression, after))


def iterate(expression: str, after: datetime) -> Iterator[datetime]:
    return iter(replay(expression, after))


def list_ticks(zone: str, cron: str, after: datetime, until: datetime) -> list[datetime]:
    return list(takewhile(lambda tick: tick <= until, find_ticks(Recurrence(cron=cron, timezone=zone), after, iterate)))


def test_the_table_is_that_of_zoneinfo_and_has_many_zones() -> None:
    assert len({change.zone for change in TRANSITIONS}) >= 60
    assert len(TRANSITIONS) > 2_000
    for change in TRANSITIONS:
        zone = find_zone(change.zone)
        assert [change.at.astimezone(zone).utcoffset(), (change.at - MINUTE / 60).astimezone(zone).utcoffset()] == [
            change.after,
            change.before,
        ]


def test_no_zone_changes_twice_within_a_step_of_the_search() -> None:
    times: dict[str, datetime] = {}
    for change in list_transitions(1970, 2100):
        assert change.at - times.get(change.zone, datetime(1900, 1, 1, tzinfo=UTC)) > SEARCH_STEP, change
        times[change.zone] = change.at


def test_wildcards_tick_at_each_matching_minute_that_the_clocks_show() -> None:
    for change in TRANSITIONS:
        zone, margin = find_zone(change.zone), max(abs(change.shift), HOUR)
        start = change.at.replace(second=0) - margin
        minutes = [start + index * MINUTE for index in range(1, int(2 * margin / MINUTE) + 1)]

        assert list_ticks(change.zone, "*/10 * * * *", start, minutes[-1]) == [
            minute for minute in minutes if to_local(minute, zone or UTC).minute % 10 == 0
        ], change


def test_wildcards_on_the_day_of_a_change_are_found_from_far_away() -> None:
    for change in TRANSITIONS[::12]:
        zone, day = find_zone(change.zone) or UTC, change.shown_before.date()
        start = change.at.replace(second=0) - 30 * HOUR
        start -= timedelta(minutes=start.minute % 5)
        instants = [start + index * 5 * MINUTE for index in range(720)]
        shown = [(instant, to_local(instant, zone)) for instant in instants]

        ticks = list_ticks(change.zone, f"*/10 * {day.day} {day.month} *", change.at - 100 * DAY, instants[-1])

        assert ticks == [instant for instant, local in shown if local.date() == day and local.minute % 10 == 0], change


def test_a_fixed_time_fires_once_a_day_around_a_change() -> None:
    for change in TRANSITIONS:
        low, high = sorted((change.shown_before, change.shown_after))
        for local in (low - MINUTE, low, low + (high - low) / 2, high):
            days = [local.replace(second=0, microsecond=0) + day * DAY for day in range(-1, 2)]
            ticks = list_ticks(change.zone, f"{local.minute} {local.hour} * * *", change.at - 36 * HOUR, change.at + 36 * HOUR)

            assert ticks == [find_first_instant(change, day) for day in days], (change, local)


def find_first_instant(change: Transition, local: datetime) -> datetime:
    """Return the first instant at which the clocks show a time near the change, or that of the change if they skip it."""
    earlier, later = ((local - offset).replace(tzinfo=UTC) for offset in (change.before, change.after))
    if earlier < change.at:
        return earlier
    return max(later, change.at)


def test_the_first_tick_after_each_change_has_a_note() -> None:
    for change in TRANSITIONS:
        recurrence = Recurrence(cron="*/10 * * * *", timezone=change.zone)
        ticks = list_ticks(change.zone, "*/10 * * * *", change.at - HOUR, change.at + HOUR)
        notes = [describe_tick(recurrence, before, tick, iterate) for before, tick in pairwise([change.at - HOUR, *ticks])]

        noted = [tick for tick, note in zip(ticks, notes, strict=True) if note]
        assert noted == [next(tick for tick in ticks if tick >= change.at)], change


def list_zones_that_change(year: int) -> list[str]:
    return sorted({change.zone for change in TRANSITIONS if change.at.year == year})


@pytest.mark.parametrize(("cron", "zones"), [("30 2 * * *", list_distinct_zones()), ("0 0 * * *", list_zones_that_change(2026))])
def test_a_fixed_daily_time_fires_once_a_day_in_every_zone(cron: str, zones: list[str]) -> None:
    for name in zones:
        zone = find_zone(name) or UTC
        first, last = ((datetime(year, 1, 1, tzinfo=zone) - MINUTE).astimezone(UTC) for year in (2026, 2027))
        ticks = list_ticks(name, cron, first, last)

        assert len({to_local(tick, zone).date() for tick in ticks}) == len(ticks) == 365, name

    assert len(zones) > 60
