"""The text form of a run's log."""

from collections.abc import Iterable
from datetime import UTC

from application.queries.views.logs import LogLineView


def format_log_line(line: LogLineView) -> str:
    """Return a line of a text file, without its line end: the time in UTC, stage and attempt, the stream, and the text without colours.

    The stream is followed by ≈ if the order of the line is approximate.
    """
    at = line.at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    mark = "≈" if line.is_order_approximate else " "
    return f"{at}Z  {line.stage}[{line.attempt}] {line.stream}{mark} {line.plain_text}"


def encode_log_text(lines: Iterable[LogLineView]) -> bytes:
    """Return lines of a text file. It takes long for a thousand long lines with colours, so call it in a thread."""
    return "".join(f"{format_log_line(line)}\n" for line in lines).encode("utf-8", "replace")
