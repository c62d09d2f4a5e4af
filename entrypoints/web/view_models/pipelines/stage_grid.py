"""The grid of a pipeline's stages and last runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from application.queries.explain.durations import format_duration
from application.queries.runs.earlier_names import EarlierNames
from application.queries.views.runs import RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import DASH
from entrypoints.web.view_models.runs.stage_groups import describe_statuses, find_worst_status, fold_stages, get_group_label, shorten_label
from entrypoints.web.view_models.runs.stage_links import build_group_link

HEADING_SPAN = 5
MAX_GROUP_LABEL = 32


@dataclass(frozen=True, slots=True)
class GridCell:
    """A stage of a run. `symbol` is a square if it completed, with a cut corner after a retry, otherwise the status mark."""

    status: str
    symbol: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class GridRow:
    """A stage or a group of stages, with a cell for each run; None if the run has no such stage. `key` is the name of its first stage."""

    key: str
    stage: str
    title: str
    cells: Sequence[GridCell | None]
    success: str
    median: str


@dataclass(frozen=True, slots=True)
class StageGrid:
    """The grid. Columns are runs, oldest first; `headings` are (text, columns) above every fifth run."""

    headings: Sequence[tuple[str, int]]
    rows: Sequence[GridRow]


def build_stage_grid(
    definition: PipelineDefinition, runs: Sequence[RunView], medians: Mapping[str, float], earlier_names: EarlierNames | None = None
) -> StageGrid:
    """Return the grid. `runs` are newest first; `medians` are the stages' durations in seconds. Large pipelines have a row for a group.

    A stage that was renamed keeps its row; `earlier_names` are those in the revisions of the runs.
    """
    oldest_first = list(reversed(runs))
    headings = [
        (f"#{run.number}", min(HEADING_SPAN, len(oldest_first) - index))
        for index, run in enumerate(oldest_first)
        if index % HEADING_SPAN == 0
    ]
    stages = [_index_by_name(run, (earlier_names or {}).get(run.revision, {})) for run in oldest_first]
    groups = fold_stages({stage.name: stage.needs for stage in definition.stages}).groups
    return StageGrid(headings, [_build_row(names, oldest_first, stages, medians) for names in groups.values()])


def _index_by_name(run: RunView, earlier_names: Mapping[str, str]) -> dict[str, StageRunView]:
    """Return the stages of a run by the names that they have now."""
    names = {before: name for name, before in earlier_names.items()}
    return {names.get(stage.name, stage.name): stage for stage in run.stages}


def _build_row(
    names: Sequence[str], runs: Sequence[RunView], stages: Sequence[Mapping[str, StageRunView]], medians: Mapping[str, float]
) -> GridRow:
    found = [[by_name[name] for name in names if name in by_name] for by_name in stages]
    cells = [_build_cell(run, each, names) if each else None for run, each in zip(runs, found, strict=True)]
    ended = [cell.status for cell in cells if cell and cell.status in ("completed", "failed", "lost")]
    success = f"{int(100 * ended.count('completed') / len(ended))} %" if ended else DASH
    median = medians.get(names[0]) if len(names) == 1 else None
    label = get_group_label(names)
    shown = label if len(names) == 1 else shorten_label(label, MAX_GROUP_LABEL)
    return GridRow(names[0], shown, label, cells, success, format_duration(median) if median is not None else DASH)


def _build_cell(run: RunView, stages: Sequence[StageRunView], names: Sequence[str]) -> GridCell:
    """Return the cell of a stage, or of a group with its worst status."""
    status = find_worst_status([stage.status for stage in stages])
    is_completed = status is Status.COMPLETED
    is_retried = is_completed and any(len(stage.attempts) > 1 for stage in stages)
    symbol = ("c-retried" if is_retried else "c-completed") if is_completed else f"s-{status.value}"
    if len(names) > 1:
        title = f"#{run.number} {describe_statuses([stage.status for stage in stages])}"
        return GridCell(status.value, symbol, title, build_group_link(run.id, names[0]))
    name = stages[0].name
    title = f"#{run.number} {status.value}{' after a retry' if is_retried else ''}{f', named {name} then' if name != names[0] else ''}"
    return GridCell(status.value, symbol, title, f"/ui/runs/{run.id}?stage={quote(name)}#log")
