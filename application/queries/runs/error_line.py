"""Finds the line of a failed run's log to read first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from application.ports.queries.reader import Reader
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import AttemptView, RunView
from domain.output.failure_reason import FailureReason
from domain.output.failure_text import get_quoted_line

MAX_ERROR_LENGTH: Final = 160
"""Characters of the error's first line that are searched for."""
_MAX_FOUND: Final = 20
_LAST_LINES: Final = 200


async def find_error_line(reader: Reader, run: RunView) -> int | None:
    """Return the number of the log line that the error message of a failed run quotes; None if the run did not fail."""
    stage = find_failed_stage(run) if run.status in FAILED_STATUSES else None
    return await find_attempt_error_line(reader, run.id, stage.name, stage.newest) if stage else None


async def find_selected_error_line(
    reader: Reader, run: RunView, stage_name: str | None, number: int | None, *, only_failed: bool = False
) -> int | None:
    """Return the number of the error's line in the log of a stage's attempt, or of the run if `stage_name` is None.

    Without a number, choose the newest attempt, or the newest failed one if `only_failed`. Return None if the attempt did not fail.
    """
    if stage_name is None:
        return await find_error_line(reader, run)
    stage = run.find_stage(stage_name)
    attempts = [each for each in stage.attempts if number in (None, each.number)] if stage else []
    if only_failed:
        attempts = [each for each in attempts if each.status in FAILED_STATUSES]
    if not attempts or attempts[-1].status not in FAILED_STATUSES:
        return None
    return await find_attempt_error_line(reader, run.id, stage_name, attempts[-1])


async def find_attempt_error_line(reader: Reader, run_id: int, stage: str, attempt: AttemptView) -> int | None:
    """Return the number of the log line that the error message of a failed attempt quotes.

    If it quotes none, such as that of a timeout, return the last meaningful line of the attempt.
    """
    lines_of_attempt = LogFilter(stage, attempt.number)
    quoted = get_quoted_line(attempt.error_message or "")[:MAX_ERROR_LENGTH].strip()
    if quoted:
        wanted = replace(lines_of_attempt, text=quoted)
        if found := await reader.log_window(run_id, wanted, limit=_MAX_FOUND, last=True):
            return _choose_quoted(found, quoted).n
    lines = await reader.log_window(run_id, lines_of_attempt, limit=_LAST_LINES, last=True)
    return _choose_meaningful(lines).n if lines else None


def _choose_quoted(lines: Sequence[LogLineView], quoted: str) -> LogLineView:
    """Return the last line that begins with the text; without one, the last line that contains it."""
    beginning = [line for line in lines if line.plain_text.strip().startswith(quoted)]
    return (beginning or lines)[-1]


def _choose_meaningful(lines: Sequence[LogLineView]) -> LogLineView:
    reason = FailureReason()
    output = [line for line in lines if line.stream != "headgate"]
    for line in output:
        reason.add(line.stream, line.text)
    text = reason.text
    return next((line for line in reversed(output) if text and line.plain_text.strip().startswith(text)), lines[-1])
