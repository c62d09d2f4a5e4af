"""The calendar: a table of pipelines and hours or days, and a chart of how crowded each span is."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.queries.schedules.calendar import Calendar
from application.queries.views.schedules import TickCount
from domain.runs.status import Status
from entrypoints.web.calendar_query import CalendarQuery
from entrypoints.web.charts.crowd_chart import CrowdBar, SpanCount, describe_span, lay_out_crowd_bars
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, pluralize
from entrypoints.web.view_models.schedules.tick_strip import get_tick_label
from entrypoints.web.view_models.schedules.why import get_why_path

MAX_ROWS: Final = 100
MAX_MARKS: Final = 3
"""Marks in a cell. Others are only in its text."""
NEXT_SHOWN: Final = 20
DUE: Final = StatusLabel("due", "Due")
_KEYS_OF_RUNS = frozenset(status.value for status in Status) - {Status.SKIPPED.value}
_ORDER = ("failed", "lost", "missed", "running", "waiting", "queued", "pending", "completed", "cancelled", "skipped", "paused", "due")
Cell = tuple[StatusLabel, int]


@dataclass(frozen=True, slots=True)
class CalendarCell:
    """The ticks of a pipeline in a column: some as marks with numbers, all in words. `href` leads to the explanation of a whole day."""

    marks: Sequence[tuple[StatusLabel, str]]
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A pipeline's ticks. `href` leads to the explanation of the day; a week has one in each cell."""

    pipeline: str
    cells: Sequence[CalendarCell | None]
    total: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class CalendarColumn:
    """An hour or a day. `is_now` marks the present one."""

    label: str
    long: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class NextRun:
    """A schedule that fires within the period."""

    at: Timestamp | None
    pipeline: str
    schedule: str


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """The calendar of a day or week. `notes` say what was left out."""

    title: str
    columns: Sequence[CalendarColumn]
    rows: Sequence[CalendarRow]
    bars: Sequence[CrowdBar]
    now: float | None
    """The place of the present in the chart, in percent; None outside of it."""
    summary: str
    busiest: str
    next_runs: Sequence[NextRun]
    notes: Sequence[str]


def build_calendar(calendar: Calendar, query: CalendarQuery, now: datetime) -> CalendarPage:
    """Return the page."""
    columns = query.get_columns()
    starts = [start for start, _ in columns]
    cells: defaultdict[str, defaultdict[int, Counter[StatusLabel]]] = defaultdict(lambda: defaultdict(Counter))
    for count in calendar.decided:
        cells[count.pipeline][_find_column(starts, count.start)][get_tick_label(count.state, count.run_status)] += count.count
    for due in calendar.due:
        cells[due.pipeline][_find_column(starts, due.start)][DUE] += due.number
    spans = _count_spans(calendar, query)
    names = sorted(cells)
    is_now = query.start <= now < query.end
    return CalendarPage(
        title=_get_title(query),
        columns=[_build_column(start, end, query, now) for start, end in columns],
        rows=[_build_row(name, cells[name], starts, query) for name in names[:MAX_ROWS]],
        bars=lay_out_crowd_bars(spans),
        now=round(100 * ((now - query.start) / (query.end - query.start)), 2) if is_now else None,
        summary=_summarize(cells),
        busiest=_describe_busiest(spans),
        next_runs=[NextRun(format_timestamp(view.next_run_at), view.pipeline, view.name) for view in calendar.upcoming[:NEXT_SHOWN]],
        notes=_build_notes(calendar, len(names)),
    )


def _find_column(starts: Sequence[datetime], at: datetime) -> int:
    return bisect_right(starts, at) - 1


def _count_spans(calendar: Calendar, query: CalendarQuery) -> list[SpanCount]:
    ran: Counter[int] = Counter()
    unrun: Counter[int] = Counter()
    due: Counter[int] = Counter()
    start, step = query.start, query.step
    for count in calendar.decided:
        (ran if _opened_run(count) else unrun)[(count.start - start) // step] += count.count
    for each in calendar.due:
        due[(each.start - start) // step] += each.number
    number = -(-(query.end - start) // step)
    return [SpanCount(_label_span(query, index), ran[index], unrun[index], due[index]) for index in range(number)]


def _opened_run(count: TickCount) -> bool:
    return get_tick_label(count.state, count.run_status).key in _KEYS_OF_RUNS


def _label_span(query: CalendarQuery, index: int) -> str:
    begin = query.to_local(query.start + index * query.step)
    end = query.to_local(query.start + (index + 1) * query.step)
    return f"{begin:%a %H:%M}–{end:%H:%M}" if query.is_week else f"{begin:%H:%M}–{end:%H:%M}"


def _build_column(start: datetime, end: datetime, query: CalendarQuery, now: datetime) -> CalendarColumn:
    local = query.to_local(start)
    label = f"{local:%a} {local.day}" if query.is_week else f"{local:%H}"
    long = f"{local:%A} {local.day} {local:%B}" if query.is_week else f"{local:%H:%M}"
    return CalendarColumn(label, long, start <= now < end)


def _build_row(name: str, cells: Mapping[int, Counter[StatusLabel]], starts: Sequence[datetime], query: CalendarQuery) -> CalendarRow:
    total = sum(sum(counts.values()) for counts in cells.values())
    hrefs = [get_why_path(name, query.to_local(start).date()) if query.is_week else "" for start in starts]
    built = [_build_cell(cells[index], href) if index in cells else None for index, href in enumerate(hrefs)]
    return CalendarRow(name, built, f"{total:,}", "" if query.is_week else get_why_path(name, query.day))


def _build_cell(counts: Counter[StatusLabel], href: str) -> CalendarCell:
    ordered = sorted(counts.items(), key=lambda item: _ORDER.index(item[0].key))
    marks = [(label, f"{count:,}" if count < 10_000 else f"{count // 1_000:,}k") for label, count in ordered[:MAX_MARKS]]
    return CalendarCell(marks, _describe(ordered), href)


def _describe(counts: Sequence[Cell]) -> str:
    return ", ".join(f"{count:,} {label.word.lower()}" for label, count in counts)


def _summarize(cells: Mapping[str, Mapping[int, Counter[StatusLabel]]]) -> str:
    """Return the counts of the whole period in words."""
    totals: Counter[StatusLabel] = Counter()
    for columns in cells.values():
        for counts in columns.values():
            totals.update(counts)
    ordered = sorted(totals.items(), key=lambda item: _ORDER.index(item[0].key))
    return f"{pluralize(len(cells), 'pipeline')}: {_describe(ordered)}" if cells else ""


def _describe_busiest(spans: Sequence[SpanCount]) -> str:
    busiest = max(spans, key=lambda span: span.total)
    return f"Busiest {describe_span(busiest)}" if busiest.total > 1 else ""


def _get_title(query: CalendarQuery) -> str:
    if query.is_week:
        return f"Week of {query.day.day} {query.day:%B %Y}"
    return f"{query.day:%A}, {query.day.day} {query.day:%B %Y}"


def _build_notes(calendar: Calendar, rows: int) -> list[str]:
    notes = []
    if rows > MAX_ROWS:
        notes.append(f"{rows - MAX_ROWS:,} more pipelines are only in the chart.")
    if not calendar.is_complete:
        notes.append("Too many ticks to count.")
    return notes
