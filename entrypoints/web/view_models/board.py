"""The board: one row a pipeline, ready to print."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from application.queries.sentences import Part, Surroundings, seconds
from application.queries.views import BoardRow, PipelineView, RunBar
from application.queries.why import explain
from domain.status import Status
from entrypoints.web.drawing.run_bars import DrawnBar, draw_bars, time_of
from entrypoints.web.view_models.ways_out import WayOut, way_out_of
from entrypoints.web.view_models.words import DASH, Moment, Sentence, StatusWord, moment, status_word

SPEAKS = frozenset({Status.COMPLETED, Status.PENDING, Status.SKIPPED})
"""Statuses that leave the line under the name to the description."""
DECIDED = frozenset({Status.COMPLETED, Status.FAILED, Status.LOST})


@dataclass(frozen=True, slots=True)
class LatestRun:
    id: int
    number: str
    since: Moment | None
    ended: Moment | None


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    name: str
    description: str
    status: StatusWord
    latest: LatestRun | None
    why: Sentence
    way_out: WayOut | None
    bars: Sequence[DrawnBar]
    success: str
    median: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What of a row does not move: what it is found by and what may be asked of it."""

    id: int
    name: str
    status: Status
    asks_parameters: bool
    searched: str
    """Lower-case text that the search field looks in."""

    def fits(self, status: str, words: str) -> bool:
        """`status` and `words` (lower-case) are empty when nothing is asked."""
        return (not status or self.status == status) and words in self.searched


@dataclass(frozen=True, slots=True)
class Filter:
    """A pill; `href` keeps what else is in the URL."""

    status: StatusWord | None
    count: int
    href: str
    is_chosen: bool


def row_of(row: BoardRow, around: Surroundings) -> Row:
    pipeline = row.pipeline
    latest = pipeline.latest
    run = None
    if latest is not None:
        over = moment(latest.finished_at)
        run = LatestRun(latest.id, f"{latest.number:,}", None if over else moment(latest.started_at or latest.created_at), over)
    speaks = latest is not None and latest.status not in SPEAKS
    description = first_line(pipeline)
    return Row(
        id=pipeline.id,
        name=pipeline.name,
        description=description or ("Has not run yet." if latest is None else ""),
        status=status_word(pipeline.status),
        latest=run,
        why=explain(latest, around).parts if latest is not None and speaks else (),
        way_out=way_out_of(latest) if latest is not None else None,
        bars=draw_bars(row.bars, around.now),
        success=success_rate(row.bars),
        median=median_time(row.bars, around.now),
        tags=pipeline.definition.tags,
    )


def entry_of(pipeline: PipelineView) -> Entry:
    words = [pipeline.name, first_line(pipeline), *(f"#{tag}" for tag in pipeline.definition.tags)]
    asks = bool((pipeline.definition.parameters or {}).get("properties"))
    return Entry(pipeline.id, pipeline.name, pipeline.status, asks, " ".join(words).lower())


def first_line(pipeline: PipelineView) -> str:
    return pipeline.definition.description.strip().split("\n")[0]


def success_rate(bars: Sequence[RunBar]) -> str:
    """Completed of those that ended by themselves; a cancelled run says nothing about the pipeline."""
    decided = [bar for bar in bars if bar.status in DECIDED]
    if not decided:
        return DASH
    completed = sum(bar.status is Status.COMPLETED for bar in decided)
    return f"{int(100 * completed / len(decided))} %"


def median_time(bars: Sequence[RunBar], now: datetime) -> str:
    times = [time for bar in bars if bar.status is Status.COMPLETED and (time := time_of(bar, now)) is not None]
    return seconds(median(times)) if times else DASH


def counts(rows: Sequence[BoardRow]) -> Mapping[Status, int]:
    return Counter(row.pipeline.status for row in rows)


def description_of(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts)
