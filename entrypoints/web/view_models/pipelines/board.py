"""The board's rows and filters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from application.queries.explain.durations import format_duration
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.schedules.expectations import ExpectationStatus
from application.queries.views.pipelines import BoardRow, PipelineView
from application.queries.views.runs import RunBar
from domain.runs.active_time import get_active_seconds, get_active_since
from domain.runs.status import Status
from entrypoints.web.charts.run_bars import RunBarShape, lay_out_run_bars
from entrypoints.web.view_models.formatting import DASH, Sentence, StatusLabel, Timestamp, format_timestamp, get_status_label
from entrypoints.web.view_models.next_action import NextAction, get_next_action
from entrypoints.web.view_models.schedules.expectations import get_expectation_label

STATUSES_WITHOUT_REASON = frozenset({Status.COMPLETED, Status.PENDING, Status.SKIPPED})
"""With these statuses the row shows the pipeline's description instead of a status text."""
MAX_DESCRIPTION_LENGTH = 300
ENDED_BY_THEMSELVES = frozenset({Status.COMPLETED, Status.FAILED, Status.LOST})


@dataclass(frozen=True, slots=True)
class LatestRun:
    """A pipeline's latest run. `since` is set before its end: its active time counts from there, or the time for which it waits for people.

    `ended` is set afterwards.
    """

    id: int
    number: str
    since: Timestamp | None
    ended: Timestamp | None


@dataclass(frozen=True, slots=True)
class PipelineItem:
    """A row's live part. `is_paused` is True if no run starts by itself until the pipeline or its schedules are resumed.

    `expected` says that a run which another machine starts is overdue, late or overrun.
    """

    id: int
    name: str
    description: str
    status: StatusLabel
    latest: LatestRun | None
    status_text: Sentence
    next_action: NextAction | None
    bars: Sequence[RunBarShape]
    next_run: Timestamp | None
    is_paused: bool
    expected: StatusLabel | None
    success: str
    median: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class SearchableItem:
    """A row's static part: what it is found by and how it is triggered. `search_text` is lower-case."""

    id: int
    name: str
    status: Status
    has_parameters: bool
    search_text: str

    def matches(self, status: str, words: str) -> bool:
        """Return whether the row has this status and contains these lower-case words; empty filters match every row."""
        return (not status or self.status == status) and words in self.search_text


@dataclass(frozen=True, slots=True)
class StatusFilter:
    """A filter link. Its URL keeps the other filters; `status` is None for all."""

    status: StatusLabel | None
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class OrderLink:
    """A link that sorts the rows. Its URL keeps the filters."""

    word: str
    href: str
    is_chosen: bool


def build_pipeline_item(row: BoardRow, context: RunContext, status: ExpectationStatus | None = None) -> PipelineItem:
    """Return a row's live part. `context` is the latest run's, and `status` is that of the expectation which is met worst."""
    pipeline = row.pipeline
    latest = pipeline.latest
    needs_text = latest is not None and latest.status not in STATUSES_WITHOUT_REASON
    is_paused = is_row_paused(row, context.now)
    return PipelineItem(
        id=pipeline.id,
        name=pipeline.name,
        description=get_first_line(pipeline) or ("Has not run yet." if latest is None else ""),
        status=get_status_label(pipeline.status),
        latest=_build_latest_run(pipeline),
        status_text=explain_run(latest, context).parts if latest is not None and needs_text else (),
        next_action=get_next_action(latest) if latest is not None else None,
        bars=lay_out_run_bars(row.bars, context.now),
        next_run=None if is_paused else format_timestamp(row.next_run_at),
        is_paused=is_paused,
        expected=get_expectation_label(status) if status else None,
        success=format_success_rate(row.bars),
        median=format_median_time(row.bars, context.now),
        tags=pipeline.definition.tags,
    )


def is_row_paused(row: BoardRow, now: datetime) -> bool:
    """Return True if the pipeline is paused, or all of its schedules that would fire."""
    return row.pipeline.activation.is_paused(now) or (row.next_run_at is None and row.paused_schedules > 0)


def _build_latest_run(pipeline: PipelineView) -> LatestRun | None:
    run = pipeline.latest
    if run is None:
        return None
    ended = format_timestamp(run.finished_at)
    since = get_active_since(run) or run.idle_since or run.created_at
    return LatestRun(run.id, str(run.number), None if ended else format_timestamp(since), ended)


def build_searchable_item(pipeline: PipelineView) -> SearchableItem:
    """Return a row's static part."""
    words = [pipeline.name, get_first_line(pipeline), *(f"#{tag}" for tag in pipeline.definition.tags)]
    has_parameters = bool((pipeline.definition.parameters or {}).get("properties"))
    return SearchableItem(pipeline.id, pipeline.name, pipeline.status, has_parameters, " ".join(words).lower())


def get_first_line(pipeline: PipelineView) -> str:
    """Return the first line of the description, cut to MAX_DESCRIPTION_LENGTH."""
    line = pipeline.definition.description.strip().split("\n")[0]
    return line if len(line) <= MAX_DESCRIPTION_LENGTH else f"{line[: MAX_DESCRIPTION_LENGTH - 1]}…"


def format_success_rate(bars: Sequence[RunBar]) -> str:
    """Return the percentage of completed runs. Cancelled and active runs do not count."""
    ended = [bar for bar in bars if bar.status in ENDED_BY_THEMSELVES]
    if not ended:
        return DASH
    completed = sum(bar.status is Status.COMPLETED for bar in ended)
    return f"{int(100 * completed / len(ended))} %"


def format_median_time(bars: Sequence[RunBar], now: datetime) -> str:
    """Return the median active time of the completed runs."""
    times = [time for bar in bars if bar.status is Status.COMPLETED and (time := get_active_seconds(bar, now)) is not None]
    return format_duration(median(times)) if times else DASH


def count_statuses(rows: Sequence[BoardRow]) -> Mapping[Status, int]:
    """Return the number of pipelines with each status."""
    return Counter(row.pipeline.status for row in rows)
