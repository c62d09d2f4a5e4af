"""What clock changes of many zones did to the runs of a day: the times that they left out or repeated, in 2026."""

from datetime import date

import pytest

from domain.schedules.definition import Recurrence
from domain.schedules.ticks import find_ticks
from tests.support.day_explanations import list_entries
from tests.support.schedule_stories import CRON
from tests.support.schedules import ScheduledHeadgate

CASES = [
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2026-03-29",
        ["02:30 did not exist that day: clocks went from 02:00 to 03:00; it ran at 03:00: #1 completed"],
    ),
    (
        "America/New_York",
        "15 2 * * *",
        "2026-03-08",
        ["02:15 did not exist that day: clocks went from 02:00 to 03:00; it ran at 03:00: #1 completed"],
    ),
    (
        "America/New_York",
        "0,30 2 * * *",
        "2026-03-08",
        ["02:00 and 02:30 did not exist that day: clocks went from 02:00 to 03:00; it ran at 03:00: #1 completed"],
    ),
    (
        "Europe/London",
        "0,10,20,30,40 1 * * *",
        "2026-03-29",
        ["01:00–01:40 (5 times) did not exist that day: clocks went from 01:00 to 02:00; it ran at 02:00: #1 completed"],
    ),
    (
        "Antarctica/Troll",
        "30 1,2 * * *",
        "2026-03-29",
        ["01:30 and 02:30 did not exist that day: clocks went from 01:00 to 03:00; it ran at 03:00: #1 completed"],
    ),
    (
        "Africa/Cairo",
        "30 0 * * *",
        "2026-04-24",
        ["00:30 did not exist that day: clocks went from 00:00 to 01:00; it ran at 01:00: #1 completed"],
    ),
    (
        "Asia/Beirut",
        "@daily",
        "2026-03-29",
        ["00:00 did not exist that day: clocks went from 00:00 to 01:00; it ran at 01:00: #1 completed"],
    ),
    (
        "America/Havana",
        "5 0 * * *",
        "2026-03-08",
        ["00:05 did not exist that day: clocks went from 00:00 to 01:00; it ran at 01:00: #1 completed"],
    ),
    (
        "America/Nuuk",
        "30 23 * * *",
        "2026-03-28",
        [
            "23:30 did not exist on 2026-03-28: clocks went from 23:00 on 2026-03-28 to 00:00 on 2026-03-29; "
            "it is due at 00:00 on 2026-03-29",
        ],
    ),
    (
        "America/Nuuk",
        "30 23 * * *",
        "2026-03-29",
        [
            "23:30 did not exist on 2026-03-28: clocks went from 23:00 on 2026-03-28 to 00:00 on 2026-03-29; it ran at 00:00: #1 completed",
            "23:30 ran: #2 completed",
        ],
    ),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-05",
        ["01:45 occurred twice that day: clocks went back from 02:00 to 01:30; it ran once, at the first: #1 completed"],
    ),
    (
        "Australia/Sydney",
        "30 2 * * *",
        "2026-04-05",
        ["02:30 occurred twice that day: clocks went back from 03:00 to 02:00; it ran once, at the first: #1 completed"],
    ),
    (
        "Pacific/Chatham",
        "0 3 * * *",
        "2026-04-05",
        ["03:00 occurred twice that day: clocks went back from 03:45 to 02:45; it ran once, at the first: #1 completed"],
    ),
    (
        "America/Santiago",
        "30 23 * * *",
        "2026-04-04",
        [
            "23:30 occurred twice that day: clocks went back from 00:00 on 2026-04-05 to 23:00 on 2026-04-04; "
            "it ran once, at the first: #1 completed",
        ],
    ),
    (
        "Africa/Casablanca",
        "30 2 * * *",
        "2026-03-22",
        ["02:30 did not exist that day: clocks went from 02:00 to 03:00; it ran at 03:00: #1 completed"],
    ),
    ("Europe/Berlin", "30 3 * * *", "2026-03-29", ["03:30 ran: #1 completed"]),
    ("Asia/Tokyo", "30 2 * * *", "2026-03-29", ["02:30 ran: #1 completed"]),
    (
        "Europe/Berlin",
        "*/30 2 * * *",
        "2026-03-29",
        [
            "02:00 and 02:30 did not exist that day: clocks went from 02:00 to 03:00; a schedule that follows elapsed time is not due then",
        ],
    ),
    (
        "Australia/Sydney",
        "*/30 2 * * *",
        "2026-04-05",
        [
            "02:00–02:30 ran, 4 runs",
            "02:00 and 02:30 occurred twice that day: clocks went back from 03:00 to 02:00; it is due both times",
        ],
    ),
]


@pytest.mark.parametrize(("zone", "cron", "day", "expected"), CASES, ids=[f"{zone} {cron} {day}" for zone, cron, day, _ in CASES])
async def test_a_clock_change_is_explained(zone: str, cron: str, day: str, expected: list[str]) -> None:
    headgate = ScheduledHeadgate()
    asked = date.fromisoformat(day)
    await headgate.add_schedules(cron=cron, timezone=zone)

    await run_until(headgate, Recurrence(cron=cron, timezone=zone), asked)

    assert [number_runs(entry.sentence) for entry in await list_entries(headgate, day=asked)] == number_all(expected)


async def test_a_moved_tick_that_did_not_run_says_both() -> None:
    headgate = ScheduledHeadgate()
    await headgate.add_schedules(cron="30 2 * * *", timezone="Europe/Berlin", catch_up="none")
    before = [entry.sentence for entry in await list_entries(headgate, day=date(2026, 3, 29))]
    headgate.fakes.clock.advance(30 * 86_400)
    await headgate.tick()

    after = [entry.sentence for entry in await list_entries(headgate, day=date(2026, 3, 29))]

    moved = "02:30 did not exist that day: clocks went from 02:00 to 03:00"
    assert before == [f"{moved}; it is due at 03:00: still to come"]
    assert after == [f"{moved}; it was due at 03:00 and Headgate was down"]


async def test_a_day_that_did_not_exist_says_so() -> None:
    """Samoa left out 30 December 2011."""
    headgate = ScheduledHeadgate()
    await headgate.add_schedules(cron="0 12 * * *", timezone="Pacific/Apia")
    store = headgate.fakes.store.committed
    store.revised_at[1, 1] = store.revised_at[1, 1].replace(year=2010)

    (entry,) = await list_entries(headgate, day=date(2011, 12, 30))

    moved = "12:00 did not exist on 2011-12-30: clocks went from 00:00 on 2011-12-30 to 00:00 on 2011-12-31"
    assert entry.sentence == f"{moved}; it is due at 00:00 on 2011-12-31"


async def run_until(headgate: ScheduledHeadgate, recurrence: Recurrence, day: date) -> None:
    """Run every tick at its time, and end its run, until two days after the day."""
    clock = headgate.fakes.clock
    for tick in find_ticks(recurrence, clock.now(), CRON.iterate):
        if tick.date() > day and (tick.date() - day).days > 1:
            return
        clock.advance((tick - clock.now()).total_seconds())
        await headgate.tick()
        await headgate.end_runs()


def number_runs(sentence: str) -> str:
    """Return the sentence without the number of its run, which depends on the days before."""
    head, found, tail = sentence.partition("#")
    return f"{head}#N{tail.lstrip('0123456789')}" if found and tail[:1].isdigit() else sentence


def number_all(sentences: list[str]) -> list[str]:
    return [number_runs(sentence) for sentence in sentences]
