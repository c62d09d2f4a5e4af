"""The runs that an action on a filtered list applies to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.runs.run_name import RunName
from domain.runs.status import Status
from entrypoints.web.board_query import BoardQuery
from entrypoints.web.bulk.action import BulkAction, get_statuses
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.page_context import PageContext
from entrypoints.web.run_list_query import parse_run_list_query
from entrypoints.web.time_zones import get_day_start

MAX_RUNS: Final = 500
"""Runs of one action."""
BOARD: Final = "board"
"""The value of `from` in the URL of an action on the board: it applies to the latest runs of the rows."""


@dataclass(frozen=True, slots=True)
class SelectedRun:
    """A run that the action applies to. `name` is that of its pipeline, with its number."""

    id: int
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class Selection:
    """The newest MAX_RUNS of the runs, newest first, and whether there are more."""

    runs: Sequence[SelectedRun]
    has_more: bool = False


async def select_runs(context: PageContext, action: BulkAction, parameters: Mapping[str, str]) -> Selection:
    """Return the runs of the list with these query parameters that the action applies to."""
    if parameters.get("from") == BOARD:
        return await _select_latest_runs(context, action, BoardQuery.parse(parameters))
    return await _select_listed_runs(context, action, parameters)


async def _select_latest_runs(context: PageContext, action: BulkAction, query: BoardQuery) -> Selection:
    statuses = get_statuses(action, query.status)
    rows = query.select_with_any_status(await LiveBoard(context, query).load_rows())
    latest = [row.pipeline.latest for row in rows if row.pipeline.latest and row.pipeline.latest.status in statuses]
    runs = [SelectedRun(run.id, run.name, run.status) for run in latest]
    return _cut(runs)


async def _select_listed_runs(context: PageContext, action: BulkAction, parameters: Mapping[str, str]) -> Selection:
    query = await parse_run_list_query(context, parameters)
    names: dict[int, str] = {}
    for status in get_statuses(action, query.status or ""):
        found = await context.reader.run_state_versions(
            pipeline_id=query.pipeline_id,
            pipeline_ids=query.pipeline_ids,
            status=status,
            skip=0,
            limit=MAX_RUNS + 1,
            trigger=query.trigger or None,
            since=get_day_start(query.since, query.zone),
            until=get_day_start(query.until, query.zone, later=1),
        )
        names |= {run.id: run.pipeline for run in found}
    newest = sorted(names, reverse=True)[: MAX_RUNS + 1]
    times = await context.reader.run_times(newest) if newest else []
    return _cut([SelectedRun(run.id, str(RunName(names[run.id], run.number)), run.status) for run in times])


def _cut(runs: Sequence[SelectedRun]) -> Selection:
    newest = sorted(runs, key=lambda run: run.id, reverse=True)
    return Selection(newest[:MAX_RUNS], len(newest) > MAX_RUNS)
