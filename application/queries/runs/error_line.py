"""Finds the line of a failed run's log to read first."""

from application.ports.queries.reader import Reader
from application.queries.runs.failures import FAILED_STATUSES, find_failed_stage
from application.queries.views.logs import LogFilter
from application.queries.views.runs import RunView

MAX_ERROR_LENGTH = 160
"""Characters of the error's first line that are searched for."""


async def find_error_line(reader: Reader, run: RunView) -> int | None:
    """Return the line of a failed run to read first: where its error was written, else its last line on stderr, else its last line."""
    if run.status not in FAILED_STATUSES:
        return None
    stage = find_failed_stage(run)
    if stage is None:
        return None
    attempt = LogFilter(stage.name, stage.newest.number)
    error = next(iter((stage.newest.error_message or "").strip().splitlines()), "")[:MAX_ERROR_LENGTH]
    filters = [LogFilter(attempt.stage, attempt.attempt, None, error)] if error else []
    for line_filter in (*filters, LogFilter(attempt.stage, attempt.attempt, "stderr")):
        if lines := await reader.log_window(run.id, line_filter, limit=1):
            return lines[0].n
    lines = await reader.log_window(run.id, attempt, limit=1, last=True)
    return lines[0].n if lines else None
