from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from domain.schedules.clock_changes import describe_tick
from domain.schedules.definition import Recurrence
from domain.schedules.ticks import find_ticks
from tests.fakes import FakeCronExpressions

ITERATE = FakeCronExpressions().iterate


def list_notes(recurrence: Recurrence, after: datetime, count: int) -> list[str | None]:
    ticks = [after, *islice(find_ticks(recurrence, after, ITERATE), count)]
    return [describe_tick(recurrence, previous, tick, ITERATE) for previous, tick in pairwise(ticks)]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "notes"),
    [
        ("30 2 * * *", "America/New_York", (2026, 3, 7), [None, "moved by the clock change: 02:30 does not exist on 2026-03-08", None]),
        ("15 2 * * *", "Australia/Lord_Howe", (2026, 10, 3, 12), ["moved by the clock change: 02:15 does not exist on 2026-10-04", None]),
        (
            "30 1 * * *",
            "America/New_York",
            (2026, 10, 31, 12),
            [
                "01:30 occurs twice on this day; the schedule fires once, at the first",
                "after the clock change: the clocks go back from 02:00 to 01:00 on 2026-11-01",
                None,
            ],
        ),
        (
            "*/30 2 * * *",
            "America/New_York",
            (2026, 3, 7, 7, 15),
            [None, "after the clock change: the clocks skip from 02:00 to 03:00 on 2026-03-08", None],
        ),
        (
            "0 3 * * *",
            "Europe/Berlin",
            (2026, 3, 28, 12),
            ["after the clock change: the clocks skip from 02:00 to 03:00 on 2026-03-29", None],
        ),
        (
            "@hourly",
            "Europe/Berlin",
            (2026, 10, 24, 23),
            [None, "after the clock change: the clocks go back from 03:00 to 02:00 on 2026-10-25", None],
        ),
        ("0 0 1 1 *", "Europe/Berlin", (2026, 1, 2), [None, None]),
        ("30 2 * * *", "UTC", (2026, 3, 7), [None, None]),
    ],
)
def test_a_note_says_what_a_clock_change_did(cron: str, zone: str, after: tuple[int, ...], notes: list[str | None]) -> None:
    recurrence = Recurrence(cron=cron, timezone=zone)

    assert list_notes(recurrence, datetime(*after, tzinfo=UTC), len(notes)) == notes  # type: ignore[misc]


def test_an_interval_has_a_note_when_its_local_times_change() -> None:
    notes = list_notes(Recurrence(every=86_400.0, timezone="Europe/Berlin"), datetime(2026, 3, 28, 12, tzinfo=UTC), 3)

    assert notes == [None, "after the clock change: the clocks skip from 02:00 to 03:00 on 2026-03-29", None]
