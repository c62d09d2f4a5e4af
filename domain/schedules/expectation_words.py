"""Sentences about expected runs, such as "Overdue since 03:15, expected daily at 03:00"."""

from datetime import datetime, tzinfo

from domain.schedules.cron_syntax import expand_cron_alias
from domain.schedules.definition import DEFAULT_ZONE, Expectation
from domain.schedules.ticks import get_zone
from domain.schedules.words import ExplainCron, describe_recurrence, describe_seconds
from domain.schedules.zones import to_local


def describe_overdue(expectation: Expectation, closed_at: datetime, now: datetime, explain_cron: ExplainCron) -> str:
    """Return since when a run is overdue. `closed_at` is the end of the grace period of the first tick that has none."""
    return f"Overdue since {_format_time(expectation, closed_at, now)}, {describe_expected(expectation, explain_cron)}"


def describe_late(expectation: Expectation, started_at: datetime, now: datetime, explain_cron: ExplainCron) -> str:
    return f"Late: started at {_format_time(expectation, started_at, now)}, {describe_expected(expectation, explain_cron)}"


def describe_overrun(max_duration: float, is_running: bool) -> str:
    return f"{'Takes' if is_running else 'Took'} longer than {describe_seconds(max_duration)}"


def describe_expected(expectation: Expectation, explain_cron: ExplainCron) -> str:
    """Return when a run is expected: "expected daily at 03:00" for one time a day, other recurrences as they are explained."""
    recurrence = expectation.recurrence
    if recurrence.cron is None:
        words = describe_recurrence(recurrence, explain_cron)
        return f"expected {words[0].lower()}{words[1:]}"
    minute, hour, *days = expand_cron_alias(recurrence.cron).split()
    zone = "" if recurrence.timezone == DEFAULT_ZONE else f" ({recurrence.timezone})"
    if minute.isdigit() and hour.isdigit() and days == ["*", "*", "*"]:
        return f"expected daily at {int(hour):02}:{int(minute):02}{zone}"
    words = explain_cron(recurrence.cron)
    return f"expected {words[0].lower()}{words[1:]}{zone}"


def _format_time(expectation: Expectation, instant: datetime, now: datetime) -> str:
    """Return the local time, with its date if that is not today's."""
    zone: tzinfo = get_zone(expectation.recurrence)
    local = to_local(instant, zone)
    return f"{local:%H:%M}" if local.date() == to_local(now, zone).date() else f"{local:%Y-%m-%d %H:%M}"
