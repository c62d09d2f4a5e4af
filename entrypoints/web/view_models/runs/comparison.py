"""Two runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration
from application.queries.explain.waits import describe_time_taken
from application.queries.runs.comparison import Comparison, Difference, StagePair
from application.queries.views.runs import RunView, StageRunView
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    describe_trigger,
    format_count,
    format_difference,
    format_timestamp,
    get_status_label,
)

NOTABLE_RATIO = 1.25
"""A stage is highlighted if it took this many times as long, or as short."""
MIN_SECONDS = 1.0
"""Changes of shorter stages are not shown."""
MAX_ERROR_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of the runs."""

    id: int
    number: str
    href: str
    status: StatusLabel
    started: Timestamp | None
    duration: str
    records: str
    revision: int
    trigger: str


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A parameter, or a key of the definition, that differs."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StageComparison:
    """A stage in both runs. Its status is None on the side that has no such stage."""

    name: str
    statuses: tuple[StatusLabel | None, StatusLabel | None]
    durations: tuple[str, str]
    change: str
    is_notable: bool
    records: tuple[str, str]
    has_different_records: bool


@dataclass(frozen=True, slots=True)
class ErrorComparison:
    """The first stage with different errors. `is_alike` is True for the same failure in other words."""

    stage: str
    texts: tuple[str, str]
    is_alike: bool


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The page. `choices` are (id, label) of runs to compare the second one with."""

    pipeline: str
    runs: tuple[ComparedRun, ComparedRun]
    parameters: Sequence[ComparedValue]
    stages: Sequence[StageComparison]
    error: ErrorComparison | None
    definition: Sequence[ComparedValue]
    choices: Sequence[tuple[int, str]]


def build_comparison_page(comparison: Comparison, others: Sequence[RunView]) -> ComparisonPage:
    """Return the page. `others` are runs to choose from."""
    before, after, error = comparison.before, comparison.after, comparison.error
    return ComparisonPage(
        after.pipeline,
        (_build_run(before), _build_run(after)),
        [_build_value(each) for each in comparison.parameters],
        [_build_stage(pair) for pair in comparison.stages],
        ErrorComparison(error.stage, (_format_error(error.before), _format_error(error.after)), error.is_alike) if error else None,
        [_build_value(each) for each in comparison.definition],
        [(run.id, f"#{run.number} {run.status.value}, revision {run.revision}") for run in others if run.id != after.id],
    )


def _build_value(difference: Difference) -> ComparedValue:
    return ComparedValue(difference.path, *format_difference(difference.before, difference.after, difference.missing))


def _format_error(error: str | None) -> str:
    return show_control_characters(error[:MAX_ERROR_LENGTH]) if error is not None else "no error"


def _build_run(run: RunView) -> ComparedRun:
    return ComparedRun(
        run.id,
        f"#{run.number}",
        f"/ui/runs/{run.id}",
        get_status_label(run.status),
        format_timestamp(run.started_at),
        describe_time_taken(run, run.finished_at) or DASH if run.finished_at else DASH,
        format_count(run.records_processed),
        run.revision,
        describe_trigger(run.trigger, run.actor),
    )


def _build_stage(pair: StagePair) -> StageComparison:
    before, after = pair.seconds
    is_long_enough = max(before or 0.0, after or 0.0) >= MIN_SECONDS
    ratio = after / before if before and after else None
    return StageComparison(
        f"{pair.name} (was {pair.earlier_name})" if pair.earlier_name else pair.name,
        (_get_label(pair.before), _get_label(pair.after)),
        (_format_seconds(before), _format_seconds(after)),
        f"{'+' if ratio > 1 else '−'}{abs(ratio - 1) * 100:,.0f} %" if ratio is not None and is_long_enough else "",
        ratio is not None and is_long_enough and not 1 / NOTABLE_RATIO < ratio < NOTABLE_RATIO,
        (format_count(pair.records[0]), format_count(pair.records[1])),
        pair.records[0] != pair.records[1],
    )


def _get_label(stage: StageRunView | None) -> StatusLabel | None:
    return get_status_label(stage.status) if stage else None


def _format_seconds(seconds: float | None) -> str:
    return format_duration(seconds) if seconds is not None else DASH
