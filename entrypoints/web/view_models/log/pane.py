"""The part of a run's log that its page shows: the newest lines, those around a place, and what a search found."""

from collections.abc import Sequence
from urllib.parse import urlencode

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.view_models.log.lines import FIRST_SHOWN, HITS_SHOWN, FilterLink, LogPane, LogSearch, build_search_hit, log_lines
from entrypoints.web.view_models.log.query import LogQuery

BEFORE = 100
"""Lines shown above the one a link points to."""
SCANNED = 200_000
"""Lines one search looks through; from there it goes on when asked."""


async def log_pane(reader: Reader, run: RunView, choice: LogQuery, error_line: int | None) -> LogPane:
    """`error_line` is where a failed run's log opens when no place is asked for."""
    search = await _search(reader, run, choice) if choice.text else None
    if search:
        choice = choice.with_changes(before=None, after=None)
    place = choice.line
    if not choice.has_position:
        place = search.first if search else error_line
    lines, has_earlier, is_tail = await _lines(reader, run, choice, place)
    return LogPane(
        lines=log_lines(lines, choice.text, place),
        stages=_stages(run, choice),
        attempts=_attempts(run, choice),
        errors=FilterLink("stderr only", _link(run, choice.newest().with_changes(errors=not choice.errors)), choice.errors),
        choice=choice,
        search=search,
        download=f"/ui/runs/{run.id}/log.txt" + (f"?{urlencode(choice.filters)}" if choice.filters else ""),
        is_tail=is_tail,
        first=lines[0].n if lines else 0,
        last=lines[-1].n if lines else 0,
        opened_at_error=bool(lines) and not choice.has_position and search is None and error_line is not None,
        earlier=_link(run, choice.newest().with_changes(text="", before=lines[0].n)) if lines and has_earlier else None,
        later=None if is_tail or not lines else _link(run, choice.newest().with_changes(text="", after=lines[-1].n)),
        newest=None if is_tail else _link(run, _to_the_end(choice)),
        fragment=f"/ui/runs/{run.id}/lines" + (f"?{urlencode(choice.filters)}" if choice.filters else ""),
    )


def _to_the_end(choice: LogQuery) -> LogQuery:
    """Said in so many words, because a failed run's log opens elsewhere by itself."""
    return choice.newest().with_changes(text="", before=10**15 - 1)


async def _lines(reader: Reader, run: RunView, choice: LogQuery, place: int | None) -> tuple[Sequence[LogLineView], bool, bool]:
    """The lines, whether there may be earlier ones, and whether the last of them is the log's last."""
    wanted = choice.wanted
    if place is not None:
        above = await reader.log_window(run.id, wanted, limit=BEFORE, below=place, last=True)
        lines = [*above, *await reader.log_window(run.id, wanted, limit=FIRST_SHOWN - BEFORE + 1, above=place - 1)]
        return lines[: len(above) + FIRST_SHOWN - BEFORE], len(above) == BEFORE, len(lines) - len(above) <= FIRST_SHOWN - BEFORE
    if choice.after is not None:
        lines = await reader.log_window(run.id, wanted, limit=FIRST_SHOWN + 1, above=choice.after)
        return lines[:FIRST_SHOWN], choice.after > 0, len(lines) <= FIRST_SHOWN
    lines = await reader.log_window(run.id, wanted, limit=FIRST_SHOWN, below=choice.before, last=True)
    has_earlier = len(lines) == FIRST_SHOWN
    if choice.before is None:
        return lines, has_earlier, True
    return lines, has_earlier, not await reader.log_window(run.id, wanted, limit=1, above=max(0, choice.before - 1))


async def _search(reader: Reader, run: RunView, choice: LogQuery) -> LogSearch:
    """Hits from `after` on, the one being looked at, and its neighbours; each question looks through a bounded part of the log."""
    start = choice.after or 0
    found = await reader.log_window(run.id, choice.search_filter, limit=HITS_SHOWN + 1, above=start, below=start + SCANNED + 1)
    last = await reader.log_window(run.id, LogFilter(), limit=1, last=True)
    end = last[-1].n if last else 0
    hits = found[:HITS_SHOWN]
    at = choice.line if choice.line is not None else hits[0].n if hits else None
    earlier, later = await _neighbours(reader, run, choice, at) if at is not None else (None, None)
    scanned_to = hits[-1].n if len(found) > HITS_SHOWN else min(start + SCANNED, end)
    return LogSearch(
        text=choice.text,
        hits=[build_search_hit(line, choice.text, _hit_link(run, choice, line.n), line.n == at) for line in hits],
        first=hits[0].n if hits else None,
        previous=_hit_link(run, choice, earlier) if earlier else None,
        next=_hit_link(run, choice, later) if later else None,
        more=_link(run, choice.newest().with_changes(after=scanned_to)) if scanned_to < end else None,
        scanned_from=start,
        scanned_to=scanned_to,
        clear=_link(run, choice.newest().with_changes(text="", line=choice.line)),
    )


async def _neighbours(reader: Reader, run: RunView, choice: LogQuery, at: int) -> tuple[int | None, int | None]:
    before = await reader.log_window(run.id, choice.search_filter, limit=1, above=max(0, at - SCANNED), below=at, last=True)
    after = await reader.log_window(run.id, choice.search_filter, limit=1, above=at, below=at + SCANNED)
    return (before[0].n if before else None), (after[0].n if after else None)


def _hit_link(run: RunView, choice: LogQuery, line: int) -> str:
    return f"/ui/runs/{run.id}?{choice.newest().with_changes(line=line).query}#L{line}"


def _stages(run: RunView, choice: LogQuery) -> list[FilterLink]:
    bare = choice.newest().with_changes(attempt=None)
    pills = [FilterLink("All", _link(run, bare.with_changes(stage=None)), choice.stage is None)]
    return pills + [FilterLink(each.name, _link(run, bare.with_changes(stage=each.name)), each.name == choice.stage) for each in run.stages]


def _attempts(run: RunView, choice: LogQuery) -> list[FilterLink]:
    """Of the chosen stage, when it was tried more than once."""
    stage = next((each for each in run.stages if each.name == choice.stage), None)
    if stage is None or len(stage.attempts) < 2:
        return []
    bare = choice.newest()
    pills = [FilterLink("every attempt", _link(run, bare.with_changes(attempt=None)), choice.attempt is None)]
    return pills + [
        FilterLink(f"attempt {each.number}", _link(run, bare.with_changes(attempt=each.number)), each.number == choice.attempt)
        for each in stage.attempts
    ]


def _link(run: RunView, choice: LogQuery) -> str:
    return f"/ui/runs/{run.id}?{choice.query}#log"


async def error_line(reader: Reader, run: RunView) -> int | None:
    """The line to read first of a failed run: where its error was written, else what went to stderr last, else its last."""
    if run.status not in (Status.FAILED, Status.LOST):
        return None
    broken = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST)]
    stage = next((each for each in broken if not each.allow_failure), broken[0] if broken else None)
    if stage is None:
        return None
    here = LogFilter(stage.name, stage.newest.number)
    said = next(iter((stage.newest.error_message or "").strip().splitlines()), "")[:160]
    asked = [LogFilter(here.stage, here.attempt, None, said)] if said else []
    for wanted in (*asked, LogFilter(here.stage, here.attempt, "stderr")):
        if found := await reader.log_window(run.id, wanted, limit=1):
            return found[0].n
    found = await reader.log_window(run.id, here, limit=1, last=True)
    return found[0].n if found else None
