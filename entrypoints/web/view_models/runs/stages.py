"""A run's stages in their three views: graph, waterfall and list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from application.queries.explain.durations import format_duration
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.web.charts.waterfall import StageLane, WaterfallLayout, lay_out_waterfall
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_time, get_status_label
from entrypoints.web.view_models.runs.stage_graph import StageGraph, build_run_graph
from entrypoints.web.view_models.runs.stage_links import build_log_link, get_stage_seconds

MAX_NOTE_LENGTH = 160


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
class StageViews:
    """The rows of waterfall and list, the waterfall's axis and the graph."""

    rows: Sequence[StageItem]
    waterfall: WaterfallLayout
    graph: StageGraph


def build_stage_views(run: RunView, medians: Mapping[str, float], now: datetime, view: str) -> StageViews:
    """Return the run's stages. `medians` are their durations in seconds; links lead to the run's page in this `view`."""
    waterfall = lay_out_waterfall(run, medians, now)
    rows = [_build_item(run, stage, medians, now, waterfall.lanes[stage.name], view) for stage in run.stages]
    return StageViews(rows, waterfall, build_run_graph(run, medians, now))


def _build_item(run: RunView, stage: StageRunView, medians: Mapping[str, float], now: datetime, lane: StageLane, view: str) -> StageItem:
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    seconds = get_stage_seconds(stage, now)
    return StageItem(
        name=stage.name,
        kind=stage.kind,
        href=build_log_link(run.id, stage.name, view),
        status=get_status_label(stage.status),
        attempts=[get_status_label(attempt.status) for attempt in stage.attempts if attempt.started_at or attempt.finished_at],
        started=format_time(started),
        duration=format_duration(seconds) if seconds is not None else DASH,
        typical_duration=format_duration(medians[stage.name]) if stage.name in medians else DASH,
        records=format_count(stage.newest.records_processed),
        note=_build_note(stage),
        lane=lane,
        details=f"/ui/runs/{run.id}/stages/{quote(stage.name)}",
    )


def _build_note(stage: StageRunView) -> str:
    """Return why a stage was skipped, its last error, or its newest message."""
    newest = stage.newest
    if newest.status is Status.SKIPPED and newest.reason is Reason.UPSTREAM:
        return "needs " + ", ".join(stage.needs)
    failed = [attempt for attempt in stage.attempts if attempt.error_message]
    if failed:
        prefix = f"attempt {failed[-1].number}: " if failed[-1] is not newest else ""
        return prefix + _get_error_line(failed[-1])
    return (newest.message or "").split("\n")[0][:MAX_NOTE_LENGTH]


def _get_error_line(attempt: AttemptView) -> str:
    return (attempt.error_message or "").strip().split("\n")[0][:MAX_NOTE_LENGTH]
