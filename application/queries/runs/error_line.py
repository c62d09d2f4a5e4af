"""Finds the line of a failed run's log to read first."""

from collections.abc import Sequence
from typing import Final

from application.ports.queries.reader import Reader
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from domain.output.failure_reason import FailureReason
from domain.output.failure_text import get_quoted_line

MAX_ERROR_LENGTH: Final = 160
"""Characters of the error's first line that are searched for."""
_MAX_FOUND: Final = 20
_LAST_LINES: Final = 200


async def find_error_line(reader: Reader, run: RunView) -> int | None:
    """Return the number of the log line that the error message of a failed run quotes.

    If it quotes none, such as that of a timeout, return the last meaningful line of the attempt. None for runs that did not fail.
    """
    stage = find_failed_stage(run) if run.status in FAILED_STATUSES else None
    if stage is None:
        return None
    attempt = LogFilter(stage.name, stage.newest.number)
    quoted = get_quoted_line(stage.newest.error_message or "")[:MAX_ERROR_LENGTH].strip()
    if quoted:
        wanted = LogFilter(attempt.stage, attempt.attempt, None, quoted)
        if found := await reader.log_window(run.id, wanted, limit=_MAX_FOUND, last=True):
            return _choose_quoted(found, quoted).n
    lines = await reader.log_window(run.id, attempt, limit=_LAST_LINES, last=True)
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
