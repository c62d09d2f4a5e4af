"""A run's stages in their three views: graph, waterfall and list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from application.queries.explain.durations import format_duration
from application.queries.explain.flow_runs import describe_flow_run_state
from application.queries.runs.stage_time import get_stage_seconds
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.name_lists import format_names
from domain.runs.status import Reason, Status
from entrypoints.web.charts.waterfall import StageLane, WaterfallLayout, lay_out_waterfall
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_time, get_status_label, pluralize
from entrypoints.web.view_models.log.query import GRAPH_VIEW, LogQuery
from entrypoints.web.view_models.runs.stage_graph import StageGraph, build_run_graph
from entrypoints.web.view_models.runs.stage_groups import fold_stages, get_group_label
from entrypoints.web.view_models.runs.stage_links import build_log_link

MAX_NOTE_LENGTH = 160
ATTEMPTS_SHOWN = 20
ROWS_SHOWN = 100
"""Stages that list and waterfall show at once."""


@dataclass(frozen=True, slots=True)
class StageItem:
    """A stage's row in waterfall and list. `href` leads to its log, `details` to its page."""

    name: str
    kind: str
    href: str
    status: StatusLabel
    attempts: Sequence[StatusLabel]
    started: Timestamp | None
    duration: str
    typical_duration: str
    records: str
    note: str
    lane: StageLane
    details: str


@dataclass(frozen=True, slots=True)
class StageRange:
    """Which stages the rows are. `group` is the name of the group that they belong to; `everything` is the URL of all stages."""

    text: str
    group: str
    everything: str | None
    earlier: str | None
    later: str | None


@dataclass(frozen=True, slots=True)
class StageViews:
    """The rows of waterfall and list, the waterfall's axis, and the graph if it is the view. `range` is None if the rows are all stages."""

    rows: Sequence[StageItem]
    range: StageRange | None
    waterfall: WaterfallLayout
    graph: StageGraph | None


def build_stage_views(run: RunView, medians: Mapping[str, float], now: datetime, query: LogQuery) -> StageViews:
    """Return the run's stages, or at most ROWS_SHOWN of them as rows. `medians` are their durations in seconds."""
    if query.view == GRAPH_VIEW:
        return StageViews((), None, WaterfallLayout((), None, {}), build_run_graph(run, medians, now))
    members = _find_group(run, query.group)
    stages = [stage for stage in run.stages if stage.name in members] if members else run.stages
    first = query.first_row if query.first_row < len(stages) else 0
    shown = stages[first : first + ROWS_SHOWN]
    waterfall = lay_out_waterfall(run, medians, now, shown)
    rows = [_build_item(run, stage, medians, now, waterfall.lanes[stage.name], query.view) for stage in shown]
    return StageViews(rows, _build_range(run, query, members, (first, len(shown), len(stages))), waterfall, None)


def _find_group(run: RunView, name: str | None) -> Sequence[str]:
    """Return the stages of the group that begins with this stage; empty without such a group."""
    return fold_stages({stage.name: stage.needs for stage in run.stages}).groups.get(name, ()) if name else ()


def _build_range(run: RunView, query: LogQuery, members: Sequence[str], counts: tuple[int, int, int]) -> StageRange | None:
    first, shown, total = counts
    if not members and shown == total:
        return None

    def link(row: int) -> str:
        return f"/ui/runs/{run.id}?{query.without_position().replace(text='', first_row=row).query_string}#stages"

    text = f"Stages {first + 1:,} to {first + shown:,} of {total:,}" if shown < total else pluralize(total, "stage")
    return StageRange(
        text,
        get_group_label(members) if members else "",
        f"/ui/runs/{run.id}?view={query.view}#stages" if members else None,
        link(max(0, first - ROWS_SHOWN)) if first else None,
        link(first + ROWS_SHOWN) if first + shown < total else None,
    )


def _build_item(run: RunView, stage: StageRunView, medians: Mapping[str, float], now: datetime, lane: StageLane, view: str) -> StageItem:
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    seconds = get_stage_seconds(stage, now)
    return StageItem(
        name=stage.name,
        kind=stage.kind,
        href=build_log_link(run.id, stage.name, view),
        status=get_status_label(stage.status),
        attempts=[get_status_label(each.status) for each in stage.attempts[-ATTEMPTS_SHOWN:] if each.started_at or each.finished_at],
        started=format_time(started),
        duration=format_duration(seconds) if seconds is not None else DASH,
        typical_duration=format_duration(medians[stage.name]) if stage.name in medians else DASH,
        records=format_count(stage.newest.records_processed),
        note=_build_note(stage),
        lane=lane,
        details=f"/ui/runs/{run.id}/stages/{quote(stage.name)}",
    )


def _build_note(stage: StageRunView) -> str:
    """Return why a stage waits or was skipped, its last error, or its newest message."""
    newest = stage.newest
    if newest.status is Status.QUEUED and newest.reason is Reason.LIMIT:
        return "waiting for a slot"
    if newest.status is Status.SKIPPED and newest.reason is Reason.UPSTREAM:
        return f"needs {format_names(stage.needs)}"
    if in_prefect := describe_flow_run_state(stage):
        return in_prefect
    failed = [attempt for attempt in stage.attempts if attempt.error_message]
    if failed:
        prefix = f"attempt {failed[-1].number}: " if failed[-1] is not newest else ""
        return prefix + _get_error_line(failed[-1])
    return (newest.message or "").split("\n")[0][:MAX_NOTE_LENGTH]


def _get_error_line(attempt: AttemptView) -> str:
    return (attempt.error_message or "").strip().split("\n")[0][:MAX_NOTE_LENGTH]
