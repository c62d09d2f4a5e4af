"""Log lines and search hits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from application.queries.views.logs import LogLineView
from entrypoints.web.ansi import render_ansi_line
from entrypoints.web.view_models.formatting import Timestamp, format_time
from entrypoints.web.view_models.log.attempts import AttemptLabel, AttemptLabels

LINES_PER_PAGE = 300
MAX_LINES = 1_000
"""Lines that a page holds; the script removes older ones."""
MAX_HTML_LENGTH = 400_000
"""Characters of HTML, so that a page of the longest lines stays below 1 MB."""
HIT_CONTEXT = 60
"""Characters shown before a hit; twice as many after it."""
_STREAMS = {"stderr": ("stderr", "err"), "headgate": ("system", "")}
"""The CSS class and the label of each stream but stdout."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line. `n` is its number in the run's log, `css` are its CSS classes.

    `is_order_approximate` is True if it may have been written before the line above or after the one below.
    """

    n: int
    at: Timestamp | None
    css: str
    stream: str
    attempt: AttemptLabel
    html: Markup
    is_order_approximate: bool = False


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A line that contains the search text, in three parts: before it, the text itself, and after it."""

    n: int
    attempt: AttemptLabel
    href: str
    before: Markup
    match: Markup
    after: Markup
    is_chosen: bool


def build_log_lines(
    lines: Sequence[LogLineView], labels: AttemptLabels, search_text: str = "", target: int | None = None, *, from_end: bool = False
) -> list[LogLine]:
    """Return lines, with those that contain the search text and the line `target` highlighted.

    If they are too long for a page, return those around `target`, without it the first ones, or the last ones if `from_end`.
    """
    start = len(lines) if from_end else next((index for index, line in enumerate(lines) if line.n == target), 0)
    share = 0.75 if 0 < start < len(lines) else 1.0
    after = list(_take_until(lines[start:], labels, MAX_HTML_LENGTH * share, search_text.lower(), target))
    room = MAX_HTML_LENGTH - sum(len(line.html) for line in after)
    before = list(_take_until(lines[:start][::-1], labels, room, search_text.lower(), target, minimum=from_end))
    return [*before[::-1], *after]


def _take_until(
    lines: Sequence[LogLineView], labels: AttemptLabels, room: float, search_text: str, target: int | None, *, minimum: int = 1
) -> Iterator[LogLine]:
    """Yield the lines whose HTML fits into `room`, and at least `minimum`."""
    for index, each in enumerate(lines):
        line = _build_line(each, labels, search_text, target)
        room -= len(line.html)
        if room < 0 and index >= minimum:
            return
        yield line


def build_search_hit(line: LogLineView, labels: AttemptLabels, search_text: str, href: str, is_chosen: bool) -> SearchHit:
    """Return a hit. The text is searched for without its escape sequences."""
    attempt = labels.get(line.stage, line.attempt)
    text = line.plain_text
    start = text.lower().find(search_text.lower())
    if start < 0:
        return SearchHit(line.n, attempt, href, render_ansi_line(text[: HIT_CONTEXT * 3]), Markup(""), Markup(""), is_chosen)
    end = start + len(search_text)
    context_start = max(0, start - HIT_CONTEXT)
    before = render_ansi_line(("…" if context_start else "") + text[context_start:start])
    match, after = render_ansi_line(text[start:end]), render_ansi_line(text[end : end + HIT_CONTEXT * 2])
    return SearchHit(line.n, attempt, href, before, match, after, is_chosen)


def _build_line(line: LogLineView, labels: AttemptLabels, search_text: str, target: int | None) -> LogLine:
    css, stream = _STREAMS.get(line.stream, ("", ""))
    is_hit = bool(search_text) and search_text in line.plain_text.lower()
    classes = [css, "hit" if is_hit else "", "target" if line.n == target else ""]
    at, attempt = format_time(line.at, millis=True), labels.get(line.stage, line.attempt)
    return LogLine(
        line.n,
        at,
        " ".join(filter(None, classes)),
        stream,
        attempt,
        render_ansi_line(line.text, search_text if is_hit else ""),
        line.is_order_approximate,
    )
