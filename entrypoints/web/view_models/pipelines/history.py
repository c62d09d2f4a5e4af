"""What a pipeline's last runs tell: times, records, what breaks, and which failures are alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from application.queries.explain.durations import format_duration
from application.queries.views.history import FailureView
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Status
from entrypoints.web.charts.run_trend import TrendLayout, TrendPoint, lay_out_trend
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_timestamp, get_status_label, pluralize

BREAKS_SHOWN = 5
FAILURES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class TrendItem:
    """A run in the table behind the drawing."""

    id: int
    number: str
    status: StatusLabel
    created: Timestamp | None
    took: str
    records: str


@dataclass(frozen=True, slots=True)
class Trend:
    drawing: TrendLayout
    success: str
    median: str
    usual_records: str
    latest_records: str
    records_label: str
    rows: Sequence[TrendItem]


@dataclass(frozen=True, slots=True)
class FailingStage:
    stage: str
    words: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    stage: str
    message: str
    words: str
    last: Timestamp | None
    runs: Sequence[tuple[int, str]]


def build_trend(runs: Sequence[RunView], now: datetime) -> Trend:
    """`runs` newest first, as the reader gives them."""
    ordered = list(reversed(runs))
    points = [_point(run, now) for run in ordered]
    completed = [p for p in points if p.status is Status.COMPLETED]
    times = [p.seconds for p in completed if p.seconds is not None]
    amounts = [p.records for p in completed if p.records is not None]
    decided = [p for p in points if p.status in (Status.COMPLETED, Status.FAILED, Status.LOST)]
    usual = median(times) if times else None
    known = [p.records for p in points if p.records is not None]
    label = f"Records of each run, {min(known):,} to {max(known):,}" if known else "No run told of records"
    return Trend(
        drawing=lay_out_trend(points, usual),
        success=f"{100 * len(completed) // len(decided)} %" if decided else DASH,
        median=format_duration(usual) if usual is not None else DASH,
        usual_records=shorten_count(median(amounts)) if amounts else DASH,
        latest_records=shorten_count(known[-1]) if known else "",
        records_label=label,
        rows=[_row(run, point) for run, point in zip(runs, reversed(points), strict=True)],
    )


def shorten_count(number: float) -> str:
    """ "16.4 M", "412 k", "87"."""
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= limit:
            unit = 1e3 if sign == "k" else limit
            return f"{number / unit:.3g} {sign}" if number / unit < 1_000 else f"{number / unit:,.0f} {sign}"
    return f"{number:,.0f}"


def find_failing_stages(runs: Sequence[RunView]) -> list[FailingStage]:
    """Stages that failed, were lost or needed a retry among these runs, the worst first."""
    found = []
    names = dict.fromkeys(stage.name for run in runs for stage in run.stages)
    for name in names:
        stages = [stage for run in runs for stage in run.stages if stage.name == name]
        failed, lost, retried, ran = (sum(map(test, stages)) for test in (_failed, _lost, _retried, _ran))
        if failed or lost or retried:
            parts = [f"{failed:,} of {ran:,} failed" if failed else "", f"{lost:,} lost" if lost else ""]
            parts += [f"{retried:,} needed a retry" if retried else ""]
            found.append(((-failed - lost, -retried), FailingStage(name, ", ".join(part for part in parts if part))))
    return [each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].stage))][:BREAKS_SHOWN]


def group_failures(failures: Sequence[FailureView]) -> list[FailureGroup]:
    return [
        FailureGroup(
            stage=failure.stage,
            message=(failure.message.strip().splitlines() or ["An error without words"])[0][:200],
            words="once" if failure.count == 1 else f"{pluralize(failure.count, 'time')}",
            last=format_timestamp(failure.last_at),
            runs=[(run_id, f"#{number:,}") for run_id, number in failure.runs[:4]],
        )
        for failure in failures[:FAILURES_SHOWN]
    ]


def _point(run: RunView, now: datetime) -> TrendPoint:
    took = ((run.finished_at or now) - run.started_at).total_seconds() if run.started_at else None
    words = f", {format_duration(took)}" if took is not None and run.finished_at else ""
    return TrendPoint(
        run.id, run.status, max(0.0, took) if took is not None else None, run.records_processed, f"#{run.number:,} {run.status}{words}"
    )


def _row(run: RunView, point: TrendPoint) -> TrendItem:
    took = format_duration(point.seconds) if point.seconds is not None else DASH
    return TrendItem(
        run.id,
        f"#{run.number:,}",
        get_status_label(run.status),
        format_timestamp(run.created_at),
        took,
        format_count(run.records_processed),
    )


def _failed(stage: StageRunView) -> bool:
    return stage.status is Status.FAILED


def _lost(stage: StageRunView) -> bool:
    return stage.status is Status.LOST


def _retried(stage: StageRunView) -> bool:
    return stage.status is Status.COMPLETED and len(stage.attempts) > 1


def _ran(stage: StageRunView) -> bool:
    return stage.status in (Status.COMPLETED, Status.FAILED, Status.LOST)
