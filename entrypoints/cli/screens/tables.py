"""Print tables with coloured statuses in a terminal, and aligned plain columns elsewhere."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.runs.status import Status

STATUS_STYLES = {
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
_STATUS_SYMBOLS = {
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
_UNLIMITED_WIDTH = 10_000


def create_console() -> Console:
    """Return a console on standard output. Without a terminal it does not wrap lines."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _UNLIMITED_WIDTH)


def print_table(console: Console, rows: Sequence[Sequence[str]], status_column: int | None = None) -> None:
    """Print the rows as aligned columns. In a terminal, colour the statuses and cut long lines."""
    if console.is_terminal:
        console.print(build_table(rows, status_column))
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def build_table(rows: Sequence[Sequence[str]], status_column: int | None) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    for _ in rows[0] if rows else ():
        table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(style_status(cell) if column == status_column else Text(cell) for column, cell in enumerate(row)))
    return table


def style_status(status: str) -> Text:
    """Return the status in its colour, with its symbol if the output's encoding has it."""
    known = Status(status)
    symbol = _STATUS_SYMBOLS[known]
    return Text(f"{symbol} {status}" if _is_encodable(symbol) else status, style=STATUS_STYLES[known])


def _is_encodable(symbol: str) -> bool:
    try:
        symbol.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
