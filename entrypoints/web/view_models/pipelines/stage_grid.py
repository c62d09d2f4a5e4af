"""The grid of a pipeline's stages and last runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration
from application.queries.views.runs import RunView
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import DASH

HEADING_SPAN = 5


@dataclass(frozen=True, slots=True)
class GridCell:
    """A stage of a run. `symbol` is a square if it completed, with a cut corner after a retry, otherwise the status mark."""

    status: str
    symbol: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class GridRow:
    """A stage, with a cell for each run; None if the run has no such stage."""

    stage: str
    cells: Sequence[GridCell | None]
    success: str
    median: str


@dataclass(frozen=True, slots=True)
class StageGrid:
    """The grid. Columns are runs, oldest first; `headings` are (text, columns) above every fifth run."""

    headings: Sequence[tuple[str, int]]
    rows: Sequence[GridRow]


def build_stage_grid(stages: Sequence[str], runs: Sequence[RunView], medians: Mapping[str, float]) -> StageGrid:
    """Return the grid. `runs` are newest first; `medians` are the stages' durations in seconds."""
    oldest_first = list(reversed(runs))
    headings = [
        (f"#{run.number:,}", min(HEADING_SPAN, len(oldest_first) - index))
        for index, run in enumerate(oldest_first)
        if index % HEADING_SPAN == 0
    ]
    return StageGrid(headings, [_build_row(stage, oldest_first, medians) for stage in stages])


def _build_row(name: str, runs: Sequence[RunView], medians: Mapping[str, float]) -> GridRow:
    cells = [_build_cell(name, run) for run in runs]
    ended = [cell.status for cell in cells if cell and cell.status in ("completed", "failed", "lost")]
    success = f"{int(100 * ended.count('completed') / len(ended))} %" if ended else DASH
    return GridRow(name, cells, success, format_duration(medians[name]) if name in medians else DASH)


def _build_cell(name: str, run: RunView) -> GridCell | None:
    stage = next((stage for stage in run.stages if stage.name == name), None)
    if stage is None:
        return None
    status = stage.status.value
    is_retried = len(stage.attempts) > 1
    is_completed = stage.status is Status.COMPLETED
    symbol = ("c-retried" if is_retried else "c-completed") if is_completed else f"s-{status}"
    suffix = " after a retry" if is_completed and is_retried else ""
    return GridCell(status, symbol, f"#{run.number:,} {status}{suffix}", f"/ui/runs/{run.id}?stage={name}#log")
