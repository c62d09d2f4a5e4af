"""The times at which a schedule fires next, in three zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from application.queries.schedules.preview import TickPreview
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp

SHOWN = 5


@dataclass(frozen=True, slots=True)
class NextTime:
    """A time: in the schedule's zone, for the viewer's zone, and in UTC. `note` is about a clock change; empty if there is none."""

    local: str
    viewer: Timestamp | None
    utc: str
    note: str


def build_next_times(ticks: Sequence[TickPreview]) -> list[NextTime]:
    """Return the times as rows."""
    return [
        NextTime(format_day_time(tick.local), format_timestamp(tick.at), format_day_time(tick.at.astimezone(UTC)), _to_sentence(tick.note))
        for tick in ticks
    ]


def format_day_time(at: datetime) -> str:
    """Return day and time: "Sun 29 Mar 2026, 03:00", with seconds if there are any."""
    seconds = f":{at:%S}" if at.second else ""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M}{seconds}"


def _to_sentence(note: str | None) -> str:
    return note[0].upper() + note[1:] if note else ""
