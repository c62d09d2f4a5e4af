"""Every tick that the definitions of a day have is covered by exactly one entry, whatever happened."""

import asyncio
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.queries.explain_day.entries import DayState
from domain.access.actor import Actor
from domain.schedules.definition import CatchUpPolicy, ScheduleDefinition
from domain.schedules.local_times import get_day_start
from domain.schedules.ticks import find_ticks, get_zone
from tests.support.day_explanations import list_entries
from tests.support.schedule_stories import CRON
from tests.support.schedules import ScheduledHeadgate

ADA = Actor("ada")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Nuuk",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
]
CRONS = [
    "30 2 * * *",
    "*/20 * * * *",
    "0,30 1-3 * * *",
    "15 23 * * *",
    "*/30 2 * * *",
    "@hourly",
    "0 0 * * mon",
    "45 1 * * *",
    "5 */3 * * *",
]
STARTS = [date(2026, 3, 6), date(2026, 3, 26), date(2026, 4, 3)]
"""Shortly before the clocks of some of the zones change."""

recurrences = st.one_of(
    st.fixed_dictionaries({"cron": st.sampled_from(CRONS), "timezone": st.sampled_from(ZONES)}),
    st.fixed_dictionaries({"every": st.sampled_from(["7m", "1h", "90m"]), "timezone": st.sampled_from(ZONES)}),
)
options = st.fixed_dictionaries(
    {
        "overlap": st.sampled_from(["skip", "queue_one", "queue_all", "cancel_running", "allow"]),
        "catch_up": st.sampled_from(["none", "latest", "all"]),
        "jitter": st.sampled_from(["0s", "5m"]),
    },
    optional={"skip": st.just(["2026-03-29", "2026-03-08"]), "end": st.just("2026-03-29T12:00")},
)
schedules = st.builds(lambda when, more: {"name": "main", **when, **more}, recurrences, options)
steps = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([60.0, 600.0, 3_600.0, 14_400.0, 100_000.0])),
    st.tuples(st.just("tick"), st.just(0.0)),
    st.tuples(st.sampled_from(["end", "pause", "resume", "hold", "release", "fill", "free"]), st.just(0.0)),
    st.tuples(st.just("change"), schedules),
    st.tuples(st.just("remove"), st.just(0.0)),
)


async def take_step(headgate: ScheduledHeadgate, action: str, value: Any) -> None:
    application, name = headgate.application, "nightly"
    has_schedule = any(each.next_due_at or each.id for each in headgate.fakes.store.committed.schedules.values())
    match action:
        case "pass":
            headgate.fakes.clock.advance(value)
        case "tick":
            await headgate.tick()
        case "end":
            await headgate.end_runs()
        case "pause" if has_schedule:
            await application.pause_schedule()(name, "main", None, ADA)
        case "resume" if has_schedule:
            await application.resume_schedule()(name, "main", CatchUpPolicy.LATEST, ADA)
        case "hold":
            await application.pause_pipeline()(name, None, ADA)
        case "release":
            await application.resume_pipeline()(name, ADA)
        case "fill" | "free":
            headgate.fakes.disk_space.sentence = "2 MB are free." if action == "fill" else None
        case "change":
            await headgate.change_schedules(name, value)
        case "remove":
            await headgate.change_schedules(name)


def list_expected(headgate: ScheduledHeadgate, day: date) -> list[Any]:
    """Return the ticks of the day by the definition that was in force at each."""
    tables = headgate.fakes.store.committed
    revisions = sorted(number for _, number in tables.revisions)
    found = []
    for number in revisions:
        after = tables.revised_at[1, number]
        until = tables.revised_at.get((1, number + 1))
        for schedule in tables.revisions[1, number].schedules:
            found += _list_ticks(schedule, day, after, until)
    return found


def _list_ticks(schedule: ScheduleDefinition, day: date, after: Any, until: Any) -> list[Any]:
    zone, instant = get_zone(schedule.recurrence), timedelta(microseconds=1)
    start, end = get_day_start(day, zone), get_day_start(day + timedelta(days=1), zone)
    found = []
    for tick in find_ticks(schedule, max(start - instant, after), CRON.iterate):
        if tick >= end or (until is not None and tick > until):
            break
        found.append(tick)
    return found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STARTS), schedules, st.lists(steps, max_size=14), st.integers(0, 3))
def test_each_tick_of_a_day_is_covered_once(start: date, schedule: dict[str, Any], story: list[tuple[str, Any]], later: int) -> None:
    async def play() -> None:
        headgate = ScheduledHeadgate()
        headgate.fakes.clock.advance((start - date(2026, 3, 2)).days * 86_400)
        await headgate.add_schedules("nightly", schedule)
        for action, value in story:
            await take_step(headgate, action, value)
        day = start + timedelta(days=later)

        entries = [entry.ticks for entry in await list_entries(headgate, day=day)]

        covering = [entry for entry in entries if entry.count and entry.state is not DayState.NOT_DUE]
        expected = list_expected(headgate, day)
        for tick in expected:
            assert sum(entry.start <= tick <= entry.end for entry in covering) == 1, (tick, covering)
        extra = sum(entry.count for entry in covering) - len(expected)
        assert extra == 0 or (extra > 0 and any(entry.reason == "removed" for entry in covering)), (expected, covering)

    asyncio.run(play())
