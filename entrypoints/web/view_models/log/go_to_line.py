"""Opens the log at the line that a person asked for, or at the nearest one, and says why it is another one."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.log.search import build_log_link


@dataclass(frozen=True, slots=True)
class LineNotice:
    """Why the log does not show the line that was asked for. `href` is the URL of that line without the filter, if it exists."""

    text: str
    href: str | None = None


def find_nearest(lines: Sequence[LogLineView], number: int) -> int | None:
    """Return the number of the line that is nearest to `number`."""
    return min((line.n for line in lines), key=lambda n: abs(n - number), default=None)


async def explain_missing_line(reader: Reader, run: RunView, query: LogQuery, nearest: int | None, total: int) -> LineNotice | None:
    """Return why the line of the query is not the `nearest` line of its filter; None if it is."""
    if query.unknown_line:
        return LineNotice(f"“{query.unknown_line}” is not a line number. Enter a number such as 120 or L120.")
    if query.line is None or query.line == nearest:
        return None
    if not total:
        return LineNotice(f"Line {query.line:,} does not exist: the log has no lines yet.")
    shown = f" The nearest line is {nearest:,}." if nearest is not None else ""
    found = await reader.log_window(run.id, LogFilter(), limit=1, above=max(0, query.line - 1), below=query.line + 1)
    if not found:
        return LineNotice(f"Line {query.line:,} does not exist: the log has {total:,} {'line' if total == 1 else 'lines'}.{shown}")
    line = found[0]
    unfiltered = query.without_position().replace(stage=None, attempt=None, only_stderr=False, text="", line=line.n)
    text = f"Line {line.n:,} is not in this filter: {line.stage}, attempt {line.attempt}, {line.stream}.{shown}"
    return LineNotice(text, build_log_link(run, unfiltered))
