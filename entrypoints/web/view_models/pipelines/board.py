"""The board: one row a pipeline, ready to print."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from application.queries.explain.durations import format_duration
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import TextPart
from application.queries.views.pipelines import BoardRow, PipelineView
from application.queries.views.runs import RunBar
from domain.runs.status import Status
from entrypoints.web.charts.run_bars import RunBarShape, get_run_seconds, lay_out_run_bars
from entrypoints.web.view_models.formatting import DASH, Sentence, StatusLabel, Timestamp, format_timestamp, get_status_label
from entrypoints.web.view_models.next_action import NextAction, get_next_action

STATUSES_WITHOUT_REASON = frozenset({Status.COMPLETED, Status.PENDING, Status.SKIPPED})
"""Statuses that leave the line under the name to the description."""
DECIDED = frozenset({Status.COMPLETED, Status.FAILED, Status.LOST})


@dataclass(frozen=True, slots=True)
class LatestRun:
    id: int
    number: str
    since: Timestamp | None
    ended: Timestamp | None


@dataclass(frozen=True, slots=True)
class PipelineItem:
    id: int
    name: str
    description: str
    status: StatusLabel
    latest: LatestRun | None
    why: Sentence
    next_action: NextAction | None
    bars: Sequence[RunBarShape]
    success: str
    median: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class SearchableItem:
    """What of a row does not move: what it is found by and what may be asked of it."""

    id: int
    name: str
    status: Status
    asks_parameters: bool
    searched: str
    """Lower-case text that the search field looks in."""

    def matches(self, status: str, words: str) -> bool:
        """`status` and `words` (lower-case) are empty when nothing is asked."""
        return (not status or self.status == status) and words in self.searched


@dataclass(frozen=True, slots=True)
class StatusFilter:
    """A pill; `href` keeps what else is in the URL."""

    status: StatusLabel | None
    count: int
    href: str
    is_chosen: bool


def build_pipeline_item(row: BoardRow, around: RunContext) -> PipelineItem:
    pipeline = row.pipeline
    latest = pipeline.latest
    run = None
    if latest is not None:
        over = format_timestamp(latest.finished_at)
        run = LatestRun(latest.id, f"{latest.number:,}", None if over else format_timestamp(latest.started_at or latest.created_at), over)
    speaks = latest is not None and latest.status not in STATUSES_WITHOUT_REASON
    description = first_line(pipeline)
    return PipelineItem(
        id=pipeline.id,
        name=pipeline.name,
        description=description or ("Has not run yet." if latest is None else ""),
        status=get_status_label(pipeline.status),
        latest=run,
        why=explain_run(latest, around).parts if latest is not None and speaks else (),
        next_action=get_next_action(latest) if latest is not None else None,
        bars=lay_out_run_bars(row.bars, around.now),
        success=format_success_rate(row.bars),
        median=format_median_time(row.bars, around.now),
        tags=pipeline.definition.tags,
    )


def build_searchable_item(pipeline: PipelineView) -> SearchableItem:
    words = [pipeline.name, first_line(pipeline), *(f"#{tag}" for tag in pipeline.definition.tags)]
    asks = bool((pipeline.definition.parameters or {}).get("properties"))
    return SearchableItem(pipeline.id, pipeline.name, pipeline.status, asks, " ".join(words).lower())


def first_line(pipeline: PipelineView) -> str:
    return pipeline.definition.description.strip().split("\n")[0]


def format_success_rate(bars: Sequence[RunBar]) -> str:
    """Completed of those that ended by themselves; a cancelled run says nothing about the pipeline."""
    decided = [bar for bar in bars if bar.status in DECIDED]
    if not decided:
        return DASH
    completed = sum(bar.status is Status.COMPLETED for bar in decided)
    return f"{int(100 * completed / len(decided))} %"


def format_median_time(bars: Sequence[RunBar], now: datetime) -> str:
    times = [time for bar in bars if bar.status is Status.COMPLETED and (time := get_run_seconds(bar, now)) is not None]
    return format_duration(median(times)) if times else DASH


def count_statuses(rows: Sequence[BoardRow]) -> Mapping[Status, int]:
    return Counter(row.pipeline.status for row in rows)


def join_parts(parts: Sequence[TextPart]) -> str:
    return "".join(part.text for part in parts)
