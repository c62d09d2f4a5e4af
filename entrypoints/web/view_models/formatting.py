"""Words, numbers and moments as pages print them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.queries.explain.status_text import TextPart
from application.queries.views.runs import RunView
from domain.runs.status import Status

DASH = "–"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time: `iso` for machines, `text` in UTC for people whose browser runs no script."""

    iso: str
    text: str
    long: str


def format_timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    day = f"{at.day} {at:%b %Y}"
    return Timestamp(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), f"{at.day} {at:%b %H:%M}", f"{day} {at:%H:%M:%S} UTC")


def format_time(at: datetime | None, *, millis: bool = False) -> Timestamp | None:
    """The same with the time of day only."""
    full = format_timestamp(at)
    if at is None or full is None:
        return None
    text = at.isoformat(sep=" ", timespec="milliseconds" if millis else "seconds")[11 : 23 if millis else 19]
    return Timestamp(full.iso, text, full.long)


def format_count(number: int | None) -> str:
    return DASH if number is None else f"{number:,}"


def word(status: Status) -> str:
    return status.value.capitalize()


def pluralize(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shorten_json(value: Any, longest: int = 200) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def format_difference(before: Any, after: Any, missing: str | None) -> tuple[str, str]:
    """Both sides of a difference; a dash on the side that has no such thing."""
    return DASH if missing == "before" else shorten_json(before), DASH if missing == "after" else shorten_json(after)


def format_parameters(parameters: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={shorten_json(value, 60)}" for name, value in parameters.items())


_TRIGGERS = {"dashboard": "from the dashboard", "api": "by the API", "cli": "from a terminal", "report": "by a first report"}


def triggered_by(trigger: str, actor: str | None) -> str:
    """ "mara, from the dashboard"; "a report" when a machine's word opened it."""
    how = _TRIGGERS.get(trigger, f"by {trigger}")
    return f"{actor}, {how}" if actor else how[0].upper() + how[1:]


def tally(run: RunView) -> str:
    """ "8 completed · 1 failed · 2 skipped", in the order of the statuses' life."""
    counts = {status: sum(stage.status is status for stage in run.stages) for status in Status}
    return " · ".join(f"{count} {status.value}" for status, count in counts.items() if count)


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """What the status mark shows."""

    key: str
    word: str


def get_status_label(status: Status) -> StatusLabel:
    return StatusLabel(status.value, word(status))


Sentence = Sequence[TextPart]
