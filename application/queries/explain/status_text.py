"""The sentence that explains a run's status, as a list of parts that pages can style."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.runs import AttemptView, StageRunView
from domain.flow_runs.flow_run import FlowRun
from domain.flow_runs.flow_state import FlowState
from domain.name_lists import NAMES_SHOWN
from domain.runs.status import Reason, Status

MAX_ERROR_LENGTH = 160
TIME_LIMIT_EXCEEDED = "time limit exceeded"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a sentence. Pages print `strong` parts in bold and show `at` in the viewer's time zone; `text` has it in UTC.

    The part links to the run `run_id`, to the page of the concurrency group `group`, or to the flow run `flow_run` in Prefect.
    """

    text: str
    strong: bool = False
    at: datetime | None = None
    run_id: int | None = None
    group: str | None = None
    flow_run: str | None = None


@dataclass(frozen=True, slots=True)
class StatusText:
    """The explanation of a run's status. `str()` returns it as plain text."""

    parts: Sequence[TextPart]

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)


def compose(*pieces: str | TextPart | Sequence[TextPart]) -> list[TextPart]:
    """Return the pieces as one list of parts; a string becomes a plain part."""
    parts: list[TextPart] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(TextPart(piece))
        elif isinstance(piece, TextPart):
            parts.append(piece)
        else:
            parts += piece
    return parts


def bold(text: str) -> TextPart:
    return TextPart(text, strong=True)


def format_stage_names(stages: Sequence[StageRunView]) -> list[TextPart]:
    """Return "a", "a and b", "a, b and c" or "a, b, c and 70 more", with the names in bold."""
    return join_names([bold(stage.name) for stage in stages[:NAMES_SHOWN]], len(stages))


def join_names(names: Sequence[TextPart], total: int | None = None) -> list[TextPart]:
    """Return "a", "a and b", "a, b and c" or "a, b, c and 70 more". `names` may be only the first ones of `total`."""
    hidden = max(total or 0, len(names)) - min(len(names), NAMES_SHOWN)
    shown = [*names[:NAMES_SHOWN], *([TextPart(f"{hidden:,} more")] if hidden > 0 else [])]
    parts: list[TextPart] = []
    for index, name in enumerate(shown):
        if index:
            parts.append(TextPart(" and " if index == len(shown) - 1 else ", "))
        parts.append(name)
    return parts


def format_time(at: datetime, now: datetime) -> TextPart:
    """Return the time in UTC, with the date unless it is today's."""
    return TextPart(f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%b %H:%M} UTC", at=at)


def describe_failure(attempt: AttemptView) -> str:
    """Return why an attempt failed: the first line of its error message, or what is known without one."""
    if attempt.flow_run is not None:
        return _describe_failed_flow_run(attempt, attempt.flow_run)
    if attempt.reason is Reason.TIMEOUT:
        return TIME_LIMIT_EXCEEDED if attempt.started_at else "no worker or report before the deadline"
    if attempt.reason is Reason.SUPERSEDED:
        return "the next run began before its end was reported"
    if attempt.reason is Reason.FENCED:
        return "its worker could not reach Headgate"
    if attempt.status is Status.LOST:
        return "the worker stopped responding"
    return _describe_exit(get_error_line(attempt)) or "no error message"


def _describe_exit(line: str) -> str:
    """Return an error line as the rest of a sentence: "exit code 3. UniqueViolation", "killed by signal 9 (SIGKILL)"."""
    for start, rest in (("Exited with code ", "exit code "), ("Killed by signal ", "killed by signal ")):
        if line.startswith(start):
            return rest + line.removeprefix(start)
    return line


def _describe_failed_flow_run(attempt: AttemptView, flow_run: FlowRun) -> str:
    if attempt.reason is Reason.TIMEOUT:
        has_started = attempt.started_at is not None or flow_run.state is FlowState.FAILED
        return TIME_LIMIT_EXCEEDED if has_started else "Prefect did not start its flow run before the deadline"
    return get_error_line(attempt) or "no error message"


def get_error_line(attempt: AttemptView) -> str:
    """Return the first line of the error message, shortened and without its dot; empty without a message."""
    return (attempt.error_message or "").strip().split("\n")[0][:MAX_ERROR_LENGTH].rstrip(".")
