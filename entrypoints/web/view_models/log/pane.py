"""The log on a run's page: the newest lines, those around a position, and search hits."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogLineView
from application.queries.views.runs import RunView
from entrypoints.web.view_models.log.lines import LINES_PER_PAGE, LogLine, build_log_lines
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.log.search import LogSearch, build_log_link, search_log
from entrypoints.web.view_models.runs.stage_groups import WORST_FIRST

LINES_ABOVE = 100
"""Lines shown above the one that a link points to."""
MAX_STAGE_LINKS = 30
MAX_ATTEMPT_LINKS = 30
END = 10**15 - 1
"""A line number after every line."""


@dataclass(frozen=True, slots=True)
class FilterLink:
    """A link that changes the filter."""

    text: str
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class LogPane:
    """The log.

    `first` and `last` are the numbers of the first and last line shown. If `is_tail`, they are the newest lines, and new ones follow.
    `earlier`, `later` and `newest` are URLs; `fragment` is the URL from which a script loads more lines.
    """

    lines: Sequence[LogLine]
    unfinished: Sequence[LogLine]
    stages: Sequence[FilterLink]
    attempts: Sequence[FilterLink]
    stderr: FilterLink
    query: LogQuery
    search: LogSearch | None
    download: str
    is_tail: bool
    first: int
    last: int
    is_at_error: bool
    earlier: str | None
    later: str | None
    newest: str | None
    fragment: str


async def build_log_pane(reader: Reader, run: RunView, query: LogQuery, error_line: int | None) -> LogPane:
    """Return the log. Without a position in the query, it opens at the first search hit or at `error_line`, else at the end."""
    search = await search_log(reader, run, query) if query.text else None
    if search:
        query = query.replace(before=None, after=None)
    target = query.line
    if not query.has_position:
        target = search.first if search else error_line
    loaded, has_earlier, is_tail = await _load_lines(reader, run, query, target)
    lines = build_log_lines(loaded, query.text, target, from_end=target is None and query.after is None)
    if lines and len(lines) < len(loaded):
        has_earlier, is_tail = has_earlier or lines[0].n > loaded[0].n, is_tail and lines[-1].n == loaded[-1].n
    filters = f"?{urlencode(query.filters)}" if query.filters else ""
    newest = query.without_position()
    return LogPane(
        lines=lines,
        unfinished=build_log_lines(await reader.unfinished_lines(run.id, query.line_filter, 0) if is_tail else ()),
        stages=_build_stage_links(run, query),
        attempts=_build_attempt_links(run, query),
        stderr=FilterLink("stderr only", build_log_link(run, newest.replace(only_stderr=not query.only_stderr)), query.only_stderr),
        query=query,
        search=search,
        download=f"/ui/runs/{run.id}/log.txt{filters}",
        is_tail=is_tail,
        first=lines[0].n if lines else 0,
        last=lines[-1].n if lines else 0,
        is_at_error=bool(lines) and not query.has_position and search is None and error_line is not None,
        earlier=build_log_link(run, newest.replace(text="", before=lines[0].n)) if lines and has_earlier else None,
        later=None if is_tail or not lines else build_log_link(run, newest.replace(text="", after=lines[-1].n)),
        newest=None if is_tail else build_log_link(run, newest.replace(text="", before=END)),
        fragment=f"/ui/runs/{run.id}/lines{filters}",
    )


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


def _build_stage_links(run: RunView, query: LogQuery) -> list[FilterLink]:
    base = query.without_position().replace(attempt=None)
    links = [FilterLink("All", build_log_link(run, base.replace(stage=None)), query.stage is None)]
    names = _choose_stages(run, query.stage)
    links += [FilterLink(name, build_log_link(run, base.replace(stage=name)), name == query.stage) for name in names]
    if hidden := len(run.stages) - len(names):
        links.append(FilterLink(f"{hidden:,} more stages", f"/ui/runs/{run.id}?view=list#stages", False))
    return links


def _choose_stages(run: RunView, chosen: str | None) -> list[str]:
    """Return the stages with a link: all of a few; of many, the chosen one and those that need attention first."""
    if len(run.stages) <= MAX_STAGE_LINKS:
        return [stage.name for stage in run.stages]
    worst = sorted(run.stages, key=lambda stage: (stage.name != chosen, WORST_FIRST.index(stage.status)))[:MAX_STAGE_LINKS]
    shown = {stage.name for stage in worst}
    return [stage.name for stage in run.stages if stage.name in shown]


def _build_attempt_links(run: RunView, query: LogQuery) -> list[FilterLink]:
    """Return links to the chosen stage's attempts; empty if it has only one."""
    stage = next((each for each in run.stages if each.name == query.stage), None)
    if stage is None or len(stage.attempts) < 2:
        return []
    base = query.without_position()
    links = [FilterLink("all attempts", build_log_link(run, base.replace(attempt=None)), query.attempt is None)]
    return links + [
        FilterLink(f"attempt {each.number}", build_log_link(run, base.replace(attempt=each.number)), each.number == query.attempt)
        for each in stage.attempts[-MAX_ATTEMPT_LINKS:]
    ]
