"""Lists of runs: a pipeline's last ones, and all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    format_count,
    format_parameters,
    format_timestamp,
    get_status_label,
    triggered_by,
)


@dataclass(frozen=True, slots=True)
class RunItem:
    id: int
    number: str
    pipeline: str
    status: StatusLabel
    created: Timestamp | None
    took: str
    since: Timestamp | None
    records: str
    triggered_by: str
    parameters: str
    why: str


def build_run_items(runs: Sequence[RunView], now: datetime) -> list[RunItem]:
    return [_row(run, now) for run in runs]


def _row(run: RunView, now: datetime) -> RunItem:
    begun = run.started_at
    return RunItem(
        id=run.id,
        number=f"{run.number:,}",
        pipeline=run.pipeline,
        status=get_status_label(run.status),
        created=format_timestamp(run.created_at),
        took=format_elapsed(run.finished_at or now, begun) if begun else DASH,
        since=format_timestamp(begun if begun and not run.finished_at else None),
        records=format_count(run.records_processed),
        triggered_by=triggered_by(run.trigger, run.actor),
        parameters=format_parameters(run.parameters),
        why=str(explain_run(run, RunContext(now))) if run.status in (Status.FAILED, Status.LOST, Status.WAITING) else "",
    )


@dataclass(frozen=True, slots=True)
class GridCell:
    """`sign` names the symbol: a square when completed, with a cut corner after a retry, else the status mark."""

    status: str
    sign: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class GridRow:
    stage: str
    cells: Sequence[GridCell | None]
    success: str
    median: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns are runs, oldest first; `heads` stand over every fifth."""

    heads: Sequence[tuple[str, int]]
    rows: Sequence[GridRow]
    width: int


def build_stage_grid(stages: Sequence[str], runs: Sequence[RunView], usual: Mapping[str, float]) -> Grid:
    """`runs` newest first, as the reader gives them."""
    ordered = list(reversed(runs))
    heads = [(f"#{run.number:,}", min(5, len(ordered) - index)) for index, run in enumerate(ordered) if index % 5 == 0]
    return Grid(heads, [_grid_row(stage, ordered, usual) for stage in stages], len(ordered))


def _grid_row(name: str, runs: Sequence[RunView], usual: Mapping[str, float]) -> GridRow:
    cells = [_cell(name, run) for run in runs]
    ends = [cell.status for cell in cells if cell and cell.status in ("completed", "failed", "lost")]
    success = f"{int(100 * ends.count('completed') / len(ends))} %" if ends else DASH
    return GridRow(name, cells, success, format_duration(usual[name]) if name in usual else DASH)


def _cell(name: str, run: RunView) -> GridCell | None:
    stage = next((stage for stage in run.stages if stage.name == name), None)
    if stage is None:
        return None
    status = stage.status.value
    retried = len(stage.attempts) > 1
    completed = stage.status is Status.COMPLETED
    sign = ("c-retried" if retried else "c-completed") if completed else f"s-{status}"
    words = " after a retry" if completed and retried else ""
    return GridCell(status, sign, f"#{run.number:,} {status}{words}", f"/ui/runs/{run.id}?stage={name}#log")
