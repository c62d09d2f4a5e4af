"""Lines of output, ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from application.queries.views.logs import LogLineView
from entrypoints.web.ansi import render_ansi_line, strip_escape_sequences
from entrypoints.web.view_models.formatting import Timestamp, format_time
from entrypoints.web.view_models.log.query import LogQuery

FIRST_SHOWN = 300
MOST_SHOWN = 1_000
HITS_SHOWN = 50
AROUND = 60
"""Characters of a line shown before what was searched for."""
_STREAMS = {"stderr": ("stderr", "err"), "headgate": ("system", "")}


@dataclass(frozen=True, slots=True)
class LogLine:
    n: int
    at: Timestamp | None
    css: str
    stream: str
    stage: str
    html: Markup


@dataclass(frozen=True, slots=True)
class FilterLink:
    text: str
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A line that has what was searched for: what stands before it, it, and what follows."""

    n: int
    stage: str
    href: str
    before: Markup
    found: Markup
    after: Markup
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class LogSearch:
    text: str
    hits: Sequence[SearchHit]
    first: int | None
    previous: str | None
    next: str | None
    more: str | None
    scanned_from: int
    scanned_to: int
    clear: str


@dataclass(frozen=True, slots=True)
class LogPane:
    """`first` and `last` are the numbers of the lines shown; `is_tail` False when they are not the newest, and do not follow new ones.
    `fragment` is where a script gets more lines."""

    lines: Sequence[LogLine]
    stages: Sequence[FilterLink]
    attempts: Sequence[FilterLink]
    errors: FilterLink
    choice: LogQuery
    search: LogSearch | None
    download: str
    is_tail: bool
    first: int
    last: int
    opened_at_error: bool
    earlier: str | None
    later: str | None
    newest: str | None
    fragment: str


def log_lines(lines: Sequence[LogLineView], searched: str = "", target: int | None = None) -> list[LogLine]:
    return [_line(line, searched.lower(), target) for line in lines]


def _line(line: LogLineView, searched: str, target: int | None) -> LogLine:
    css, stream = _STREAMS.get(line.stream, ("", ""))
    marks = [css, "hit" if searched and searched in line.text.lower() else "", "target" if line.n == target else ""]
    return LogLine(
        line.n, format_time(line.at, millis=True), " ".join(filter(None, marks)), stream, line.stage, render_ansi_line(line.text)
    )


def build_search_hit(line: LogLineView, searched: str, href: str, is_chosen: bool) -> SearchHit:
    text = strip_escape_sequences(line.text)
    place = text.lower().find(searched.lower())
    if place < 0:  # it stands across an escape sequence
        return SearchHit(line.n, line.stage, href, render_ansi_line(text[: AROUND * 3]), Markup(""), Markup(""), is_chosen)
    end = place + len(searched)
    begin = max(0, place - AROUND)
    lead = render_ansi_line(("…" if begin else "") + text[begin:place])
    return SearchHit(
        line.n, line.stage, href, lead, render_ansi_line(text[place:end]), render_ansi_line(text[end : end + AROUND * 2]), is_chosen
    )
