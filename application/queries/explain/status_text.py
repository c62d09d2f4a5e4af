"""What sentences about runs are made of: parts, durations in words, and what else is true while one is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.runs import AttemptView, StageRunView
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
