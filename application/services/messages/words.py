"""Phrases that messages share."""

import re
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.explain.waits import find_wait
from application.queries.views.runs import RunView
from application.services.messages.message_content import MAX_PARAGRAPH_LENGTH, MAX_SUBJECT_LENGTH, Block, paragraph
from application.services.messages.plain_text import clean_line
from domain.alerts.incident import Incident
from domain.runs.active_time import get_active_seconds


def format_span(start: datetime, end: datetime) -> str:
    """Return the time between two instants, such as "3 h 12 min"."""
    return format_seconds(max(0.0, (end - start).total_seconds()))


def format_seconds(seconds: float) -> str:
    """Return a duration with "min" for minutes, since the text has no table around it that explains "m"."""
    text = format_duration(round(seconds) if seconds >= 1 else seconds)
    return re.sub(r"\b0(?=\d )", "", re.sub(r" m\b", " min", text))


def format_active_time(run: RunView) -> str:
    """Return how long a finished run took, without the time in which it waited for people."""
    end = run.finished_at or run.created_at
    return format_seconds(get_active_seconds(run, end) or 0.0)


def format_wait(run: RunView) -> str:
    """Return how long a finished run waited for people, such as "waited 8 h for approval"; empty if it did not."""
    wait = find_wait(run, run.finished_at or run.created_at)
    return f"waited {format_seconds(wait.seconds)} {wait.words}" if wait else ""


def format_time_taken(run: RunView) -> str:
    """Return how long a finished run took and waited, such as "2 min 14 s (it also waited 8 h for approval)"."""
    wait = format_wait(run)
    return format_active_time(run) + (f" (it also {wait})" if wait else "")


def format_at(at: datetime) -> str:
    """Return date and time in UTC, such as "29 Nov 2026 02:14 UTC"."""
    return f"{at.day} {at:%b %Y %H:%M} UTC"


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """Return the number with its noun: "1 run", "2 runs"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def name_pipeline(pipeline: str | None, incident: Incident | None) -> str:
    """Return the pipeline's name with the concurrency key, such as "load (customer=acme)"."""
    key = f" ({clean_line(incident.concurrency_key, 80)})" if incident and incident.concurrency_key else ""
    return f"{pipeline or 'A pipeline'}{key}"


def write_subject(*parts: str) -> str:
    """Return one line of at most MAX_SUBJECT_LENGTH characters."""
    return clean_line(" ".join(part for part in parts if part), MAX_SUBJECT_LENGTH)


def write(*sentences: str) -> Block:
    """Return a paragraph of the sentences that are not empty."""
    return paragraph(clean_line(" ".join(each for each in sentences if each), MAX_PARAGRAPH_LENGTH))
