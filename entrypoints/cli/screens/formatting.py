"""How pipelines, runs and stages look in a terminal: tables, marks, colours, and words alone where there is no terminal."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from application.queries.explain.durations import format_duration
from domain.runs.status import TERMINAL, Status

STYLES = {
    Status.PENDING: "dim",
    Status.QUEUED: "cyan",
    Status.RUNNING: "bold blue",
    Status.WAITING: "yellow",
    Status.COMPLETED: "green",
    Status.FAILED: "bold red",
    Status.CANCELLED: "dim",
    Status.SKIPPED: "dim",
    Status.LOST: "bold magenta",
}
_MARKS = {
    Status.PENDING: "○",
    Status.QUEUED: "◔",
    Status.RUNNING: "◑",
    Status.WAITING: "◇",
    Status.COMPLETED: "✔",
    Status.FAILED: "✘",
    Status.CANCELLED: "⊘",
    Status.SKIPPED: "↷",
    Status.LOST: "?",
}
# Escape sequences and control characters: a log line may not move the reader's cursor or retitle the window.
_UNPRINTABLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
_WIDEST = 10_000


def sanitize(text: object) -> str:
    """`text` as one line that prints as it reads."""
    return _UNPRINTABLE.sub("", str(text)).replace("\n", " ").replace("\t", "    ")


def make_console() -> Console:
    """Standard output: as wide as the terminal; with no terminal, as wide as the lines are."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WIDEST)


def print_table(console: Console, rows: Sequence[Sequence[str]], status_column: int | None = None) -> None:
    """Columns under each other; in a terminal the statuses are coloured and what is too long is cut."""
    if console.is_terminal:
        console.print(_table(rows, status_column))
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def render_run(run: Mapping[str, Any], stages: Sequence[Mapping[str, Any]], now: datetime) -> RenderableType:
    """A run as it stands: a head line, a line for each stage, and why it is where it is."""
    head = Text.assemble(
        (sanitize(run["pipeline"]), "bold"), f" #{run['number']}  ", _status(run["status"]), f"  {format_run_duration(run, now)}"
    )
    table = _table([build_stage_row(stage, now) for stage in stages], status_column=1)
    return Group(head, table, Text(sanitize(run.get("why") or ""), style="dim"))


def build_stage_row(stage: Mapping[str, Any], now: datetime) -> list[str]:
    """Name, status, time taken, records, and what went wrong or is said of it."""
    attempt = stage.get("attempt") or 1
    tries = f"attempt {attempt}" if attempt > 1 else ""
    remark = stage.get("error_message") or (stage.get("reason") if stage["status"] in ("waiting", "skipped") else None) or ""
    return [
        sanitize(stage["name"]),
        stage["status"],
        format_item_duration(stage, now),
        format_record_count(stage),
        ", ".join(filter(None, (tries, sanitize(remark)))),
    ]


def format_item_duration(thing: Mapping[str, Any], now: datetime) -> str:
    """From its start to its end, or to now; empty before the start."""
    started, finished = parse_timestamp(thing.get("started_at")), parse_timestamp(thing.get("finished_at"))
    if started is None or (finished is None and thing["status"] in TERMINAL):
        return ""
    return format_duration(max(0.0, ((finished or now) - started).total_seconds()))


def format_run_duration(run: Mapping[str, Any], now: datetime) -> str:
    return format_item_duration(run, now) or (
        f"since {format_duration(_age(run['created_at'], now))}" if run["status"] not in TERMINAL else ""
    )


def format_age(text: str | None, now: datetime) -> str:
    return f"{format_duration(_age(text, now))} ago" if text else "never"


def format_record_count(thing: Mapping[str, Any]) -> str:
    count = thing.get("records_processed")
    return f"{count:,} records" if count is not None else ""


def parse_timestamp(text: str | None) -> datetime | None:
    """A time of the API (RFC 3339)."""
    return datetime.fromisoformat(text) if text else None


def utc_now() -> datetime:
    return datetime.now(UTC)


def _age(text: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(text)).total_seconds())


def _status(status: str) -> Text:
    known = Status(status)
    return Text(f"{_MARKS[known]} {status}" if _is_encodable(_MARKS[known]) else status, style=STYLES[known])


def _is_encodable(mark: str) -> bool:
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _table(rows: Sequence[Sequence[str]], status_column: int | None) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    for _ in rows[0] if rows else ():
        table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(_status(cell) if column == status_column else Text(cell) for column, cell in enumerate(row)))
    return table
