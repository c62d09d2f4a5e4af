"""Queries of log lines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Row, Select, bindparam, case, false, func, literal, or_, select

from adapters.persistence.tables.logs import log_counter, log_line, log_progress
from adapters.persistence.tables.runs import run
from application.queries.views.logs import LogFilter, LogLineView
from domain.output.terminal_codes import FIRST_CHARACTERS, TERMINAL_CODES

MAX_UNFINISHED: Final = 100
"""Attempts whose unfinished lines are shown at a time."""
_LINE: Final = (
    *(log_line.c.n, log_line.c.at, log_line.c.stream, log_line.c.text, log_line.c.stage, log_line.c.attempt),
    func.coalesce(log_line.c.is_order_approximate, false()).label("is_order_approximate"),
)
EARLIEST: Final = select(run.c.created_at - timedelta(days=1)).where(run.c.id == bindparam("run")).scalar_subquery()
"""A day before the run was created, to allow for clock skew. The condition keeps PostgreSQL from reading older partitions."""
_LINES: Final = select(*_LINE).where(log_line.c.run_id == bindparam("run"), log_line.c.at >= EARLIEST)
UNFINISHED: Final = (
    select(log_progress.c.stage, log_progress.c.attempt, log_progress.c.unfinished)
    .join(log_counter, log_counter.c.run_id == log_progress.c.run_id)
    .where(log_progress.c.run_id == bindparam("run"), log_counter.c.last_n >= bindparam("after", type_=BigInteger))
    .where(func.jsonb_array_length(log_progress.c.unfinished["lines"]) > 0)
    .order_by(log_progress.c.stage, log_progress.c.attempt)
    .limit(MAX_UNFINISHED)
)


def _build_plain_text() -> ColumnElement[str]:
    """Return the text without terminal codes. Most lines have none, so the expression looks for their first characters before."""
    has_codes = or_(*(func.strpos(log_line.c.text, literal(character)) > 0 for character in FIRST_CHARACTERS))
    return case((has_codes, func.regexp_replace(log_line.c.text, literal(TERMINAL_CODES), "", "g")), else_=log_line.c.text)


_PLAIN_TEXT: Final = _build_plain_text()


def select_lines(line_filter: LogFilter, *, limit: int, above: int, below: int | None = None, last: bool = False) -> Select[Any]:
    """Select the lines of the run `run` between two numbers that the filter selects, from the last one if `last`."""
    query = _LINES.where(log_line.c.n > above).order_by(log_line.c.n.desc() if last else log_line.c.n).limit(limit)
    if below is not None:
        query = query.where(log_line.c.n < below)
    for column, value in (
        (log_line.c.stage, line_filter.stage),
        (log_line.c.attempt, line_filter.attempt),
        (log_line.c.stream, line_filter.stream),
    ):
        if value is not None:
            query = query.where(column == value)
    if line_filter.text is not None:
        query = query.where(_PLAIN_TEXT.icontains(line_filter.text, autoescape=True))
    return query


def to_line_view(row: Row[Any]) -> LogLineView:
    return LogLineView(**row._mapping)


def to_unfinished_views(row: Row[Any], line_filter: LogFilter, after: int) -> list[LogLineView]:
    """Return the unfinished lines of an attempt that the filter selects. One text has several lines if the program changes all of them."""
    return [
        LogLineView(after, datetime.fromisoformat(at), stream, line, row.stage, row.attempt, is_unfinished=True)
        for at, stream, text in row.unfinished["lines"]
        if line_filter.selects(row.stage, row.attempt, stream)
        for line in text.split("\n")
    ]
