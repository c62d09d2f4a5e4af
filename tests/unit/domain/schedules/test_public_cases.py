"""Cases that other schedulers document or test, in the terms of this one.

Each row names the scheduler whose case it is. Where the scheduler decides otherwise than Debian's cron, the row says what it does.
"""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from adapters.system.cronsim_expressions import CronsimExpressions
from domain.schedules.definition import Recurrence
from domain.schedules.ticks import find_ticks

ITERATE = CronsimExpressions().iterate
NEW_YORK, RIGA, UTC_ZONE = "America/New_York", "Europe/Riga", "UTC"

CASES = {
    # robfig/cron, which Kubernetes uses, too: seconds left out
    "robfig: a quarter of an hour within the minute": ("0/15 * * * *", UTC_ZONE, "2012-07-09T14:59:59", ["07-09 15:00"]),
    "robfig: a range with a step, next hour": ("20-35/15 * * * *", UTC_ZONE, "2012-07-09T15:45", ["07-09 16:20", "07-09 16:35"]),
    "robfig: over midnight": ("*/15 * * * *", UTC_ZONE, "2012-07-09T23:46", ["07-10 00:00"]),
    "robfig: only some days": ("20-35/15 * 10-12 * *", UTC_ZONE, "2012-07-09T23:35", ["07-10 00:20"]),
    "robfig: next month": ("0 0 9 Apr-Oct *", UTC_ZONE, "2012-07-09T23:35", ["08-09 00:00"]),
    "robfig: every fifth day that is a Monday": ("0 0 */5 Apr,Aug,Oct Mon", UTC_ZONE, "2012-07-09T23:35", ["08-06 00:00", "10-01 00:00"]),
    "robfig: next year": ("0 0 * Feb Mon", UTC_ZONE, "2012-07-09T23:35", ["02-04 00:00"]),
    "robfig: leap year": ("0 0 29 Feb *", UTC_ZONE, "2012-07-09T23:35", ["02-29 00:00"]),
    "robfig: the end of a year": ("* * * * *", UTC_ZONE, "2012-12-31T23:59:45", ["01-01 00:00"]),
    "robfig: one of both days matches": (
        "0 0 1,15 * Sun",
        UTC_ZONE,
        "2012-07-09T00:00",
        ["07-15 00:00", "07-22 00:00", "07-29 00:00", "08-01 00:00"],
    ),
    "robfig: both days match if one has a star": ("0 0 */2 * Sun", UTC_ZONE, "2012-07-09T00:00", ["07-15 00:00", "07-29 00:00"]),
    "robfig: skipped (there: not until next year)": ("30 2 11 Mar *", NEW_YORK, "2012-03-11T05:00", ["03-11 03:00", "03-11 02:30"]),
    "robfig: after the repeated hour": ("30 2 4 Nov *", NEW_YORK, "2012-11-04T04:00", ["11-04 02:30"]),
    "robfig: after the first of two (there: the second, too)": ("30 1 4 Nov *", NEW_YORK, "2012-11-04T05:45", ["11-04 01:30"]),
    # Kubernetes: CronJobs with a time zone
    "kubernetes: hourly over the skipped hour": ("0 * * * *", NEW_YORK, "2022-03-13T05:30", ["03-13 01:00", "03-13 03:00", "03-13 04:00"]),
    "kubernetes: hourly over the repeated hour": ("0 * * * *", NEW_YORK, "2022-11-06T04:30", ["11-06 01:00", "11-06 01:00", "11-06 02:00"]),
    "kubernetes: @weekly is on Sunday": ("@weekly", UTC_ZONE, "2022-03-12T00:00", ["03-13 00:00", "03-20 00:00"]),
    # Temporal: calendar schedules (there: a skipped time does not fire, a repeated one fires twice)
    "temporal: skipped": ("30 2 * * *", NEW_YORK, "2022-03-12T12:00", ["03-13 03:00", "03-14 02:30"]),
    "temporal: repeated": ("30 1 * * *", NEW_YORK, "2022-11-05T12:00", ["11-06 01:30", "11-07 01:30"]),
    "temporal: the last day of a month": ("0 12 L * *", UTC_ZONE, "2022-02-01T00:00", ["02-28 12:00", "03-31 12:00", "04-30 12:00"]),
    # Sentry's monitors: the next check-in that is expected
    "sentry: every fifth minute": ("*/5 * * * *", UTC_ZONE, "2019-01-01T01:10:20", ["01-01 01:15"]),
    "sentry: every other hour": ("0 */2 * * *", UTC_ZONE, "2019-01-01T01:10", ["01-01 02:00", "01-01 04:00"]),
    "sentry: the first Monday": ("0 0 * * 1#1", UTC_ZONE, "2019-01-01T00:00", ["01-07 00:00", "02-04 00:00"]),
    "sentry: noon in another zone": ("0 12 * * *", "America/Los_Angeles", "2019-01-01T01:10", ["01-01 12:00"]),
    # cronsim and Debian's cron
    "cronsim: a fixed time that is skipped": ("30 3 * * *", RIGA, "2021-03-28T00:00", ["03-28 04:00", "03-29 03:30"]),
    "cronsim: several skipped times fire once": ("0,30 3 * * *", RIGA, "2021-03-28T00:00", ["03-28 04:00", "03-29 03:00"]),
    "cronsim: wildcard minutes of a skipped hour": ("* 3 * * *", RIGA, "2021-03-28T00:00", ["03-29 03:00", "03-29 03:01"]),
    "cronsim: a step over the skipped hour": ("0 */2 * * *", RIGA, "2021-03-27T23:00", ["03-28 02:00", "03-28 04:00"]),
    "cronsim: a fixed time that is repeated": ("30 3 * * *", RIGA, "2021-10-30T12:00", ["10-31 03:30", "11-01 03:30"]),
    "cronsim: wildcard minutes of a repeated hour": ("*/30 3 * * *", RIGA, "2021-10-30T12:00", ["10-31 03:00", "10-31 03:30"] * 2),
    "cronsim: the fifth Monday of February": ("0 0 * 2 MON#5", UTC_ZONE, "2020-01-01T00:00", ["02-29 00:00"]),
    "cronsim: the last weekday of a month": ("0 0 LW * *", UTC_ZONE, "2020-05-01T00:00", ["05-29 00:00", "06-30 00:00"]),
    "cronsim: Sunday is 0 and 7": ("0 0 * * 7", UTC_ZONE, "2020-01-01T00:00", ["01-05 00:00"]),
}


@pytest.mark.parametrize(("cron", "zone", "after", "ticks"), CASES.values(), ids=CASES.keys())
def test_a_case_of_another_scheduler(cron: str, zone: str, after: str, ticks: list[str]) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = islice(find_ticks(Recurrence(cron=cron, timezone=zone), start, ITERATE), len(ticks))

    assert [f"{tick.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for tick in found] == ticks
