"""Quiet hours: when messages that are held back are sent."""

from datetime import UTC, datetime, timedelta

from domain.alerts.rule import QuietHours
from domain.schedules.zones import find_zone, to_instant, to_local

_DAY = timedelta(days=1)


def find_quiet_end(quiet: QuietHours, now: datetime) -> datetime | None:
    """Return when the quiet hours end that `now` is in; None if it is in none.

    They last from the first instant at which the zone's clocks show `start` to the first one at which they show `end`. A time that the
    clocks skip counts as the instant of the change. Quiet hours of a whole day end at the next day's `end`.
    """
    zone = find_zone(quiet.timezone) or UTC
    today = to_local(now, zone).date()
    lasts_over_midnight = quiet.end <= quiet.start
    for day in (today - _DAY, today, today + _DAY):
        start = to_instant(datetime.combine(day, quiet.start), zone)
        end = to_instant(datetime.combine(day + _DAY * lasts_over_midnight, quiet.end), zone)
        if start <= now < end:
            return end
    return None
