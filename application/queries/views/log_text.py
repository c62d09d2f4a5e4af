"""The text form of a run's log."""

from datetime import UTC

from application.queries.views.logs import LogLineView


def format_log_line(line: LogLineView) -> str:
    """Return a line of a text file, without its line end: the time in UTC, stage and attempt, the stream, and the text without colours."""
    at = line.at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{at}Z  {line.stage}[{line.attempt}] {line.stream}  {line.plain_text}"
