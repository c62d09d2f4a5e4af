"""What a pipeline's last runs show: durations, records, failing stages and similar failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from application.queries.explain.durations import format_duration
from application.queries.explain.waits import describe_time_taken
from application.queries.views.history import FailureView
from application.queries.views.runs import RunView, StageRunView
from domain.runs.active_time import get_active_seconds
from domain.runs.status import Status
from entrypoints.web.charts.run_trend import TrendLayout, TrendPoint, lay_out_trend
from entrypoints.web.view_models.formatting import (
    DASH,
    StatusLabel,
    Timestamp,
    format_count,
    format_timestamp,
    get_status_label,
    pluralize,
)
from entrypoints.web.view_models.runs.stage_links import build_error_link

STAGES_SHOWN = 5
FAILURES_SHOWN = 8
RUNS_PER_FAILURE = 4
MAX_MESSAGE_LENGTH = 200
ENDED_BY_THEMSELVES = (Status.COMPLETED, Status.FAILED, Status.LOST)


@dataclass(frozen=True, slots=True)
class TrendItem:
    """A run in the table that says the same as the chart."""

    id: int
    number: str
    status: StatusLabel
    created: Timestamp | None
    duration: str
    records: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Durations and records of the last runs."""

    layout: TrendLayout
    success: str
    median: str
    median_records: str
    latest_records: str
    records_label: str
    rows: Sequence[TrendItem]


@dataclass(frozen=True, slots=True)
class FailingStage:
    """A stage with failures or retries, and how many."""

    stage: str
    summary: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Similar failures. `runs` are (URL, number); each URL opens the log at the error."""

    stage: str
    message: str
    count: str
    last: Timestamp | None
    runs: Sequence[tuple[str, str]]


def build_trend(runs: Sequence[RunView], now: datetime) -> Trend:
    """Return the trend. `runs` are newest first."""
    points = [_build_point(run, now) for run in reversed(runs)]
    completed = [point for point in points if point.status is Status.COMPLETED]
    ended = [point for point in points if point.status in ENDED_BY_THEMSELVES]
    durations = [point.seconds for point in completed if point.seconds is not None]
    records_completed = [point.records for point in completed if point.records is not None]
    records = [point.records for point in points if point.records is not None]
    median_seconds = median(durations) if durations else None
    return Trend(
        layout=lay_out_trend(points, median_seconds),
        success=f"{100 * len(completed) // len(ended)} %" if ended else DASH,
        median=format_duration(median_seconds) if median_seconds is not None else DASH,
        median_records=shorten_count(median(records_completed)) if records_completed else DASH,
        latest_records=shorten_count(records[-1]) if records else "",
        records_label=f"Records of each run, {min(records):,} to {max(records):,}" if records else "No records reported",
        rows=[_build_row(run, point) for run, point in zip(runs, reversed(points), strict=True)],
    )


def shorten_count(number: float) -> str:
    """Return a number with three digits and a unit: "16.4 M", "412 k", "87"."""
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= limit:
            unit = 1e3 if sign == "k" else limit
            return f"{number / unit:.3g} {sign}" if number / unit < 1_000 else f"{number / unit:,.0f} {sign}"
    return f"{number:,.0f}"


def find_failing_stages(runs: Sequence[RunView]) -> list[FailingStage]:
    """Return the stages that failed, were lost or needed a retry in these runs, the worst first."""
    found = []
    names = dict.fromkeys(stage.name for run in runs for stage in run.stages)
    for name in names:
        stages = [stage for run in runs for stage in run.stages if stage.name == name]
        failed, lost, retried, ended = (sum(map(test, stages)) for test in (_is_failed, _is_lost, _is_retried, _is_ended))
        if failed or lost or retried:
            parts = [f"{failed:,} of {ended:,} failed" if failed else "", f"{lost:,} lost" if lost else ""]
            parts += [f"{retried:,} needed a retry" if retried else ""]
            found.append(((-failed - lost, -retried), FailingStage(name, ", ".join(part for part in parts if part))))
    return [each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].stage))][:STAGES_SHOWN]


def group_failures(failures: Sequence[FailureView]) -> list[FailureGroup]:
    """Return the groups of similar failures that the reader found."""
    return [
        FailureGroup(
            stage=failure.stage,
            message=(failure.message.strip().splitlines() or ["No error message"])[0][:MAX_MESSAGE_LENGTH],
            count="once" if failure.count == 1 else f"{pluralize(failure.count, 'time')}",
            last=format_timestamp(failure.last_at),
            runs=[(build_error_link(run_id, failure.stage), f"#{number}") for run_id, number in failure.runs[:RUNS_PER_FAILURE]],
        )
        for failure in failures[:FAILURES_SHOWN]
    ]


def _build_point(run: RunView, now: datetime) -> TrendPoint:
    seconds = get_active_seconds(run, now)
    duration = f", {describe_time_taken(run, now)}" if seconds is not None and run.finished_at else ""
    return TrendPoint(run.id, run.status, seconds, run.records_processed, f"#{run.number} {run.status}{duration}")


def _build_row(run: RunView, point: TrendPoint) -> TrendItem:
    duration = format_duration(point.seconds) if point.seconds is not None else DASH
    created, records = format_timestamp(run.created_at), format_count(run.records_processed)
    return TrendItem(run.id, f"#{run.number}", get_status_label(run.status), created, duration, records)


def _is_failed(stage: StageRunView) -> bool:
    return stage.status is Status.FAILED


def _is_lost(stage: StageRunView) -> bool:
    return stage.status is Status.LOST


def _is_retried(stage: StageRunView) -> bool:
    return stage.status is Status.COMPLETED and len(stage.attempts) > 1


def _is_ended(stage: StageRunView) -> bool:
    return stage.status in ENDED_BY_THEMSELVES
