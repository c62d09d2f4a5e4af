"""Formatting of status, numbers and times for pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from application.queries.explain.status_text import TextPart
from application.queries.views.runs import RunView
from domain.runs.status import Status
from domain.runs.trigger import SCHEDULE

DASH = "–"
MAX_PARAMETERS = 50
"""Parameters of a run that a page shows in one line."""
Sentence = Sequence[TextPart]
_TRIGGERS = {
    "dashboard": "from the dashboard",
    "api": "by the API",
    "cli": "from a terminal",
    "report": "first report",
    "schedule": "schedule",
    "backfill": "backfill",
}


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A status as its mark shows it: `key` selects colour and shape, `word` is its name."""

    key: str
    word: str


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time: `iso` for scripts, `text` in UTC for browsers without scripts, `long` for the tooltip."""

    iso: str
    text: str
    long: str


def get_status_label(status: Status) -> StatusLabel:
    """Return the label of a status."""
    return StatusLabel(status.value, status.value.capitalize())


def format_timestamp(at: datetime | None) -> Timestamp | None:
    """Return date and time; None without a time."""
    if at is None:
        return None
    day = f"{at.day} {at:%b %Y}"
    return Timestamp(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), f"{at.day} {at:%b %H:%M}", f"{day} {at:%H:%M:%S} UTC")


def format_time(at: datetime | None, *, millis: bool = False) -> Timestamp | None:
    """Return the time of day without the date; None without a time."""
    full = format_timestamp(at)
    if at is None or full is None:
        return None
    text = at.isoformat(sep=" ", timespec="milliseconds" if millis else "seconds")[11 : 23 if millis else 19]
    return Timestamp(full.iso, text, full.long)


def format_count(number: int | None) -> str:
    """Return a number with grouped digits; a dash for None."""
    return DASH if number is None else f"{number:,}"


def pluralize(number: int, singular: str, plural: str | None = None) -> str:
    """Return the number with its noun: "1 run", "2 runs"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def shorten_json(value: Any, max_length: int = 200) -> str:
    """Return a string as it is and another value as JSON, cut to a length."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def format_difference(before: Any, after: Any, missing: str | None) -> tuple[str, str]:
    """Return both sides of a difference, with a dash for the `missing` side ("before" or "after")."""
    return DASH if missing == "before" else shorten_json(before), DASH if missing == "after" else shorten_json(after)


def format_parameters(parameters: Mapping[str, Any]) -> str:
    """Return the parameters as "name=value name=value", the first of them if there are many."""
    shown = " ".join(f"{name}={shorten_json(value, 60)}" for name, value in islice(parameters.items(), MAX_PARAMETERS))
    hidden = len(parameters) - MAX_PARAMETERS
    return f"{shown} … {pluralize(hidden, 'more parameter')}" if hidden > 0 else shown


def describe_trigger(trigger: str, actor: str | None) -> str:
    """Return who or what triggered a run: "mara, from the dashboard", "First report", "Schedule nightly"."""
    if trigger == SCHEDULE:
        return f"Schedule {actor}" if actor else "Schedule"
    source = _TRIGGERS.get(trigger, f"by {trigger}")
    return f"{actor}, {source}" if actor else source[0].upper() + source[1:]


def summarize_stages(run: RunView) -> str:
    """Return how many stages have each status: "8 completed · 1 failed · 2 skipped"."""
    counts = {status: sum(stage.status is status for stage in run.stages) for status in Status}
    return " · ".join(f"{count} {status.value}" for status, count in counts.items() if count)
