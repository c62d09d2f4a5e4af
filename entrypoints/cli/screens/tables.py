"""Print tables: coloured and no wider than the terminal, or whole where the output is no terminal."""

import sys
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from domain.runs.status import Status
from entrypoints.cli.screens.column_widths import GAP, fit_columns, shorten_end, shorten_middle

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

Rows = Sequence[Sequence[str]]


class OutputConsole(Console):
    """A console that passes on the error of a closed output, which the command turns into its exit code."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError."""
        raise BrokenPipeError


def create_console() -> Console:
    """Return a console on standard output. Without a terminal it does not wrap lines."""
    return OutputConsole(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _UNLIMITED_WIDTH)


def print_table(rows: Rows, status_column: int | None = None, *, name_column: int = 0, wide: bool = False) -> None:
    """Print the rows as aligned columns, the sentence last. Columns that are empty in all rows are left out.

    In a terminal, colour the statuses and shorten what does not fit into its width, unless `wide`: the sentence first, then the names.
    """
    console = create_console()
    fits = console.is_terminal and not wide
    for line in build_lines(rows, status_column, name_column, console.width if fits else _UNLIMITED_WIDTH, is_styled=console.is_terminal):
        console.print(line, soft_wrap=True)


def format_rows(rows: Rows, *, name_column: int = 0, wide: bool = False) -> list[str]:
    """Return the lines of a table without statuses, as `print_table` prints them."""
    console = create_console()
    width = console.width if console.is_terminal and not wide else _UNLIMITED_WIDTH
    return [line.plain for line in build_lines(rows, None, name_column, width, is_styled=False)]


def build_lines(rows: Rows, status_column: int | None, name_column: int, width: int, *, is_styled: bool) -> list[Text]:
    """Return a line for each row, no wider than `width`."""
    cells = [_prepare(row, status_column if is_styled else None) for row in rows]
    natural = [max(cell_len(row[column]) for row in cells) for column in range(len(cells[0]))] if cells else []
    widths = _fit(natural, width, name_column)
    lines = []
    for row, shown in zip(rows, cells, strict=True):
        line = Text()
        for index, cell in enumerate(shown):
            if not widths[index]:
                continue
            line.append(" " * GAP if line else "")
            style = STATUS_STYLES[Status(row[index])] if is_styled and index == status_column else ""
            line.append(_pad(cell, widths[index], is_name=index == name_column and index < len(shown) - 1), style)
        line.rstrip()
        lines.append(line)
    return lines


def style_status(status: str) -> Text:
    """Return the status in its colour, with its symbol if the output's encoding has it."""
    return Text(_mark(status), style=STATUS_STYLES[Status(status)])


def _prepare(row: Sequence[str], marked_column: int | None) -> list[str]:
    return [_make_encodable(_mark(cell) if column == marked_column else cell) for column, cell in enumerate(row)]


def _fit(natural: Sequence[int], width: int, name_column: int) -> list[int]:
    """Fit the columns that are not empty: the last of them holds the sentence."""
    used = [column for column, each in enumerate(natural) if each]
    if not used:
        return list(natural)
    fitted = fit_columns([natural[column] for column in used], width, used.index(name_column) if name_column in used else 0)
    by_column = dict(zip(used, fitted, strict=True))
    return [by_column.get(column, 0) for column in range(len(natural))]


def _pad(cell: str, width: int, *, is_name: bool) -> str:
    ellipsis = "…" if _is_encodable("…") else "..."
    shown = shorten_middle(cell, width, ellipsis) if is_name else shorten_end(cell, width, ellipsis)
    return shown + " " * (width - cell_len(shown))


def _mark(status: str) -> str:
    symbol = _STATUS_SYMBOLS[Status(status)]
    return f"{symbol} {status}" if _is_encodable(symbol) else status


def _get_encoding() -> str:
    return sys.stdout.encoding or "ascii"


def _make_encodable(text: str) -> str:
    """Write characters that the output's encoding does not have as escapes, as the output would, so that widths are right."""
    return text.encode(_get_encoding(), "backslashreplace").decode(_get_encoding())


def _is_encodable(symbol: str) -> bool:
    try:
        symbol.encode(_get_encoding())
    except UnicodeEncodeError:
        return False
    return True
