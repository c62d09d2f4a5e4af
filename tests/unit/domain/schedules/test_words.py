from datetime import UTC, datetime

import pytest

from domain.schedules.definition import Recurrence
from domain.schedules.words import describe_recurrence


@pytest.mark.parametrize(
    ("recurrence", "words"),
    [
        (Recurrence(cron="30 2 * * *", timezone="Europe/Berlin"), "At 02:30 every day, Europe/Berlin"),
        (Recurrence(cron="@daily"), "At 00:00 every day, UTC"),
        (Recurrence(every=5.0), "Every 5 seconds"),
        (Recurrence(every=60.0), "Every minute"),
        (Recurrence(every=900.0), "Every 15 minutes"),
        (Recurrence(every=3_600.0), "Every hour"),
        (Recurrence(every=5_400.0), "Every 1 hour 30 minutes"),
        (Recurrence(every=86_400.0, timezone="Asia/Tokyo"), "Every day"),
        (Recurrence(every=604_800.0), "Every 7 days"),
        (Recurrence(every=900.0, offset=300.0), "Every 15 minutes, 5 minutes later than full intervals"),
        (Recurrence(at=datetime(2026, 12, 24, 17, tzinfo=UTC), timezone="Europe/Berlin"), "Once, on 2026-12-24 at 18:00, Europe/Berlin"),
    ],
)
def test_a_recurrence_in_words(recurrence: Recurrence, words: str) -> None:
    explained = {"30 2 * * *": "At 02:30 every day", "@daily": "At 00:00 every day"}

    assert describe_recurrence(recurrence, explained.__getitem__) == words
