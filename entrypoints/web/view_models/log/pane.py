"""The log on a run's page: the newest lines, those around a position, and search hits."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from entrypoints.web.view_models.log.attempts import AttemptLabel, AttemptLabels
from entrypoints.web.view_models.log.blocks import LogBlock, group_lines
from entrypoints.web.view_models.log.filters import (
    FilterLink,
    StageOptions,
    build_attempt_links,
    build_stage_links,
    build_stage_options,
)
from entrypoints.web.view_models.log.go_to_line import LineNotice, explain_missing_line, find_nearest
from entrypoints.web.view_models.log.lines import LINES_PER_PAGE, LogLine, build_log_lines
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.log.search import LogSearch, build_log_link, search_log

LINES_ABOVE = 100
"""Lines shown above the one that a link points to."""
END = 10**15 - 1
"""A line number after every line."""


@dataclass(frozen=True, slots=True)
class LogPane:
    """The log.

    `first` and `last` are the numbers of the first and last line shown. If `is_tail`, they are the newest lines, and new ones follow.
    `total` is the number of lines of the run. `notice` says why the line that was asked for is not shown.
    `earlier`, `later` and `newest` are URLs; `fragment` is the URL from which a script loads more lines.
    `fold` changes between folded and unfolded blocks; None if all lines shown are of one attempt.
    """

    blocks: Sequence[LogBlock]
    unfinished: Sequence[LogLine]
    attempts: Sequence[AttemptLabel]
    stage_links: Sequence[FilterLink]
    stage_options: Sequence[StageOptions]
    attempt_links: Sequence[FilterLink]
    stderr: FilterLink
    fold: FilterLink | None
    query: LogQuery
    search: LogSearch | None
    notice: LineNotice | None
    download: str
    is_tail: bool
    first: int
    last: int
    total: int
    is_at_error: bool
    earlier: str | None
    later: str | None
    newest: str | None
    fragment: str


async def build_log_pane(reader: Reader, run: RunView, query: LogQuery, error_line: int | None) -> LogPane:
    """Return the log. Without a position in the query, it opens at the first search hit or at `error_line`, else at the end."""
    labels = AttemptLabels(run)
    final = await reader.log_window(run.id, LogFilter(), limit=1, last=True)
    total = final[-1].n if final else 0
    search = await search_log(reader, run, query, labels, total) if query.text else None
    if search:
        query = query.replace(before=None, after=None)
    target = query.line
    if not query.has_position:
        target = search.first if search else error_line
    loaded, has_earlier, is_tail = await _load_lines(reader, run, query, target)
    target = find_nearest(loaded, target) if target is not None else None
    lines = build_log_lines(loaded, labels, query.text, target, from_end=target is None and query.after is None)
    if lines and len(lines) < len(loaded):
        has_earlier, is_tail = has_earlier or lines[0].n > loaded[0].n, is_tail and lines[-1].n == loaded[-1].n
    filters = f"?{urlencode(query.filters)}" if query.filters else ""
    newest = query.without_position()
    unfinished = await reader.unfinished_lines(run.id, query.line_filter, 0) if is_tail else ()
    return LogPane(
        blocks=group_lines(lines, are_folded=query.are_folded, target=target),
        unfinished=build_log_lines(unfinished, labels),
        attempts=labels.find_changed_last(),
        stage_links=build_stage_links(run, query),
        stage_options=build_stage_options(run),
        attempt_links=build_attempt_links(run, query),
        stderr=FilterLink("stderr only", build_log_link(run, newest.replace(only_stderr=not query.only_stderr)), query.only_stderr),
        fold=_build_fold_link(run, query),
        query=query,
        search=search,
        notice=await explain_missing_line(reader, run, query, target, total),
        download=f"/ui/runs/{run.id}/log.txt{filters}",
        is_tail=is_tail,
        first=lines[0].n if lines else 0,
        last=lines[-1].n if lines else 0,
        total=total,
        is_at_error=bool(lines) and not query.has_position and search is None and error_line is not None,
        earlier=build_log_link(run, newest.replace(text="", before=lines[0].n)) if lines and has_earlier else None,
        later=None if is_tail or not lines else build_log_link(run, newest.replace(text="", after=lines[-1].n)),
        newest=None if is_tail else build_log_link(run, newest.replace(text="", before=END)),
        fragment=f"/ui/runs/{run.id}/lines{filters}",
    )


def _build_fold_link(run: RunView, query: LogQuery) -> FilterLink | None:
    """Return the link that folds or unfolds all blocks; None if only one attempt can have lines."""
    stages = [stage for stage in run.stages if query.stage in (None, stage.name)]
    if query.attempt is not None or sum(len(stage.attempts) for stage in stages) < 2:
        return None
    href = build_log_link(run, query.replace(are_folded=not query.are_folded, unknown_line=""))
    return FilterLink("Unfold all" if query.are_folded else "Fold all", href, query.are_folded)


async def _load_lines(reader: Reader, run: RunView, query: LogQuery, target: int | None) -> tuple[Sequence[LogLineView], bool, bool]:
    """Return lines, whether there may be earlier ones, and whether the last of them is the log's last."""
    line_filter = query.line_filter
    if target is not None:
        below = LINES_PER_PAGE - LINES_ABOVE
        above = await reader.log_window(run.id, line_filter, limit=LINES_ABOVE, below=target, last=True)
        lines = [*above, *await reader.log_window(run.id, line_filter, limit=below + 1, above=target - 1)]
        return lines[: len(above) + below], len(above) == LINES_ABOVE, len(lines) - len(above) <= below
    if query.after is not None:
        lines = await reader.log_window(run.id, line_filter, limit=LINES_PER_PAGE + 1, above=query.after)
        return lines[:LINES_PER_PAGE], query.after > 0, len(lines) <= LINES_PER_PAGE
    lines = await reader.log_window(run.id, line_filter, limit=LINES_PER_PAGE, below=query.before, last=True)
    has_earlier = len(lines) == LINES_PER_PAGE
    if query.before is None:
        return lines, has_earlier, True
    return lines, has_earlier, not await reader.log_window(run.id, line_filter, limit=1, above=max(0, query.before - 1))
