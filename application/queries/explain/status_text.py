"""What sentences about runs are made of: parts, durations in words, and what else is true while one is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from application.queries.views.runs import AttemptView, StageRunView
from application.queries.views.workers import QueueView
from domain.runs.status import Reason, Status


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of the sentence; `strong` marks a name, `at` a time, which pages show in their viewer's zone and `text` says in UTC."""

    text: str
    strong: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusText:
    """`str()` is the plain sentence."""

    parts: Sequence[TextPart]

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What else is true while the sentence is made. `usual` is the median time of each stage and `slow` its 95th percentile, seconds;
    `queue` the workers that spoke lately in the run's pool and the runs that wait there; `is_warm` whether the pool is served by
    Headgate's own workers; `engine_answers` None when nobody looked; `silent` the name of each worker, by its id, that has not spoken
    for too long, and the seconds since it did."""

    now: datetime
    queue: QueueView = field(default_factory=lambda: QueueView((), ()))
    is_warm: bool = True
    engine_answers: bool | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    slow: Mapping[str, float] = field(default_factory=dict)
    silent: Mapping[str, tuple[str, float]] = field(default_factory=dict)


def describe_failure(attempt: AttemptView) -> str:
    if attempt.reason is Reason.TIMEOUT:
        return "its time limit" if attempt.started_at else "no worker or report before its deadline"
    if attempt.status is Status.LOST:
        return "the worker gone"
    first_line = (attempt.error_message or "").strip().split("\n")[0]
    return first_line[:160].rstrip(".") if first_line else "an error"


def format_stage_names(stages: Sequence[StageRunView]) -> list[TextPart]:
    parts: list[TextPart] = []
    for index, stage in enumerate(stages):
        if index:
            parts.append(TextPart(" and " if index == len(stages) - 1 else ", "))
        parts.append(TextPart(stage.name, True))
    return parts


def format_time(at: datetime, now: datetime) -> TextPart:
    return TextPart(f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%b %H:%M} UTC", at=at)


def format_elapsed(later: datetime, earlier: datetime) -> str:
    return seconds(abs((later - earlier).total_seconds()))


def seconds(value: float) -> str:
    """A duration as people say it: "30 ms", "0.4 s", "31 s", "2 m 14 s", "1 h 05 m", "3 d 4 h"."""
    if 0 < value < 0.1:
        return f"{max(1.0, value * 1_000):.0f} ms"
    if value < 10:
        return f"{value:.1f} s" if value % 1 and value < 9.95 else f"{value:.0f} s"
    whole = round(value)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{minutes} m {rest:02d} s" if rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} m" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
