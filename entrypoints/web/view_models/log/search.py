"""Search in a run's log."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogLineView
from application.queries.views.runs import RunView
from entrypoints.web.view_models.log.attempts import AttemptLabels
from entrypoints.web.view_models.log.lines import SearchHit, build_search_hit
from entrypoints.web.view_models.log.query import LogQuery

MAX_HITS = 50
SCANNED_LINES = 200_000
"""Lines that one search reads. A link continues the search after them."""


@dataclass(frozen=True, slots=True)
class LogSearch:
    """Hits among the lines from `scanned_from` to `scanned_to`.

    `position` is the place of the chosen hit among them: "3 of 12", or "3 of 50+" if there are more.
    `first` is the line of the first hit; `previous` and `next` are URLs of the hits beside the chosen one; `more` continues the search.
    """

    text: str
    position: str
    hits: Sequence[SearchHit]
    first: int | None
    previous: str | None
    next: str | None
    more: str | None
    scanned_from: int
    scanned_to: int
    clear: str


async def search_log(reader: Reader, run: RunView, query: LogQuery, labels: AttemptLabels, end: int) -> LogSearch:
    """Search a bounded part of the log of `end` lines, from line `query.after` on. The chosen hit is `query.line`, or the first one."""
    start = query.after or 0
    found = await reader.log_window(run.id, query.search_filter, limit=MAX_HITS + 1, above=start, below=start + SCANNED_LINES + 1)
    hits = found[:MAX_HITS]
    chosen = query.line if query.line is not None else hits[0].n if hits else None
    previous, following = await _find_neighbours(reader, run, query, chosen) if chosen is not None else (None, None)
    scanned_to = hits[-1].n if len(found) > MAX_HITS else min(start + SCANNED_LINES, end)
    return LogSearch(
        text=query.text,
        position=_describe_position(hits, chosen, len(found) > MAX_HITS),
        hits=[build_search_hit(line, labels, query.text, _build_hit_link(run, query, line.n), line.n == chosen) for line in hits],
        first=hits[0].n if hits else None,
        previous=_build_hit_link(run, query, previous) if previous else None,
        next=_build_hit_link(run, query, following) if following else None,
        more=build_log_link(run, query.without_position().replace(after=scanned_to)) if scanned_to < end else None,
        scanned_from=start,
        scanned_to=scanned_to,
        clear=build_log_link(run, query.without_position().replace(text="", line=query.line)),
    )


def build_log_link(run: RunView, query: LogQuery) -> str:
    """Return the URL of a run's page with the query, at the log."""
    return f"/ui/runs/{run.id}?{query.query_string}#log"


async def _find_neighbours(reader: Reader, run: RunView, query: LogQuery, line: int) -> tuple[int | None, int | None]:
    """Return the lines of the hits before and after a line."""
    window = query.search_filter
    before = await reader.log_window(run.id, window, limit=1, above=max(0, line - SCANNED_LINES), below=line, last=True)
    after = await reader.log_window(run.id, window, limit=1, above=line, below=line + SCANNED_LINES)
    return (before[0].n if before else None), (after[0].n if after else None)


def _describe_position(hits: Sequence[LogLineView], chosen: int | None, has_more: bool) -> str:
    """Return the place of the chosen line among the hits, or only their number if it is none of them."""
    total = f"{len(hits):,}{'+' if has_more else ''}"
    index = next((index for index, line in enumerate(hits, 1) if line.n == chosen), None)
    return f"{index:,} of {total}" if index else total


def _build_hit_link(run: RunView, query: LogQuery, line: int) -> str:
    return f"/ui/runs/{run.id}?{query.without_position().replace(line=line).query_string}#L{line}"
