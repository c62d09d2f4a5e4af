"""Two runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.runs.comparison import Comparison, Difference, StagePair
from application.queries.views.runs import RunView, StageRunView
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    format_count,
    format_difference,
    format_timestamp,
    get_status_label,
    triggered_by,
)

NOTABLE = 1.25
"""A stage that took this many times as long, or as short, is marked; so are records."""
LEAST_SECONDS = 1.0
LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class ComparedRun:
    id: int
    number: str
    href: str
    status: StatusLabel
    started: Timestamp | None
    took: str
    records: str
    revision: int
    triggered_by: str


@dataclass(frozen=True, slots=True)
class ComparedValue:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StageComparison:
    name: str
    statuses: tuple[StatusLabel | None, StatusLabel | None]
    times: tuple[str, str]
    change: str
    is_notable: bool
    records: tuple[str, str]
    records_differ: bool


@dataclass(frozen=True, slots=True)
class ErrorComparison:
    """The first stage that broke in one run only, or differently; `texts` are what each said."""

    stage: str
    texts: tuple[str, str]
    is_alike: bool


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    pipeline: str
    sides: tuple[ComparedRun, ComparedRun]
    parameters: Sequence[ComparedValue]
    stages: Sequence[StageComparison]
    error: ErrorComparison | None
    definition: Sequence[ComparedValue]
    choices: Sequence[tuple[int, str]]
    """(id, words) of runs to compare the second with."""


def build_comparison_page(found: Comparison, others: Sequence[RunView]) -> ComparisonPage:
    before, after, error = found.before, found.after, found.error
    return ComparisonPage(
        after.pipeline,
        (_side(before), _side(after)),
        [_row(each) for each in found.parameters],
        [_stage(pair) for pair in found.stages],
        ErrorComparison(error.stage, (_said(error.before), _said(error.after)), error.is_alike) if error else None,
        [_row(each) for each in found.definition],
        [(run.id, f"#{run.number:,} {run.status.value}, revision {run.revision}") for run in others if run.id != after.id],
    )


def _row(each: Difference) -> ComparedValue:
    return ComparedValue(each.path, *format_difference(each.before, each.after, each.missing))


def _said(error: str | None) -> str:
    return show_control_characters(error[:LONGEST_ERROR]) if error is not None else "no error"


def _side(run: RunView) -> ComparedRun:
    took = format_elapsed(run.finished_at, run.started_at) if run.finished_at and run.started_at else DASH
    return ComparedRun(
        run.id,
        f"#{run.number:,}",
        f"/ui/runs/{run.id}",
        get_status_label(run.status),
        format_timestamp(run.started_at),
        took,
        format_count(run.records_processed),
        run.revision,
        triggered_by(run.trigger, run.actor),
    )


def _stage(pair: StagePair) -> StageComparison:
    before, after = pair.seconds
    longest = max(before or 0.0, after or 0.0)
    ratio = after / before if before and after else None
    is_notable = ratio is not None and longest >= LEAST_SECONDS and not 1 / NOTABLE < ratio < NOTABLE
    return StageComparison(
        pair.name,
        (_status(pair.before), _status(pair.after)),
        (_seconds(before), _seconds(after)),
        f"{'+' if ratio > 1 else '−'}{abs(ratio - 1) * 100:,.0f} %" if ratio is not None and longest >= LEAST_SECONDS else "",
        is_notable,
        (format_count(pair.records[0]), format_count(pair.records[1])),
        pair.records[0] != pair.records[1],
    )


def _status(stage: StageRunView | None) -> StatusLabel | None:
    return get_status_label(stage.status) if stage else None


def _seconds(taken: float | None) -> str:
    return format_duration(taken) if taken is not None else DASH
