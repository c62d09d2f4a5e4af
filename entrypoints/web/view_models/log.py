"""Lines of output, ready to print."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from application.queries.views import LogLineView
from entrypoints.web.ansi import html_of
from entrypoints.web.view_models.words import Moment, clock

FIRST_SHOWN = 300
MOST_SHOWN = 1_000
_STREAMS = {"stderr": ("stderr", "err"), "headgate": ("system", "")}


@dataclass(frozen=True, slots=True)
class LogLine:
    n: int
    at: Moment | None
    css: str
    stream: str
    stage: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Pill:
    text: str
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class LogPane:
    """`first` and `last` are the numbers of the lines shown; `is_tail` False when older lines were asked for, which do not follow."""

    lines: Sequence[LogLine]
    pills: Sequence[Pill]
    stage: str | None
    download: str
    is_tail: bool
    last: int


def log_lines(lines: Sequence[LogLineView]) -> list[LogLine]:
    return [_line(line) for line in lines]


def _line(line: LogLineView) -> LogLine:
    css, stream = _STREAMS.get(line.stream, ("", ""))
    return LogLine(line.n, clock(line.at, millis=True), css, stream, line.stage, html_of(line.text))
